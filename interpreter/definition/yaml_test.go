package definition

import (
	"bufio"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// parsed returns the JSON of a document, or its first error.
func parsed(text string) string {
	p := parsing{file: "f"}
	root := p.value([]byte(text))
	switch {
	case len(p.found) > 0:
		return p.found[0].String()
	case root == nil:
		return "null"
	}
	return string(root.Value().JSON())
}

// TestYAML12 has what YAML 1.2 and 1.1 read differently.
func TestYAML12(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{`{prompt: What is it?}`, `{"prompt":"What is it?"}`},
		{`[http://h/p?x=1]`, `["http://h/p?x=1"]`},
		{`{url: http://h:1/p?q=1&r=2#f}`, `{"url":"http://h:1/p?q=1&r=2#f"}`},
		{`{a: b?c}`, `{"a":"b?c"}`},
		{`[a?]`, `["a?"]`},
		{`[a ?, b?, ?c, ?]`, `["a ?","b?","?c","?"]`},
		{`{a: b ? c}`, `{"a":"b ? c"}`},
		{`{a: ?b}`, `{"a":"?b"}`},
		{`{ask: ?}`, `{"ask":"?"}`},
		{`{a?: b}`, `{"a?":"b"}`},
		{`{?: x}`, `{"?":"x"}`},
		{`{? a: b}`, `{"a":"b"}`},
		{`{? a, b}`, `{"a":null,"b":null}`},
		{`- ? x`, `[{"x":null}]`},
		{"? a?\n: b?", `{"a?":"b?"}`},
		{"a: {b: c?\n  d?}", `{"a":{"b":"c? d?"}}`},
		{`{q: "x?", r: 'y?'}`, `{"q":"x?","r":"y?"}`},
		{"[a, # why?\n b]", `["a","b"]`},
		{"- |\n  what? {a: b?}\n- &a why?\n- [*a , c?]", `["what? {a: b?}\n","why?",["why?","c?"]]`},
		{`[:a, ::b, a:b]`, `[":a","::b","a:b"]`},
		{`{a: :b}`, `{"a":":b"}`},
		{"-\ta", `["a"]`},
		{"a: |\n \tx", `{"a":"\tx"}`},
		{"{\"a\"\n: b}", `{"a":"b"}`},
		{`"\/ \x41\u00e4\U0001F600\N\L\P"`, "\"/ Aä😀\u0085" + `\u2028\u2029"`},
		{"\"a\u2028b \u2029 c\u0085d\"", `"a\u2028b \u2029 c` + "\u0085d\""},
		{"- a\u0085b\n- 'c\u2028d'\n- |\n  e\u2029\u2028 f\n", "[\"a\u0085b\"" + `,"c\u2028d","e\u2029\u2028 f\n"]`},
		{"a\u2028b: c # d\u2028e: f", `{"a\u2028b":"c"}`},
		{"{a: \ue000\u2028\u0100\u0085, b: \"\\ue001\u2029\\u0101\"}", "{\"a\":\"\ue000" + `\u2028` + "\u0100\u0085\",\"b\":\"\ue001" + `\u2029` + "\u0101\"}"},
		// These are no YAML: the error names what should be in quotes.
		{`{q: "x"?}`, `f:1:1: a comma or "}" is missing in the mapping that begins here; put all of the text in quotes, "?" too [syntax]`},
		{`['x' y]`, `f:1:1: a comma or "]" is missing in the list that begins here; put all of the text in quotes, "y" too [syntax]`},
		{`{a: ? b}`, `f:1:5: a value cannot begin with "?"; put the text in quotes [syntax]`},
		{`[-, a]`, `f:1:2: a value cannot begin with "-"; put the text in quotes [syntax]`},
		{`{a: b: c}`, `f:1:1: a comma or "}" is missing in the mapping that begins here; put text that contains ":" in quotes [syntax]`},
		{`a: "\ud83d\ude00"`, `f:1:5: \ud83d\ude00 is one character in JSON, but two in YAML; write 😀 or \U0001F600 [syntax]`},
		{`a: "\ud83d"`, `f:1:5: this escape sequence is not a character; write the character itself, or \\ for a backslash [syntax]`},
	} {
		if got := parsed(test.text); got != test.want {
			t.Errorf("%q\n  %s\nwant\n  %s", test.text, got, test.want)
		}
	}
}

// TestJSON: a text that is JSON arrives unchanged, and its places are those of the file.
func TestJSON(t *testing.T) {
	for _, text := range []string{
		`{"a":"\/\ud83d\ude00\u2028"}`, "{\"a\":\"\u2028\u2029\u0085\u007f\ufffe\"}", `["\ud83d","\\ud83d\\ude00","\"\\/"]`, `[1.0,0.10,1E400,-0,12345678901234567890]`,
		`{"":{"<<":{"b":1}},"a\n: b":[[],{},true,false,null]}`, `{"` + strings.Repeat("long", 500) + `": 1}`, `"only text"`, "\"\\ud83d\\ude00\"",
		"{\r\n\t\"a\":\t[1,\r\n2]}", "\ufeff{\"a\": \"#b: c\"}",
	} {
		want, err := value.Parse([]byte(strings.TrimPrefix(text, byteOrderMark)))
		if err != nil {
			t.Fatal(err)
		}
		if got := parsed(text); got != string(want.JSON()) {
			t.Errorf("%s becomes %s", want.JSON(), got)
		}
	}
	flow, found := Parse("f", []byte("{\"name\": \"ä\U0001F600\\ud83d\\ude00\", \"metadata\": {\r\n\t\"ü\": [1, \"\\ud83d\\ude00 ${a}\", {\"b\": null}],\r\r\"ü\": true},\n\"x\":\n -1}"))
	if len(found) > 0 {
		t.Fatal(found)
	}
	metadata := flow.Root.Get("metadata")
	list := metadata.Get("ü")
	for _, test := range []struct {
		what string
		got  Position
		want Position
	}{
		{"the mapping", metadata.Position, Position{1, 40}},
		{"the list", list.Position, Position{2, 7}},
		{"a text", list.Elements[1].Position, Position{2, 11}},
		{"a reference in it", flow.Locate(list.Elements[1]).At(len("😀 ")), Position{2, 25}},
		{"a key", list.Elements[2].Fields[0].At, Position{2, 33}},
		{"the end", flow.Root.Get("x").Position, Position{6, 2}},
		{"the second key", flow.DuplicateKeys[0].At, Position{4, 1}},
		{"the first key", flow.DuplicateKeys[0].First, Position{2, 2}},
	} {
		if test.got != test.want {
			t.Errorf("%s is at %v, want %v", test.what, test.got, test.want)
		}
	}
}

// TestPlacesAfterOldBreaks: only the line breaks of YAML 1.2 count.
func TestPlacesAfterOldBreaks(t *testing.T) {
	flow, found := Parse("f", []byte("name: \"a\u2028b\u0085\"\nmetadata: {c\u2029: 'd\u2028 ${x}', e: f}"))
	if len(found) > 0 {
		t.Fatal(found)
	}
	metadata := flow.Root.Get("metadata")
	if at := flow.Locate(metadata.Get("c\u2029")).At(len("d\u2028 ")); at != (Position{2, 20}) {
		t.Errorf("the reference is at %v", at)
	}
	if at := metadata.Get("e").Position; at != (Position{2, 30}) {
		t.Errorf("the last value is at %v", at)
	}
}

// TestYAMLTestSuite runs the documents of https://github.com/yaml/yaml-test-suite (commit ccfa74e) that are one document with a value
// in JSON, or none.
func TestYAMLTestSuite(t *testing.T) {
	different := map[string]string{
		// Tags are not supported, since values are JSON, nor are directives other than %YAML.
		"2XXW-0": "tag", "565N-0": "tag", "6CK3-0": "tag", "7FWL-0": "tag", "C4HZ-0": "tag", "CC74-0": "tag", "CUP7-0": "tag", "J7PZ-0": "tag", "M5C3-0": "tag",
		"P76L-0": "tag", "S4JQ-0": "tag", "UGM3-0": "tag", "Z67P-0": "tag", "Z9M4-0": "tag",
		"2LFX-0": "directive", "6LVF-0": "directive", "MUS6-5": "directive", "MUS6-6": "directive", "ZYU8-0": "directive", "ZYU8-1": "directive",
		"9MMA-0": "directive", "B63P-0": "directive", "H7TQ-0": "directive", "MUS6-0": "directive",
		// The library has fewer characters in names of anchors.
		"2SXE-0": "anchor", "8XYN-0": "anchor", "W5VH-0": "anchor",
		// The library accepts less indentation than YAML 1.2 asks for.
		"9C9N-0": "indentation", "DK95-1": "indentation", "QB6E-0": "indentation", "S98Z-0": "indentation", "Y79Y-3": "indentation",
	}
	file, err := os.Open("testdata/yaml-test-suite.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	count := 0
	for lines := bufio.NewScanner(file); lines.Scan(); count++ {
		var test struct {
			ID    string          `json:"id"`
			YAML  string          `json:"yaml"`
			JSON  json.RawMessage `json:"json"`
			Error bool            `json:"error"`
		}
		if err := json.Unmarshal(lines.Bytes(), &test); err != nil {
			t.Fatal(err)
		}
		got := parsed(test.YAML)
		var is, want any
		fits := json.Unmarshal([]byte(got), &is) != nil
		if !test.Error {
			if err := json.Unmarshal(test.JSON, &want); err != nil {
				t.Fatal(err)
			}
			fits = !fits && reflect.DeepEqual(is, want)
		}
		if why := different[test.ID]; fits != (why == "") {
			t.Errorf("%s %q %s: got %s, want %s, error: %v", test.ID, test.YAML, why, got, test.JSON, test.Error)
		}
	}
	if count < 330 {
		t.Errorf("%d documents", count)
	}
}
