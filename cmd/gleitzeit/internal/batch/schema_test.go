package batch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestSchemasInShort(t *testing.T) {
	for text, want := range map[string]string{
		"name":                         `{"name":{"type":"string"}} ["name"]`,
		"name, age int":                `{"name":{"type":"string"},"age":{"type":"integer"}} ["name","age"]`,
		"a str\nb float,\n c bool,":    `{"a":{"type":"string"},"b":{"type":"number"},"c":{"type":"boolean"}} ["a","b","c"]`,
		"tags [str], n [[int]]":        `{"tags":{"type":"array","items":{"type":"string"}},"n":{"type":"array","items":{"type":"array","items":{"type":"integer"}}}} ["tags","n"]`,
		"grade a|b|c: how good it is":  `{"grade":{"enum":["a","b","c"],"description":"how good it is"}} ["grade"]`,
		"note str?, more?: a: b, last": `{"note":{"type":"string"},"more":{"type":"string","description":"a: b"},"last":{"type":"string"}} ["last"]`,
		"of: ${item}":                  `{"of":{"type":"string","description":"$${item}"}} ["of"]`,
		"name, age years":              `!field "age": unknown type "years"; the types are str, int, float, bool, [TYPE] and a|b`,
		"label: a|b":                   `!field "label": what follows a colon is a description, and "a|b" is a type; write "label a|b"`,
		"age: int, b":                  `!field "age": what follows a colon is a description, and "int" is a type; write "age int"`,
		"tags: [str]":                  `!field "tags": what follows a colon is a description, and "[str]" is a type; write "tags [str]"`,
		"body: text, b: yes | no":      `{"body":{"type":"string","description":"text"},"b":{"type":"string","description":"yes | no"}} ["body","b"]`,
		"a b c":                        `!"a b c" is not a name with a type`,
		"a, a int":                     `!field "a" is given twice`,
		"a x||y":                       `!field "a": "x||y" has an empty value`,
		" , ":                          `!"," has no field`,
		": what":                       `!": what" is not a name with a type`,
		`{"type": "object"}`:           `null null`,
		`{"type": `:                    `!`,
	} {
		var found problems
		got := (&Request{Schema: text}).readSchema(&found)
		if part, fails := strings.CutPrefix(want, "!"); fails {
			if len(found) != 1 || !strings.HasPrefix(found[0].Message, "--schema: "+part) {
				t.Errorf("%q: %s, %v; want %s", text, got.JSON(), found, part)
			}
			continue
		}
		properties, _ := got.Get("properties")
		required, _ := got.Get("required")
		if shown := string(properties.JSON()) + " " + string(required.JSON()); len(found) > 0 || shown != want {
			t.Errorf("%q:\ngot  %s %v\nwant %s", text, shown, found, want)
		}
	}
}

func TestFilesOfPromptsAndSchemas(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct{ args, prompt, problem string }{
		{"--prompt-file " + write("a", "\ufeffAsk ${item}.\r\n"), "Ask ${item}.", ""},
		{"--prompt-file -", "from standard input", ""},
		{"--prompt-file " + write("b", " \n"), "${item.name}", "is empty"},
		{"--prompt-file " + write("c", "caf\xe9"), "${item.name}", "it is not valid UTF-8"},
		{"--prompt-file " + write("d", strings.Repeat("x", maxPrompt+1)), "${item.name}", "it is larger than 4 MiB"},
		{"--prompt-file " + folder, "${item.name}", "is a directory"},
		{"--prompt x --schema " + write("e.json", "[1]"), "x", "is not a JSON Schema: it must be an object"},
		{"--prompt x --schema " + folder + "/none.yaml", "x", "no such file or directory"},
		{"--prompt x --schema " + write("name", "{type: object}"), "x", ""},
	} {
		var r Request
		flags := pflag.NewFlagSet("batch", pflag.ContinueOnError)
		r.Register(flags)
		if err := flags.Parse(strings.Split(c.args, " ")); err != nil {
			t.Fatal(err)
		}
		b, found := r.Batch([]string{folder}, nil, strings.NewReader("from standard input\n"))
		if prompt := b.Parameters[0].Value.Text(); prompt != c.prompt {
			t.Errorf("%s: the prompt is %q", c.args, prompt)
		}
		if c.problem == "" && len(found) > 0 || c.problem != "" && (len(found) != 1 || !strings.Contains(found[0].Message, c.problem)) {
			t.Errorf("%s: %v, want %q", c.args, found, c.problem)
		}
	}
}
