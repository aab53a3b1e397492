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
		inputs string // Of the plan; empty with mistakes.
		found  []string
	}{
		"all of them": {values: all, inputs: `{"text":"a: ${x}","kind":"b","count":3,"ratio":1e-7,"deep":true,"list":[null,{}],"map":{"z":1,"a":1152921504606846977},"short":1.5,"nothing":null}`},
		"none": {values: `null`, found: []string{
			`5:3: the input "text" is required and was not given; it is a string [inputs]`, `6:3: the input "kind" is req`, `8:3: the input "ratio" is req`,
			`9:3: the input "deep" is req`, `10:3: the input "list" is req`, `11:3: the input "map" is req`,
		}},
		"of other types": {values: `{"text": 1, "kind": ["a"], "count": "3", "ratio": "1", "deep": 0, "list": {}, "map": [], "short": true}`, found: []string{
			`5:3: the input "text" must be a string, and was given as 1 [inputs]`, `6:3: the input "kind" must be a string, and`,
			`7:3: the input "count" must be a whole number, and was given as "3"`, `8:3: the input "ratio" must be a number, and was given as "1"`,
			`9:3: the input "deep" must be true or false, and was given as 0`, `10:3: the input "list" must be a list, and was given as {}`,
			`11:3: the input "map" must be a mapping, and was given as []`, `12:3: the input "short" must be a number, and was given as true`,
		}},
		"not allowed, and unknown": {values: strings.Replace(strings.Replace(all, `"b"`, `"c"`, 1), `"count": null`, `"cuont": 1`, 1), found: []string{
			`5:3: the input "cuont" was given, and the workflow declares none of that name; did you mean "count"?`, `6:3: the input "kind" must be "a" or "b", and was given as "c"`,
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
