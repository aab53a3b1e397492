package stories_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func removeAll(paths ...string) error {
	var errs []error
	for _, path := range paths {
		errs = append(errs, os.RemoveAll(path))
	}
	return errors.Join(errs...)
}

// TestServerKilled: another process takes the engine over, and submitted runs continue.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	t.Run("while a worker executes", func(t *testing.T) {
		t.Parallel()
		u := newSleeper(t)
		first := u.serves("--no-ui", "--queue", "another")
		u.works()
		id, _ := u.Gleitzeit(0, "submit", "flow.yaml")
		u.asleep()
		watch := u.Start("watch", strings.TrimSpace(id))
		watch.Says("✓ quick  ")
		first.Kill()
		watch.Says("the engine does not answer; waiting until a process of " + u.Home + " runs it again: `gleitzeit server` does\n")
		u.File("go", "")
		u.serves("--no-ui", "--queue", "another")
		watch.Exits(0)
		if watch.Stdout.String() != "after: after\n" {
			t.Errorf("its result is %q", watch.Stdout)
		}
	})
	t.Run("only busy", func(t *testing.T) {
		t.Parallel()
		u := newSleeper(t)
		busy := u.serves("--no-ui")
		id, _ := u.Gleitzeit(0, "submit", "flow.yaml")
		u.asleep()
		watch := u.Start("watch", strings.TrimSpace(id))
		watch.Says("✓ quick  ")
		busy.Signal(syscall.SIGSTOP)
		watch.Says("the engine does not answer, and its process is there; waiting until it is less busy\n")
		busy.Signal(syscall.SIGCONT)
		watch.Says("the engine answers again\n")
		u.File("go", "")
		watch.Exits(0)
		if strings.Contains(watch.Stderr.String(), "gleitzeit server") {
			t.Errorf("it says that a server is to be started:\n%s", watch.Stderr)
		}
	})
	t.Run("while it executes", func(t *testing.T) {
		t.Parallel()
		u := newSleeper(t)
		first := u.serves("--no-ui")
		id, _ := u.Gleitzeit(0, "submit", "flow.yaml")
		pids := u.asleep()
		first.Kill()
		wantGone(t, pids)
		u.File("go", "")
		u.serves("--no-ui")
		stdout, _ := u.Gleitzeit(0, "watch", strings.TrimSpace(id))
		if stdout != "after: after\n" {
			t.Errorf("its result is %q", stdout)
		}
	})
	t.Run("while a run of its own goes on", func(t *testing.T) {
		t.Parallel()
		u := newSleeper(t)
		first := u.serves("--no-ui")
		run := u.Start("run", "flow.yaml")
		u.asleep()
		first.Kill()
		u.File("go", "")
		run.Exits(0)
		if run.Stdout.String() != "after: after\n" {
			t.Errorf("its result is %q", run.Stdout)
		}
	})
}

// TestTheNewestOfSeveralFinishedRuns is shown, and the others are not shown afterwards.
func TestTheNewestOfSeveralFinishedRuns(t *testing.T) {
	t.Parallel()
	u := newSleeper(t)
	var runs []string
	for range 3 {
		p := u.Start("run", "flow.yaml", "--new")
		u.asleep()
		runs = append(runs, p.RunID())
		p.Kill()
		must(t, os.Remove(u.Path("pids")))
	}
	u.File("go", "")
	server := u.serves("--no-ui")
	for _, run := range runs {
		server.Says("run " + run + " has ended; `gleitzeit results " + run + "` prints its results\n")
	}
	_, said := u.Gleitzeit(0, "run", "flow.yaml")
	wantLines(t, "run", said, "run "+runs[2]+" finished earlier; showing its results from ")
	if _, said := u.Gleitzeit(0, "run", "flow.yaml"); strings.Contains(said, "finished earlier") {
		t.Errorf("an older run is shown after a newer one: %s", said)
	}
}

// TestAdoption: a server resumes a run whose process was killed, and the same command prints its results.
func TestAdoption(t *testing.T) {
	t.Parallel()
	t.Run("and told later", func(t *testing.T) {
		t.Parallel()
		u := newSleeper(t)
		first := u.Start("run", "flow.yaml")
		u.asleep()
		run := first.RunID()
		first.Kill()
		write(t, filepath.Join(u.Home, "runs", "damaged.json"), "{") // One claim that cannot be read keeps no other run waiting.
		server := u.serves("--no-ui")
		server.Says("damaged.json")
		server.Says("took over run " + run + ": the process executing it is gone\n")
		must(t, os.Remove(filepath.Join(u.Home, "runs", "damaged.json")))
		u.File("go", "")
		server.Says("run " + run + " has ended; `gleitzeit results " + run + "` prints its results\n")
		stdout, said := u.Gleitzeit(0, "run", "flow.yaml")
		if stdout != "after: after\n" {
			t.Errorf("the same command prints %q", stdout)
		}
		wantLines(t, "run", said, "run "+run+" finished earlier; showing its results from ", "; use `--new` to run it again\n")
		if _, said := u.Gleitzeit(0, "run", "flow.yaml"); strings.Contains(said, "finished earlier") {
			t.Errorf("the results are printed twice: %s", said)
		}
		if strings.Count(server.Stderr.String(), "took over") != 1 {
			t.Errorf("the server says\n%s", server.Stderr)
		}
	})
	t.Run("and told at once", func(t *testing.T) {
		t.Parallel()
		u := newSleeper(t)
		first := u.Start("run", "flow.yaml")
		u.asleep()
		run := first.RunID()
		first.Kill()
		server := u.serves("--no-ui")
		server.Says("took over run " + run)
		second := u.Start("run", "flow.yaml")
		second.Says("attached to run " + run)
		u.File("go", "")
		second.Exits(0)
		if second.Stdout.String() != "after: after\n" {
			t.Errorf("who is attached sees %q", second.Stdout)
		}
		if _, said := u.Gleitzeit(0, "run", "flow.yaml"); strings.Contains(said, "finished earlier") {
			t.Errorf("the results are printed twice: %s", said)
		}
	})
}
