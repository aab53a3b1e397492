package stories_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// typing is a command line that a test types.
type typing struct {
	words []string // After the name of the program.
	code  int      // The exit code that the test wants; anyCode: it names none.
	place string
}

const anyCode = -1

// everythingTyped returns the command lines of all scripts, mistakes, pages and stories.
func everythingTyped(t *testing.T, commands surface) (all []typing) {
	t.Helper()
	for _, path := range globbed(t, "../testdata/script/*.txtar") {
		all = append(all, typedInScript(t, path)...)
	}
	for _, path := range globbed(t, filepath.Join(mistakes, "*.txtar")) {
		all = append(all, typedInSession(t, path)...)
	}
	for _, pattern := range []string{"README.md", "docs/*.md", "docs/*/*.md"} {
		for _, path := range globbed(t, filepath.Join(root, pattern)) {
			all = append(all, typedInPage(t, path)...)
		}
	}
	stories := append(globbed(t, "*_test.go"), globbed(t, "../cluster/*_test.go")...)
	return append(all, commands.typedInStories(t, stories)...)
}

func globbed(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	must(t, err)
	if len(paths) == 0 {
		t.Fatalf("there is no %s", pattern)
	}
	return paths
}

// typedInScript returns the command lines of a script, whose commands TestScripts describes.
func typedInScript(t *testing.T, path string) (all []typing) {
	archive, err := txtar.ParseFile(path)
	must(t, err)
	for line := range strings.Lines(string(archive.Comment)) {
		line = strings.TrimSpace(line)
		verb, rest, _ := strings.Cut(line, " ")
		code := 0
		switch verb {
		case "exits":
			wanted, of, _ := strings.Cut(rest, " ")
			code, err = strconv.Atoi(wanted)
			must(t, err)
			line = "gleitzeit " + of
		case "!":
			code = anyCode
		case "gleitzeit", "exec":
		default:
			continue
		}
		for _, words := range commandsIn(line) {
			all = append(all, typing{words, code, path})
		}
	}
	return all
}

// exitCodeLine is the line with which mistakes and pages show an exit code.
var exitCodeLine = regexp.MustCompile(`^exit code (\d+)$`)

// typedInSession returns the command lines of a mistake.
func typedInSession(t *testing.T, path string) []typing {
	archive, err := txtar.ParseFile(path)
	must(t, err)
	for _, file := range archive.Files {
		if file.Name == "session" {
			return typedAfterPrompts(t, path, string(file.Data))
		}
	}
	return nil
}

// typedInPage returns the command lines of the console blocks of a page.
func typedInPage(t *testing.T, path string) (all []typing) {
	text := read(t, path)
	for {
		_, rest, found := strings.Cut(text, "\n```console\n")
		if !found {
			return all
		}
		block, after, _ := strings.Cut(rest, "\n```\n")
		all, text = append(all, typedAfterPrompts(t, path, block)...), after
	}
}

// typedAfterPrompts returns the command lines after each "$ ", with the exit code that is printed below.
func typedAfterPrompts(t *testing.T, path, text string) (all []typing) {
	last := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if command, is := strings.CutPrefix(line, "$ "); is {
			last = len(all)
			for _, words := range commandsIn(command) {
				all = append(all, typing{words, 0, path})
			}
		}
		if match := exitCodeLine.FindStringSubmatch(line); match != nil {
			code, err := strconv.Atoi(match[1])
			must(t, err)
			for i := last; i < len(all); i++ {
				all[i].code = code
			}
		}
	}
	return all
}

// commandsIn returns the words after the name of the program, of each command of a line that a shell would read.
func commandsIn(line string) (all [][]string) {
	line = strings.ReplaceAll(line, "go run ./cmd/gleitzeit", "gleitzeit")
	for _, command := range shellWords(line) {
		for i, word := range command {
			if strings.Contains(word, "gleitzeit ") { // The words of another shell.
				all = append(all, commandsIn(word)...)
				continue
			}
			if filepath.Base(word) == "gleitzeit" {
				all = append(all, command[i+1:])
				break
			}
		}
	}
	return all
}

// shellWords returns the words of each command of a line. It knows quotes and what separates commands, and nothing else of shells.
func shellWords(line string) (commands [][]string) {
	var word strings.Builder
	var words []string
	inWord, quote := false, rune(0)
	endWord := func() {
		if inWord {
			words = append(words, word.String())
		}
		word.Reset()
		inWord = false
	}
	endCommand := func() {
		endWord()
		if len(words) > 0 {
			commands = append(commands, words)
		}
		words = nil
	}
	runes := []rune(line)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		switch {
		case quote == 0 && (r == '\'' || r == '"'):
			quote, inWord = r, true
		case r == quote:
			quote = 0
		case r == '\\' && quote != '\'' && i+1 < len(runes):
			i++
			word.WriteRune(runes[i])
			inWord = true
		case quote != 0:
			word.WriteRune(r)
		case strings.ContainsRune(";|&()`\n<>", r):
			endCommand()
		case r == ' ' || r == '\t':
			endWord()
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	endCommand()
	return commands
}

// saying are the functions of stories whose texts are wanted, or printed, and not typed.
var saying = []string{"wantLines", "Error", "Errorf", "Fatal", "Fatalf", "Says", "Prints", "Contains", "Count", "between", "Log", "Logf", "TrimPrefix", "CutPrefix"}

// shells are the functions of stories that take a line of a shell.
var shells = []string{"Command", "CommandContext", "onSmallDiskShell"}

// typedInStories returns the command lines of stories: the texts of calls and lists that begin with the name of a command.
func (s surface) typedInStories(t *testing.T, paths []string) (all []typing) {
	positions := token.NewFileSet()
	var files []*ast.File
	helpers := map[string][]string{} // By name: a function that adds its arguments to these words.
	for _, path := range paths {
		file, err := parser.ParseFile(positions, path, nil, parser.SkipObjectResolution)
		must(t, err)
		files = append(files, file)
		for _, of := range file.Decls {
			if function, is := of.(*ast.FuncDecl); is {
				if words := s.addedTo(function); len(words) > 0 {
					helpers[function.Name.Name] = words
				}
			}
		}
	}
	for i, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			var texts []string
			code := anyCode
			switch n := n.(type) {
			case *ast.CallExpr:
				name := calledName(n)
				if slices.Contains(saying, name) {
					return name == "between" || name == "Contains" || name == "Count" // Of what a command printed.
				}
				if len(n.Args) > 0 {
					if number, err := strconv.Atoi(literal(n.Args[0])); err == nil {
						code = number
					}
				}
				texts = append(slices.Clone(helpers[name]), textsOf(n.Args...)...)
				if slices.Contains(shells, name) {
					for _, words := range commandsIn(strings.Join(texts, "\n")) {
						all = append(all, typing{words, anyCode, paths[i]})
					}
				}
			case *ast.CompositeLit:
				texts = textsOf(n.Elts...)
			default:
				return true
			}
			for _, words := range s.commandLines(texts) {
				all = append(all, typing{words, code, paths[i]})
			}
			return code != 2 // What is refused is not typed again.
		})
	}
	return all
}

// addedTo returns the words to which a function adds its last arguments to make a command line; none if it does not.
func (s surface) addedTo(function *ast.FuncDecl) (words []string) {
	params := function.Type.Params.List
	if len(params) == 0 || len(params[len(params)-1].Names) == 0 || function.Body == nil {
		return nil
	}
	last := params[len(params)-1]
	if _, variadic := last.Type.(*ast.Ellipsis); !variadic {
		return nil
	}
	ast.Inspect(function.Body, func(n ast.Node) bool {
		call, is := n.(*ast.CallExpr)
		if !is || calledName(call) != "append" || len(call.Args) != 2 {
			return true
		}
		if added, is := call.Args[1].(*ast.Ident); is && added.Name == last.Names[0].Name {
			if lines := s.commandLines(textsOf(call.Args[0])); len(lines) > 0 {
				words = lines[0]
			}
		}
		return true
	})
	return words
}

func calledName(call *ast.CallExpr) string {
	switch function := call.Fun.(type) {
	case *ast.Ident:
		return function.Name
	case *ast.SelectorExpr:
		return function.Sel.Name
	}
	return ""
}

// literal returns the source of a number, "" of anything else.
func literal(of ast.Expr) string {
	if basic, is := of.(*ast.BasicLit); is && basic.Kind == token.INT {
		return basic.Value
	}
	return ""
}

// textsOf returns the texts in expressions, in their order, without those of functions in them.
func textsOf(expressions ...ast.Expr) (texts []string) {
	for _, of := range expressions {
		ast.Inspect(of, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				return false
			case *ast.BasicLit:
				if n.Kind == token.STRING {
					text, err := strconv.Unquote(n.Value)
					if err == nil {
						texts = append(texts, text)
					}
				}
			}
			return true
		})
	}
	return texts
}

// commandLines returns the command lines in texts. Each begins with the name of a command; a text may be a whole line.
func (s surface) commandLines(texts []string) (all [][]string) {
	for _, text := range texts {
		first, rest, _ := strings.Cut(text, " ")
		last := len(all) - 1
		switch {
		case s[first] != nil && strings.HasPrefix(rest, "-") || s[first] != nil && strings.Contains(rest, " -"):
			all = append(all, strings.Fields(text))
		case s[text] != nil && !strings.Contains(text, " ") && (last < 0 || s[strings.Join(append(slices.Clone(all[last]), text), " ")] == nil):
			all = append(all, []string{text})
		case last >= 0:
			all[last] = append(all[last], text)
		}
	}
	return all
}
