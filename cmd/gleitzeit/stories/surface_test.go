package stories_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// surface is what the program offers to those who type: its commands by their names, as the help lists them.
type surface map[string]*offered

// offered is a command.
type offered struct {
	help    string
	group   bool              // It has commands below.
	aliasOf string            // The command of which it is another name; empty: of none.
	flags   map[string]string // By name without dashes: the letter, or "".
}

// listedCommand is a line of help with a command, and listedFlag one with a flag.
var (
	listedCommand = regexp.MustCompile("(?m)^  ([a-z-]+)  +(?:Alias of `gleitzeit ([a-z ]+)`|[A-Z])")
	listedFlag    = regexp.MustCompile(`(?m)^ {2,6}(?:-([0-9A-Za-z]), )?--([a-z0-9-]+)`)
)

var (
	askingForCommands sync.Mutex
	allCommands       surface
)

// commands asks the program, once, for the help of each command, and of those below. That of the program itself has the name "".
func (u *user) commands() surface {
	u.T.Helper()
	askingForCommands.Lock()
	defer askingForCommands.Unlock()
	if allCommands != nil {
		return allCommands
	}
	found := surface{}
	var walk func(aliasOf string, words ...string)
	walk = func(aliasOf string, words ...string) {
		text, _ := u.Gleitzeit(0, append(words, "--help")...)
		c := &offered{help: text, aliasOf: aliasOf, flags: map[string]string{}}
		found[strings.Join(words, " ")] = c
		_, flags, _ := strings.Cut(text, "\nFlags:\n")
		for _, match := range listedFlag.FindAllStringSubmatch(flags, -1) {
			c.flags[match[2]] = match[1]
		}
		_, listed, isGroup := strings.Cut(text, "Available Commands:\n")
		if len(words) == 0 {
			_, listed, isGroup = strings.Cut(text, "Run:\n")
		}
		c.group = isGroup
		listed, _, _ = strings.Cut(listed, "\nFlags:\n")
		for _, match := range listedCommand.FindAllStringSubmatch(listed, -1) {
			if isGroup {
				walk(match[2], append(slices.Clone(words), match[1])...)
			}
		}
	}
	walk("")
	allCommands = found
	return found
}

// called returns the name of the command that the words call, and the names of the flags with which they do.
func (s surface) called(words []string) (name string, flags []string) {
	at := slices.IndexFunc(words, func(word string) bool { return word != "" && s[word] != nil })
	if at < 0 {
		at = len(words)
	}
	for at < len(words) {
		longer := strings.TrimSpace(name + " " + words[at])
		if s[longer] == nil {
			break
		}
		name, at = longer, at+1
	}
	for _, word := range words {
		if word == "--" {
			break
		}
		typed, _, _ := strings.Cut(word, "=")
		for flag, letter := range s[name].flags {
			if typed == "--"+flag || letter != "" && typed == "-"+letter {
				flags = append(flags, flag)
			}
		}
	}
	return name, flags
}

// examples returns the examples of a command. What only holds other commands has none but theirs.
func (s surface) examples(name string) []string {
	below := map[string]bool{}
	for other, c := range s {
		if strings.HasPrefix(other, name+" ") {
			for _, example := range examplesOf(c.help) {
				below[example] = true
			}
		}
	}
	return slices.DeleteFunc(examplesOf(s[name].help), func(example string) bool { return below[example] })
}

// untyped are flags that need not be typed with each command, and why.
var untyped = map[string]string{
	"help": "TestHelpFits types it with every command",
	"home": "it is read in one place, and scripts type it",
}

// saysNothing are commands whose --format need not be typed, and why.
var saysNothing = map[string]string{
	"help": "it prints text for people",
}

// TestEverythingIsTyped: each command and flag that help shows is typed by a script, a story or a page, which then look at what it does.
// A command line that the program refuses does not count: a flag that does nothing is refused as well as any other.
func TestEverythingIsTyped(t *testing.T) {
	t.Parallel()
	commands := newUser(t).commands()
	typed := map[string]bool{} // Names of commands, and these with a space and the name of a flag with dashes.
	for _, line := range everythingTyped(t, commands) {
		if line.code == 2 {
			continue
		}
		name, flags := commands.called(line.words)
		typed[name] = true
		for _, flag := range flags {
			typed[name+" --"+flag] = true
			if of := commands[name].aliasOf; of != "" {
				typed[of+" --"+flag] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		c := commands[name]
		if !typed[name] {
			t.Errorf("nothing types `gleitzeit %s`", name)
		}
		for _, flag := range slices.Sorted(maps.Keys(c.flags)) {
			of := name
			if c.aliasOf != "" && commands[c.aliasOf].flags[flag] == c.flags[flag] {
				of = c.aliasOf // It is made by the same function.
			}
			switch what := of + " --" + flag; {
			case untyped[flag] != "", c.group && flag == "format" && len(commands.examples(name)) == 0, flag == "format" && saysNothing[of] != "":
			case !typed[what]:
				t.Errorf("nothing types `gleitzeit %s`", what)
			}
		}
	}
}

// wantedCode is where a story wants an exit code of a process that it has started.
var wantedCode = regexp.MustCompile(`\b(?:Exits\(|ExitCode\(\) != )(\d+)`)

// TestEveryExitCodeIsProduced: by a script, a story, a mistake or a page, of the list of the program.
func TestEveryExitCodeIsProduced(t *testing.T) {
	t.Parallel()
	produced := map[int]bool{}
	for _, line := range everythingTyped(t, newUser(t).commands()) {
		produced[line.code] = true
	}
	for _, path := range globbed(t, "*_test.go") {
		for _, match := range wantedCode.FindAllStringSubmatch(read(t, path), -1) {
			code, err := strconv.Atoi(match[1])
			must(t, err)
			produced[code] = true
		}
	}
	codes := exitCodes(t)
	if len(codes) < 12 {
		t.Fatalf("only these exit codes were found: %v", codes)
	}
	table := between(read(t, "../../../docs/errors.md"), "\n## Exit codes\n", "\n## ")
	for name, code := range codes {
		if !produced[code] {
			t.Errorf("nothing produces the exit code %d (%s)", code, name)
		}
		if !strings.Contains(table, "\n| "+strconv.Itoa(code)+" |") {
			t.Errorf("docs/errors.md has no row of the exit code %d (%s)", code, name)
		}
	}
}

// exitCodes returns those of the program by their names in its source.
func exitCodes(t *testing.T) map[string]int {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../internal/cli/exit.go", nil, parser.SkipObjectResolution)
	must(t, err)
	codes := map[string]int{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, is := n.(*ast.ValueSpec); is && strings.HasPrefix(spec.Names[0].Name, "exit") && len(spec.Values) == 1 {
			code, err := strconv.Atoi(literal(spec.Values[0]))
			must(t, err)
			codes[spec.Names[0].Name] = code
		}
		return true
	})
	return codes
}
