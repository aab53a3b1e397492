package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
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
