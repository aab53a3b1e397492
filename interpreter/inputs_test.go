package interpreter_test

import (
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

const withInputs = `name: x
inputs:
  topic: {type: string, enum: [tea, coffee, "😀"], default: tea}
  cups: {type: integer, required: true}
  names: {type: list, default: []}
  zip: {type: string}
  hot: {type: boolean}
  extra: {type: object}
tasks: [{id: a, method: free/any}]
`

// given compiles withInputs, with values of files in.yaml, in2.yaml … and of the command line.
func given(pairs map[string]string, texts ...string) (*plan.Plan, []definition.Diagnostic) {
	in := interpreter.Input{File: "flow.yaml", Path: "/flow/flow.yaml", Text: []byte(withInputs), Files: files(), Folder: "/start", FlowFolder: "/flow", Specs: specs()}
	for _, name := range []string{"topic", "cups", "names", "extra"} {
		if text, is := pairs[name]; is {
			in.Inputs = append(in.Inputs, interpreter.GivenInput{Name: name, Text: text})
		}
	}
	for i, text := range texts {
		in.InputFiles = append(in.InputFiles, interpreter.GivenFile{File: []string{"in.yaml", "in2.yaml"}[i], Text: []byte(text)})
	}
	return interpreter.Compile(in)
}

func TestInputsOfFiles(t *testing.T) {
	for name, c := range map[string]struct {
		pairs map[string]string
		files []string
		want  string
	}{
		"values keep their digits, and text in quotes is text": {
			files: []string{"cups: 1152921504606846977\nzip: \"02139\"\nhot: true\nextra: {b: 1e-7, a: [yes, 0x10]}\n"},
			want:  `{"topic":"tea","cups":1152921504606846977,"names":[],"zip":"02139","hot":true,"extra":{"b":1e-7,"a":["yes",16]}}`,
		},
		"what begins with a zero, and yes, are text without quotes too": {
			files: []string{"cups: 1\nzip: 02139\n"}, want: `{"topic":"tea","cups":1,"names":[],"zip":"02139","hot":null,"extra":null}`,
		},
		"JSON as other programs write it": {
			files: []string{"{\n\t\"topic\": \"\\ud83d\\ude00\",\n\t\"zip\": \"\\\\ud83d \\ud83d!\", \"cups\": 2\n}"},
			want:  `{"topic":"😀","cups":2,"names":[],"zip":"\\ud83d �!","hot":null,"extra":null}`,
		},
		"the command line wins, and the later file": {
			pairs: map[string]string{"topic": "coffee"}, files: []string{"topic: water\ncups: many\nzip: a\n", "cups: 3\n"},
			want: `{"topic":"coffee","cups":3,"names":[],"zip":"a","hot":null,"extra":null}`,
		},
		"a list and a mapping as YAML or JSON on the command line": {
			pairs: map[string]string{"cups": "0x10", "names": "[a, \"b\", 2]", "extra": `{"x": "\ud83d\ude00", "y": 1.50}`},
			want:  `{"topic":"tea","cups":16,"names":["a","b",2],"zip":null,"hot":null,"extra":{"x":"😀","y":1.50}}`,
		},
		"no value is none": {
			files: []string{"# nothing here\n", "topic:\ncups: 1\n"}, want: `{"topic":"tea","cups":1,"names":[],"zip":null,"hot":null,"extra":null}`,
		},
		"what looks like a reference is text": {
			files: []string{"cups: 1\nzip: ${a.b}\n"}, want: `{"topic":"tea","cups":1,"names":[],"zip":"${a.b}","hot":null,"extra":null}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, found := given(c.pairs, c.files...)
			if p == nil {
				t.Fatal(listed(found))
			}
			if got := string(p.Inputs.JSON()); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestErrorsInFilesOfInputs(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		want  string
	}{
		"all at once, each at its place": {
			[]string{"cups: many\ntopi: tea\ntopic: water\nzip: 2139\nhot: yes\nnames: {a: 1}\nextra: [1]\ncups: 1\n"},
			`in.yaml:1:7: input "cups" must be a whole number, not "many" [inputs]
in.yaml:2:1: unknown input "topi"; did you mean "topic"? [inputs]
in.yaml:3:8: input "topic" must be "tea", "coffee" or "😀", not "water" [inputs]
in.yaml:4:6: input "zip" must be a string, not 2139; put it in quotes to make it text [inputs]
in.yaml:5:6: input "hot" must be true or false, not "yes" [inputs]
in.yaml:6:8: input "names" must be a list, not a mapping [inputs]
in.yaml:7:8: input "extra" must be a mapping, not a list [inputs]
in.yaml:8:1: duplicate key "cups", first given in line 1 [duplicate-key]
`,
		},
		"those of the workflow first": {
			[]string{"topic: water\n", "hot: 1\n"},
			`flow.yaml:4:3: required input "cups" is missing; give it with --input cups=… [inputs]
in.yaml:1:8: input "topic" must be "tea", "coffee" or "😀", not "water" [inputs]
in2.yaml:1:6: input "hot" must be true or false, not 1 [inputs]
`,
		},
		"no YAML: what else it gives is not known": {[]string{"topic: [\n"}, "in.yaml:1:8: a value is missing here; check the brackets and commas [syntax]\n"},
		"a list":        {[]string{"- cups\n"}, "in.yaml:1:1: the values must be a mapping, not a list; write \"name: value\" [syntax]\n"},
		"two documents": {[]string{"cups: 1\n---\ncups: 2\n"}, "in.yaml:2:1: a second YAML document begins here; one file holds one mapping of values [syntax]\n"},
		"too deep": {[]string{"extra: " + strings.Repeat("[", 70) + strings.Repeat("]", 70)},
			"in.yaml:1:71: lists and mappings are nested more than 64 levels deep [limit]\n"},
		"too large": {[]string{"zip: " + strings.Repeat("a", 8<<20)}, "in.yaml:1:1: the file is larger than 8 MiB; hand large data over as files [limit]\n"},
		"a bomb": {[]string{"zip: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\ne: [*d, *d, *d, *d, *d]\n"},
			"in.yaml:4:36: aliases and merge keys expand to more than 10000 values or 8 MiB of text [limit]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			p, found := given(nil, c.files...)
			if got := listed(found); p != nil || got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestNumbersAreAllowedByWhatTheySay: however they are written, and beyond what a floating-point number keeps.
func TestNumbersAreAllowedByWhatTheySay(t *testing.T) {
	const text = "name: x\ninputs: {n: {type: number, enum: [1, 2.0, 18446744073709551617], default: 2}}\ntasks: [{id: a, method: free/any}]\n"
	for value, allowed := range map[string]bool{"2": true, "1e0": true, "1.00": true, "18446744073709551617.0": true, "18446744073709551616": false, "1.0000000000000000001": false} {
		_, found := interpreter.Compile(interpreter.Input{
			File: "flow.yaml", Path: "/flow/flow.yaml", Text: []byte(text), Files: files(), Folder: "/start", FlowFolder: "/flow", Specs: specs(),
			Inputs: []interpreter.GivenInput{{Name: "n", Text: value}},
		})
		if allowed != (len(found) == 0) {
			t.Errorf("%s: %s", value, listed(found))
		}
	}
}
