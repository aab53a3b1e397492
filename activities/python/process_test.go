package python_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// offspring starts processes in the script's group, in another group and, by way of a parent that goes, in a session of
// their own, writes all their ids to the file "pids" and waits.
const offspring = `
import os, subprocess, sys, time
pids = [os.getpid(), subprocess.Popen(["sleep", "600"]).pid, subprocess.Popen(["sleep", "600"], preexec_fn=os.setpgrp).pid]
if sys.platform == "linux":
    daemon = "import os,sys,time\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\nprint(os.getpid(), flush=True)\n" \
        "os.close(1)\ntime.sleep(600)"
    pids.append(int(subprocess.run([sys.executable, "-c", daemon], stdout=subprocess.PIPE, check=True).stdout))
open("pids.new", "w").write(" ".join(map(str, pids)))
os.rename("pids.new", "pids")
`

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("still not so: %s", what)
		}
	}
}

func pidsIn(t *testing.T, folder string) []int {
	t.Helper()
	var data []byte
	eventually(t, "the script has written its processes", func() bool {
		var err error
		data, err = os.ReadFile(filepath.Join(folder, "pids"))
		return err == nil
	})
	var pids []int
	for _, word := range strings.Fields(string(data)) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	if want := 3 + map[bool]int{true: 1}[runtime.GOOS == "linux"]; len(pids) != want {
		t.Fatalf("%d processes: %v", len(pids), pids)
	}
	return pids
}

// gone tells whether no process has the id any more; one that nobody has waited for yet counts as gone.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	state, err := exec.CommandContext(context.Background(), "ps", "-o", "state=", "-p", strconv.Itoa(pid)).Output()
	return err != nil || strings.HasPrefix(string(state), "Z")
}

func leftovers(t *testing.T, temp string) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(temp)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestTheEndTakesAllWithIt(t *testing.T) {
	for _, test := range []struct {
		name, ending string
		end          func(context.Context) (context.Context, context.CancelFunc)
		want         string
	}{
		{"of its own accord", "result = 1", context.WithCancel, ""},
		{"by an exception", "raise OSError('no')", context.WithCancel, "TASK_EXECUTION_FAILED"},
		{"by its interpreter's end", "os.kill(os.getppid(), 9); time.sleep(600)", context.WithCancel, "TASK_EXECUTION_FAILED"},
		{"by its timeout", "time.sleep(600)", func(c context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(c, 1500*time.Millisecond)
		}, "TASK_TIMEOUT"},
		{"by its timeout, deaf", "import signal\nfor s in range(1, 32):\n  try: signal.signal(s, signal.SIG_IGN)\n  except (OSError, ValueError): pass\n" +
			"while True: pass", func(c context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(c, 1500*time.Millisecond)
		}, "TASK_TIMEOUT"},
		{"by its timeout, its interpreter stopped", "os.kill(os.getppid(), 19)\ntime.sleep(600)",
			func(c context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(c, 1500*time.Millisecond)
			}, "TASK_TIMEOUT"},
		{"by a cancel", "time.sleep(600)", nil, "TASK_CANCELLED"},
	} {
		t.Run(test.name, func(t *testing.T) {
			temp := t.TempDir()
			t.Setenv("TMPDIR", temp)
			request := ofCode(t, offspring+test.ending)
			ctx, cancel := context.WithCancel(t.Context())
			if test.end != nil {
				ctx, cancel = test.end(t.Context())
			} else {
				go func() {
					pidsIn(t, request.Folder)
					cancel()
				}()
			}
			defer cancel()
			began := time.Now()
			_, err := shared.Handle(ctx, request, nil)
			took := time.Since(began)
			if got := protocol.AsError(errorOr(err), 0).Name; got != test.want && (test.want != "" || err != nil) {
				t.Fatalf("got %s: %v", got, err)
			}
			if took > 8*time.Second {
				t.Errorf("it took %s", took)
			}
			escaped := strings.Contains(test.ending, "getppid") // Without a supervisor only the group is ended.
			for i, pid := range pidsIn(t, request.Folder) {
				if escaped && i >= 2 {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				} else {
					eventually(t, fmt.Sprintf("process %d of %q is gone", i, test.name), func() bool { return gone(pid) })
				}
			}
			if left := leftovers(t, temp); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

func errorOr(err error) error {
	if err == nil {
		return errors.New("none")
	}
	return err
}

func TestTimeoutSaysHowLong(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer cancel()
	_, err := shared.Handle(ctx, ofCode(t, "import time\ntime.sleep(600)"), nil)
	if err == nil || err.Error() != "the script timed out after 0.7 s" {
		t.Errorf("got %v", err)
	}
	if known := protocol.AsError(err, 0); known.Code != protocol.TaskTimeout || known.Kind != protocol.TaskFault {
		t.Errorf("got %s %s", known.Name, known.Kind)
	}
}

// TestKilledParent kills a process that runs a script and finds nothing left of the script.
func TestKilledParent(t *testing.T) {
	temp, folder := t.TempDir(), t.TempDir()
	parent := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	parent.Env = append(os.Environ(), parentFolder+"="+folder, "TMPDIR="+temp)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	pids := pidsIn(t, folder)
	if len(leftovers(t, temp)) != 1 {
		t.Errorf("the script has no temporary folder")
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := parent.Wait(); err == nil {
		t.Fatal("the process ended well")
	}
	for i, pid := range pids {
		eventually(t, fmt.Sprintf("process %d is gone", i), func() bool { return gone(pid) })
	}
	eventually(t, "the temporary folder is gone", func() bool { return len(leftovers(t, temp)) == 0 })
}

func TestNothingLeaks(t *testing.T) {
	handler := python.New(python.Options{})
	once := func(code string, patience time.Duration, want string) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := handler.Handle(ctx, ofCode(t, code), nil)
		if got := protocol.AsError(errorOr(err), 0).Name; err != nil && got != want || err == nil && want != "" {
			t.Errorf("got %v, not %s", err, want)
		}
	}
	once("x = 1", time.Minute, "")
	files, routines := openFiles(t), runtime.NumGoroutine()
	for range 5 {
		once("x = 1", time.Minute, "")
		once("1 / 0", time.Minute, "TASK_EXECUTION_FAILED")
		once("import time\ntime.sleep(600)", 300*time.Millisecond, "TASK_TIMEOUT")
	}
	eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= routines })
	if now := openFiles(t); now > files {
		t.Errorf("%d files are open, %d were before", now, files)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
