package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What one person can hold is about 15 files a package, and a type whose methods stand in at most three files. Where
// these limits are passed, a package is two, or a type is.
const (
	maxFilesOfPackage = 20
	maxFilesOfMethods = 5
)

// exception is a limit of its own, and why.
type exception struct {
	limit  int
	reason string
}

// largePackages are the exceptions for packages, by folder; wideTypes those for types, by folder and name:
// "interpreter/definition.parser".
var (
	largePackages = map[string]exception{
		"cmd/gleitzeit/internal/cli": {35, "a file for each command, none of which uses another"},
		"interpreter/rules":          {35, "a file for each rule, none of which uses another"},
	}
	wideTypes = map[string]exception{}
)

func TestPackagesAndTypesAreSmall(t *testing.T) {
	packages, methods := sizes(t)
	for _, folder := range slices.Sorted(maps.Keys(packages)) {
		wantSmall(t, "package "+folder, "files", packages[folder], maxFilesOfPackage, largePackages[folder])
	}
	for _, name := range slices.Sorted(maps.Keys(methods)) {
		wantSmall(t, "type "+name, "files with methods", len(methods[name]), maxFilesOfMethods, wideTypes[name])
	}
	for name := range largePackages {
		if packages[name] == 0 {
			t.Errorf("there is an exception for package %s, which does not exist", name)
		}
	}
	for name := range wideTypes {
		if len(methods[name]) == 0 {
			t.Errorf("there is an exception for type %s, which does not exist", name)
		}
	}
}

// wantSmall wants a count within the limit, or within that of an exception which is needed.
func wantSmall(t *testing.T, what, unit string, count, limit int, except exception) {
	t.Helper()
	if except.reason != "" && count <= limit {
		t.Errorf("%s has %d %s, within the limit of %d: remove its exception", what, count, unit, limit)
	}
	if limit = max(limit, except.limit); count > limit {
		t.Errorf("%s has %d %s, and the limit is %d", what, count, unit, limit)
	}
}

// sizes counts the files of each package that are no tests, and lists the files in which the methods of each type stand.
func sizes(t *testing.T) (packages map[string]int, methods map[string][]string) {
	t.Helper()
	packages, methods = map[string]int{}, map[string][]string{}
	for _, file := range sources(t) {
		folder := filepath.ToSlash(filepath.Dir(file))
		if strings.HasSuffix(file, "_test.go") || strings.Contains(folder, "testdata") {
			continue
		}
		packages[folder]++
		for _, name := range receivers(t, filepath.Join(root, file), nil) {
			if of := folder + "." + name; !slices.Contains(methods[of], file) {
				methods[of] = append(methods[of], file)
			}
		}
	}
	return packages, methods
}

// receivers lists the types that a file declares methods of. The source is text, or what the file holds where text is nil.
func receivers(t *testing.T, file string, text any) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, declared := range parsed.Decls {
		function, is := declared.(*ast.FuncDecl)
		if !is || function.Recv == nil {
			continue
		}
		of := function.Recv.List[0].Type
		if pointer, is := of.(*ast.StarExpr); is {
			of = pointer.X
		}
		switch generic := of.(type) {
		case *ast.IndexExpr:
			of = generic.X
		case *ast.IndexListExpr:
			of = generic.X
		}
		if name, is := of.(*ast.Ident); is {
			names = append(names, name.Name)
		}
	}
	return names
}

func TestReceivers(t *testing.T) {
	const text = "package p\nfunc (a A) x() {}\nfunc (*B) x() {}\nfunc (c *C[T]) x() {}\nfunc (d D[K, V]) x() {}\nfunc f() {}\n"
	if got := receivers(t, "p.go", text); !slices.Equal(got, []string{"A", "B", "C", "D"}) {
		t.Errorf("receivers are %v", got)
	}
}
