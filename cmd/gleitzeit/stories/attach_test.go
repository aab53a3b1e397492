package stories_test

import (
	"strings"
	"syscall"
	"testing"
)

func TestAttach(t *testing.T) {
	t.Parallel()
	const result = "after: after\n"
	t.Run("the same command twice", func(t *testing.T) {
		t.Parallel()
		u := newSleeper(t)
		first := u.start("run", "flow.yaml")
		u.asleep()
		run := first.runID()
		second := u.start("run", "flow.yaml")
		second.says("attached to run " + run + ", which another process executes; `--new` starts another\n")
		third := u.start("run", "flow.yaml", "-o", "json")
		third.says("attached to run " + run)
		u.file("go", "")
		for _, p := range []*process{first, second} {
			p.exits(0)
			if p.stdout.String() != result {
				t.Errorf("%v prints %q", p.command.Args, p.stdout)
			}
		}
		third.exits(0)
		document, err := parseRun(third.stdout.String())
		must(t, err)
		if *document.Run != run || *document.Status != "completed" {
			t.Errorf("the third is told of run %s, %s", *document.Run, *document.Status)
		}
		listed, _ := u.gleitzeit(0, "list")
		if strings.Count(listed, "completed") != 1 {
			t.Errorf("list shows\n%s", listed)
		}
	})
	t.Run("the first is killed", func(t *testing.T) {
		t.Parallel()
		u := newSleeper(t)
		first := u.start("run", "flow.yaml")
		u.asleep()
		run := first.runID()
		second := u.start("run", "flow.yaml")
		second.says("attached to run " + run)
		first.kill()
		second.says("the process that executed run " + run + " is gone; going on here\n")
		u.file("go", "")
		second.exits(0)
		if second.stdout.String() != result {
			t.Errorf("the second prints %q", second.stdout)
		}
	})
	t.Run("interrupted while attached", func(t *testing.T) {
		t.Parallel()
		u := newSleeper(t)
		first := u.start("run", "flow.yaml")
		u.asleep()
		run := first.runID()
		second := u.start("run", "flow.yaml")
		second.says("attached to run " + run)
		second.signal(syscall.SIGINT)
		second.exits(130)
		first.exits(130)
		wantCancelled(t, u, run, cancelledAwake)
	})
	t.Run("new", func(t *testing.T) {
		t.Parallel()
		u := newSleeper(t)
		first := u.start("run", "flow.yaml")
		u.asleep()
		run := first.runID()
		second := u.start("run", "flow.yaml", "--new")
		if other := second.runID(); other == run {
			t.Errorf("with --new it is the same run %s", other)
		}
		u.file("go", "")
		for _, p := range []*process{first, second} {
			p.exits(0)
			if p.stdout.String() != result {
				t.Errorf("%v prints %q", p.command.Args, p.stdout)
			}
		}
		listed, _ := u.gleitzeit(0, "list")
		if strings.Count(listed, "completed") != 2 {
			t.Errorf("list shows\n%s", listed)
		}
	})
	t.Run("an edited file is another run", func(t *testing.T) {
		t.Parallel()
		u := newSleeper(t)
		first := u.start("run", "flow.yaml")
		u.asleep()
		u.file("flow.yaml", strings.ReplaceAll(sleeper, "result = 'after'", "result = 'edited'"))
		u.file("go", "")
		stdout, said := u.gleitzeit(0, "run", "flow.yaml")
		if stdout != "after: edited\n" || strings.Contains(said, "attached") {
			t.Errorf("%q\n%s", stdout, said)
		}
		first.exits(0)
		if first.stdout.String() != result {
			t.Errorf("the edit has changed a run under way: %q", first.stdout)
		}
	})
}

// TestFixedID: a run id of one's own is open at most once, and can be used again.
func TestFixedID(t *testing.T) {
	t.Parallel()
	u := newSleeper(t)
	u.file("flow.yaml", "id: nightly\n"+sleeper)
	first := u.start("run", "flow.yaml")
	u.asleep()
	const open = "gleitzeit: run nightly is still open\n  `gleitzeit status nightly` shows it, `gleitzeit cancel nightly` ends it\n"
	stdout, said := u.gleitzeit(1, "run", "flow.yaml", "--new")
	if said != open || stdout != "" {
		t.Errorf("a second run of the id says %q%s", stdout, said)
	}
	u.file("other.yaml", "id: nightly\nname: Other\ntasks: [{id: only, method: python/execute, parameters: {code: result = 1}}]\n")
	if _, said := u.gleitzeit(1, "run", "other.yaml"); said != open {
		t.Errorf("another workflow of the id says %s", said)
	}
	attached := u.start("run", "flow.yaml")
	attached.says("attached to run nightly, ")
	u.file("go", "")
	first.exits(0)
	attached.exits(0)
	if stdout, _ := u.gleitzeit(0, "run", "other.yaml"); stdout != "only: 1\n" {
		t.Errorf("the id, used again, brings %q", stdout)
	}
	if stdout, _ := u.gleitzeit(0, "run", "flow.yaml"); stdout != "after: after\n" {
		t.Errorf("the id, used a third time, brings %q", stdout)
	}
	stdout, _ = u.gleitzeit(0, "results", "nightly")
	if stdout != "after: after\n" {
		t.Errorf("the results of the last run of the id are %q", stdout)
	}
}

// TestAttachByInputs: the values of inputs, wherever they come from, tell one run of a file from another.
func TestAttachByInputs(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.file("flow.yaml", "inputs: {topic: tea, cups: 1}"+sleeper)
	u.file("in.yaml", "cups: 2\ntopic: coffee\n")
	first := u.start("run", "flow.yaml", "--inputs", "in.yaml", "--input", "topic=a b")
	u.asleep()
	run := first.runID()
	same := u.start("run", "flow.yaml", "--input", "topic=a b", "--input", "cups=2")
	same.says("attached to run " + run)
	other := u.start("run", "flow.yaml", "--inputs", "in.yaml")
	if other.runID() == run {
		t.Error("a run with other inputs attached to the first")
	}
	first.signal(syscall.SIGTERM)
	first.says("left; run " + run + " is open: `gleitzeit run flow.yaml --inputs in.yaml --input 'topic=a b'` goes on, ")
	u.file("go", "")
	same.exits(0)
	other.exits(0)
}

// Who watches a run is told of its end, although the process that had the engine was gone before it could be asked.
func TestWatchOutlivesTheEngine(t *testing.T) {
	t.Parallel()
	u := newSleeper(t)
	first := u.start("run", "flow.yaml")
	u.asleep()
	watch := u.start("watch", first.runID())
	watch.says("✓ quick")
	watch.signal(syscall.SIGSTOP)
	u.file("go", "")
	first.exits(0)
	watch.signal(syscall.SIGCONT)
	watch.exits(0)
	if watch.stdout.String() != "after: after\n" {
		t.Errorf("watch prints %q", watch.stdout)
	}
}
