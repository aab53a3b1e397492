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

	"github.com/gleitzeit/gleitzeit/internal/folder"
	"github.com/gleitzeit/gleitzeit/internal/glob"
)

// tree makes a folder with files, and links in it: "link -> target", where BASE is the folder.
func tree(t *testing.T, names ...string) *folder.Folder {
	t.Helper()
	base := t.TempDir()
	for _, name := range names {
		name, target, isLink := strings.Cut(name, " -> ")
		at := filepath.Join(base, name)
		err := os.MkdirAll(filepath.Dir(at), 0o755)
		if err == nil && isLink {
			err = os.Symlink(strings.Replace(target, "BASE", base, 1), at)
		} else if err == nil {
			err = os.WriteFile(at, nil, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	opened, err := folder.Open(base)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	return opened
}

// visitor collects the names that match, and the links that are left out; of folders that end in "skipped" it wants nothing.
func visitor(found, leftOut *[]string) glob.Visitor {
	return glob.Visitor{
		Visit:    func(name string, _ fs.DirEntry) { *found = append(*found, name) },
		Skip:     func(folder string) bool { return strings.HasSuffix(folder, "skipped") },
		LeaveOut: func(link string, err error) { *leftOut = append(*leftOut, link+": "+err.Error()) },
	}
}

func walk(t *testing.T, fsys glob.FS, pattern string) []string {
	t.Helper()
	p, err := glob.Parse(pattern)
	if err != nil {
		t.Fatalf("%s: %v", pattern, err)
	}
	found, leftOut := []string{}, []string{}
	err = p.Walk(t.Context(), fsys, visitor(&found, &leftOut))
	if err != nil || len(leftOut) > 0 {
		t.Fatalf("%s: %q, %v", pattern, leftOut, err)
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
		"dangling -> nothing", "file -> a.txt", "a/a/a/a.txt", "2024/01/x.csv", "2025/02/x.csv",
	)
	for _, pattern := range []string{
		"*", "**", "**/*", "*.txt", "**/*.txt", "**/*.{txt,md}", "{*,**/*}.txt", "docs/*", "docs/**", "docs/**/*.md", "doc[st]/*.txt", "[!a]*.txt",
		"docs/{a.txt,deep/*.txt}", "{docs,src}/**/a.txt", "{,docs/}a.txt", "{a,b}{.txt,.md}", "{,a}b.txt", "a{,b}.txt", "{a,{b,c\\,d}}.*", "\\{e\\}.txt", "f\\[g\\].txt",
		"?.txt", "*/*", "*/*/a.txt", "**/a/**/b/**/*.txt", "**/**/a.txt", "src/**/b", ".*", ".config/*", ".config/**", "**/.git/*", "docs/.git/a.txt", "dangling", "dang*", "file", "nothing", "nothing/*", "a.txt", "20{24,25}/{01,02,03}/*.csv", "**/deep/**", "a**.txt", "**a.txt", "[a-c]*", "{**/a.txt,b.md}",
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
	to := visitor(&found, &found)
	to.Visit = func(name string, _ fs.DirEntry) {
		if found = append(found, name); name == "b" {
			cancel()
		}
	}
	err = p.Walk(ctx, fsys, to)
	if !errors.Is(err, context.Canceled) || !slices.Equal(found, []string{"a", "b"}) {
		t.Errorf("%q, %v", found, err)
	}
}

// TestSkippedFoldersAreNotRead, by whatever link.
func TestSkippedFoldersAreNotRead(t *testing.T) {
	fsys := tree(t, "a.txt", "skipped/b.txt", "skipped/deep/c.txt", "link -> skipped", "named-skipped -> docs", "docs/d.txt")
	p, err := glob.Parse("**/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var found, leftOut []string
	err = p.Walk(t.Context(), fsys, visitor(&found, &leftOut))
	if err != nil || !slices.Equal(found, []string{"a.txt", "docs/d.txt"}) || len(leftOut) > 0 {
		t.Errorf("%q, %q, %v", found, leftOut, err)
	}
}

// TestLinks: those to folders are followed within the folder, and nothing is visited twice, whatever leads to it.
func TestLinks(t *testing.T) {
	outside := t.TempDir()
	fsys := tree(t,
		"a.txt", "docs/b.txt", "docs/deep/c.txt", "zoo/d.txt", ".hidden/e.txt", "far/away/f.txt",
		"early -> zoo", "late/link -> BASE/far/away", "later -> late/link", "reveals -> .hidden", "docs/loop -> .", "docs/deep/up -> ../..", "self -> self",
		"out -> "+outside, "far/out -> ../..", "dangling -> nothing", "file.txt -> a.txt", "round -> ../"+"ROUND",
	)
	for _, c := range []struct{ pattern, want, leftOut string }{
		{"*.txt", "a.txt file.txt", ""},
		{"**/*.txt", "a.txt docs/b.txt docs/deep/c.txt far/away/f.txt file.txt reveals/e.txt zoo/d.txt",
			"docs/deep/up docs/loop far/out! out! round!"},
		{"*/*.txt", "docs/b.txt later/f.txt reveals/e.txt zoo/d.txt", "out! round!"},
		{"early/*.txt", "early/d.txt", ""},
		{"{early,zoo}/*.txt", "early/d.txt", ""},
		{"e*/d.txt", "early/d.txt", ""},
		{"*/link/*", "late/link/f.txt", "out! round!"},
		{"docs/loop/loop/b.txt", "docs/loop/loop/b.txt", ""},
		{"docs/*/b.txt", "", "docs/loop"},
		{"out/*.txt", "", "out!"},
		{"out/x.txt", "out/x.txt", ""},
		{"{out,a}*", "a.txt out", ""},
		{"a.txt/*", "", ""},
		{"a.txt/b", "", ""},
		{"dangling", "", ""},
		{"self", "self", ""},
	} {
		p, err := glob.Parse(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		var found, leftOut []string
		if err := p.Walk(t.Context(), fsys, visitor(&found, &leftOut)); err != nil {
			t.Errorf("%s: %v", c.pattern, err)
		}
		slices.Sort(found)
		slices.Sort(leftOut)
		got := strings.Join(leftOut, " ")
		got = strings.ReplaceAll(strings.ReplaceAll(got, ": "+glob.ErrOutside.Error(), "!"), ": "+glob.ErrCycle.Error(), "")
		if strings.Join(found, " ") != c.want || got != c.leftOut {
			t.Errorf("%s: got %q, %q", c.pattern, found, got)
		}
	}
}

func TestTheCaseOfEndings(t *testing.T) {
	names := []string{"a.png", "b.PNG", "c.Png", "d.jpg", "D.JPG", "e.tar.gz", "f.TAR.GZ", "g.tar.GZ", "png", "PNG", "h.png.txt", "draft1.MD", "Draft2.md", "i.(X)"}
	for pattern, want := range map[string]string{
		"*.png": "a.png b.PNG c.Png", "*.PNG": "a.png b.PNG c.Png", "*.Png": "a.png b.PNG c.Png", "**/*.png": "a.png b.PNG c.Png",
		"*.p?g": "a.png b.PNG c.Png", "*.[jp]*g": "a.png b.PNG c.Png d.jpg D.JPG", "*.[Pp]ng": "a.png b.PNG c.Png", "*.{png,jpg}": "a.png b.PNG c.Png d.jpg D.JPG",
		"*.tar.gz": "e.tar.gz f.TAR.GZ g.tar.GZ", "draft*.md": "draft1.MD", "a.png": "a.png", "b.png": "", "[bc].png": "b.PNG c.Png", "*png": "a.png png",
		"*.\\(x\\)": "i.(X)", "*\\.png": "a.png b.PNG c.Png", "[!b].png": "a.png c.Png", "*[.]png": "a.png", "*": strings.Join(names, " "), "a.png/*": "",
	} {
		p, err := glob.Parse(pattern)
		if err != nil {
			t.Fatal(err)
		}
		exact := []string{}
		for _, name := range names {
			if p.Match(name) {
				exact = append(exact, name)
			}
		}
		matched := []string{}
		p.IgnoreEndingCase()
		for _, name := range names {
			if p.Match(name) {
				matched = append(matched, name)
			}
		}
		if strings.Join(matched, " ") != want {
			t.Errorf("%s: %q", pattern, matched)
		}
		for _, name := range names {
			if is := slices.Contains(exact, name); is != doublestar.MatchUnvalidated(pattern, name) || is && !slices.Contains(matched, name) {
				t.Errorf("%s: %s", pattern, name)
			}
		}
	}
}
