package stories_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
)

// mistakes has what newcomers get wrong: an archive for each, with a comment, files, and in the file "session" commands with what they
// print and their exit codes.
const mistakes = "../testdata/mistakes"

// TestMistakes: each mistake gets a message that names the place, the cause and what to do. GLEITZEIT_TEST_UPDATE=1 writes what is printed,
// to be read before it is committed.
func TestMistakes(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join(mistakes, "*.txtar"))
	must(t, err)
	if len(paths) < 40 {
		t.Fatalf("there are only %d mistakes", len(paths))
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			testMistake(t, path)
		})
	}
}

func testMistake(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	must(t, err)
	server := nobodyAt(t)
	if strings.Contains(string(archive.Comment), "Ollama runs") {
		server = ollamatest.Start(t)
	}
	u := withOllama(t, server)
	session := -1
	for i, file := range archive.Files {
		switch to := u.Path(file.Name); {
		case file.Name == "session":
			session = i
		case strings.HasPrefix(file.Name, "home/"):
			must(t, os.MkdirAll(u.Home, 0o700))
			write(t, filepath.Join(u.Home, strings.TrimPrefix(file.Name, "home/")), string(file.Data))
		default:
			must(t, os.MkdirAll(filepath.Dir(to), 0o755))
			write(t, to, string(file.Data))
		}
	}
	if session < 0 {
		t.Fatalf("%s has no session", path)
	}
	var got strings.Builder
	for line := range strings.Lines(string(archive.Files[session].Data)) {
		command, is := strings.CutPrefix(line, "$ ")
		if !is {
			continue
		}
		fmt.Fprintf(&got, "%s%s", line, u.typedMistake(strings.TrimSpace(command), server))
	}
	if want := string(archive.Files[session].Data); got.String() != want {
		if os.Getenv("GLEITZEIT_TEST_UPDATE") == "" {
			t.Errorf("%s\nprints\n%s\nwant\n%s", archive.Comment, got.String(), want)
			return
		}
		archive.Files[session].Data = []byte(got.String())
		must(t, os.WriteFile(path, txtar.Format(archive), 0o644))
	}
}

// What differs from run to run.
var (
	runSuffix = regexp.MustCompile(`\b([a-z][a-z0-9-]*)-[0-9a-f]{8}\b`)
	marks     = regexp.MustCompile(`(?m)^ *[~^]+\n`) // Of newer Pythons, beneath a line of code.
	takenPort = regexp.MustCompile(`\bport [0-9]+ is`)
	python    = regexp.MustCompile(`/\S*/bin/python[0-9.]*`)
	otherPort = regexp.MustCompile(`--ui-port [0-9]+`)
	duration  = regexp.MustCompile(`\b[0-9]+\.[0-9]+ s\b`)
)

// typedMistake types a command that fails, and returns what it prints and its exit code.
func (u *user) typedMistake(line, server string) string {
	u.T.Helper()
	command := exec.Command("sh", "-c", line)
	command.Dir = u.Work
	command.Env = u.Environment("PATH=" + filepath.Dir(program(u.T)) + string(filepath.ListSeparator) + os.Getenv("PATH"))
	output, err := command.CombinedOutput()
	code := command.ProcessState.ExitCode()
	if err == nil {
		u.T.Errorf("$ %s is not wrong: exit code %d", line, code)
	}
	text := strings.NewReplacer(u.Work, "/home/you/flows", u.Home, "/home/you/.gleitzeit", "http://"+strings.TrimPrefix(server, "http://"), "http://SERVER",
		strings.TrimPrefix(server, "http://"), "SERVER").Replace(string(output))
	text = marks.ReplaceAllString(text, "")
	text = python.ReplaceAllString(text, "/usr/bin/python3")
	text = otherPort.ReplaceAllString(takenPort.ReplaceAllString(text, "port 12345 is"), "--ui-port 12346")
	text = duration.ReplaceAllString(runSuffix.ReplaceAllString(text, "$1-0a1b2c3d"), "0.10 s")
	return fmt.Sprintf("%sexit code %d\n", text, code)
}
