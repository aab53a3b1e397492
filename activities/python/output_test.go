package python_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

func TestOutputIsCutAndNeverStalls(t *testing.T) {
	for _, test := range []struct{ name, code, want string }{
		{"100 MB in one line", "import sys\nfor _ in range(100):\n  sys.stdout.write('x' * 1_000_000)",
			strings.Repeat("x", 1<<20) + "\n[truncated: 98951424 more bytes were written; 1048576 are kept]"},
		{"inside a character", "print('a' + 'é' * 600_000)",
			"a" + strings.Repeat("é", 1<<19-1) + "\n[truncated: 151427 more bytes were written; 1048575 are kept]"},
		{"just not cut", "print('x' * 1_048_575)", strings.Repeat("x", 1<<20-1) + "\n"},
		{"no UTF-8", "import os\nos.write(1, b'a\\xff\\x00b')", "a\uFFFD\x00b"},
		{"of a process of its own", "import subprocess\nsubprocess.run(['echo', 'hi'])", "hi\n"},
		{"without a newline, before the hard end", "import sys\nsys.stdout.write('a')\nsys.stdout.buffer.write(b'b')", "ab"},
		{"at exit", "import atexit\natexit.register(print, 'bye')", "bye\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := field(t, mustRun(t, ofCode(t, test.code)), "output").Text(); got != test.want {
				t.Errorf("got %d bytes, want %d: …%s", len(got), len(test.want), got[max(0, len(got)-100):])
			}
		})
	}
}

func TestScriptsThatAreOutOfTheOrdinary(t *testing.T) {
	for _, test := range []struct{ name, code, want string }{
		{"stdout closed", "import sys\nsys.stdout.close()\nresult = 1", `1`},
		{"all three closed", "import os\nfor fd in 0, 1, 2: os.close(fd)\nresult = 1", `1`},
		{"threads that set the result", `
import threading, time
def late():
    global result
    time.sleep(0.05)
    result = "late"
threading.Thread(target=late).start()`, `"late"`},
		{"a thread that never ends", "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()\nresult = 1", `1`},
		{"a file left open is written", `
import os, tempfile
path = os.path.join(tempfile.gettempdir(), "f")
f = open(path, "w"); f.write("x")
def g():
    global f
    del f
g()
result = os.path.getsize(path)`, `1`},
		{"a fork that comes to the end", `
import os
pid = os.fork()
result = "child" if pid == 0 else os.waitpid(pid, 0)[1]`, `0`},
		{"a pool of processes", "import multiprocessing\nwith multiprocessing.get_context('fork').Pool(2) as pool: result = pool.map(abs, [-1, -2])", `[1,2]`},
		{"a low limit on recursion", "import sys\nresult = [[[[1]]]]\nsys.setrecursionlimit(60)", `[[[[1]]]]`},
		{"no other import path than of its own", "import sys\nresult = [p for p in sys.path if 'gleitzeit' in p and p != context['folder']]", `[]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			request := ofCode(t, test.code)
			request.Parameters = value.Object(value.Field{Name: "context",
				Value: value.Object(value.Field{Name: "folder", Value: value.String(request.Folder)})})
			if got := string(field(t, mustRun(t, request), "result").JSON()); got != test.want {
				t.Errorf("got %s, not %s", got, test.want)
			}
		})
	}
}

func TestExecutionTime(t *testing.T) {
	result := mustRun(t, ofCode(t, "import time\ntime.sleep(0.25)"))
	seconds, err := time.ParseDuration(field(t, result, "execution_time").Digits() + "s")
	if err != nil || seconds < 250*time.Millisecond || seconds > 20*time.Second {
		t.Errorf("got %v, %v", seconds, err)
	}
}
