package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestSkippingGoesThroughRequire: a test that skips itself would be skipped in `make ci` too, and nobody would know.
func TestSkippingGoesThroughRequire(t *testing.T) {
	for _, file := range sources(t) {
		if strings.HasPrefix(filepath.ToSlash(file), "internal/require/") {
			continue
		}
		for _, call := range skipsOf(t, file) {
			t.Errorf("%s calls %s: internal/require knows whether a test may be skipped", file, call)
		}
	}
}

// skipsOf lists what a file calls to skip a test.
func skipsOf(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `"testing"`) {
		return nil
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var calls []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		call, is := n.(*ast.CallExpr)
		if !is {
			return true
		}
		selector, is := call.Fun.(*ast.SelectorExpr)
		if !is {
			return true
		}
		on, is := selector.X.(*ast.Ident)
		if is && (slices.Contains([]string{"t", "b", "f", "tb"}, on.Name) && strings.HasPrefix(selector.Sel.Name, "Skip") || on.Name == "testing" && selector.Sel.Name == "Short") {
			calls = append(calls, on.Name+"."+selector.Sel.Name)
		}
		return true
	})
	return calls
}

// TestEveryFuzzTestIsRun: `make fuzz` runs those that the Makefile lists, and one that it does not list is never run for long.
func TestEveryFuzzTestIsRun(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(makefile), "\nFUZZ := ")
	text, _, _ := strings.Cut(strings.ReplaceAll(after, "\\\n", " "), "\n")
	var listed, found []string
	several := regexp.MustCompile(`\$\(addprefix ([^,]+),([^)]*)\)`)
	for _, match := range several.FindAllStringSubmatch(text, -1) {
		for name := range strings.FieldsSeq(match[2]) {
			listed = append(listed, match[1]+name)
		}
	}
	listed = append(listed, strings.Fields(several.ReplaceAllString(text, ""))...)
	declared := regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)
	for _, file := range sources(t) {
		if !strings.HasSuffix(file, "_test.go") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range declared.FindAllStringSubmatch(string(content), -1) {
			found = append(found, filepath.ToSlash(filepath.Dir(file))+":"+match[1])
		}
	}
	slices.Sort(listed)
	slices.Sort(found)
	for _, name := range found {
		if !slices.Contains(listed, name) {
			t.Errorf("%s is not in the Makefile's FUZZ", name)
		}
	}
	for _, name := range listed {
		if !slices.Contains(found, name) {
			t.Errorf("the Makefile's FUZZ has %s, which does not exist", name)
		}
	}
}
