package definition

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// FuzzParse: whatever the text, there is a tree within the limits, or an error; every place is in the file, and every `$`
// of a value is found where it stands.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"../testdata/ok/*.yaml", "../testdata/err/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			f.Fatalf("no seeds %s: %v", pattern, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Add([]byte("{\"name\": \"\\ud83d\\ude00${a}\", \"metadata\": [{\"<<\": -1.5e3}, null, true]}"))
	f.Add([]byte("name: {a: b?\u2028${c}, ? d : \"\\ue000\u0085\"}\nb: 'c\u2029'"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var flow *Workflow
		var found []Diagnostic
		inTime(t, func() { flow, found = Parse("f", text) })
		lines := shownLines(text)
		for _, one := range found {
			if one.Rule != ruleSyntax && one.Rule != ruleLimit {
				t.Errorf("an error of the rule %q", one.Rule)
			}
			if !within(lines, one.Line, one.Column) || !printable(one.String()) {
				t.Errorf("an error outside of the file, or not to be shown on one line: %q", one)
			}
		}
		if flow == nil {
			if len(found) == 0 {
				t.Error("no tree and no error")
			}
			return
		}
		checkTree(t, flow.Root, lines, 1)
		flow.Root.Strings(func(n *Node) { checkDollars(t, flow, n, lines) })
		if _, err := value.Parse(flow.Root.Value().JSON()); err != nil {
			t.Errorf("the tree is no JSON: %v", err)
		}
		if _, again := Parse("f", text); !slices.Equal(found, again) {
			t.Errorf("%v the first time, %v the second", found, again)
		}
	})
}

// inTime fails where something takes over a second three times in a row: once, a busy machine may be the reason.
func inTime(t *testing.T, work func()) {
	t.Helper()
	for range 3 {
		start := time.Now()
		if work(); time.Since(start) <= time.Second {
			return
		}
	}
	t.Error("it took over a second, three times")
}

// shownLines are the lines of a file as editors show them, each with its characters.
func shownLines(text []byte) [][]rune {
	unified := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(string(text), byteOrderMark))
	var lines [][]rune
	for line := range strings.SplitSeq(unified, "\n") {
		lines = append(lines, []rune(line))
	}
	return lines
}

// within reports whether a place is in the file, the end of a line included.
func within(lines [][]rune, line, column int) bool {
	return line >= 1 && line <= len(lines) && column >= 1 && column <= len(lines[line-1])+1
}

func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

func checkTree(t *testing.T, n *Node, lines [][]rune, depth int) {
	t.Helper()
	if depth > MaxDepth+1 {
		t.Fatalf("a value lies %d deep", depth)
	}
	if !within(lines, n.Line, n.Column) {
		t.Errorf("a value outside of the file: %d:%d", n.Line, n.Column)
	}
	if _, isNumber := value.Digits(n.Text); n.Kind == value.KindNumber && !isNumber && !tooLarge(n.Text) {
		t.Errorf("%q, from %q, is no number", n.Text, n.Written)
	}
	seen := map[string]bool{}
	for _, field := range n.Fields {
		if seen[field.Name] {
			t.Errorf("two fields %q", field.Name)
		}
		seen[field.Name] = true
		if !within(lines, field.At.Line, field.At.Column) {
			t.Errorf("a key outside of the file: %v", field.At)
		}
		checkTree(t, field.Value, lines, depth+1)
	}
	for _, element := range n.Elements {
		checkTree(t, element, lines, depth+1)
	}
}

// checkDollars looks every `$` of a text up in the file: there it is, or an escape that stands for it.
func checkDollars(t *testing.T, flow *Workflow, n *Node, lines [][]rune) {
	t.Helper()
	places := flow.Locate(n)
	for at := range n.Text {
		if n.Text[at] != '$' {
			continue
		}
		place := places.At(at)
		if !within(lines, place.Line, place.Column) {
			t.Fatalf("byte %d of %q is at %v", at, n.Text, place)
		}
		rest := string(lines[place.Line-1][place.Column-1:])
		if !strings.HasPrefix(rest, "$") && !slices.ContainsFunc([]string{`\x24`, `\u0024`, `\U00000024`}, func(escape string) bool {
			return n.style == doubleQuoted && strings.HasPrefix(rest, escape)
		}) {
			t.Fatalf("byte %d of %q is said to be at %v, where %.20q stands", at, n.Text, place, rest)
		}
	}
}
