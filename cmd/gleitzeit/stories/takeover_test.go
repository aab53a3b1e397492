package stories_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func removeAll(paths ...string) error {
	var errs []error
	for _, path := range paths {
		errs = append(errs, os.RemoveAll(path))
	}
	return errors.Join(errs...)
}

// TestServerKilled: the engine changes hands, and what was submitted goes on.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	t.Run("while a worker executes", func(t *testing.T) {
		t.Parallel()
		u := newSleeper(t)
		first := u.serves("--no-ui", "--queue", "another")
		u.works()
		id, _ := u.gleitzeit(0, "submit", "flow.yaml")
		u.asleep()
		watch := u.start("watch", strings.TrimSpace(id))
		watch.says("✓ quick  ")
		first.kill()
		watch.says("the engine does not answer; waiting until a process of " + u.home + " runs it again: `gleitzeit server` does\n")
		u.file("go", "")
		u.serves("--no-ui", "--queue", "another")
		watch.exits(0)
		if watch.stdout.String() != "after: after\n" {
			t.Errorf("it brings %q", watch.stdout)
		}
	})
	t.Run("while it executes", func(t *testing.T) {
		t.Parallel()
		u := newSleeper(t)
		first := u.serves("--no-ui")
		id, _ := u.gleitzeit(0, "submit", "flow.yaml")
		pids := u.asleep()
		first.kill()
		wantGone(t, pids)
		u.file("go", "")
		u.serves("--no-ui")
		stdout, _ := u.gleitzeit(0, "watch", strings.TrimSpace(id))
		if stdout != "after: after\n" {
			t.Errorf("it brings %q", stdout)
		}
	})
	t.Run("while a run of its own goes on", func(t *testing.T) {
		t.Parallel()
		u := newSleeper(t)
		first := u.serves("--no-ui")
		run := u.start("run", "flow.yaml")
		u.asleep()
		first.kill()
		u.file("go", "")
		run.exits(0)
		if run.stdout.String() != "after: after\n" {
			t.Errorf("it brings %q", run.stdout)
		}
	})
}

// TestAdoption: a server goes on with a run whose process was killed, and whoever typed it is told its results.
func TestAdoption(t *testing.T) {
	t.Parallel()
	t.Run("and told later", func(t *testing.T) {
		t.Parallel()
		u := newSleeper(t)
		first := u.start("run", "flow.yaml")
		u.asleep()
		run := first.runID()
		first.kill()
		write(t, filepath.Join(u.home, "runs", "damaged.json"), "{") // One claim that cannot be read keeps no other run waiting.
		server := u.serves("--no-ui")
		server.says("damaged.json")
		server.says("going on with run " + run + ", whose process is gone\n")
		must(t, os.Remove(filepath.Join(u.home, "runs", "damaged.json")))
		u.file("go", "")
		server.says("run " + run + " has ended; `gleitzeit results " + run + "` prints what it brought\n")
		stdout, said := u.gleitzeit(0, "run", "flow.yaml")
		if stdout != "after: after\n" {
			t.Errorf("the same command prints %q", stdout)
		}
		wantLines(t, "run", said, "run "+run+" had ended; these are its results\n")
		if _, said := u.gleitzeit(0, "run", "flow.yaml"); strings.Contains(said, "had ended") {
			t.Errorf("the results are told twice: %s", said)
		}
		if strings.Count(server.stderr.String(), "going on") != 1 {
			t.Errorf("the server says\n%s", server.stderr)
		}
	})
	t.Run("and told at once", func(t *testing.T) {
		t.Parallel()
		u := newSleeper(t)
		first := u.start("run", "flow.yaml")
		u.asleep()
		run := first.runID()
		first.kill()
		server := u.serves("--no-ui")
		server.says("going on with run " + run)
		second := u.start("run", "flow.yaml")
		second.says("attached to run " + run)
		u.file("go", "")
		second.exits(0)
		if second.stdout.String() != "after: after\n" {
			t.Errorf("who is attached sees %q", second.stdout)
		}
		if _, said := u.gleitzeit(0, "run", "flow.yaml"); strings.Contains(said, "had ended") {
			t.Errorf("the results are told twice: %s", said)
		}
	})
}
