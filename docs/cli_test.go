package docs_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// commandsPage has the help of every command. `go test ./docs -run Commands -update` writes it anew.
const commandsPage = "cli.md"

func TestThePageOfCommandsHasTheirHelp(t *testing.T) {
	manual := manual{program: programtest.Path(t), home: t.TempDir()}
	manual.describe(t)
	if t.Failed() {
		return
	}
	got := `# Commands

This page is what ` + "`--help`" + ` prints, of every command. [Runs](runs.md), [batches](batch.md) and [server and workers](server.md) explain them, [errors](errors.md#exit-codes) lists the exit codes, and [JSON for programs](json.md) the documents of ` + "`-o json`" + `.

` + "```text\n" + manual.global + "```\n\n| command | |\n| --- | --- |\n" + manual.contents.String() + manual.body.String()
	if *update {
		if err := os.WriteFile(commandsPage, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if programtest.Read(t, commandsPage) != got {
		t.Errorf("docs/%s is not the help of the commands; `go test ./docs -run Commands -update` writes it", commandsPage)
	}
}

// manual asks the program for the help of each of its commands.
type manual struct {
	program, home  string
	global         string // The flags that every command has.
	contents, body strings.Builder
}

// listed is a line of a command in the help of the one above it: a name, and what it does.
var listed = regexp.MustCompile(`^  ([a-z][a-z-]*) {2,}(\S.*)$`)

// describe adds a command, and then those beneath it.
func (m *manual) describe(t *testing.T, path ...string) {
	command := exec.CommandContext(t.Context(), m.program, append(path, "--help")...)
	command.Env = append(os.Environ(), "GLEITZEIT_HOME="+m.home, "COLUMNS=80")
	help, err := command.Output()
	if err != nil {
		t.Fatalf("gleitzeit %s --help: %v", strings.Join(path, " "), err)
	}
	about, usage, found := strings.Cut(string(help), "\n\nUsage:\n")
	if !found {
		t.Errorf("the help of gleitzeit %s has no usage", strings.Join(path, " "))
		return
	}
	usage, _, _ = strings.Cut(usage, "\nGlobal Flags:\n")
	if len(path) == 0 {
		_, flags, _ := strings.Cut(usage, "\nFlags:\n")
		global, _, _ := strings.Cut(flags, "\n\n")
		m.global = "Flags:\n" + strings.TrimRight(global, "\n") + "\n"
	} else {
		usage, _, _ = strings.Cut(usage, "\nUse \"gleitzeit ")
		name := "gleitzeit " + strings.Join(path, " ")
		fmt.Fprintf(&m.body, "\n## %s\n\n%s\n\n```text\n%s\n```\n", name, strings.ReplaceAll(escaped(about), "\n", " "), strings.TrimRight(usage, "\n"))
	}
	if len(path) > 0 && path[0] == "completion" {
		return // What a shell does with it is cobra's text.
	}
	lists, _, _ := strings.Cut(usage, "\nFlags:\n")
	for line := range strings.Lines(lists) {
		match := listed.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if match == nil || match[1] == "help" {
			continue
		}
		child := append(path[:len(path):len(path)], match[1])
		name := "gleitzeit " + strings.Join(child, " ")
		fmt.Fprintf(&m.contents, "| [`%s`](#%s) | %s |\n", name, strings.ReplaceAll(name, " ", "-"), strings.ReplaceAll(escaped(match[2]), "|", "\\|"))
		m.describe(t, child...)
	}
}

// escaped is text of a terminal as Markdown.
func escaped(text string) string {
	return strings.NewReplacer("<", "&lt;", "*", "\\*", "_", "\\_").Replace(text)
}
