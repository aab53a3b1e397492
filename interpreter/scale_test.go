package interpreter_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/require"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// large is a workflow of many tasks, each of which depends on the one before, refers to one further back, and holds a
// value or two.
func large(tasks int) []byte {
	var text strings.Builder
	text.WriteString("name: Large\ninputs: {topic: tea}\ntasks:\n")
	for i := range tasks {
		fmt.Fprintf(&text, "  - id: task-%d\n    name: Task number %d\n    method: llm/chat\n    parameters:\n"+
			"      prompt: \"Say ${inputs.topic} and ${task-%d.response}\"\n      temperature: 0.5\n", i, i, max(0, i-2))
		if i > 0 {
			fmt.Fprintf(&text, "    dependencies: [Task number %d]\n", i-1)
		}
	}
	return []byte(strings.Replace(text.String(), "${task-0.response}", "", 1))
}

// withinASecond works, and fails where that takes a processor over a second each of three times. Short tests measure
// nothing: they run with the race detector, which takes ten times as long.
func withinASecond(t *testing.T, work func()) {
	t.Helper()
	require.Long(t, "this test measures processor time")
	for range 3 {
		start := cpuTime(t)
		work()
		took := cpuTime(t) - start
		if t.Log(took); took <= time.Second {
			return
		}
	}
	t.Error("it takes more than a second")
}

func TestManyTasks(t *testing.T) {
	text := large(10_000)
	var p *plan.Plan
	var found []definition.Diagnostic
	withinASecond(t, func() { p, found = compile(text) })
	if len(found) > 0 {
		t.Fatalf("%d errors, the first: %s", len(found), found[0])
	}
	last := p.Tasks[len(p.Tasks)-1]
	if len(p.Tasks) != 10_000 || last.ID != "task-9999" || fmt.Sprint(last.After) != "[task-9997 task-9998]" ||
		len(last.Dependencies) != 0 || fmt.Sprint(last.Uses) != "[{inputs } {task-9997 task-9997}]" {
		t.Errorf("%d tasks, the last %+v", len(p.Tasks), last)
	}
}

// TestManyConditions: they differ from task to task, or are all the same.
func TestManyConditions(t *testing.T) {
	for name, when := range map[string]string{
		"different": "${task-%d.response} contains \"tea\" and ${task-%[1]d.status} == \"completed\"",
		"equal":     "${task-0.response} contains \"tea\" and ${inputs.topic} == \"tea\"",
	} {
		t.Run(name, func(t *testing.T) {
			var text strings.Builder
			text.WriteString("name: Large\ninputs: {topic: tea}\ntasks:\n  - {id: task-0, method: llm/chat, parameters: {prompt: x}}\n")
			for i := range 9_999 {
				condition := when
				if strings.Contains(when, "%") {
					condition = fmt.Sprintf(when, i)
				}
				fmt.Fprintf(&text, "  - id: task-%d\n    method: llm/chat\n    when: %s\n    parameters: {prompt: \"${task-%d.response}\"}\n", i+1, condition, i)
			}
			var p *plan.Plan
			var found []definition.Diagnostic
			withinASecond(t, func() { p, found = compile([]byte(text.String())) })
			if len(found) > 0 || len(p.Tasks) != 10_000 || p.Tasks[9_999].When == "" {
				t.Fatalf("%d errors", len(found))
			}
		})
	}
}

// TestMemoryIsInProportion: ten times the tasks want ten times the memory, and a little for longer numbers.
func TestMemoryIsInProportion(t *testing.T) {
	allocated := func(tasks int) float64 {
		text := large(tasks)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		compile(text)
		runtime.ReadMemStats(&after)
		return float64(after.TotalAlloc - before.TotalAlloc)
	}
	allocated(10) // What is made once.
	small, large := allocated(1_000), allocated(10_000)
	if ratio := large / small; ratio > 12 {
		t.Errorf("10,000 tasks take %.1f times the memory of 1,000", ratio)
	}
	if most := large / 10_000; most > 64<<10 {
		t.Errorf("a task takes %.0f bytes", most)
	} else {
		t.Logf("a task takes %.0f bytes, before the collector comes", most)
	}
}

// TestHostileFiles has files that would take for ever, or all memory, where work is not bounded.
func TestHostileFiles(t *testing.T) {
	const head = "name: x\nmetadata:\n"
	tasks := func(count int, each func(i int) string) string {
		var text strings.Builder
		text.WriteString("name: x\ntasks:\n")
		for i := range count {
			fmt.Fprintf(&text, "  - {id: t%d, method: free/any, %s}\n", i, each(i))
		}
		return text.String()
	}
	const one = "name: x\ntasks:\n  - {id: a, method: free/any, parameters: {x: \""
	billion := "name: x\nmetadata:\n  a0: &a0 [x, x]\n"
	for i := range 60 {
		billion += fmt.Sprintf("  a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	for _, test := range []struct {
		name, text  string
		count       int    // Of errors.
		first, rule string // The first one's place and rule.
	}{
		{"too large", strings.Repeat("a", definition.MaxSize+1), 1, "1:1", "limit"},
		{"deep in brackets", head + "  a: " + strings.Repeat("[", 340_000), 1, "3:3", "limit"},
		{"deep in dashes", head + strings.Repeat("- ", 340_000), 1, "3:1", "limit"},
		{"deep in indentation", head + deep(200), 1, "66:65", "limit"},
		{"billion laughs", billion, 1, "14:14", "limit"},
		{"much text by aliases", head + "  a: &a " + strings.Repeat("x", 900_000) + "\n  b: [" + strings.Repeat("*a,", 100) + "]\n", 1, "4:34", "limit"},
		{"many merges", head + "  a: &a {" + list(1000, "k%d: 1") + "}\n" + lines(100, "  b%d: {<<: *a}\n"), 1, "8:12", "limit"},
		{"long text", head + "  a: " + strings.Repeat("x", definition.MaxText+1), 1, "3:6", "limit"},
		{"long key", head + "  ? " + strings.Repeat("x", definition.MaxText+1) + "\n  : y\n", 1, "3:5", "limit"},
		{"long number", head + "  a: " + strings.Repeat("9", 1_000_001), 1, "3:6", "limit"},
		{"large exponent", head + "  a: 1e999999999999", 1, "3:6", "limit"},
		{"too many tasks", tasks(20_001, func(int) string { return "" }), 1, "3:3", "limit"},
		{"as many unknown dependencies", tasks(20_000, func(i int) string { return fmt.Sprintf("depends_on: [u%d]", i) }), 20_000, "3:45", "depends-on"},
		{"one circle of all", tasks(20_000, func(i int) string { return fmt.Sprintf("depends_on: [t%d]", (i+1)%20_000) }), 1, "3:10", "cycle"},
		{"many circles in one group", tasks(20_000, func(i int) string { return fmt.Sprintf("depends_on: [t%d, t%d]", (i+19_999)%20_000, (i+1)%20_000) }), 10, "3:53", "cycle"},
		{"many circles", tasks(20_000, func(i int) string { return fmt.Sprintf("depends_on: [t%d, t%d]", i^1, max(0, i-2)) }), 10_001, "3:45", "cycle"},
		{"many names of one kind", tasks(20_000, func(i int) string { return "name: same, depends_on: [same]" }), 20_000, "3:57", "depends-on"},
		{"many errors in one text", "name: x\ntasks:\n  - {id: a, method: free/any, parameters: {x: \"" + strings.Repeat("ü${b} ", 100_000) + "\"}}\n", 100_000, "3:49", "reference"},
		{"many texts in one line", "name: x\ntasks:\n  - {id: a, method: free/any, parameters: {x: [" + strings.Repeat("\"ü${b}\",", 50_000) + "]}}\n", 50_000, "3:50", "reference"},
		{"many unknown keys", "name: x\ntasks: [{id: a, method: free/any}]\n" + lines(50_000, "k%d: 1\n"), 50_000, "3:1", "unknown-key"},
		{"an error at the end of a smaller file", head + lines(40_000, "  k%d: \"1234567890\"\n") + " x: y\n", 1, "40003:2", "syntax"},
		{"an error at the end of a large file", head + lines(60_000, "  k%d: \"1234567890\"\n") + "x: y: z\n", 1, "60003:5", "syntax"},
		{"keys by aliases", head + "  a: &a " + strings.Repeat("x", 900_000) + "\n  b: [" + strings.Repeat("{*a : 1},", 100_000) + "]\n", 1, "4:89", "limit"},
		{"merges in merges", head + "  a: " + strings.Repeat("{<<: ", 60) + "{" + list(170_000, "a%d: 1") + "}" + strings.Repeat("}", 60), 1, "3:306", "limit"},
		{"merges too deep", head + "  a: " + strings.Repeat("{<<: ", 9_000) + "{}" + strings.Repeat("}", 9_000), 1, "3:316", "limit"},
		{"merges that double", head + "  a0: &a0 {k: 1}\n" + doubled(60), 1, "13:19", "limit"},
		{"a merge of itself", head + "  a: &a {<<: *a}\n", 1, "3:14", "syntax"},
		{"many commas", head + "  a: [" + strings.Repeat("a,", 4_000_000) + "]", 1, "1:1", "limit"},
		{"many lines", strings.Repeat("\n", definition.MaxSize), 1, "1:1", "limit"},
		{"many lines that editors do not know", "name: \"" + strings.Repeat("\u2028", 2_000_000) + "\"", 1, "1:7", "limit"},
		{"many documents", strings.Repeat("--- a\n", 170_000), 1, "2:1", "syntax"},
		{"one long line", "name: x" + strings.Repeat(" ", 8_000_000) + "y: z", 1, "1:8000009", "syntax"},
		{"one long line of signs of several bytes", "name: " + strings.Repeat("ü", 4_000_000) + "\nx: y: z", 1, "2:5", "syntax"},
		{"never closed", "a: \"" + strings.Repeat("q", 8_000_000), 1, "1:4", "syntax"},
		{"never closed in many lines", "a: [\n" + strings.Repeat("q,\n", 170_000), 1, "170001:2", "syntax"},
		{"deep in braces", strings.Repeat("{", 8_000_000), 1, "1:1", "limit"},
		{"deep in keys", strings.Repeat("? ", 4_000_000), 1, "1:1", "limit"},
		{"many near words", tasks(10_000, func(i int) string { return fmt.Sprintf("name: t%055d, depends_on: [u%055d]", i, i) }), 10_000, "3:109", "depends-on"},
		{"many references to nothing", tasks(10_000, func(i int) string { return fmt.Sprintf("parameters: {x: \"${u%d.y}\"}", i) }), 10_000, "3:49", "reference"},
		{"many inputs that are not declared", "inputs: {" + list(10_000, "i%d: 1") + "}\n" + tasks(10_000, func(i int) string { return fmt.Sprintf("parameters: {x: \"${inputs.u%d}\"}", i) }), 10_000, "4:49", "reference"},
		{"many unknown parameters", "name: x\ntasks:\n  - {id: a, method: mcp/tool.add, parameters: {a: 1, b: 1, " + list(50_000, "k%d: 1") + "}}\n", 50_000, "3:60", "parameters"},
		{"a long path", one + "${b" + strings.Repeat(".a", 500_000) + "}\"}}\n", 1, "3:48", "reference"},
		{"a long name", one + "${" + strings.Repeat("b", 1_000_000) + "}\"}}\n", 1, "3:48", "reference"},
		{"a long index", one + "${b[" + strings.Repeat("9", 1_000_000) + "]}\"}}\n", 1, "3:48", "reference"},
		{"many brackets in a reference", one + "${" + strings.Repeat("[", 340_000) + "\"}}\n", 1, "3:48", "reference"},
		{"many words for an input", "inputs: {a: {default: 5, enum: [" + strings.Repeat("1e9999,", 200_000) + "]}}\n" + tasks(1, func(int) string { return "" }), 1, "1:23", "inputs"},
		{"no text", "\x00\x00\x00" + strings.Repeat("\x00", 1_000_000), 1, "1:1", "syntax"},
		{"UTF-16", "\xff\xfen\x00a\x00m\x00e\x00:\x00", 1, "1:1", "syntax"},
		{"UTF-16, the other way round", "\xfe\xff\x00n\x00a\x00m\x00e\x00:", 1, "1:1", "syntax"},
		{"UTF-16 without a mark", "\x00n\x00a\x00m\x00e\x00:", 1, "1:1", "syntax"},
		{"bytes that are no UTF-8", "name: x\r\nmetadata: \"a\xc3(\"\r\n", 1, "2:13", "syntax"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var found []definition.Diagnostic
			withinASecond(t, func() { _, found = compile([]byte(test.text)) })
			if total(t, found) != test.count {
				t.Fatalf("%d errors, want %d; the first: %s", total(t, found), test.count, listed(found[:min(3, len(found))]))
			}
			if size := len(found[0].String()); size > 1000 {
				t.Errorf("the message has %d bytes", size)
			}
			if got := fmt.Sprintf("%d:%d %s", found[0].Line, found[0].Column, found[0].Rule); got != test.first+" "+test.rule {
				t.Errorf("got %s, want %s %s: %s", got, test.first, test.rule, found[0].Message)
			}
		})
	}
}

// total is the number of diagnostics, those included that the last one says are left out.
func total(t *testing.T, found []definition.Diagnostic) int {
	t.Helper()
	if len(found) <= definition.MaxDiagnostics {
		return len(found)
	}
	more := 0
	if _, err := fmt.Sscanf(found[definition.MaxDiagnostics].Message, "and %d more", &more); err != nil || len(found) != definition.MaxDiagnostics+1 {
		t.Fatalf("%d diagnostics; the last: %s", len(found), found[len(found)-1])
	}
	return definition.MaxDiagnostics + more
}

// deep is a mapping in a mapping in a mapping.
func deep(levels int) string {
	var text strings.Builder
	for i := range levels {
		text.WriteString(strings.Repeat(" ", i+1) + "k:\n")
	}
	return text.String()
}

// doubled merges each mapping into the next one twice.
func doubled(levels int) string {
	var text strings.Builder
	for i := range levels {
		fmt.Fprintf(&text, "  a%d: &a%d {<<: [*a%d, {<<: *a%d, k%d: 1}]}\n", i+1, i+1, i, i, i)
	}
	return text.String()
}

func list(count int, each string) string {
	all := make([]string, count)
	for i := range all {
		all[i] = fmt.Sprintf(each, i)
	}
	return strings.Join(all, ", ")
}

func lines(count int, each string) string {
	var text strings.Builder
	for i := range count {
		fmt.Fprintf(&text, each, i)
	}
	return text.String()
}
