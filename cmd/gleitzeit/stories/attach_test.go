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
		first := u.Start("run", "flow.yaml")
		u.asleep()
		run := first.RunID()
		second := u.Start("run", "flow.yaml")
		second.Says("attached to run " + run + ", which another process executes; `--new` starts another\n")
		third := u.Start("run", "flow.yaml", "-o", "json")
		third.Says("attached to run " + run)
		u.File("go", "")
		for _, p := range []*process{first, second} {
			p.Exits(0)
			if p.Stdout.String() != result {
				t.Errorf("%v prints %q", p.Command.Args, p.Stdout)
			}
		}
		third.Exits(0)
		document, err := parseRun(third.Stdout.String())
		must(t, err)
		if *document.Run != run || *document.Status != "completed" {
			t.Errorf("the third follows run %s, %s", *document.Run, *document.Status)
		}
		listed, _ := u.Gleitzeit(0, "list")
		if strings.Count(listed, "completed") != 1 {
			t.Errorf("list shows\n%s", listed)
		}
	})
	t.Run("the first is killed", func(t *testing.T) {
		t.Parallel()
		u := newSleeper(t)
		first := u.Start("run", "flow.yaml")
		u.asleep()
		run := first.RunID()
		second := u.Start("run", "flow.yaml")
		second.Says("attached to run " + run)
		first.Kill()
		second.Says("took over run " + run + ": the process executing it is gone\n")
		u.File("go", "")
		second.Exits(0)
		if second.Stdout.String() != result {
			t.Errorf("the second prints %q", second.Stdout)
		}
	})
	t.Run("interrupted while attached", func(t *testing.T) {
		t.Parallel()
		u := newSleeper(t)
		first := u.Start("run", "flow.yaml")
		u.asleep()
		run := first.RunID()
		second := u.Start("run", "flow.yaml")
		second.Says("attached to run " + run)
		second.Signal(syscall.SIGINT)
		second.Exits(130)
		first.Exits(130)
		wantCancelled(t, u, run, cancelledAwake)
	})
	t.Run("new", func(t *testing.T) {
		t.Parallel()
		u := newSleeper(t)
		first := u.Start("run", "flow.yaml")
		u.asleep()
		run := first.RunID()
		second := u.Start("run", "flow.yaml", "--new")
		if other := second.RunID(); other == run {
			t.Errorf("with --new it is the same run %s", other)
		}
		u.File("go", "")
		for _, p := range []*process{first, second} {
			p.Exits(0)
			if p.Stdout.String() != result {
				t.Errorf("%v prints %q", p.Command.Args, p.Stdout)
			}
		}
		listed, _ := u.Gleitzeit(0, "list")
		if strings.Count(listed, "completed") != 2 {
			t.Errorf("list shows\n%s", listed)
		}
	})
	t.Run("an edited file is another run", func(t *testing.T) {
		t.Parallel()
		u := newSleeper(t)
		first := u.Start("run", "flow.yaml")
		u.asleep()
		u.File("flow.yaml", strings.ReplaceAll(sleeper, "result = 'after'", "result = 'edited'"))
		u.File("go", "")
		stdout, said := u.Gleitzeit(0, "run", "flow.yaml")
		if stdout != "after: edited\n" || strings.Contains(said, "attached") {
			t.Errorf("%q\n%s", stdout, said)
		}
		first.Exits(0)
		if first.Stdout.String() != result {
			t.Errorf("the edit has changed a run under way: %q", first.Stdout)
		}
	})
}

// TestFixedID: a run id of one's own is open at most once, and can be used again.
func TestFixedID(t *testing.T) {
	t.Parallel()
	u := newSleeper(t)
	u.File("flow.yaml", "id: nightly\n"+sleeper)
	first := u.Start("run", "flow.yaml")
	u.asleep()
	const open = "gleitzeit: run nightly is still open\n  `gleitzeit status nightly` shows it, `gleitzeit cancel nightly` cancels it\n"
	stdout, said := u.Gleitzeit(1, "run", "flow.yaml", "--new")
	if said != open || stdout != "" {
		t.Errorf("a second run of the id says %q%s", stdout, said)
	}
	u.File("other.yaml", "id: nightly\nname: Other\ntasks: [{id: only, method: python/execute, parameters: {code: result = 1}}]\n")
	if _, said := u.Gleitzeit(1, "run", "other.yaml"); said != open {
		t.Errorf("another workflow of the id says %s", said)
	}
	attached := u.Start("run", "flow.yaml")
	attached.Says("attached to run nightly, ")
	u.File("go", "")
	first.Exits(0)
	attached.Exits(0)
	if stdout, _ := u.Gleitzeit(0, "run", "other.yaml"); stdout != "only: 1\n" {
		t.Errorf("the id, used again, has the result %q", stdout)
	}
	if stdout, _ := u.Gleitzeit(0, "run", "flow.yaml"); stdout != "after: after\n" {
		t.Errorf("the id, used a third time, has the result %q", stdout)
	}
	stdout, _ = u.Gleitzeit(0, "results", "nightly")
	if stdout != "after: after\n" {
		t.Errorf("the results of the last run of the id are %q", stdout)
	}
}

// TestAttachByInputs: the values of inputs, wherever they come from, distinguish the runs of a file.
func TestAttachByInputs(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", "inputs: {topic: tea, cups: 1}"+sleeper)
	u.File("in.yaml", "cups: 2\ntopic: coffee\n")
	first := u.Start("run", "flow.yaml", "--inputs", "in.yaml", "--input", "topic=a b")
	u.asleep()
	run := first.RunID()
	same := u.Start("run", "flow.yaml", "--input", "topic=a b", "--input", "cups=2")
	same.Says("attached to run " + run)
	other := u.Start("run", "flow.yaml", "--inputs", "in.yaml")
	if other.RunID() == run {
		t.Error("a run with other inputs attached to the first")
	}
	first.Signal(syscall.SIGTERM)
	first.Says("quit; run " + run + " is unfinished: `gleitzeit run flow.yaml --inputs in.yaml --input 'topic=a b'` resumes it, ")
	u.File("go", "")
	same.Exits(0)
	other.Exits(0)
}

// A watching process reports the end of a run even if the process with the engine exited first.
func TestWatchOutlivesTheEngine(t *testing.T) {
	t.Parallel()
	u := newSleeper(t)
	first := u.Start("run", "flow.yaml")
	u.asleep()
	watch := u.Start("watch", first.RunID())
	watch.Says("✓ quick")
	watch.Signal(syscall.SIGSTOP)
	u.File("go", "")
	first.Exits(0)
	watch.Signal(syscall.SIGCONT)
	watch.Exits(0)
	if watch.Stdout.String() != "after: after\n" {
		t.Errorf("watch prints %q", watch.Stdout)
	}
}
