package interpreter_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/activities/mcp"
	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/schema"
)

// unseen are the files of testdata/err in which a JSON Schema sees no mistake, with the reason.
var unseen = map[string]string{
	"alias-to-itself":         noTree,
	"batch-context":           "that each file would get the same call takes what references lead to",
	"batch-cycle":             crossing,
	"batch-references":        crossing,
	"control-character":       noTree,
	"cycle":                   crossing,
	"depends-on":              crossing,
	"duplicate-id":            crossing,
	"empty":                   noTree,
	"inputs-none":             "what is given on the command line does not stand in the file",
	"limit-aliases":           noTree,
	"limit-depth":             noTree,
	"not-a-mapping":           noTree,
	"not-utf8":                noTree,
	"outputs":                 crossing,
	"reference":               crossing,
	"several-documents":       noTree,
	"syntax":                  noTree,
	"template-without-quotes": noTree,
	"values":                  noTree,
}

const (
	noTree   = "the parser finds no tree to check" // Another parser of YAML may find one.
	crossing = "what a name leads to stands elsewhere in the file"
)

// realSpecs are the protocols of the program.
func realSpecs() []protocol.Spec { return []protocol.Spec{llm.Spec(), python.Spec(), mcp.Spec()} }

func compiledSchema(t *testing.T, specs []protocol.Spec) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", plain(t, schema.Of(specs).JSON())); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// plain is a JSON document as the validator takes it.
func plain(t *testing.T, text []byte) any {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// refusal is what the schema has against a workflow file; nil where it has nothing.
func refusal(t *testing.T, by *jsonschema.Schema, text []byte) error {
	t.Helper()
	flow, found := definition.Parse("flow.yaml", text)
	if flow == nil {
		t.Fatalf("the parser finds no tree to check: %s", listed(found))
	}
	return by.Validate(plain(t, flow.Root.Value().JSON()))
}

func TestTheSchemaFitsTheMetaschema(t *testing.T) {
	meta, err := jsonschema.NewCompiler().Compile("https://json-schema.org/draft/2020-12/schema")
	if err != nil {
		t.Fatal(err)
	}
	for _, specs := range [][]protocol.Spec{realSpecs(), specs()} {
		if err := meta.Validate(plain(t, schema.Of(specs).JSON())); err != nil {
			t.Error(err)
		}
	}
	if meta.Validate(plain(t, []byte(`{"type": "text"}`))) == nil {
		t.Error("the metaschema takes anything")
	}
}

func TestTheSchemaAcceptsWhatIsRight(t *testing.T) {
	compiled := compiledSchema(t, specs())
	each(t, "ok", func(t *testing.T, _ string, text []byte) {
		if err := refusal(t, compiled, text); err != nil {
			t.Error(err)
		}
	})
	examples, err := filepath.Glob("../examples/*/flow.yaml")
	if err != nil || len(examples) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	compiled = compiledSchema(t, realSpecs())
	for _, path := range examples {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := refusal(t, compiled, text); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestTheSchemaRefusesWhatItCanSee(t *testing.T) {
	compiled := compiledSchema(t, specs())
	left := map[string]bool{}
	for name := range unseen {
		left[name] = true
	}
	each(t, "err", func(t *testing.T, path string, text []byte) {
		name := strings.TrimSuffix(filepath.Base(path), ".yaml")
		reason, expected := unseen[name]
		delete(left, name)
		flow, _ := definition.Parse("flow.yaml", text)
		if flow == nil {
			if reason != noTree {
				t.Error("the parser finds no tree, and the list of what a schema cannot see does not say so")
			}
			return
		}
		var invalid *jsonschema.ValidationError
		refused := errors.As(refusal(t, compiled, text), &invalid)
		switch {
		case refused && expected:
			t.Errorf("refused, although %s: %v", reason, invalid)
		case !refused && !expected:
			t.Error("accepted, and the list of what a schema cannot see has no reason for it")
		}
	})
	for name := range left {
		t.Errorf("%s is in the list of what a schema cannot see, and there is no such file", name)
	}
}

// mistakes are workflows with one mistake each: what goes in the place of the task's keys, of those of the workflow, or of
// a batch.
var mistakes = struct{ task, workflow, batch []string }{
	task: []string{
		"id: a", "method: free/any", "id: a.b, method: free/any", "id: [a], method: free/any", "id: '', method: free/any",
		"id: a, method: ''", "id: a, method: free/anyy", "id: a, method: execute", "id: a, method: any, protocol: free", "id: a, method: chat, protocol: python/v1",
		"id: a, method: llm/chat, protocol: python/v1", "id: a, method: free/any, parameters: [1]", "id: a, method: free/any, dependencies: b",
		"id: a, method: free/any, depends_on: [null]", "id: a, method: free/any, depends_on: [b], dependencies: [b]", "id: a, method: free/any, priority: 4",
		"id: a, method: free/any, priority: highest", "id: a, method: free/any, timeout: soon", "id: a, method: free/any, timeout: '90'", "id: a, method: free/any, timeout: 0",
		"id: a, method: free/any, timeout: 1e400", "id: a, method: free/any, retry: 3", "id: a, method: free/any, retry: {max_attempts: 0}",
		"id: a, method: free/any, retry: {max_attempts: '2'}", "id: a, method: free/any, retry: {backoff: none}", "id: a, method: free/any, retry: {delay: -1}",
		"id: a, method: free/any, retry: {jitter: 'yes'}", "id: a, method: free/any, retry: {delays: 1}", "id: a, method: free/any, paramters: {}",
		"id: a, method: free/any, parameters: {timeout: soon}",
		"id: a, method: mcp/tool.add", "id: a, method: mcp/tool.add, parameters: {a: 1}", "id: a, method: mcp/tool.add, params: {a: 1, b: two}",
		"id: a, method: mcp/tool.add, params: {a: 1, b: 2, c: 3}", "id: a, method: tool.add, protocol: mcp/v1, params: {a: 1, b: -1}",
		"id: a, method: mcp/tool.add, params: {a: 1, b: '$${x}'}", "id: a, method: python/execute, params: {code: x, file: y}",
		"id: a, method: llm/chat, params: {messages: [{role: usr, content: x}]}", "id: a, method: llm/chat, params: {messages: [{role: user, content: x, y: 1}]}",
		"id: a, method: llm/chat, params: {prompt: x, stop: [1]}",
	},
	workflow: []string{
		"name: x", "name: x, tasks: []", "name: x, tasks: {}", "name: '', tasks: [TASK]", "name: , tasks: [TASK]", "tasks: [TASK]", "name: x, tasks: [TASK, text]",
		"name: x, tasks: [TASK], taks: []", "name: x, tasks: [TASK], max_parallel: 0", "name: x, tasks: [TASK], max_parallel: 2001", "name: x, tasks: [TASK], id: '@'",
		"name: x, tasks: [TASK], inputs: []", "name: x, tasks: [TASK], inputs: {a: {typ: string}}", "name: x, tasks: [TASK], inputs: {a: {type: text}}",
		"name: x, tasks: [TASK], inputs: {a: {enum: []}}", "name: x, tasks: [TASK], inputs: {a: {required: 1}}", "name: x, tasks: [TASK], outputs: text",
		"name: x, tasks: [TASK], type: bulk", "name: x, type: batch", "name: x, tasks: [TASK], protocol: llm/v1",
		"name: x, batch: {directory: d}", "name: x, template: {method: llm/chat, prompt: x}",
	},
	batch: []string{
		"batch: {}, template: {method: llm/chat, prompt: x}", "batch: {files: []}, template: {method: llm/chat, prompt: x}",
		"batch: {directory: d, files: [f]}, template: {method: llm/chat, prompt: x}", "batch: {directory: d, max_concurrent: 2001}, template: {method: llm/chat, prompt: x}",
		"batch: {directry: d, directory: d}, template: {method: llm/chat, prompt: x}", "batch: {directory: d}, template: {prompt: x}",
		"batch: {directory: d}, template: {method: llm/chatt, prompt: x}", "batch: {directory: d}, template: {method: llm/chat, prompt: x, temperature: hot}",
		"batch: {directory: d}, template: {method: llm/chat, prompt: x, max_failures: 120%}",
		"batch: {directory: d}, template: {method: llm/vision, prompt: x, temprature: 1}", "batch: {directory: d}, template: {method: llm/vision, parameters: {promt: x}}",
	},
}

func TestTheSchemaRefusesEachMistake(t *testing.T) {
	compiled := compiledSchema(t, specs())
	var all []string
	for _, task := range mistakes.task {
		all = append(all, "{name: x, tasks: [{"+task+"}]}")
	}
	for _, workflow := range mistakes.workflow {
		all = append(all, "{"+strings.ReplaceAll(workflow, "TASK", "{id: a, method: free/any}")+"}")
	}
	for _, batch := range mistakes.batch {
		all = append(all, "{name: x, "+batch+"}")
	}
	for _, text := range all {
		if refusal(t, compiled, []byte(text)) == nil {
			t.Errorf("the schema accepts %s", text)
		}
		if p, _ := compile([]byte(text)); p != nil {
			t.Errorf("%s is no mistake", text)
		}
	}
}

func TestReferencesStandForValuesOfAnyType(t *testing.T) {
	compiled := compiledSchema(t, specs())
	for _, parameters := range []string{
		"method: mcp/tool.add, parameters: {a: '${t.x}', b: '${t.x:-1}'}", "method: llm/chat, params: {messages: '${t.x}'}",
		"method: llm/chat, params: {prompt: x, stop: ['${t.x}'], think: '${t.x}', seed: '${t.x}'}", "method: python/execute, params: {code: x, context: '${t.x}'}",
		"method: llm/chat, params: {messages: [{role: '${t.x}', content: x}, '${t.x}']}",
	} {
		text := []byte("{name: x, tasks: [{id: t, method: free/any}, {id: a, " + parameters + "}]}")
		if err := refusal(t, compiled, text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if p, found := compile(text); p == nil {
			t.Errorf("%s: %s", text, listed(found))
		}
	}
}

// What the schema offers are words that the rules know, and all of them.
func TestWordsAreThoseOfTheRules(t *testing.T) {
	for key, words := range map[string][]string{
		"{name: x, tasks: [{id: a, method: free/any, priority: WORD}]}":            append(definition.Priorities(), "1", "2", "3", "'1'"),
		"{name: x, tasks: [{id: a, method: free/any, retry: {backoff: WORD}}]}":    definition.Backoffs(),
		"{name: x, inputs: {a: {type: WORD}}, tasks: [{id: a, method: free/any}]}": definition.InputTypes(),
		"{name: x, id: WORD, tasks: [{id: WORD, method: free/any}]}":               {"größe-1_x", "7", strings.Repeat("ä", definition.MaxID)},
		"{name: x, timeout: WORD, tasks: [{id: a, method: free/any, timeout: WORD, retry: {delay: WORD}}]}": {
			"90", "0.5", "90s", "1m30s", ".5h", "1.5ms", "10µs", "87600h", "315360000", "+1s",
		},
		"{name: x, batch: {directory: documents}, template: {method: llm/chat, prompt: x, max_failures: WORD}}": {"0", "7", "10%", "'12.5 %'", "100%"},
	} {
		for _, word := range words {
			text := []byte(strings.ReplaceAll(key, "WORD", word))
			if err := refusal(t, compiledSchema(t, specs()), text); err != nil {
				t.Errorf("%s: %v", text, err)
			}
			if p, found := compile(text); p == nil {
				t.Errorf("%s: %s", text, listed(found))
			}
		}
	}
}

func TestTheSchemaIsTheSameEachTime(t *testing.T) {
	first := schema.Of(realSpecs()).JSON()
	for range 10 {
		if !bytes.Equal(schema.Of(realSpecs()).JSON(), first) {
			t.Fatal("two schemas of the same protocols differ")
		}
	}
}
