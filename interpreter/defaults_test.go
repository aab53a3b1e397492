package interpreter_test

import (
	"fmt"
	"strings"
	"testing"
)

// A small file must not make a plan beyond all measure: defaults count for each task that has them.
func TestDefaultsAreBounded(t *testing.T) {
	many := func(tasks, text int) []byte {
		var file strings.Builder
		fmt.Fprintf(&file, "name: x\ndefaults: {free/v1: {parameters: {a: %s}}}\ntasks:\n", strings.Repeat("x", text))
		for i := range tasks {
			fmt.Fprintf(&file, "  - {id: t%d, method: free/any}\n", i)
		}
		return []byte(file.String())
	}
	if p, found := compile(many(8192, 1024)); p == nil {
		t.Errorf("8 MiB are refused: %s", listed(found))
	}
	p, found := compile(many(8193, 1024))
	if got := listed(found); p != nil || got != "flow.yaml:2:12: the defaults add more than 8 MiB of text, or 400000 values, to the tasks; put large texts into files [defaults]\n" {
		t.Errorf("more are not: %s", got)
	}
}

// A error in defaults is told once, where it stands, however many tasks have it and whether any has.
func TestAnErrorInDefaultsIsReportedOnce(t *testing.T) {
	for text, want := range map[string]string{
		"llm/v1: {parameters: {temperature: hot}}":     `flow.yaml:3:38: parameter "temperature" of llm/chat must be a number, not "hot" [parameters]`,
		"llm/vision: {parameters: {prompt: [1]}}":      `flow.yaml:3:37: parameter "prompt" of llm/vision must be a string, not a list [parameters]`,
		"llm/vision: {parameters: {promt: x}}":         `flow.yaml:3:29: unknown parameter "promt" of llm/vision; did you mean "prompt"? [parameters]`,
		"mcp/tool.add: {parameters: {a: \"${b.x}\"}}":  `flow.yaml:3:35: ${b.x} refers to "b", which is not a task; write $${ for a literal ${ [reference]`,
		"llm/chat: {parameters: {model: \"${b.x}\"}}":  `flow.yaml:3:35: ${b.x} refers to "b", which is not a task; write $${ for a literal ${ [reference]`,
		"llm/chat: {parameters: {model: \"${c7.x}\"}}": `flow.yaml:3:35: task "c7" refers to itself in ${c7.x}; the reference comes from the defaults; give task "c7" that parameter itself [reference]`,
		"llm/v1: {retry: {delay: 5, max_delay: 1}}":    `flow.yaml:3:41: max_delay must not be less than base_delay [retry]`,
	} {
		file := "name: x\ndefaults:\n  " + text + "\ntasks:\n"
		for i := range 20 {
			file += fmt.Sprintf("  - {id: c%d, method: llm/chat, parameters: {prompt: x}}\n", i)
		}
		_, found := compile([]byte(file))
		if got := listed(found); got != want+"\n" {
			t.Errorf("%s:\n%s\nwant\n%s", text, got, want)
		}
	}
}
