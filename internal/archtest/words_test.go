package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// wording is a phrase that text for people must not have, and what to say instead.
type wording struct {
	phrase  *regexp.Regexp
	say     string
	example string
	unless  *regexp.Regexp // Matches correct uses of the phrase; may be nil.
	strict  bool           // For messages and output only: in the prose of docs the phrase is plain English.
}

// phrase makes a pattern of whole words, in any case. A space stands for any white space.
func phrase(words string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(?:` + strings.ReplaceAll(words, " ", `\s+`) + `)\b`)
}

// wordings is the list. One word for each thing: a reader who searches for a feature finds it by the name that the field
// gives it.
var wordings = []wording{
	{phrase: phrase("tried again|tries again|attempts? anew|try anew"), say: "retried, retry", example: "it is tried again"},
	{phrase: phrase("(go|goes|going|gone|went) on"), say: "resume, continue", example: "going on with run x",
		unless: phrase("(go|goes|going) on (standard|stdout|stderr|the command line)")},
	{phrase: phrase("what serves|who serves|nobody serves"), say: "provider, worker", example: "what serves calls"},
	{phrase: phrase(`(a|another|any|other) Temporal( \w+)?`), say: "Temporal server, cluster", example: "names another Temporal.",
		unless: phrase(`\w+ Temporal (server|servers|cluster|clusters|client|clients|namespace|workflow|worker|task|history|Cloud|UI|run|version|service|process|profile|activity)`)},
	{phrase: phrase("brought|brings"), say: "result, returns", example: "what it brought"},
	{phrase: phrase("mistakes?|misfits?|refusals?|findings?|violations?"), say: "diagnostic, problem", example: "2 mistakes"},
	{phrase: phrase("faults?|troubles?"), say: "error", example: "the fault is", unless: phrase("segmentation fault")},
	{phrase: phrase("circles?"), say: "circular dependency", example: "in a circle"},
	{phrase: phrase("too much to do"), say: "overloaded", example: "has too much to do"},
	{phrase: phrase("(is|are|was|were|be|been) away"), say: "unavailable, unreachable", example: "the server is away"},
	{phrase: phrase("in vain"), say: "without success; ignored: X takes precedence", example: "waited in vain"},
	{phrase: phrase("what counts is"), say: "X takes precedence", example: "what counts is the variable"},
	{phrase: phrase("means? nothing|meant nothing"), say: "unknown, not supported", example: "a key that means nothing"},
	{phrase: phrase("lacks?|lacked|lacking"), say: "required, missing, has no", example: "it lacks a name"},
	{phrase: phrase("once an? (file|item|task|element|line)"), say: "for each", example: "once a file"},
	{phrase: phrase("(a|one) (line|row|entry|heading|folder|tool|task|test|file) an? (file|item|task|rule|run|workflow|command)"), say: "for each", example: "a line a file"},
	{phrase: phrase("at most so long|no time at all"), say: "timeout, limit, deadline", example: "no time at all"},
	{phrase: phrase("(ordinary|no) regular files?|ordinary files?"), say: "regular file, not a regular file", example: "an ordinary file"},
	{phrase: phrase("(is|are) no (image|parameter|key|file|folder|list|number|text|mapping|name|method|address|URL|duration|model|value|reference|task|item|input|YAML|JSON|schema|boolean|secret|protocol|directory|run|workflow|kind|command|flag|setting|variable)s?"),
		say: "is not a, unknown", example: "it is no image", unless: phrase(`there (is|are) no`)},
	{phrase: phrase("no protocol has"), say: "unknown method", example: "no protocol has the method"},
	{phrase: phrase("nobody here"), say: "no process, no worker", example: "nobody here"},
	{phrase: phrase("worker was lost|worker vanished"), say: "the process running it stopped", example: "its worker was lost"},
	{phrase: phrase("had ended; these|these are its results"), say: "finished earlier; showing its results", example: "had ended; these are its results"},
	{phrase: phrase("longer than (its|the|their) timeout"), say: "timed out after", example: "took longer than its timeout"},
	{phrase: phrase("one argument too many|arguments too many"), say: "unexpected argument", example: `"x" is one argument too many`},
	{phrase: phrase("(another|a second) signal leaves|leaves? at once"), say: "press Ctrl-C again to quit immediately", example: "Ctrl-C again leaves at once"},
	{phrase: phrase("answers? what|answered what"), say: "invalid response from", example: "answers what is not JSON"},
	{phrase: phrase("sinks? (no|the) others?"), say: "does not stop the others", example: "sinks no other"},
	{phrase: phrase("unasked"), say: "without a request", example: "said unasked"},
	{phrase: phrase("hears? (of|from|that)|heard (of|from|that)"), say: "receives", example: "hears of it"},
	{phrase: phrase("tells|told"), say: "reports, shows, prints", example: "it tells why", strict: true, unless: phrase("told apart")},
}

// correct lists uses of a phrase that are plain English: the file, a part of the line, and the reason.
var correct = []struct{ file, part, reason string }{}

// hit is a phrase at a place.
type hit struct {
	file    string
	line    int
	text    string // The line.
	wording wording
}

func (h hit) String() string {
	text := strings.TrimSpace(h.text)
	if at := h.wording.phrase.FindStringIndex(text); at != nil && len(text) > 160 {
		text = "…" + strings.ToValidUTF8(text[max(0, at[0]-60):min(len(text), at[1]+60)], "") + "…"
	}
	return fmt.Sprintf("%s:%d: %q in: %s (say: %s)", h.file, h.line, h.wording.phrase.FindString(h.text), text, h.wording.say)
}

// TestWordsAreThoseOfTheField searches all text for people: the string literals of the program, the output that its tests
// expect, and the documentation.
func TestWordsAreThoseOfTheField(t *testing.T) {
	var all []hit
	for _, file := range userFacing(t) {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, ".go") {
			all = append(all, inLiterals(t, file, string(text))...)
		} else if strings.HasSuffix(file, ".py") {
			all = append(all, inQuotes(file, string(text))...)
		} else {
			all = append(all, inText(file, 1, string(text), !strings.HasSuffix(file, ".md"))...)
		}
	}
	used := make([]bool, len(correct))
	for _, h := range all {
		at := slices.IndexFunc(correct, func(c struct{ file, part, reason string }) bool {
			return h.file == c.file && strings.Contains(h.text, c.part)
		})
		if at >= 0 {
			used[at] = true
			continue
		}
		t.Error(h)
	}
	for i, c := range correct {
		if !used[i] {
			t.Errorf("%s has no %q any more: remove the exception", c.file, c.part)
		}
	}
}

// userFacing lists the files with text for people.
func userFacing(t *testing.T) []string {
	t.Helper()
	var files []string
	err := fs.WalkDir(os.DirFS(root), ".", func(file string, entry fs.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil:
			return err
		case entry.IsDir():
			if file != "." && (strings.HasPrefix(name, ".") || name == "bin" || name == "node_modules") {
				return fs.SkipDir
			}
		case isUserFacing(file):
			files = append(files, file)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// isUserFacing reports whether a file has text for people: sources of the program, but neither tests nor packages that
// only tests import; golden output; scripts of sessions; the documentation.
func isUserFacing(file string) bool {
	folder := path.Dir(file)
	switch path.Ext(file) {
	case ".go":
		return !strings.HasSuffix(file, "_test.go") && !strings.Contains(folder, "testdata") && !strings.HasSuffix(folder, "test") &&
			folder != "internal/require"
	case ".py":
		return !strings.Contains(folder, "testdata")
	case ".out":
		return strings.HasPrefix(file, "interpreter/testdata/")
	case ".txtar", ".txt":
		return strings.HasPrefix(file, "cmd/gleitzeit/testdata/")
	case ".md":
		return folder == "." || strings.HasPrefix(folder, "docs") || strings.HasPrefix(folder, "skills") || strings.HasPrefix(folder, "examples")
	case ".yaml", ".yml":
		return strings.HasPrefix(folder, "examples") || file == "docker-compose.yml"
	}
	return file == "docs/workflow.schema.json"
}

// inLiterals finds phrases in the string literals of a Go file, except import paths, tags of fields and single words.
func inLiterals(t *testing.T, file, source string) []hit {
	t.Helper()
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, file, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var all []hit
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field:
			n.Tag = nil
		case *ast.BasicLit:
			if n.Kind != token.STRING {
				break
			}
			text, err := strconv.Unquote(n.Value)
			if err != nil {
				t.Fatal(err)
			}
			if strings.ContainsAny(text, " \n") { // A single word is a name.
				all = append(all, inText(file, files.Position(n.Pos()).Line, text, true)...)
			}
		}
		return true
	})
	return all
}

// quoted is a string in a line of Python.
var quoted = regexp.MustCompile(`"[^"]* [^"]*"|'[^']* [^']*'`)

// inQuotes finds phrases in the strings of a Python file, except documentation.
func inQuotes(file, source string) []hit {
	var all []hit
	for i, line := range strings.Split(source, "\n") {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") && !strings.Contains(line, `"""`) {
			all = append(all, inText(file, i+1, strings.Join(quoted.FindAllString(line, -1), " "), true)...)
		}
	}
	return all
}

// inText finds phrases in a text whose first line has that number. It ignores strict wordings in prose.
func inText(file string, first int, text string, strict bool) []hit {
	var all []hit
	for i, line := range strings.Split(text, "\n") {
		for _, w := range wordings {
			if w.strict && !strict {
				continue
			}
			for _, at := range w.phrase.FindAllStringIndex(line, -1) {
				if w.unless == nil || !covers(w.unless, line, at[0]) {
					all = append(all, hit{file: file, line: first + i, text: line, wording: w})
					break
				}
			}
		}
	}
	return all
}

// covers reports whether a match of a pattern includes a position.
func covers(pattern *regexp.Regexp, line string, at int) bool {
	return slices.ContainsFunc(pattern.FindAllStringIndex(line, -1), func(match []int) bool { return match[0] <= at && at < match[1] })
}

// TestWordings checks the list, and the places where it is applied.
func TestWordings(t *testing.T) {
	for _, w := range wordings {
		if !w.phrase.MatchString(w.example) || len(inText("x", 1, w.example, true)) == 0 {
			t.Errorf("%v does not find %q", w.phrase, w.example)
		}
	}
	const source = `package p

import "example.com/mistakes" // Not the mistakes of a comment.

type planted struct {
	Field string ` + "`json:\"circle\"`" + `
}

func plant() error { return fmt.Errorf("the server %s is away", "x") }

var help = cobra.Command{Short: "Show what\nit brought"}
`
	var got []string
	for _, f := range inLiterals(t, "p.go", source) {
		got = append(got, fmt.Sprintf("%d %s", f.line, f.wording.phrase.FindString(f.text)))
	}
	if want := []string{"9 is away", "12 brought"}; !slices.Equal(got, want) {
		t.Errorf("the phrases are %q, want %q", got, want)
	}
	for text, want := range map[string]int{
		"an outage is tried\nagain": 0, // Lines are searched one by one.
		"segmentation fault":        0,
		"a Temporal server":         0,
		"there is no file":          0,
		"It tells, and It LACKS":    2,
		"hairline, mistaken":        0,
	} {
		if got := len(inText("x", 1, text, true)); got != want {
			t.Errorf("%q has %d phrases, want %d", text, got, want)
		}
	}
	if got := len(inQuotes("x.py", "raise Error(\"it lacks %s\", 'x')  # It lacks a name.\n# \"it lacks a name\"\n")); got != 1 {
		t.Errorf("Python has %d phrases", got)
	}
	if got := len(inText("x.md", 1, "a file tells", false)); got != 0 {
		t.Errorf("prose has %d phrases", got)
	}
}
