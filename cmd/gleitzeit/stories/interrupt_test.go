package stories_test

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sleeper is a flow whose task sleeps until there is a file "go", with a task before it, one behind it, and a child.
const sleeper = `
name: Sleeper
max_parallel: 1
tasks:
  - id: quick
    method: python/execute
    parameters: {code: "result = 'done'"}
  - id: sleeper
    method: python/execute
    dependencies: [quick]
    parameters:
      code: |
        import os, subprocess, time
        if not os.path.exists("go"):
            child = subprocess.Popen(["sleep", "600"])
            with open("pids.new", "w") as pids:
                pids.write("%d %d" % (os.getpid(), child.pid))
            os.rename("pids.new", "pids")
        while not os.path.exists("go"):
            time.sleep(0.01)
        result = "slept"
  - id: after
    method: python/execute
    dependencies: [sleeper]
    parameters: {code: "result = 'after'"}
`

func newSleeper(t *testing.T) *user {
	u := newUser(t)
	u.File("flow.yaml", sleeper)
	return u
}

// asleep waits until the task sleeps, and returns the processes that do.
func (u *user) asleep() []int {
	u.T.Helper()
	var pids []int
	for text := range strings.FieldsSeq(u.Appears("pids")) {
		pid, err := strconv.Atoi(text)
		must(u.T, err)
		pids = append(pids, pid)
	}
	if len(pids) != 2 {
		u.T.Fatalf("the script and its child are %v", pids)
	}
	return pids
}

func wantGone(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		eventually(t, "process "+strconv.Itoa(pid)+" is gone", func() bool {
			return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
		})
	}
}

// Why the sleeper was cancelled: its process received the cancellation, or had exited.
const (
	cancelledAwake = "it was cancelled while it ran"
	cancelledGone  = "it was cancelled while no worker ran it"
)

// wantCancelled looks at the account of a run that was cancelled while its second task slept.
func wantCancelled(t *testing.T, u *user, run, sleeper string) {
	t.Helper()
	stdout, _ := u.Gleitzeit(0, "status", run, "-o", "json")
	document, err := parseRun(stdout)
	must(t, err)
	if *document.Status != "cancelled" || *document.Error.Name != "WORKFLOW_CANCELLED" {
		t.Errorf("the run is %s: %s", *document.Status, *document.Error.Name)
	}
	if got := strings.Join(document.statuses(), ", "); got != "quick completed, sleeper cancelled, after cancelled" {
		t.Errorf("its tasks: %s", got)
	}
	if why := *document.task("sleeper").Error.Message; why != sleeper {
		t.Errorf("sleeper: %s", why)
	}
	if why := *document.task("after").Error.Message; why != "it had not started when the run was cancelled" {
		t.Errorf("after: %s", why)
	}
	text, _ := u.Gleitzeit(0, "status", run)
	wantLines(t, "status", text, run+"  Sleeper  cancelled  ", "\nthe run was cancelled\n", "  ✓ quick  ", "  - sleeper  ", "  - after  ")
	done, _ := u.Gleitzeit(0, "results", run, "quick")
	if done != "done\n" {
		t.Errorf("the result of what was done is %q", done)
	}
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	u := newSleeper(t)
	p := u.Start("run", "flow.yaml")
	pids := u.asleep()
	asked := time.Now()
	p.Signal(syscall.SIGINT)
	p.Exits(130)
	if took := time.Since(asked); took > 15*time.Second {
		t.Errorf("it took %s until the run was cancelled; 2 s are meant", took)
	}
	wantGone(t, pids)
	run := p.RunID()
	wantLines(t, "stderr", p.Stderr.String(),
		"\ncancelling run "+run+"; press Ctrl-C again to quit immediately\n",
		"\n- sleeper  python/execute  cancelled  ",
		"\n"+run+" cancelled in ",
		"\nwhat it completed is kept: `gleitzeit run flow.yaml` continues from it\n")
	if p.Stdout.String() != "" {
		t.Errorf("a run without results has printed %q", p.Stdout)
	}
	wantCancelled(t, u, run, cancelledAwake)
	// It is over: the same command starts another run, which takes over what was done.
	u.File("go", "")
	_, said := u.Gleitzeit(0, "run", "flow.yaml")
	wantLines(t, "stderr", said, "\nrun "+run+" was cancelled: 1 of 3 tasks completed; what is unchanged is taken over; use `--new` to do everything again\n",
		"✓ quick  python/execute  completed  ", "(cached)\n", "✓ sleeper  ")
	if strings.Contains(said, "resumed") || strings.Count(said, "cached") != 1 {
		t.Errorf("after a cancelled run: %s", said)
	}
	// That one has completed: the next one begins anew, as with --new.
	if _, said := u.Gleitzeit(0, "run", "flow.yaml"); strings.Contains(said, "cached") {
		t.Errorf("after a completed run: %s", said)
	}
}

// TestTerminate: a shutdown ends the process, and what it runs, but not the run.
func TestTerminate(t *testing.T) {
	t.Parallel()
	u := newSleeper(t)
	p := u.Start("run", "flow.yaml")
	pids := u.asleep()
	run := p.RunID()
	p.Signal(syscall.SIGTERM)
	p.Exits(130)
	wantGone(t, pids)
	wantLines(t, "stderr", p.Stderr.String(),
		"\nquit; run "+run+" is unfinished: `gleitzeit run flow.yaml` resumes it, `gleitzeit cancel "+run+"` cancels it\n")
	text, said := u.Gleitzeit(0, "status", run)
	wantLines(t, "status", text, run+"  Sleeper  interrupted\n", "  ✓ quick  ")
	if document, _ := u.Gleitzeit(0, "status", run, "-o", "json"); !strings.Contains(document, `"status": "running"`) || !strings.Contains(document, `"interrupted": true`) {
		t.Errorf("the document is %s", document)
	}
	wantLines(t, "stderr", said, "run "+run+" is open and no process executes it: `gleitzeit run "+u.Path("flow.yaml")+"` in "+u.Work+" resumes it, `gleitzeit cancel "+run+"` cancels it\n")
	if listed, _ := u.Gleitzeit(0, "list", "--status", "interrupted"); !strings.Contains(listed, run+"  Sleeper   interrupted") {
		t.Errorf("list --status interrupted shows\n%s", listed)
	}
	if graph, _ := u.Gleitzeit(0, "graph", run); !strings.HasPrefix(graph, run+"  Sleeper  interrupted\n") {
		t.Errorf("graph shows\n%s", graph)
	}
	_, said = u.Gleitzeit(0, "results", run)
	wantLines(t, "results", said, "run "+run+" is interrupted and has no outputs; these tasks have results: quick; `gleitzeit results "+run+" TASK` prints one\n")
	u.File("go", "")
	again := u.Start("run", "flow.yaml")
	again.Exits(0)
	wantLines(t, "stderr", again.Stderr.String(), "resumed run "+run+"\n", "(1 of 3 tasks finished earlier)\n")
	if again.Stdout.String() != "after: after\n" {
		t.Errorf("its result is %q", again.Stdout)
	}
}

// TestInterruptedThenChanged: a run whose file has changed since is not promised to be resumed by it.
func TestInterruptedThenChanged(t *testing.T) {
	t.Parallel()
	u := newSleeper(t)
	p := u.Start("run", "flow.yaml")
	u.asleep()
	run := p.RunID()
	p.Kill()
	u.File("flow.yaml", sleeper+"description: another\n")
	_, said := u.Gleitzeit(0, "list")
	wantLines(t, "list", said, "run "+run+" is open and no process executes it: its file has changed since it started; `gleitzeit server` resumes it as it was, `gleitzeit cancel "+run+"` cancels it\n")
	u.File("go", "")
	_, said = u.Gleitzeit(0, "run", "flow.yaml")
	wantLines(t, "run", said, "run "+run+" of this file with other content or inputs is interrupted; `gleitzeit server` resumes it, `gleitzeit cancel "+run+"` cancels it\n")
	if _, said = u.Gleitzeit(0, "cancel", run); strings.Contains(said, "changed") {
		t.Errorf("cancel says %s", said)
	}
}

// TestSecondInterrupt: the program quits immediately, and the next command ends the run.
func TestSecondInterrupt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		then func(u *user, run string)
	}{
		{"cancel goes on", func(u *user, run string) {
			stdout, said := u.Gleitzeit(0, "cancel", run)
			if stdout != run+" cancelled\n" {
				u.T.Errorf("cancel says %q\n%s", stdout, said)
			}
		}},
		{"run goes on", func(u *user, run string) {
			u.File("go", "")
			stdout, said := u.Gleitzeit(0, "run", "flow.yaml")
			if stdout != "after: after\n" {
				u.T.Errorf("the result of the next run is %q", stdout)
			}
			wantLines(u.T, "stderr", said, "run "+run+" is being cancelled; waiting for its end before another starts\n",
				"\nrun "+run+" was cancelled: 1 of 3 tasks completed; what is unchanged is taken over; use `--new` to do everything again\n",
				"✓ quick  python/execute  completed  ", "(cached)\n")
			again, _ := u.Gleitzeit(0, "list")
			if strings.Count(again, "completed") != 1 || strings.Count(again, "cancelled") != 1 {
				u.T.Errorf("list shows\n%s", again)
			}
		}},
		{"run is interrupted", func(u *user, run string) {
			again := u.Start("run", "flow.yaml")
			again.Says("run " + run + " is being cancelled; waiting for its end")
			again.Signal(syscall.SIGINT)
			again.Exits(130)
			again.Says("run " + run + " is cancelled; no other was started\n")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			u := newSleeper(t)
			p := u.Start("run", "flow.yaml")
			pids := u.asleep()
			p.Signal(syscall.SIGINT)
			p.Says("press Ctrl-C again to quit immediately")
			p.Signal(syscall.SIGINT)
			p.Exits(130)
			wantGone(t, pids)
			run := p.RunID()
			wantLines(t, "stderr", p.Stderr.String(),
				"\nquit; run "+run+" is still being cancelled: `gleitzeit cancel "+run+"` completes that\n")
			_, said := u.Gleitzeit(0, "status", run)
			wantLines(t, "status", said, "run "+run+" is being cancelled and no process executes it: `gleitzeit cancel "+run+"` completes that\n")
			test.then(u, run)
			wantCancelled(t, u, run, cancelledGone)
		})
	}
}

// TestWhatABatchHadDoneWhenItsCancellationWasCutOff: the same command takes it over, whoever ends the cancelled run, and no item runs
// twice that had completed.
func TestWhatABatchHadDoneWhenItsCancellationWasCutOff(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		cutOff func(p *process)
		again  []string
	}{
		{"Ctrl-C twice", func(p *process) { p.Signal(syscall.SIGINT); p.Exits(130) }, nil},
		{"kill", func(p *process) { p.Kill() }, nil},
		{"changed only", func(p *process) { p.Kill() }, []string{"--changed-only"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			u := newUser(t)
			u.File("do.py", "import os, signal, time\nname = os.path.basename(context['file_path'])\nfolder = os.path.join(os.path.dirname(context['file_path']), '..')\n"+
				"with open(os.path.join(folder, 'ran'), 'a') as ran:\n    ran.write(name[0])\n"+
				"signal.signal(signal.SIGTERM, lambda *_: open(os.path.join(folder, 'cancelled'), 'w').close())\n"+
				"while name == '3.txt' and not os.path.exists(os.path.join(folder, 'go')):\n    open(os.path.join(folder, 'waits'), 'w').close()\n    time.sleep(0.01)\nresult = name\n")
			for i := range 6 {
				u.File("docs/"+strconv.Itoa(i)+".txt", "a")
			}
			command := []string{"batch", "docs", "--script", "do.py", "--max-concurrent", "1"}
			p := u.Start(command...)
			u.Appears("waits")
			p.Signal(syscall.SIGINT)
			u.Appears("cancelled")
			test.cutOff(p)
			u.File("go", "")
			_, said := u.Gleitzeit(0, append(command, test.again...)...)
			wantLines(t, "stderr", said, " is being cancelled; waiting for its end before another starts\n", "3 of 6 items completed; what is unchanged is taken over", "6 of 6 files (3 cached)\n")
			if ran := read(t, u.Path("ran")); ran != "0123345" {
				t.Errorf("the items ran as %q", ran)
			}
		})
	}
}

// TestTheCommandThatContinuesDoesNotStartAnew: of a batch with --new, it is the one without, and what only looks like --new stays.
func TestTheCommandThatContinuesDoesNotStartAnew(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("do.py", "import os, time\nfolder = os.path.join(os.path.dirname(context['file_path']), '..')\n"+
		"while context['file_path'].endswith('2.txt') and not os.path.exists(os.path.join(folder, 'go')):\n    open(os.path.join(folder, 'waits'), 'w').close()\n    time.sleep(0.01)\nresult = 1\n")
	u.File("docs/1.txt", "a")
	u.File("docs/2.txt", "a")
	first := u.Start("batch", "docs", "--new", "--script", "do.py", "--max-concurrent", "1", "--exclude", "--new", "--new=true")
	u.Appears("waits")
	first.Signal(syscall.SIGTERM)
	first.Exits(130)
	continued := "gleitzeit batch docs --script do.py --max-concurrent 1 --exclude --new"
	wantLines(t, "stderr", first.Stderr.String(), "is unfinished: `"+continued+"` resumes it")
	_, said := u.Gleitzeit(0, "list")
	wantLines(t, "list", said, "`"+continued+"` in "+u.Work+" resumes it")
	must(t, os.Remove(u.Path("waits")))
	second := u.Start(strings.Fields(continued)[1:]...)
	second.Says("resumed run " + first.RunID())
	u.Appears("waits")
	second.Signal(syscall.SIGINT)
	second.Exits(130)
	must(t, os.Remove(u.Path("waits")))
	third := u.Start("batch", "docs", "--new", "--script", "do.py", "--max-concurrent", "1", "--exclude", "--new")
	u.Appears("waits")
	third.Signal(syscall.SIGINT)
	third.Exits(130)
	wantLines(t, "stderr", third.Stderr.String(), "what it completed is kept: `"+continued+"` continues from it")
}

// TestACancelledBatchAndItsFile: a file that is there is left as it was, and FILE.partial has the items; without one, it is written.
func TestACancelledBatchAndItsFile(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("do.py", "import os, time\nfolder = os.path.join(os.path.dirname(context['file_path']), '..')\n"+
		"while context['file_path'].endswith('2.txt') and not os.path.exists(os.path.join(folder, 'go')):\n    open(os.path.join(folder, 'waits'), 'w').close()\n    time.sleep(0.01)\nresult = 'done'\n")
	for i := range 4 {
		u.File("docs/"+strconv.Itoa(i)+".txt", "a")
	}
	command := []string{"batch", "docs", "--script", "do.py", "--max-concurrent", "1", "--output", "keep.csv"}
	cancelled := func(args ...string) string {
		t.Helper()
		p := u.Start(append(command, args...)...)
		u.Appears("waits")
		p.Signal(syscall.SIGINT)
		p.Exits(130)
		must(t, os.Remove(u.Path("waits")))
		return p.Stderr.String()
	}
	const left = "the run was cancelled: keep.csv is left as it was; keep.csv.partial has the items of this run"
	said := cancelled()
	if text := read(t, u.Path("keep.csv")); strings.Count(text, "completed") != 2 || strings.Contains(said, left) {
		t.Errorf("without an earlier file it is %q\n%s", text, said)
	}
	u.File("go", "")
	_, said = u.Gleitzeit(0, command...)
	complete := read(t, u.Path("keep.csv"))
	if strings.Count(complete, "completed") != 4 {
		t.Fatalf("the file of a run that completed is %q\n%s", complete, said)
	}
	complete = "of that run: " + complete
	u.File("keep.csv", complete)
	must(t, os.Remove(u.Path("go")))
	for _, args := range [][]string{{"--new"}, {"--new", "--ordered"}} {
		wantLines(t, "stderr", cancelled(args...), "\n"+left+"\n")
		if text := read(t, u.Path("keep.csv")); text != complete {
			t.Errorf("the file of an earlier run has become %q", text)
		}
		if text := read(t, u.Path("keep.csv.partial")); strings.Count(text, `"completed"`) != 2 || strings.Count(text, "\n") != 5 {
			t.Errorf("keep.csv.partial is %q", text)
		}
	}
	u.File("go", "")
	u.Gleitzeit(0, append(command, "--ordered")...)
	if text := read(t, u.Path("keep.csv")); strings.Count(text, "completed") != 4 || strings.HasPrefix(text, "of") {
		t.Errorf("after the run was continued, the file is %q", text)
	}
	if _, err := os.Stat(u.Path("keep.csv.partial")); err == nil {
		t.Error("keep.csv.partial is still there")
	}
}

// TestCancel ends a run of another process, and one whose process was killed.
func TestCancel(t *testing.T) {
	t.Parallel()
	t.Run("of a living process", func(t *testing.T) {
		t.Parallel()
		u := newSleeper(t)
		p := u.Start("run", "flow.yaml")
		pids := u.asleep()
		run := p.RunID()
		stdout, _ := u.Gleitzeit(0, "cancel", "@latest")
		if stdout != run+" cancelled\n" {
			t.Errorf("cancel says %q", stdout)
		}
		p.Exits(130)
		wantGone(t, pids)
		wantCancelled(t, u, run, cancelledAwake)
		_, said := u.Gleitzeit(2, "cancel", run)
		wantLines(t, "stderr", said, "gleitzeit: run "+run+" has already ended: it is cancelled\n")
	})
	t.Run("of a killed process", func(t *testing.T) {
		t.Parallel()
		u := newSleeper(t)
		p := u.Start("run", "flow.yaml")
		pids := u.asleep()
		run := p.RunID()
		p.Kill()
		wantGone(t, pids)
		shown, _ := u.Gleitzeit(0, "status", run, "-o", "json")
		document, err := parseRun(shown)
		must(t, err)
		if *document.Status != "running" {
			t.Errorf("a run whose process was killed is %s", *document.Status)
		}
		stdout, _ := u.Gleitzeit(0, "cancel", run, "-o", "json")
		document, err = parseRun(stdout)
		must(t, err)
		if *document.Run != run || *document.Status != "cancelled" {
			t.Errorf("cancel says %s", stdout)
		}
		wantCancelled(t, u, run, cancelledGone)
	})
}
