package glob_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/gleitzeit/gleitzeit/internal/glob"
)

// tree makes a folder with files, and links in it: "link -> target".
func tree(t *testing.T, names ...string) fs.FS {
	t.Helper()
	base := t.TempDir()
	for _, name := range names {
		name, target, isLink := strings.Cut(name, " -> ")
		at := filepath.Join(base, name)
		err := os.MkdirAll(filepath.Dir(at), 0o755)
		if err == nil && isLink {
			err = os.Symlink(target, at)
		} else if err == nil {
			err = os.WriteFile(at, nil, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(base)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := root.Close(); err != nil {
			t.Error(err)
		}
	})
	return root.FS()
}

func walk(t *testing.T, fsys fs.FS, pattern string) []string {
	t.Helper()
	p, err := glob.Parse(pattern)
	if err != nil {
		t.Fatalf("%s: %v", pattern, err)
	}
	found := []string{}
	err = p.Walk(t.Context(), fsys, func(string) bool { return false }, func(name string, _ fs.DirEntry) { found = append(found, name) })
	if err != nil {
		t.Fatalf("%s: %v", pattern, err)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// TestSameAsDoublestar: the walk finds what the library finds, which expands braces without a limit. Folders before ** are not
// compared: a folder is no file.
func TestSameAsDoublestar(t *testing.T) {
	fsys := tree(t,
		"a.txt", "b.md", "ab.txt", "c,d.txt", "{e}.txt", "f[g].txt", "ü.txt", ".hidden", ".config/x.txt", "x.txt/inner.txt",
		"docs/a.txt", "docs/b.md", "docs/.git/a.txt", "docs/deep/a.txt", "docs/deep/deeper/a.txt", "docs/deep/deeper/b.md", "src/a/b/a/b/a.txt",
		"linked -> docs", "docs/up -> ../src", "dangling -> nothing", "file -> a.txt", "a/a/a/a.txt", "2024/01/x.csv", "2025/02/x.csv",
	)
	for _, pattern := range []string{
		"*", "**", "**/*", "*.txt", "**/*.txt", "**/*.{txt,md}", "{*,**/*}.txt", "docs/*", "docs/**", "docs/**/*.md", "doc[st]/*.txt", "[!a]*.txt",
		"docs/{a.txt,deep/*.txt}", "{docs,src}/**/a.txt", "{,docs/}a.txt", "{a,b}{.txt,.md}", "{,a}b.txt", "a{,b}.txt", "{a,{b,c\\,d}}.*", "\\{e\\}.txt", "f\\[g\\].txt",
		"?.txt", "*/*", "*/*/a.txt", "**/a/**/b/**/*.txt", "**/**/a.txt", "src/**/b", ".*", ".config/*", ".config/**", "**/.git/*", "docs/.git/a.txt", "linked/*", "linked/**/*.md",
		"*/up/*", "docs/up/a/*", "dangling", "dang*", "file", "nothing", "nothing/*", "a.txt", "20{24,25}/{01,02,03}/*.csv", "**/deep/**", "a**.txt", "**a.txt", "[a-c]*", "{**/a.txt,b.md}",
		"{1..9}.txt", "x.txt/*", "{}",
	} {
		want := []string{}
		err := doublestar.GlobWalk(fsys, pattern, func(name string, _ fs.DirEntry) error {
			want = append(want, name)
			return nil
		}, doublestar.WithNoHidden(), doublestar.WithNoFollow(), doublestar.WithFailOnIOErrors())
		if err != nil {
			t.Fatalf("%s: %v", pattern, err)
		}
		slices.Sort(want)
		isFolder := func(name string) bool { return slices.Contains([]string{".", "docs", ".config"}, name) }
		want = slices.DeleteFunc(slices.Compact(want), isFolder)
		got := slices.DeleteFunc(walk(t, fsys, pattern), isFolder)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\ngot  %q\nwant %q", pattern, got, want)
		}
	}
}

// TestEmptyAlternatives: the library leaves out one at the end.
func TestEmptyAlternatives(t *testing.T) {
	fsys := tree(t, "a.txt", "docs/a.txt")
	for pattern, want := range map[string]int{"{docs/,}a.txt": 2, "{,docs/}a.txt": 2, "a{}.txt": 1} {
		if got := walk(t, fsys, pattern); len(got) != want {
			t.Errorf("%s: %q", pattern, got)
		}
	}
}

func TestMatch(t *testing.T) {
	names := []string{"a.txt", ".a.txt", "docs/a.txt", "docs/.git/config", "docs/deep/a.md", "b", "docs"}
	for _, pattern := range []string{"*.txt", "**/*.txt", "docs/**", "docs/*", "**/.git/**", "{a,b}*", "{docs/**,b}", "**", "b", "docs/{a,deep/*}.{txt,md}"} {
		p, err := glob.Parse(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if got, want := p.Match(name), doublestar.MatchUnvalidated(pattern, name); got != want {
				t.Errorf("%s and %s: %t", pattern, name, got)
			}
		}
	}
}

// TestRefused: these would take for ever, or all memory.
func TestRefused(t *testing.T) {
	tooMany := "has more than 1000 alternatives after its braces are expanded"
	nested := "x"
	for range 400 {
		nested = "{" + nested + ",y}"
	}
	for pattern, want := range map[string]string{
		strings.Repeat("{a,b}", 40):                  tooMany,
		strings.Repeat("{a,b}", 10):                  tooMany,
		strings.Repeat("{a,{b,c}}", 7):               tooMany,
		"**/" + strings.Repeat("*{a,b}*/", 40) + "x": tooMany,
		"{" + strings.Repeat(",", 1000) + "}":        tooMany,
		strings.Repeat("{a,b}", 600) + ".txt":        tooMany,
		strings.Repeat("a", glob.MaxLength+1):        "is longer than 4096 bytes",
		strings.Repeat("{a,b}", 100_000):             "is longer than 4096 bytes",
		"{a":                                         "is not a valid pattern",
		"../*":                                       "must be a path inside the folder",
		"":                                           "is empty",
	} {
		if _, err := glob.Parse(pattern); err == nil || err.Error() != want {
			t.Errorf("%.60s: %v, want %s", pattern, err, want)
		}
	}
	for _, pattern := range []string{strings.Repeat("{a,b}", 9), strings.Repeat("{a}", 1000), "{" + strings.Repeat(",", 999) + "}", "{1..1000000000}", nested, strings.Repeat("a", glob.MaxLength)} {
		if _, err := glob.Parse(pattern); err != nil {
			t.Errorf("%.60s: %v", pattern, err)
		}
	}
}

// TestWithinTheLimitIsFast has patterns for which a search that goes back tries every way to match: none of these would end.
func TestWithinTheLimitIsFast(t *testing.T) {
	deep := strings.Repeat("a/", 60)
	long := strings.Repeat("a", 250)
	fsys := tree(t, deep+"x.txt", long+"/"+long)
	for _, pattern := range []string{
		strings.Repeat("*{a,b}", 9) + "*c",
		"**/" + strings.Repeat("*{a,b}", 9) + "c",
		strings.Repeat("**/a/", 40) + "y.txt",
		strings.Repeat("**/*/", 40) + "{y,z}.txt",
		strings.Repeat("**/{a,b}/", 9) + "y.txt",
		strings.Repeat("**/", 1300) + "y.txt",
	} {
		if found := walk(t, fsys, pattern); len(found) != 0 {
			t.Errorf("%.60s: %q", pattern, found)
		}
	}
	if found := walk(t, fsys, strings.Repeat("**/a/", 40)+"x.txt"); len(found) != 1 {
		t.Errorf("%q", found)
	}
	excluded, err := glob.Parse(strings.Repeat("*{a,b}", 9) + "*c")
	if err != nil || excluded.Match(long) {
		t.Errorf("%v", err)
	}
}

// TestWalkEndsWithItsContext, in the middle of a folder.
func TestWalkEndsWithItsContext(t *testing.T) {
	fsys := tree(t, "a", "b", "c", "d/e", "d/f")
	p, err := glob.Parse("**")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var found []string
	err = p.Walk(ctx, fsys, func(string) bool { return false }, func(name string, _ fs.DirEntry) {
		if found = append(found, name); name == "b" {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || !slices.Equal(found, []string{"a", "b"}) {
		t.Errorf("%q, %v", found, err)
	}
}

func TestSkippedFoldersAreNotRead(t *testing.T) {
	fsys := tree(t, "a.txt", "node_modules/b.txt", "node_modules/deep/c.txt")
	p, err := glob.Parse("**/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	err = p.Walk(t.Context(), fsys, func(folder string) bool { return folder == "node_modules" }, func(name string, _ fs.DirEntry) { found = append(found, name) })
	if err != nil || !slices.Equal(found, []string{"a.txt"}) {
		t.Errorf("%q, %v", found, err)
	}
}
