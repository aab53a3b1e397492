package document_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/activities/llm/document"
)

// A text is cut at the end of a word if there is one nearby, and never within a character.
func TestFirstPart(t *testing.T) {
	for _, test := range []struct {
		text  string
		share float64
		want  string
	}{
		{"one two three", 1, "one two three"},
		{"one two three", 0.5, "one"},
		{"one two three", 0.6, "one two"},
		{"one two three", 0.7, "one two"},
		{"one two three", 0, ""},
		{strings.Repeat("x", 100), 0.5, strings.Repeat("x", 50)},
		{"ääää", 0.4, "ä"},
		{"", 0.5, ""},
	} {
		if got := document.FirstPart(test.text, test.share); got != test.want || !utf8.ValidString(got) {
			t.Errorf("%v of %q is %q, not %q", test.share, test.text, got, test.want)
		}
	}
}

// The question is kept, and files keep their headings; a prompt without files keeps its beginning and its end.
func TestText(t *testing.T) {
	files := document.Attached{Before: "What?\n\n", Files: []document.File{{Path: "x/a.txt", Name: "a.txt", Text: "one two three"}, {Path: "x/b.txt", Name: "b.txt", Text: "four five six"}}}
	prompt := document.Attached{Prompt: "FIRST ä two three four LAST"}
	for _, test := range []struct {
		attached document.Attached
		form     document.Form
		want     string
	}{
		{files, document.Form{}, "What?\n\n# a.txt\n\none two three\n\n# b.txt\n\nfour five six"},
		{files, document.Form{Kept: 0.7}, "What?\n\n# a.txt\n\none two\n\n# b.txt\n\nfour five"},
		{files, document.Form{Kept: 0.7, Instead: "notes"}, "What?\n\nnotes"},
		{prompt, document.Form{}, "FIRST ä two three four LAST"},
		{prompt, document.Form{Kept: 0.5}, "FIRST\n[…]\nur LAST"},
	} {
		if got := test.attached.Text(test.form); got != test.want {
			t.Errorf("%+v is %q, not %q", test.form, got, test.want)
		}
	}
	if names := files.Names(); names != `"x/a.txt", "x/b.txt"` {
		t.Errorf("names %s", names)
	}
}
