package stories_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/require"
)

// TestCompletion completes command lines in a real bash, with what is recorded, and without an engine.
func TestCompletion(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	u.File("tea.yaml", "name: Tea\ntags: [hot drinks]\ninputs: {cups: 2, kind: {default: black, enum: [black, green]}}\ntasks: [{id: sum, method: mcp/tool.add, parameters: {a: 1, b: 2}}]\n")
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
		{"gleitzeit call llm/chat model=tiny-s", "model=tiny-script", "tiny-vision"},
		{"gleitzeit call llm/vision provider=o", "provider=ollama", "model"},
		{"gleitzeit call llm/chat on_truncation=", "on_truncation=fail", "prompt"},
		{"gleitzeit call llm/chat file_path=te", "file_path=tea.txt", "home"},
		{"gleitzeit batch . --set auto_pull=", "auto_pull=true", "tea"},
		{"gleitzeit batch . --set mod", "model=", "prompt="},
		{"gleitzeit exec 1 --set sand", "sandbox=", "file"},
		{"gleitzeit config set providers.ollama.model tiny-s", "tiny-script", "tiny-vision"},
		{"gleitzeit config set providers.default o", "ollama", "anthropic"},
		{"gleitzeit config set logs ", "true", "tea"},
		{"gleitzeit config set log_level ", "debug", "tea"},
		{"gleitzeit config set python.sandbox ", "bwrap", "tea"},
		{"gleitzeit list --status inter", "interrupted", "running"},
		{"gleitzeit list --workflow ", "Tea", "tea.yaml"},
		{"gleitzeit list --tag ", "hot drinks", "tea"},
		{"gleitzeit task list --status pe", "pending", "completed"},
		{"gleitzeit status -o js", "jsonl", "tea"},
		{"gleitzeit batch export @latest --format x", "xlsx", "tea"},
		{"gleitzeit batch export @latest --only f", "failed", "completed"},
		{"gleitzeit report @latest --format m", "markdown", "html"},
		{"gleitzeit graph tea.yaml --as m", "mermaid", "text"},
		{"gleitzeit run tea.yaml --progress t", "table", "line"},
		{"gleitzeit run tea.yaml --input ", "cups=", "tea"},
		{"gleitzeit run tea.yaml --input kind=", "kind=green", "cups"},
		{"gleitzeit run tea.yaml --inputs ", "tea.yaml", "tea.txt"},
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
	u.installsInPowerShell()
	_, stderr = u.Gleitzeit(2, "completion", "tcsh")
	wantLines(t, "standard error", stderr, `unknown shell "tcsh"; the shells are bash, zsh, fish, powershell`)
}

// installsInPowerShell wants a block in the profile, once, and nothing else of it to change.
func (u *user) installsInPowerShell() {
	u.T.Helper()
	path := filepath.Join(filepath.Dir(u.Home), ".config", "powershell", "Microsoft.PowerShell_profile.ps1")
	const block = "# >>> gleitzeit completion >>>\ngleitzeit completion powershell | Out-String | Invoke-Expression\n# <<< gleitzeit completion <<<\n"
	stdout, _ := u.Gleitzeit(0, "completion", "powershell", "--install")
	wantLines(u.T, "standard output", stdout, "wrote a block to "+path+"\n")
	if got := read(u.T, path); got != block {
		u.T.Errorf("the profile is %q", got)
	}
	write(u.T, path, "Set-Alias g gleitzeit\n"+block+"# mine")
	u.Gleitzeit(0, "completion", "powershell", "--install")
	if got := read(u.T, path); got != "Set-Alias g gleitzeit\n"+block+"# mine" {
		u.T.Errorf("the profile is %q", got)
	}
	other := u.File("other.ps1", "Set-Alias g gleitzeit")
	p := u.StartIn(u.Work, []string{"PROFILE=" + other}, "completion", "powershell", "--install")
	p.Exits(0)
	if got := read(u.T, other); got != "Set-Alias g gleitzeit\n"+block {
		u.T.Errorf("the profile is %q", got)
	}
	u.File("other.ps1", "# >>> gleitzeit completion >>>\nmine\n")
	p = u.StartIn(u.Work, []string{"PROFILE=" + other}, "completion", "powershell", "--install")
	p.Exits(1)
	wantLines(u.T, "standard error", p.Stderr.String(), "it has the line # >>> gleitzeit completion >>> without # <<<", "  add this line to the file that $PROFILE names")
	if got := read(u.T, other); got != "# >>> gleitzeit completion >>>\nmine\n" {
		u.T.Errorf("the profile is %q", got)
	}
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

// inShells are command lines, and what zsh and fish make of them: words that they offer, and words that they do not.
var inShells = []struct{ line, want, not string }{
	{"gleitzeit va", "validate", "version"},
	{"gleitzeit init --type ", "batch", "yaml"},
	{"gleitzeit run --pro", "--progress", "--new"},
	{"gleitzeit status ", "@latest", "yaml"},
	{"gleitzeit results @latest ", "add", "@latest"},
	{"gleitzeit schedule ", "trigger", "validate"},
}

// TestCompletionInFish completes command lines in a real fish, which finds the script where it is installed.
func TestCompletionInFish(t *testing.T) {
	t.Parallel()
	fish, err := exec.LookPath("fish")
	if err != nil {
		require.Skip(t, "there is no fish")
	}
	u := newUser(t)
	u.File("sum.yaml", sum)
	u.Gleitzeit(0, "run", "sum.yaml")
	u.Gleitzeit(0, "completion", "fish", "--install")
	for _, test := range inShells {
		command := exec.Command(fish, "--private", "--command", "complete --do-complete '"+test.line+"'")
		command.Dir = u.Work
		command.Env = u.Environment("PATH=" + filepath.Dir(program(t)) + ":/usr/bin:/bin")
		output, err := command.CombinedOutput()
		must(t, err)
		offered := map[string]bool{}
		for line := range strings.Lines(string(output)) {
			word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
			offered[word] = true
		}
		if !offered[test.want] || offered[test.not] || strings.Contains(string(output), "."+test.not) {
			t.Errorf("fish completes %q as %q, want %q and not %q", test.line, output, test.want, test.not)
		}
	}
}

// TestCompletionInZsh completes command lines in a real zsh, in a terminal, with what the installation says is needed.
func TestCompletionInZsh(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("zsh"); err != nil {
		require.Skip(t, "there is no zsh")
	}
	u := newUser(t)
	u.File("sum.yaml", sum)
	u.Gleitzeit(0, "run", "sum.yaml")
	said, _ := u.Gleitzeit(0, "completion", "zsh", "--install")
	_, line, found := strings.Cut(strings.TrimSpace(said), "if ~/.zshrc has the line: ")
	if !found {
		t.Fatalf("the installation says %q", said)
	}
	write(t, filepath.Join(filepath.Dir(u.Home), ".zshrc"), line+"\nPROMPT='ready> '\n")
	for _, test := range inShells {
		shell := u.terminalOf("zsh")
		eventually(t, "zsh is ready", func() bool { return strings.Contains(shell.shows(), "ready>") })
		shell.tmux("send-keys", "-l", test.line)
		eventually(t, "the line is typed", func() bool { return strings.Contains(shell.shows(), strings.TrimSpace(test.line)) })
		before := strings.Count(shell.shows(), test.want)
		shell.tmux("send-keys", "Tab")
		eventually(t, "zsh offers "+test.want+" for "+test.line, func() bool { return strings.Count(shell.shows(), test.want) > before })
		_, offered, _ := strings.Cut(shell.shows(), "\n")
		for word := range strings.FieldsSeq(offered) {
			if word == test.not || strings.HasSuffix(word, "."+test.not) {
				t.Errorf("zsh offers %q for %q:\n%s", word, test.line, shell.shows())
			}
		}
	}
}
