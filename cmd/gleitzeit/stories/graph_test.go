package stories_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// graphDocument is what `gleitzeit graph -o json` prints, written down here once more for the sake of its readers.
type graphDocument struct {
	Run      string      `json:"run"`
	Workflow string      `json:"workflow"`
	Status   string      `json:"status"`
	Nodes    []graphNode `json:"nodes"`
	Edges    []graphEdge `json:"edges"`
}

type graphNode struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Method string `json:"method"`
	Each   bool   `json:"each"`

	Finally bool `json:"finally"`

	Status string         `json:"status"`
	Items  *itemsDocument `json:"items"`
}

type graphEdge struct {
	From string `json:"from"`
	To   string `json:"to"`

	Within bool `json:"within"`
}

// graph is the document of a file or a run.
func (u *user) graph(of string) *graphDocument {
	u.T.Helper()
	stdout, _ := u.Gleitzeit(0, "graph", of, "-o", "json")
	document := &graphDocument{}
	must(u.T, programtest.StrictJSON(stdout, document))
	return document
}

// unjoined takes out the joiners, which are not shown.
func unjoined(text string) string { return strings.ReplaceAll(text, "\u2060", "") }

// wantChart wants of a flowchart what the document says, with these labels.
func wantChart(t *testing.T, got flowchart, want *graphDocument, labels []string) {
	t.Helper()
	if len(got.Nodes) != len(want.Nodes) || len(got.Edges) != len(want.Edges) {
		t.Fatalf("%d tasks and %d arrows, want %d and %d", len(got.Nodes), len(got.Edges), len(want.Nodes), len(want.Edges))
	}
	number := map[string]string{}
	for i, node := range got.Nodes {
		wanted := want.Nodes[i]
		number[wanted.ID] = node.ID
		shape := "square"
		if wanted.Each {
			shape = "subroutine"
		}
		var classes []string
		if wanted.Status != "" {
			classes = []string{wanted.Status}
		}
		if unjoined(node.Label) != labels[i] || node.Shape != shape || !slices.Equal(node.Classes, classes) {
			t.Errorf("task %s: %q, %s, %v; want %q, %s, %v", wanted.ID, node.Label, node.Shape, node.Classes, labels[i], shape, classes)
		}
	}
	for i, edge := range got.Edges {
		if wanted := want.Edges[i]; edge.From != number[wanted.From] || edge.To != number[wanted.To] {
			t.Errorf("arrow %d goes from %s to %s, and is to go from %s to %s", i, edge.From, edge.To, wanted.From, wanted.To)
		}
	}
}

// TestGraphsOfExamplesAreMermaid: Mermaid finds the tasks and arrows that the documents have.
func TestGraphsOfExamplesAreMermaid(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	folder, err := filepath.Abs(filepath.Join(root, "examples"))
	must(t, err)
	texts := make([]string, len(examples))
	for i, example := range examples {
		texts[i], _ = u.Gleitzeit(0, "graph", filepath.Join(folder, example.name, "flow.yaml"), "--as", "mermaid")
	}
	for i, chart := range parsed(t, texts...) {
		t.Run(examples[i].name, func(t *testing.T) {
			document := u.graph(filepath.Join(folder, examples[i].name, "flow.yaml"))
			var tasks, labels []string
			for _, node := range document.Nodes {
				tasks = append(tasks, node.ID+" "+node.Method)
				shown := node.ID + "\n" + node.Method
				if node.Each {
					shown += "\nfor each file"
				}
				if node.Finally {
					shown += "\nfinally"
				}
				labels = append(labels, shown)
			}
			if document.Workflow != examples[i].workflow || !slices.Equal(tasks, examples[i].tasks) {
				t.Errorf("%s has the tasks %v", document.Workflow, tasks)
			}
			wantChart(t, chart, document, labels)
		})
	}
}

// nasty are names that mean something to Mermaid, to Markdown, to HTML or to a terminal. Where they are shown otherwise
// than they are, that follows.
var nasty = [][]string{
	{`"]`}, {`"] --> t1; t1["`}, {`end`}, {`subgraph x`}, {`graph TD`}, {`%% no comment`}, {`%%{init: {"theme": "dark"}}%%`}, {`---`},
	{`<script>alert(1)</script>`}, {`a < b > c & d &amp; e`}, {`<b class="x">`}, {`#quot; #35; #`}, {`ﬂ°°35¶ß`, `fl°°35¶ß`}, {`ﬂ°lt¶ßb`, `fl°lt¶ßb`}, {`style x:y#1;`}, {`classDef x:y#1;`},
	{"two\nlines\r\nand a\ttab", "two lines and a tab"}, {"\x1b[31mred", `\x1b[31mred`}, {"bell\u0007and\u0085next\u2028line", `bell\aand next line`},
	{`1. list`}, {`- list`}, {`# heading`}, {"```code```"}, {"`text`"}, {`**bold** __bold__ *_~`}, {`[link](http://x.y) www.example.com`}, {`fa:fa-car fas:fa-fa:fa-x`}, {`$$x^2$$ $$$ 5 $`},
	{`{a}(b)[c]|d|/e/\f\`}, {`a-->b---c==>d-.->e`}, {`x:::failed@{ shape: circle }`}, {`'single' "double"`}, {`;`}, {`Größe 尺寸 مقاس 🦉👩‍🚀 é`},
	{"non\uFFFEcharacter"}, {strings.Repeat("long ", 100), strings.Repeat("long ", 15) + "long…"},
}

// keywords are ids that mean something to Mermaid.
var keywords = []string{"end", "END", "default", "style", "class", "classDef", "click", "graph", "flowchart", "subgraph", "o", "x", "a--b", "t1", "linkStyle", "__proto__", "1", "-", "_"}

// nastyFlow is a chain of tasks with all these names and ids, and the labels that they are to have.
func nastyFlow(t *testing.T) (text string, labels []string) {
	t.Helper()
	type task struct {
		ID           string            `json:"id"`
		Name         string            `json:"name"`
		Method       string            `json:"method"`
		Dependencies []string          `json:"dependencies,omitempty"`
		Parameters   map[string]string `json:"parameters"`
	}
	flow := struct {
		Name  string `json:"name"`
		Tasks []task `json:"tasks"`
	}{Name: "---\n" + `"%%{init: {}}%%" <b a="c"> & \ 'é' 🦉 #quot; ﬂ°lt¶ß $$x$$` + "\uFFFE"}
	add := func(id, name, shown string) {
		made := task{ID: id, Name: name, Method: "mcp/tool.echo", Parameters: map[string]string{"message": "x"}}
		if len(flow.Tasks) > 0 {
			made.Dependencies = []string{flow.Tasks[len(flow.Tasks)-1].ID}
		}
		flow.Tasks = append(flow.Tasks, made)
		labels = append(labels, shown+"\nmcp/tool.echo")
	}
	for i, name := range nasty {
		add(fmt.Sprintf("n%d", i), name[0], name[len(name)-1])
	}
	for _, id := range keywords {
		add(id, id, id)
	}
	encoded, err := json.Marshal(flow)
	must(t, err)
	return strings.NewReplacer("\uFFFE", `\ufffe`, "\u0085", `\u0085`).Replace(string(encoded)), labels // As YAML wants them.
}

// TestNoNameBreaksAGraph: Mermaid shows every name as it is written, and takes none for its own language.
func TestNoNameBreaksAGraph(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	text, labels := nastyFlow(t)
	u.File("nasty.yaml", text)
	diagram, _ := u.Gleitzeit(0, "graph", "nasty.yaml", "--as", "mermaid")
	wantChart(t, parsed(t, diagram)[0], u.graph("nasty.yaml"), labels)
	seen := drawn(t, diagram)
	if want := `--- "%%{init: {}}%%" ‹b a="c"› & \ 'é' 🦉 #quot; fl°lt¶ß $$x$$` + "\uFFFE"; unjoined(seen.Title) != want {
		t.Errorf("a browser shows the title %q, want %q", seen.Title, want)
	}
	if len(seen.Labels) != len(labels) {
		t.Fatalf("a browser shows %d tasks, want %d", len(seen.Labels), len(labels))
	}
	for i, label := range seen.Labels {
		if unjoined(label) != labels[i] {
			t.Errorf("a browser shows %q, want %q", label, labels[i])
		}
	}
	tree, _ := u.Gleitzeit(0, "graph", "nasty.yaml")
	if lines := strings.Count(tree, "\n"); lines != 1+len(labels) || strings.Contains(tree, "\x1b") {
		t.Errorf("%d lines for %d tasks:\n%s", lines, len(labels), tree)
	}
}

// TestTheGraphOfARun shows what became of the tasks, to people, to programs and to Mermaid.
func TestTheGraphOfARun(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("docs/a.txt", "a")
	u.File("docs/b.txt", "b")
	u.File("flow.yaml", `
name: Outcomes
batch: {directory: docs}
template:
  method: python/execute
  code: "result = 1 / (0 if '${item.stem}' == 'b' else 1)"
tasks:
  - {id: good, method: mcp/tool.echo, parameters: {message: "${batch.total}"}}
  - {id: bad, name: Divide, method: python/execute, parameters: {code: "1/0"}}
  - {id: after, method: mcp/tool.echo, dependencies: [good, bad], parameters: {message: x}}
`)
	u.Gleitzeit(5, "run", "flow.yaml")
	document := u.graph("@latest")
	var statuses []string
	for _, node := range document.Nodes {
		statuses = append(statuses, node.ID+" "+node.Status)
	}
	if got := strings.Join(statuses, ", "); got != "batch completed, good completed, bad failed, after skipped" || document.Status != "failed" {
		t.Errorf("%s: %s", document.Status, got)
	}
	if items := document.Nodes[0].Items; items == nil || *items.Total != 2 || *items.Failed != 1 {
		t.Errorf("the items of the batch: %+v", items)
	}
	tree, said := u.Gleitzeit(0, "graph", document.Run)
	if want := document.Run + `  Outcomes  failed
├─ ✓ batch  python/execute  completed  1 of 2 files, 1 failed
│  └─ ✓ good  mcp/tool.echo  completed
│     └─ - after  mcp/tool.echo  skipped  also after bad
└─ ✗ bad  "Divide"  python/execute  failed
`; tree != want {
		t.Errorf("the tree is\n%s\nwant\n%s", tree, want)
	}
	if said != "" {
		t.Errorf("it says %q", said)
	}
	diagram, _ := u.Gleitzeit(0, "graph", document.Run, "--as", "mermaid")
	wantChart(t, parsed(t, diagram)[0], document, []string{
		"✓ batch\npython/execute\ncompleted, 1 of 2 files, 1 failed", "✓ good\nmcp/tool.echo\ncompleted", "✗ Divide\npython/execute\nfailed", "- after\nmcp/tool.echo\nskipped",
	})
	// Of the same workflow as a file: the same tasks and arrows, and no status.
	file := u.graph("flow.yaml")
	if !slices.Equal(file.Edges, document.Edges) || file.Run+file.Status+file.Nodes[0].Status != "" || !file.Nodes[0].Each {
		t.Errorf("the graph of the file is %+v", file)
	}
}

// TestTheGraphOfAWaitingRun: no worker has recorded its plan yet, and an error says so.
func TestTheGraphOfAWaitingRun(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.serves("--no-ui")
	u.File("sum.yaml", sum)
	id, _ := u.Gleitzeit(0, "submit", "sum.yaml", "--queue", "nobody")
	stdout, said := u.Gleitzeit(1, "graph", strings.TrimSpace(id))
	want := "gleitzeit: the tasks of run " + strings.TrimSpace(id) + " are not known yet: no worker has taken it\n" +
		"  `gleitzeit graph FILE` shows those of its workflow file\n"
	if stdout != "" || said != want {
		t.Errorf("it prints %q and says %q", stdout, said)
	}
	u.works("--queue", "nobody")
	u.Gleitzeit(0, "watch", strings.TrimSpace(id))
	if document := u.graph(strings.TrimSpace(id)); document.Status != "completed" || len(document.Edges) != 1 {
		t.Errorf("once it has run, its graph is %+v", document)
	}
}
