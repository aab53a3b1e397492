package interpreter_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gleitzeit/gleitzeit/activities/approval"
	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/activities/mcp"
	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/temporalname"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/schema"
)

// unseen are the files of testdata/err in which a JSON Schema sees no error, with the reason.
var unseen = map[string]string{
	"alias-to-itself":              noTree,
	"batch-context":                "that each file would get the same call takes what references lead to",
	"batch-requests-same":          "that each request would get the same call takes what references lead to",
	"batch-cycle":                  crossing,
	"steps-batch":                  "that models are not for steps is a matter of two mappings",
	"batch-models-twice":           "that a parameter takes precedence over a key of the batch takes what references lead to",
	"batch-references":             crossing,
	"condition-comment":            "what a condition means",
	"control-character":            noTree,
	"cycle":                        crossing,
	"approval":                     "what else a task has whose method waits for people",
	"cycle-workflows":              "the other files are not in this one",
	"depends-on":                   crossing,
	"duplicate-id":                 crossing,
	"empty":                        noTree,
	"inputs-none":                  "what is given on the command line does not stand in the file",
	"item-document":                crossing,
	"limit-aliases":                noTree,
	"limit-depth":                  noTree,
	"defaults-servers":             "which servers there are, the settings say",
	"method-without-servers":       "which servers there are, the settings say",
	"not-a-mapping":                noTree,
	"not-utf8":                     noTree,
	"outputs":                      crossing,
	"patterns":                     "how many alternatives a pattern has takes counting",
	"secret":                       "which text names a secret, and whose a reference is, takes more than a pattern",
	"providers":                    "which providers there are is for the program to know",
	"reference":                    crossing,
	"several-documents":            noTree,
	"syntax":                       noTree,
	"id-format-made":               "an id that is made of a name does not stand in the file",
	"inputs-typed":                 "what an input may be hangs on other keys of the input",
	"reference-items":              crossing,
	"reference-operators":          crossing,
	"reference-places":             crossing,
	"reference-windows":            crossing,
	"result-field":                 crossing,
	"syntax-alias":                 noTree,
	"syntax-brace":                 noTree,
	"syntax-character":             noTree,
	"syntax-colon":                 noTree,
	"syntax-indentation":           noTree,
	"syntax-quote":                 noTree,
	"syntax-reference-in-braces":   noTree,
	"syntax-reference-in-brackets": noTree,
	"syntax-tab":                   noTree,
	"syntax-utf-16":                noTree,
	"template-without-quotes":      noTree,
	"values":                       noTree,
}

const (
	noTree   = "the parser finds no tree to check" // Another parser of YAML may find one.
	crossing = "what a name leads to stands elsewhere in the file"
)

// realSpecs are the protocols of the program.
func realSpecs() []protocol.Spec {
	return []protocol.Spec{llm.Spec(""), python.Spec(), approval.Spec(), mcp.Spec()}
}

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
		"{name: x, tasks: [{id: WORD, method: free/any}]}":                         {"größe-1_x", "7", strings.Repeat("ä", definition.MaxID)},
		"{name: x, id: WORD, tasks: [{id: a, method: free/any}]}":                  {"report-1_x", "7", strings.Repeat("x", definition.MaxID)},
		"{name: x, tasks: [{id: a, method: free/any, queue: WORD}]}":               {"gpu", "7", "'a b'", "'~!@'", strings.Repeat("x", temporalname.Max)},
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
