package view

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// chain returns a plan with a number of tasks, each after the one before.
func chain(tasks int) *plan.Plan {
	p := &plan.Plan{Name: "Chain"}
	for i := range tasks {
		task := plan.Task{ID: fmt.Sprintf("t%d", i), Name: fmt.Sprintf("t%d", i), Method: "mcp/tool.echo"}
		if i > 0 {
			task.After = []string{fmt.Sprintf("t%d", i-1)}
		}
		p.Tasks = append(p.Tasks, task)
	}
	return p
}

func TestAGraphHasEachTaskBeneathTheDeepestThatItWaitsFor(t *testing.T) {
	p := &plan.Plan{Name: "Two\nlines", Tasks: []plan.Task{
		{ID: "end", Name: "The \x1b[31mend", Method: "python/execute", After: []string{"a", "c", "b"}},
		{ID: "a", Name: "a", Method: "mcp/tool.add"},
		{ID: "b", Name: "b", Method: "llm/chat", After: []string{"a"}, FanOut: &plan.FanOut{Directory: "d"}},
		{ID: "c", Name: "c", Method: "mcp/tool.add"},
	}}
	want(t, "tree", NewGraph(p).Text(), "Two lines\n"+
		"├─ a  mcp/tool.add\n"+
		"│  └─ b  llm/chat  for each file\n"+
		"│     └─ end  \"The \\x1b[31mend\"  python/execute  also after a, c\n"+
		"└─ c  mcp/tool.add\n")
	want(t, "flowchart", NewGraph(p).Mermaid(), "---\ntitle: \"Two lines\"\n---\nflowchart TD\n"+
		"  t1[\"The #92;x1b#91;31mend<br/>python/execute\"]\n"+
		"  t2[\"a<br/>mcp/tool.add\"]\n"+
		"  t3[[\"b<br/>llm/chat<br/>for each file\"]]\n"+
		"  t4[\"c<br/>mcp/tool.add\"]\n"+
		"  t2 --> t1\n  t4 --> t1\n  t3 --> t1\n  t2 --> t3\n")
}

func TestAGraphShowsConditions(t *testing.T) {
	p := &plan.Plan{Name: "Ways", Tasks: []plan.Task{
		{ID: "a", Method: "mcp/tool.add"},
		{ID: "b", Method: "llm/chat", After: []string{"a"}, When: "${a.result} > 1\n  and true"},
		{ID: "c", Method: "mcp/tool.add", After: []string{"b"}, RunIf: plan.RunIfDone},
	}}
	want(t, "tree", NewGraph(p).Text(), "Ways\n"+
		"└─ a  mcp/tool.add\n"+
		"   └─ b  llm/chat  when ${a.result} > 1 and true\n"+
		"      └─ c  mcp/tool.add  run_if done\n")
	want(t, "flowchart", NewGraph(p).Mermaid(), "---\ntitle: \"Ways\"\n---\nflowchart TD\n"+
		"  t1[\"a<br/>mcp/tool.add\"]\n"+
		"  t2{{\"b<br/>llm/chat<br/>when #36;#8288;#123;a.result#125; #62; 1 and true\"}}\n"+
		"  t3[\"c<br/>mcp/tool.add<br/>run_if done\"]\n"+
		"  t1 --> t2\n  t2 --> t3\n")
}

func TestTheGraphOfARunHasItsStatuses(t *testing.T) {
	graph := read(t, stored(t, nil)).Graph()
	want(t, "tree", graph.Text(), "r  Diamond  failed\n"+
		"├─ ✓ good  mcp/tool.add  completed\n"+
		"└─ ✗ bad  python/execute  failed\n"+
		"   └─ - join  \"Join them\"  python/execute  skipped  also after good\n")
	chart := graph.Mermaid()
	for _, line := range []string{"title: \"Diamond, r: failed\"\n", "  class t1 skipped\n", "  class t2 completed\n", "  class t3 failed\n", "  classDef failed fill:"} {
		if !strings.Contains(chart, line) {
			t.Errorf("the flowchart does not contain %q:\n%s", line, chart)
		}
	}
}

func TestALongChainIsNotIndentedBeyondTheScreen(t *testing.T) {
	lines := strings.Split(NewGraph(chain(40)).Text(), "\n")
	want(t, "the deepest by its place", lines[31], strings.Repeat("   ", 30)+"├─ t30  mcp/tool.echo")
	want(t, "the next", lines[32], strings.Repeat("   ", 30)+"├─ t31  mcp/tool.echo  after t30")
	want(t, "the last", lines[40], strings.Repeat("   ", 30)+"└─ t39  mcp/tool.echo  after t38")
}

func TestATaskThatWaitsForManyNamesAFew(t *testing.T) {
	p := &plan.Plan{Name: "Join"}
	join := plan.Task{ID: "join", Name: "join", Method: "mcp/tool.concat"}
	for i := range 500 {
		id := fmt.Sprintf("t%d", i)
		join.After = append(join.After, id)
		p.Tasks = append(p.Tasks, plan.Task{ID: id, Name: id, Method: "mcp/tool.echo"})
	}
	p.Tasks = append(p.Tasks, join)
	if tree, line := NewGraph(p).Text(), "   └─ join  mcp/tool.concat  also after t0, t1, t2, t3, t4, t5, 493 more\n"; !strings.HasSuffix(tree, line) {
		t.Errorf("the tree ends with %q", tree[len(tree)-200:])
	}
}

// A workflow may have this many tasks: the output grows linearly with their number.
func TestGraphsOfTheLargestWorkflows(t *testing.T) {
	const tasks = 20_000
	graph := NewGraph(chain(tasks))
	if size := len(graph.Text()) + len(graph.Mermaid()); size > 300*tasks {
		t.Errorf("%d tasks make %d bytes", tasks, size)
	}
}
