package definition

import (
	"strings"
	"testing"
)

// TestSyntax gives the place and the words of what is no YAML.
func TestSyntax(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"entry less indented", "name: x\ntasks:\n  - id: a\n   method: b\n", `f:4:4: this key is not below the others of its mapping; put one more space before it, so that it is below "id" (line 3) [syntax]`},
		{"colon in first line", "name: x: y\n", `f:1:8: unexpected ":"; put text that contains ": " in quotes, or check the indentation [syntax]`},
		{"colon in a later line", "name: x\ndesc: a: b\n", `f:2:8: unexpected ":"; put text that contains ": " in quotes, or check the indentation [syntax]`},
		{"tab", "name: x\ntasks:\n\t- id: a\n", `f:3:1: a tab is used for indentation; use spaces [syntax]`},
		{"list not closed", "name: x\ntasks:\n  - id: [a, b\n    method: c\nx: y\n", `f:3:9: a comma or "]" is missing in the list that begins here [syntax]`},
		{"list not closed at the end", "name: x\nb: [foo\n", `f:2:4: the list that begins here is not closed; the text ends before its "]": it may be cut off [syntax]`},
		{"list closed twice", "name: x\nb: [a b]]\nc: d\n", `f:2:9: expected a key of the mapping above; check the indentation, and quotes and brackets before this place [syntax]`},
		{"mapping not closed", "name: x\nb: {a: 1, b: 2\nc: d\n", `f:2:4: a comma or "}" is missing in the mapping that begins here; put text that begins with { in quotes [syntax]`},
		{"mapping in quotes needed", "name: x\nb: {a} and b\nc: d\n", `f:2:8: expected a key of the mapping above; check the indentation, and quotes and brackets before this place [syntax]`},
		{"quote not closed in the first line", "name: \"abc\ntasks: b\nc: d\n", `f:1:7: this quote is not closed [syntax]`},
		{"quote not closed later", "name: x\nd: 'abc\ntasks: b\nc: d\n", `f:2:4: this quote is not closed [syntax]`},
		{"key among entries", "name: x\ntasks:\n  - id: a\n    method: b\n  name: c\n", `f:5:3: this key is not below the others of its mapping; put two more spaces before it, so that it is below "method" (line 4) [syntax]`},
		{"half indented", "name: x\ntasks:\n  - id: a\n    method: b\n description: c\n", `f:5:2: this key is not below the others of its mapping; remove one space before it, so that it is below "tasks" (line 2) [syntax]`},
		{"no colon", "name: x\nfoo\nbar: y\n", `f:2:1: ":" is missing after this key; write "key: value", or check the indentation [syntax]`},
		{"no colon in the first line", "foo\nbar: y\n", `f:2:4: unexpected ":"; put text that contains ": " in quotes, or check the indentation [syntax]`},
		{"no colon at the end", "name: x\nfoo\n", `f:2:1: ":" is missing after this key; write "key: value", or check the indentation [syntax]`},
		{"no space after the dash", "x: 1\ny:\n  - a\n  -b\n  - c\nz: 1\n", `f:4:3: a space is missing after "-"; write - b [syntax]`},
		{"no space after a colon", "x:\n  - id:a\n    b: c\n", `f:2:7: a space is missing after ":"; write id: a [syntax]`},
		{"address of the web before an error", "- http://x\n  b: c\n", `f:2:4: unexpected ":"; put text that contains ": " in quotes, or check the indentation [syntax]`},
		{"block without indentation", "x:\n  a: |\n  b\n  c: d\n", `f:3:3: the text of "a" (line 2) must be indented further than "a"; put two more spaces before line 3 [syntax]`},
		{"typographic quotes", "x: {a: “b: c”}\n", `f:1:8: “ ” are typographic quotes, which YAML does not know; write "b: c" [syntax]`},
		{"typographic quotes that are closed before", "x: {a: “b”, c: d: e}\n", `f:1:4: a comma or "}" is missing in the mapping that begins here; put text that contains ":" in quotes [syntax]`},
		{"typographic quote that is not closed", "x: {a: “b: c}\n", `f:1:8: “ is a typographic quote, which YAML does not know; write " instead [syntax]`},
		{"text in lines not indented", "x:\n  - a: |\n    b\n\n    c\n    d\n    e: f\n  - g\n", `f:3:5: the text of "a" (line 2) must be indented further than "a"; put two more spaces before lines 3 to 6 [syntax]`},
		{"dash without a space in a deep list", "x:\n  -a: b\n   c: d\n", `f:2:3: a space is missing after "-"; write - a: b, and begin the next lines below "a" [syntax]`},
		{"quotes in quotes within brackets", "x: {a: \"say \"b\" to me\", c: d}\n", `f:1:13: this " ends the text, and more follows; write \" for a quote within the text [syntax]`},
		{"quotes in a long text", "x: \"say \"b\" " + strings.Repeat("to me ", 20) + "\"\n", `f:1:9: this " ends the text, and more follows; write \" for a quote within the text [syntax]`},
		{"quotes and apostrophes", "x: \"don't say \"b\"\"\n", `f:1:15: this " ends the text, and more follows; write "don't say \"b\"" [syntax]`},
		{"reference in brackets", "x: {a: ${b.c}, d: e}\n", `f:1:8: within { } a reference needs quotes; write "${b.c}" [syntax]`},
		{"text with references in brackets", "x: [Tell ${b} of ${c.d} today, e]\n", `f:1:5: within [ ] a text with a reference needs quotes; write "Tell ${b} of ${c.d} today" [syntax]`},
		{"text with a reference and a comma in brackets", "x: {a: Tell of ${b}, please, c: d}\n", `f:1:8: within { } a text with a reference needs quotes; write "Tell of ${b}, please" [syntax]`},
		{"reference that is not closed in brackets", "x: {a: ${b.c\n", `f:1:4: a comma or "}" is missing in the mapping that begins here; put text that begins with { in quotes [syntax]`},
		{"braces before a text", "x: {{ topic }} in {{ a.b }}\n", `f:1:4: {{ topic }} is not a reference here; write "${inputs.topic} in ${a.b}" [syntax]`},
		{"stars", "x: **a** b\n", `f:1:4: a value cannot begin with "*"; write "**a** b" [syntax]`},
		{"star in brackets", "x: {a: **b**}\n", `f:1:8: a value cannot begin with "*"; put the text in quotes [syntax]`},
		{"path of Windows", "x: \"C:\\users\\me\"\n", `f:1:7: unknown escape sequence \u in double quotes; write 'C:\users\me' [syntax]`},
		{"path of Windows with letters that are escapes", "x: \"C:\\new\\letters\"\n", `f:1:11: unknown escape sequence \l in double quotes; write 'C:\new\letters' [syntax]`},
		{"code fence", "```yaml\nx: 1\n```\n", "f:1:1: ``` is Markdown, not YAML; remove this line and line 3 [syntax]"},
		{"at sign", "name: @x\n", `f:1:7: a value cannot begin with "@"; write "@x" [syntax]`},
		{"backtick", "name: x\nb: `x`\n", "f:2:4: a value cannot begin with \"`\"; write \"`x`\" [syntax]"},
		{"percent", "name: x\nb: %foo\n", `f:2:4: a value cannot begin with "%"; write "%foo" [syntax]`},
		{"escape", "name: x\nb: \"a\\qb\"\n", `f:2:6: unknown escape sequence \q in double quotes; write 'a\qb' [syntax]`},
		{"no anchor", "name: x\nb: [a, *foo]\n", `f:2:8: unknown alias *foo: no anchor before it has this name; put text that begins with * in quotes [syntax]`},
		{"indented too far", "name: x\n  b: foo\n", `f:2:4: unexpected ":"; put text that contains ": " in quotes, or check the indentation [syntax]`},
		{"block less indented", "name: x\nb: |\n  abc\n def\n", `f:4:2: expected a key of the mapping above; check the indentation, and quotes and brackets before this place [syntax]`},
		{"quote inside quotes", "name: 'it's'\n", `f:1:10: this ' ends the text, and more follows; write "it's" [syntax]`},
		{"text after quotes", "name: x\nb: \"foo\" bar\nc: d\n", `f:2:8: this " ends the text, and more follows; write '"foo" bar' [syntax]`},
		{"list after mapping", "name: x\n- a\n", `f:2:1: expected a key of the mapping above; check the indentation, and quotes and brackets before this place [syntax]`},
		{"mapping after list", "- a\nb: c\n", `f:2:1: expected another entry of the list above; begin it with "- ", or check the indentation [syntax]`},
		{"brace", "name: x\nb: }\nc: d\n", `f:2:4: a value is missing here; check the brackets and commas [syntax]`},
		{"header of a block", "a: >x\n  b\nb: c\n", `f:1:4: invalid YAML: did not find expected comment or line break [syntax]`},
		{"list in a line", "name: x\nb: - c\n", `f:2:4: a list cannot begin here; begin the list on a line of its own [syntax]`},
		{"far away", "name: x\n" + strings.Repeat("# comment\n\n", 30) + "ä: 'ö' ü\n", `f:62:6: this ' ends the text, and more follows; write "'ö' ü" [syntax]`},
		{"in the second document", "name: x\n---\nb: [\n", `f:3:4: a value is missing here; check the brackets and commas [syntax]`},
		{"byte order mark", "\ufeffname: x: y\n", `f:1:8: unexpected ":"; put text that contains ": " in quotes, or check the indentation [syntax]`},
		{"line separator", "name: \"a\u2028b\" c\n", `f:1:11: this " ends the text, and more follows; write '"a\u2028b" c' [syntax]`},
		{"too deep for the parser", "name: " + strings.Repeat("[", 20000), `f:1:1: lists and mappings are nested more than 64 levels deep [limit]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			flow, found := Parse("f", []byte(test.text))
			if flow != nil || len(found) != 1 {
				t.Fatalf("got %v, want one error", found)
			}
			if got := found[0].String(); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}
