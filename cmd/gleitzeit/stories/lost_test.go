package stories_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestLostRuns: where engine.db was moved away, every command says of an open run of before that it is lost, with an engine
// and without one.
func TestLostRuns(t *testing.T) {
	t.Parallel()
	u := newSleeper(t)
	u.File("other.yaml", sum)
	p := u.Start("run", "flow.yaml")
	u.asleep()
	run := p.RunID()
	p.Signal(syscall.SIGKILL)
	p.Wait()
	listed, _ := u.Gleitzeit(0, "list")
	wantLines(t, "list", listed, run+"  Sleeper   interrupted ")

	files, err := filepath.Glob(filepath.Join(u.Home, "engine.db*"))
	must(t, err)
	aside := t.TempDir()
	for _, file := range files {
		must(t, os.Rename(file, filepath.Join(aside, filepath.Base(file))))
	}
	agree := func(when string) {
		t.Helper()
		for _, args := range [][]string{{"list"}, {"list", "--status", "lost"}, {"list", "--status", "failed"}, {"status", run}, {"graph", run}} {
			stdout, stderr := u.Gleitzeit(0, args...)
			if !strings.Contains(stdout, run) || !strings.Contains(stdout, "  lost") || strings.Contains(stdout+stderr, "interrupted") || strings.Contains(stderr, "resumes it") {
				t.Errorf("%s, %s: %s%s", when, args, stdout, stderr)
			}
		}
		running, _ := u.Gleitzeit(0, "list", "--status", "running")
		if strings.Contains(running, run) {
			t.Errorf("%s it is running: %s", when, running)
		}
		stdout, _ := u.Gleitzeit(0, "list", "-o", "json")
		if !strings.Contains(strings.Join(strings.Fields(stdout), ""), `"run":"`+run+`","workflow":"Sleeper","status":"failed","lost":true`) {
			t.Errorf("%s: %s", when, stdout)
		}
		done, _ := u.Gleitzeit(0, "results", run, "quick")
		if done != "done\n" {
			t.Errorf("%s the result of what was done is %q", when, done)
		}
	}
	agree("without a database")
	u.Gleitzeit(0, "run", "other.yaml")
	agree("with another database")
	_, said := u.Gleitzeit(2, "cancel", run)
	wantLines(t, "cancel", said, "gleitzeit: run "+run+" is lost: the engine no longer knows this run, and its end is not recorded\n")
	server := u.serves()
	agree("beside a server")
	server.Signal(syscall.SIGTERM)
	server.Wait()

	u.File("go", "")
	stdout, _ := u.Gleitzeit(0, "run", "flow.yaml")
	if !strings.Contains(stdout, "after") {
		t.Errorf("the workflow does not start again: %s", stdout)
	}
	agree("after another run")
}
