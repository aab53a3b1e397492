package python_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/require"
)

// ancestry is the numbers of the script's process, its supervisor and its parent.
const ancestry = `
import os
def parent(pid):
    with open("/proc/%d/stat" % pid) as f: return int(f.read().rpartition(")")[2].split()[1])
result = [os.getpid(), os.getppid(), parent(os.getppid())]`

func ancestors(t *testing.T, handler *python.Handler) (pids []int) {
	t.Helper()
	result, err := handler.Handle(t.Context(), ofCode(t, ancestry), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, element := range field(t, result, "result").Elements() {
		pid, err := strconv.Atoi(element.Digits())
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

func TestInterpretersAreKeptAndReplaced(t *testing.T) {
	handler := newHandler(t, python.Options{})
	first := ancestors(t, handler)
	for range 5 {
		if again := ancestors(t, handler); again[2] != first[2] || again[0] == first[0] {
			t.Errorf("after %v came %v: another parent, or the same process", first, again)
		}
	}
	for name, harm := range map[string]func(pids []int){
		"its parent killed":     func(pids []int) { _ = syscall.Kill(pids[2], syscall.SIGKILL) },
		"its supervisor killed": func(pids []int) { _ = syscall.Kill(pids[1], syscall.SIGKILL) },
		"both killed": func(pids []int) {
			_, _ = syscall.Kill(pids[1], syscall.SIGKILL), syscall.Kill(pids[2], syscall.SIGKILL)
		},
		"its supervisor's sibling": func(pids []int) { killAll(t, childrenOf(t, pids[1])) },
	} {
		before := ancestors(t, handler)
		harm(before)
		for range 3 {
			if after := ancestors(t, handler); after[0] == before[0] {
				t.Errorf("%s: %v", name, after)
			}
		}
	}
	last := ancestors(t, handler)
	if err := handler.Close(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range last {
		eventually(t, "it is gone", func() bool { return gone(pid) })
	}
	if _, err := handler.Handle(t.Context(), ofCode(t, "x = 1"), nil); err == nil {
		t.Error("a handler that is closed runs scripts")
	}
}

// TestACallThatIsCutOffHurtsNoOther while the interpreter starts that both wait for.
func TestACallThatIsCutOffHurtsNoOther(t *testing.T) {
	handler := newHandler(t, python.Options{Preload: []string{"json.tool", "xml.dom.minidom", "asyncio"}})
	short, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond) // An interpreter takes longer to start.
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := handler.Handle(short, ofCode(t, "result = 1"), nil); err == nil {
			t.Error("it was cut off too late to show anything")
		}
	})
	for range 4 {
		all.Go(func() {
			if _, err := handler.Handle(t.Context(), ofCode(t, "result = 1"), nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// TestStoppedInterpreter takes as long as an interpreter may be silent.
func TestStoppedInterpreter(t *testing.T) {
	t.Parallel()
	handler := newHandler(t, python.Options{})
	before := ancestors(t, handler)
	for _, pid := range []int{before[1], before[2]} {
		stop(t, pid) // From here on it has no more children than it has.
		for _, child := range childrenOf(t, pid) {
			stop(t, child)
		}
	}
	if after := ancestors(t, handler); after[2] == before[2] {
		t.Errorf("after %v came %v", before, after)
	}
	if err := handler.Close(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range before {
		eventually(t, "it is gone", func() bool { return gone(pid) })
	}
}

func stop(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is stopped", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") T ") || strings.Contains(string(stat), ") Z ")
	})
}

func killAll(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

func childrenOf(t *testing.T, parent int) (pids []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // It has ended.
		}
		_, rest, _ := strings.Cut(string(data), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestPreload(t *testing.T) {
	handler := newHandler(t, python.Options{Preload: []string{"colorsys", "xml.dom"}})
	result, err := handler.Handle(t.Context(), ofCode(t, "import sys\nresult = ['colorsys' in sys.modules, 'xml.dom' in sys.modules, 'colorsys' in globals()]"), nil)
	if err != nil || string(field(t, result, "result").JSON()) != `[true,true,false]` {
		t.Errorf("%v, %v", result, err)
	}
	folder := t.TempDir()
	write(t, folder, "x.pth", "")
	for module, want := range map[string]string{
		"no_such_module": "cannot import the module no_such_module of python.preload: ModuleNotFoundError: No module named 'no_such_module'",
	} {
		handler := newHandler(t, python.Options{Preload: []string{module}})
		for range 2 {
			_, err := handler.Handle(t.Context(), ofCode(t, "x = 1"), nil)
			if known := protocol.AsError(errorOr(err), 0); known.Code != protocol.ConfigurationError || known.Message != want {
				t.Errorf("%s: %s: %v", module, known.Name, err)
			}
		}
		again := newHandler(t, python.Options{Preload: []string{module}})
		var items sync.WaitGroup
		for range 12 { // Items of one task, which wait for the same interpreter.
			items.Go(func() {
				_, err := again.Handle(t.Context(), ofCode(t, "x = 1"), nil)
				if known := protocol.AsError(errorOr(err), 0); known.Code != protocol.ConfigurationError || known.Message != want || !strings.Contains(known.Hint, "python.preload") {
					t.Errorf("%s: %s: %v", module, known.Name, err)
				}
			})
		}
		items.Wait()
	}
}

func TestManyAtOnce(t *testing.T) {
	handler := newHandler(t, python.Options{})
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			for j := range 3 {
				request := ofCode(t, "import time\ntime.sleep(0.01)\nprint(context['n'] * 1000)\nresult = context['n']")
				n := i*10 + j
				request.Parameters = val(t, fmt.Sprintf(`{"context": {"n": %d}}`, n))
				result, err := handler.Handle(t.Context(), request, nil)
				if err != nil {
					t.Error(err)
				} else if got := field(t, result, "result").Digits() + " " + field(t, result, "output").Text(); got != fmt.Sprintf("%d %d\n", n, n*1000) {
					t.Errorf("%d: %s", n, got)
				}
			}
		})
	}
	all.Wait()
}

// TestTenThousandLeaveNothing counts processes, files and descriptors: of this process, and of the interpreters'.
func TestTenThousandLeaveNothing(t *testing.T) {
	require.Long(t, "ten thousand tasks take a minute")
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	folder := t.TempDir()
	handler := newHandler(t, python.Options{})
	plain := func(code, parameters string) protocol.Request {
		return protocol.Request{Method: python.Execute, Folder: folder, Parameters: val(t, parameters), Program: &protocol.Program{Text: code, Original: code}}
	}
	run := func(number int) {
		request, want := plain(`result = context["x"] + 1`, `{"context": {"x": 1}}`), ""
		ctx, cancel := t.Context(), func() {}
		switch {
		case number%1000 == 999:
			request, want = plain("while True: pass", `{}`), "TASK_TIMEOUT"
			ctx, cancel = context.WithTimeout(ctx, 200*time.Millisecond)
		case number%250 == 249:
			request = plain("import subprocess\nsubprocess.Popen(['sleep', '602'], start_new_session=True)", `{}`)
		case number%100 == 99:
			request, want = plain("import tempfile\ntempfile.mkdtemp()\nopen('/dev/null')\n1 / 0", `{}`), "TASK_EXECUTION_FAILED"
		}
		defer cancel()
		_, err := handler.Handle(ctx, request, nil)
		if known := protocol.AsError(errorOr(err), 0); (err == nil) != (want == "") || err != nil && known.Name != want {
			t.Errorf("task %d: %s: %v", number, known.Name, err)
		}
	}
	const tasks, workers = 10_000, 4
	for i := range 100 {
		run(i)
	}
	ours, routines := openFiles(t), runtime.NumGoroutine()
	theirs := descriptors(t, ancestors(t, handler)[2])
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			for number := worker; number < tasks; number += workers {
				run(number)
			}
		})
	}
	all.Wait()
	for range 2 { // Those supervisors that are left are used.
		run(0)
	}
	pids := ancestors(t, handler)
	if now := descriptors(t, pids[2]); now > theirs {
		t.Errorf("the parent has %d files open, and had %d", now, theirs)
	}
	if now := descriptors(t, pids[1]); now > theirs+4 {
		t.Errorf("a supervisor has %d files open, its parent %d", now, theirs)
	}
	if now := openFiles(t); now > ours+workers+3 { // One socket for each supervisor that is kept.
		t.Errorf("%d files are open, and %d were before", now, ours)
	}
	eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= routines })
	supervisors := childrenOf(t, pids[2])
	if len(supervisors) > workers+3 {
		t.Errorf("%d supervisors for %d tasks at once", len(supervisors), workers)
	}
	for _, line := range processesOf(t, os.Getuid(), os.Getpid()) {
		if strings.Contains(line, "sleep 602") {
			t.Errorf("left: %s", line)
		}
	}
	if left := leftovers(t, temp); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if left := leftovers(t, folder); len(left) > 0 {
		t.Errorf("left in the run's folder: %v", left)
	}
	if err := handler.Close(); err != nil {
		t.Error(err)
	}
	for _, pid := range append(supervisors, pids...) {
		eventually(t, "it is gone", func() bool { return gone(pid) })
	}
	if now := openFiles(t); now >= ours {
		t.Errorf("%d files are open when all is closed, and %d were before", now, ours)
	}
}

func descriptors(t *testing.T, pid int) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
