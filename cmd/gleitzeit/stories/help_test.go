package stories_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
)

// listedCommand is a line of help with a command.
var listedCommand = regexp.MustCompile(`(?m)^  ([a-z-]+)  +[A-Z]`)

// TestHelpFits: the help of every command fits a small terminal, and has an example of each command that does something.
func TestHelpFits(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	seen := 0
	var walk func(words []string)
	walk = func(words []string) {
		text, _ := u.Gleitzeit(0, append(words, "--help")...)
		seen++
		for line := range strings.Lines(text) {
			if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > 80 {
				t.Errorf("gleitzeit %s --help has the line %q", strings.Join(words, " "), line)
			}
		}
		_, listed, isGroup := strings.Cut(text, "Available Commands:\n")
		if len(words) == 0 {
			_, listed, isGroup = strings.Cut(text, "Run:\n")
		}
		if !isGroup {
			alias := strings.HasPrefix(text, "Alias of ") || !strings.Contains(text, "Examples:") && words[0] != words[len(words)-1]
			if !alias && !strings.Contains(between(text, "\nExamples:\n", "\n\n"), "gleitzeit ") && words[0] != "help" {
				t.Errorf("gleitzeit %s --help has no example", strings.Join(words, " "))
			}
			return
		}
		listed, _, _ = strings.Cut(listed, "\nFlags:\n")
		for _, found := range listedCommand.FindAllStringSubmatch(listed, -1) {
			walk(append(append([]string{}, words...), found[1]))
		}
	}
	walk(nil)
	if seen < 50 {
		t.Errorf("only %d commands were seen", seen)
	}
	if exists(u.Home) {
		t.Error("help left a home folder")
	}
}

// TestHelpIsInGroups: each command is in one of them.
func TestHelpIsInGroups(t *testing.T) {
	t.Parallel()
	text, _ := newUser(t).Gleitzeit(0, "--help")
	last := 0
	for _, title := range []string{"\nRun:\n", "\nLook:\n", "\nModels and tools:\n", "\nOperate:\n", "\nFlags:\n"} {
		at := strings.Index(text, title)
		if at <= last {
			t.Errorf("%q is not in its place:\n%s", title, text)
		}
		last = at
	}
	if strings.Contains(text, "\nOther:\n") {
		t.Errorf("a command is in no group:\n%s", text)
	}
}

// TestCompletion completes command lines in a real bash, with what is recorded, and without an engine.
func TestCompletion(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	u.File("tea.yaml", "name: Tea\ntasks: [{id: sum, method: mcp/tool.add, parameters: {a: 1, b: 2}}]\n")
	u.File("tea.txt", "")
	_, stderr := u.Gleitzeit(0, "run", "tea.yaml")
	run := between(stderr, "run ", "\n")
	for _, test := range []struct{ line, want, not string }{
		{"gleitzeit va", "validate", "version"},
		{"gleitzeit run ", "tea.yaml", "tea.txt"},
		{"gleitzeit run --in", "--input", "--new"},
		{"gleitzeit status ", run, "tea.yaml"},
		{"gleitzeit status @", "@latest", run},
		{"gleitzeit results " + run + " ", "sum", ""},
		{"gleitzeit call llm/e", "llm/embed", "llm/chat"},
		{"gleitzeit call mcp/tool.add a=1 ", "b=", "a="},
		{"gleitzeit methods python/ex", "python/execute", ""},
		{"gleitzeit batch . --model tiny-s", "tiny-script", "tiny-vision"},
		{"gleitzeit config set providers.default", "providers.default", ""},
		{"gleitzeit init --type ba", "batch", "chain"},
		{"gleitzeit completion z", "zsh", "bash"},
	} {
		// What the function of bash prints it takes from here; the names of files it finds itself.
		stdout, _ := u.Gleitzeit(0, append([]string{"__complete"}, wordsOf(test.line)...)...)
		stdout, files, _ := strings.Cut(stdout, "\n:")
		if strings.HasPrefix(files, "8") { // The endings of files.
			stdout = strings.Join(u.filesWith(strings.Split(stdout, "\n")), "\n")
		}
		// Of the words, shells offer those that begin like what has been typed.
		typed := test.line[strings.LastIndex(test.line, " ")+1:]
		var offered []string
		for word := range strings.SplitSeq(stdout, "\n") {
			if strings.HasPrefix(word, typed) {
				offered = append(offered, word)
			}
		}
		stdout = strings.Join(offered, "\n")
		if !strings.Contains(stdout, test.want) || test.not != "" && strings.Contains(stdout, test.not) {
			t.Errorf("%q: completed as %q, want %q and not %q", test.line, stdout, test.want, test.not)
		}
	}

	// In bash, with what bash-completion would bring.
	for line, want := range map[string]string{"gleitzeit va": "validate", "gleitzeit status tea": run} {
		if got := u.bash(line); !strings.Contains(got, want) || strings.Contains(got, "tea.txt") {
			t.Errorf("bash completes %q as %q, want %q", line, got, want)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		stdout, _ := u.Gleitzeit(0, "completion", shell, "--install")
		path := between(stdout, "wrote ", "\n")
		script, _ := u.Gleitzeit(0, "completion", shell)
		if read(t, path) != script || !strings.HasPrefix(path, filepath.Dir(u.Home)) && !strings.HasPrefix(path, u.Work) {
			t.Errorf("the script for %s is at %q", shell, path)
		}
	}
	_, stderr = u.Gleitzeit(2, "completion", "powershell", "--install")
	wantLines(t, "standard error", stderr, "--install is not supported for powershell; add this line to $PROFILE: ")
	_, stderr = u.Gleitzeit(2, "completion", "tcsh")
	wantLines(t, "standard error", stderr, `unknown shell "tcsh"; the shells are bash, zsh, fish, powershell`)
}

// wordsOf returns the words of a command line after the first; the last one is what has been typed of it.
func wordsOf(line string) []string { return strings.Split(line, " ")[1:] }

// filesWith lists files with one of the endings.
func (u *user) filesWith(endings []string) (names []string) {
	for _, ending := range endings {
		found, err := filepath.Glob(u.Path("*." + ending))
		must(u.T, err)
		for _, path := range found {
			names = append(names, filepath.Base(path))
		}
	}
	return names
}

// bash completes a command line in bash, and returns what it offers.
func (u *user) bash(line string) string {
	u.T.Helper()
	const script = `
		_get_comp_words_by_ref() { words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; cur=${COMP_WORDS[COMP_CWORD]}; prev=${COMP_WORDS[COMP_CWORD-1]}; }
		__ltrim_colon_completions() { :; }
		shopt -s extglob
		source <(gleitzeit completion bash)
		COMP_LINE=$1; COMP_POINT=${#1}; COMP_TYPE=9; COMP_KEY=9
		read -ra COMP_WORDS <<< "$1"; COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		__start_gleitzeit
		printf '%s\n' "${COMPREPLY[@]}"`
	command := exec.Command("bash", "-c", script, "bash", line)
	command.Dir = u.Work
	command.Env = u.Environment("PATH=" + filepath.Dir(program(u.T)) + ":/usr/bin:/bin")
	output, err := command.CombinedOutput()
	must(u.T, err)
	return string(output)
}
