package python_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// ending are scripts that clean up when they are asked to end. They say "up" when they can be asked.
var ending = []struct{ name, code, want string }{
	{"finally", "try:\n    UP()\n    time.sleep(600)\nfinally:\n    print('cleaned')", "cleaned"},
	{"finally, busy", "try:\n    UP()\n    while True: pass\nfinally:\n    print('cleaned')", "cleaned"},
	{"a context manager and its file", "import tempfile\nwith tempfile.NamedTemporaryFile('w') as f:\n    f.write('x')\n    try:\n        UP()\n        time.sleep(600)\n    finally: print(os.path.exists(f.name))", "True"},
	{"atexit", "import atexit\natexit.register(print, 'bye')\nUP()\ntime.sleep(600)", "bye"},
	{"a handler of its own", "import signal\ndef stop(number, frame):\n    print('stopping', number)\n    sys.exit(0)\nsignal.signal(signal.SIGTERM, stop)\nUP()\ntime.sleep(600)", "stopping 15"},
	{"except Exception does not see it", "while True:\n    try:\n        UP()\n        time.sleep(600)\n    except Exception: print('seen')\n    finally: print('cleaned')", "cleaned"},
	{"in a destructor, which drops exceptions", "class Slow:\n    def __del__(self):\n        UP()\n        time.sleep(600)\ntry:\n    Slow()\n    time.sleep(600)\nfinally: print('cleaned')", "cleaned"},
	{"in the end of a file without a name", "import io\nclass Slow(io.RawIOBase):\n    def close(self):\n        if not self.closed:\n            UP()\n            time.sleep(600)\ntry:\n    Slow()\n    time.sleep(600)\nfinally: print('cleaned')", "cleaned"},
	{"asyncio", "import asyncio\nasync def work():\n    try:\n        UP()\n        await asyncio.sleep(600)\n    finally: print('cleaned')\nasyncio.run(work())", "cleaned"},
	{"a program of its own", "import subprocess\nchild = subprocess.Popen(['sh', '-c', 'trap \"sleep 0.3; echo trapped; exit\" TERM; touch up; while :; do sleep 0.05; done'])\nchild.wait()", "trapped"},
	{"a program that is waited for without a chance to notice", "try:\n    UP()\n    os.system('sleep 600')\nfinally: print('noticed')", "noticed"},
	{"a pool", "import multiprocessing\nif True:\n    with multiprocessing.get_context('fork').Pool(2) as pool:\n        result = pool.map_async(time.sleep, [600, 600])\n        try:\n            UP()\n            result.get(600)\n        finally: print('cleaned')", "cleaned"},
}

// up is what UP stands for.
const up = "import os, sys, time\ndef UP(): open(os.path.join(context['folder'], 'up'), 'w').close()\n"

// inFolder returns a request whose script says in a folder that it is up.
func inFolder(t *testing.T, code string) protocol.Request {
	t.Helper()
	request := ofCode(t, up+code)
	request.Parameters = value.Object(value.Field{Name: "context", Value: value.Object(value.Field{Name: "folder", Value: value.String(request.Folder)})})
	return request
}

// cancelled runs a script until it is up, cancels it, and returns what it has printed and how long it took to end.
func cancelled(t *testing.T, handler *python.Handler, request protocol.Request) (string, time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var began time.Time
	go func() {
		eventually(t, "the script is up", func() bool { return exists(filepath.Join(request.Folder, "up")) })
		began = time.Now()
		cancel()
	}()
	result, err := handler.Handle(ctx, request, nil)
	if protocol.AsError(errorOr(err), 0).Code != protocol.TaskCancelled {
		t.Errorf("got %v", err)
	}
	return result.Printed.Output, time.Since(began)
}

func TestScriptsCleanUp(t *testing.T) {
	for name, handler := range map[string]*python.Handler{"forked": shared, "alone": python.New(python.Options{NoFork: true})} {
		for _, c := range ending {
			if c.name == "a pool" && name == "alone" {
				continue // There all get the signal at once, and the pool waits for its workers for ever.
			}
			t.Run(c.name+", "+name, func(t *testing.T) {
				t.Parallel()
				printed, took := cancelled(t, handler, inFolder(t, c.code))
				if printed != c.want {
					t.Errorf("got %q, want %q", printed, c.want)
				}
				if took > 15*time.Second {
					t.Errorf("it took %s", took)
				}
			})
		}
	}
}

// The timeout of a task counts until SIGTERM: what a script prints then is kept as well.
func TestScriptsCleanUpAfterTheirTimeout(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	result, err := shared.Handle(ctx, ofCode(t, "import time\ntry: time.sleep(600)\nfinally: print('cleaned')"), nil)
	if err == nil || !strings.HasPrefix(err.Error(), "the script timed out after ") || result.Printed.Output != "cleaned" {
		t.Errorf("got %v and %q", err, result.Printed.Output)
	}
}

// A script that does not end is killed after the grace, and at once where there is none.
func TestTheGraceIsLimited(t *testing.T) {
	const deaf = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nUP()\ntry: time.sleep(600)\nfinally: print('cleaned')"
	for _, c := range []struct {
		grace       time.Duration
		least, most time.Duration
	}{{500 * time.Millisecond, 500 * time.Millisecond, 4 * time.Second}, {python.NoGrace, 0, 3 * time.Second}} {
		for _, noFork := range []bool{false, true} {
			t.Run(fmt.Sprint(c.grace, noFork), func(t *testing.T) {
				t.Parallel()
				handler := python.New(python.Options{Grace: c.grace, NoFork: noFork})
				t.Cleanup(func() { must(t, handler.Close()) })
				printed, took := cancelled(t, handler, inFolder(t, deaf))
				if printed != "" || took < c.least || took > c.most {
					t.Errorf("it printed %q and took %s", printed, took)
				}
			})
		}
	}
	long := newHandler(t, python.Options{Grace: 2 * time.Second})
	if printed, _ := cancelled(t, long, inFolder(t, "import os\ntry:\n    UP()\n    time.sleep(600)\nfinally:\n    time.sleep(1.4)\n    print('cleaned')")); printed != "cleaned" {
		t.Errorf("a script that needs most of the grace has printed %q", printed)
	}
	handler := python.New(python.Options{Grace: python.NoGrace})
	t.Cleanup(func() { must(t, handler.Close()) })
	if printed, _ := cancelled(t, handler, inFolder(t, ending[0].code)); printed != "" {
		t.Errorf("without a grace, it printed %q", printed)
	}
}

// A SIGTERM from elsewhere ends a script like any other program, but for what it cleans up.
func TestSIGTERMFromElsewhere(t *testing.T) {
	for code, want := range map[string]string{
		"os.kill(os.getpid(), 15)\ntime.sleep(600)":                                                                                                                             "the script's process was killed by signal 15 (terminated)",
		"try:\n    os.kill(os.getpid(), 15)\n    time.sleep(600)\nexcept SystemExit: result = 'well'":                                                                           "",
		"pid = os.fork()\nif pid == 0: time.sleep(600)\nos.kill(pid, 15)\nassert os.waitpid(pid, 0)[1] == 15":                                                                   "",
		"import multiprocessing\np = multiprocessing.get_context('fork').Process(target=time.sleep, args=(600,))\np.start(); p.terminate(); p.join()\nassert p.exitcode == -15": "",
	} {
		result, err := execute(t, ofCode(t, "import os, time\nprint('out')\n"+code))
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want || result.Printed.Output != "out") {
			t.Errorf("%s: got %v and %+v", code, err, result.Printed)
		}
	}
}

// When Gleitzeit is killed while a script uses its grace, or closes, the script ends at once.
func TestTheGraceEndsWithGleitzeit(t *testing.T) {
	folder := t.TempDir()
	parent := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	parent.Env = append(os.Environ(), graceFolder+"="+folder, "TMPDIR="+t.TempDir())
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	pids := pidsIn(t, folder)
	writeFile(t, filepath.Join(folder, "cancel"))
	eventually(t, "the script was asked to end", func() bool { return exists(filepath.Join(folder, "asked")) })
	if gone(pids[0]) {
		t.Error("the script has ended already")
	}
	must(t, parent.Process.Kill())
	_ = parent.Wait()
	for i, pid := range pids {
		eventually(t, fmt.Sprintf("process %d is gone", i), func() bool { return gone(pid) })
	}
}

// Close waits for scripts whose calls were cancelled: a worker that stops lets them clean up.
func TestCloseWaitsForScriptsThatCleanUp(t *testing.T) {
	handler := python.New(python.Options{})
	request := inFolder(t, "try:\n    UP()\n    time.sleep(600)\nfinally:\n    time.sleep(0.5)\n    print('cleaned')")
	ctx, cancel := context.WithCancel(t.Context())
	printed := make(chan string, 1)
	go func() {
		result, _ := handler.Handle(ctx, request, nil)
		printed <- result.Printed.Output
	}()
	eventually(t, "the script is up", func() bool { return exists(filepath.Join(request.Folder, "up")) })
	cancel()
	must(t, handler.Close())
	if got := <-printed; got != "cleaned" {
		t.Errorf("it printed %q", got)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// endless is a script that takes long to end, and says when it was asked to.
var endless = strings.ReplaceAll(offspring, "import os,", "import signal, os,") + `
def ask(number, frame): open("asked", "w").close()
signal.signal(signal.SIGTERM, ask)
while True: time.sleep(600)
`
