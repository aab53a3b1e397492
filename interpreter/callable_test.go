package interpreter_test

import (
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter"
)

const callable = `
name: Called
description: What it is for
inputs:
  text: {required: true, description: some words}
  kind: {type: string, enum: [a, b], required: true}
  count: {type: integer, default: 3}
  ratio: {type: number, required: true}
  deep: {type: boolean, required: true}
  list: {type: list, required: true}
  map: {type: object, required: true}
  short: 1.5
  nothing: {default: null}
tasks:
  - {id: t, method: mcp/tool.echo, parameters: {message: "${inputs.text}"}}
`

func callableInput(text string) interpreter.Input {
	return interpreter.Input{File: "flow.yaml", Text: []byte(text), Folder: "/start", FlowFolder: "/start", Specs: realSpecs(), Files: files()}
}

// What a workflow takes is described before anything is given.
func TestDescribe(t *testing.T) {
	described, found := interpreter.Describe(callableInput(callable))
	if described == nil || len(found) > 0 {
		t.Fatal(listed(found))
	}
	const want = `{"type":"object","properties":{"text":{"type":"string","description":"some words"},"kind":{"type":"string","enum":["a","b"]},` +
		`"count":{"type":"integer","default":3},"ratio":{"type":"number"},"deep":{"type":"boolean"},"list":{"type":"array"},"map":{"type":"object"},` +
		`"short":{"type":"number","default":1.5},"nothing":{"type":"string"}},"required":["text","kind","ratio","deep","list","map"],"additionalProperties":false}`
	if got := string(described.Inputs.JSON()); got != want {
		t.Errorf("the schema is\n%s\nwant\n%s", got, want)
	}
	if described.Name != "Called" || described.Description != "What it is for" || len(described.Plan.Tasks) != 1 {
		t.Errorf("%+v", described)
	}
	described, found = interpreter.Describe(callableInput(strings.Replace(callable, "tool.echo", "tool.eco", 1)))
	if described != nil || len(found) != 1 {
		t.Errorf("%v, %s", described, listed(found))
	}
}

func TestCompileWith(t *testing.T) {
	const all = `{"text": "a: ${x}", "kind": "b", "ratio": 1e-7, "deep": true, "list": [null, {}], "map": {"z": 1, "a": 1152921504606846977}, "count": null}`
	for name, test := range map[string]struct {
		values string
		inputs string // Of the plan; empty with errors.
		found  []string
	}{
		"all of them": {values: all, inputs: `{"text":"a: ${x}","kind":"b","count":3,"ratio":1e-7,"deep":true,"list":[null,{}],"map":{"z":1,"a":1152921504606846977},"short":1.5,"nothing":null}`},
		"none": {values: `null`, found: []string{
			`5:3: required input "text" is missing; it must be a string [inputs]`, `6:3: required input "kind"`, `8:3: required input "ratio"`,
			`9:3: required input "deep"`, `10:3: required input "list"`, `11:3: required input "map"`,
		}},
		"of other types": {values: `{"text": 1, "kind": ["a"], "count": "3", "ratio": "1", "deep": 0, "list": {}, "map": [], "short": true}`, found: []string{
			`5:3: input "text" must be a string, not 1 [inputs]`, `6:3: input "kind" must be a string, not`,
			`7:3: input "count" must be a whole number, not "3"`, `8:3: input "ratio" must be a number, not "1"`,
			`9:3: input "deep" must be true or false, not 0`, `10:3: input "list" must be a list, not {}`,
			`11:3: input "map" must be a mapping, not []`, `12:3: input "short" must be a number, not true`,
		}},
		"not allowed, and unknown": {values: strings.Replace(strings.Replace(all, `"b"`, `"c"`, 1), `"count": null`, `"cuont": 1`, 1), found: []string{
			`5:3: unknown input "cuont"; did you mean "count"?`, `6:3: input "kind" must be "a" or "b", not "c"`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			values, err := value.Parse([]byte(test.values))
			if err != nil {
				t.Fatal(err)
			}
			p, found := interpreter.CompileWith(callableInput(callable), values)
			if (p != nil) != (test.inputs != "") || len(found) != len(test.found) {
				t.Fatalf("plan: %t, and\n%s", p != nil, listed(found))
			}
			if p != nil && string(p.Inputs.JSON()) != test.inputs {
				t.Errorf("the inputs are\n%s\nwant\n%s", p.Inputs.JSON(), test.inputs)
			}
			for i, want := range test.found {
				if got := found[i].String(); !strings.HasPrefix(got, "flow.yaml:"+want) {
					t.Errorf("got %s\nwant %s", got, want)
				}
			}
		})
	}
}
