//go:build unix

package python_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// pools are scripts that work with processes; METHOD is how these are started.
var pools = []struct{ name, code, want string }{
	{"a pool", `
import multiprocessing
factor = context["factor"]
def times(x): return factor * x
with multiprocessing.get_context("METHOD").Pool(2) as pool: result = pool.map(times, [1, 2, 3])`, "[7,14,21]"},
	{"a pool of the default method, below __name__", `
import multiprocessing
factor = context.pop("factor")
def times(x): return factor * x
if __name__ == "__main__":
    multiprocessing.set_start_method("METHOD", force=True)
    with multiprocessing.Pool(2) as pool: result = pool.map(times, [1, 2, 3])`, "[7,14,21]"},
	{"a pool of the default method", `
from multiprocessing import Pool, set_start_method
set_start_method("METHOD")
def times(x): return context["factor"] * x
with Pool(2) as pool: result = pool.map(times, [1, 2, 3])`, "[7,14,21]"},
	{"an executor", `
import concurrent.futures, multiprocessing
def times(x): return context["factor"] * x
with concurrent.futures.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("METHOD")) as pool:
    result = list(pool.map(times, [1, 2, 3]))`, "[7,14,21]"},
	{"a process with a queue, and one of its own", `
import multiprocessing
there = multiprocessing.get_context("METHOD")
def inner(queue): queue.put(context["factor"])
def work(queue):
    child = there.Process(target=inner, args=(queue,))
    child.start(); child.join()
queue = there.SimpleQueue()
process = there.Process(target=work, args=(queue,))
process.start(); process.join()
result = queue.get()`, "7"},
	{"a manager", `
import multiprocessing
def work(shared): shared["a"] = context["factor"]
with multiprocessing.get_context("METHOD").Manager() as manager:
    shared = manager.dict()
    process = multiprocessing.get_context("METHOD").Process(target=work, args=(shared,))
    process.start(); process.join()
    result = dict(shared)`, `{"a":7}`},
	{"a script that exits", `
import multiprocessing, sys
def times(x): return context["factor"] * x
def main():
    with multiprocessing.get_context("METHOD").Pool(2) as pool: return pool.map(times, [1])
if __name__ == "__main__": result = main()
sys.exit()`, "[7]"},
	{"a large text in the context", `
import multiprocessing
def total(x): return [len(context["long"]), context["long"] == context["again"][0], context["factor"]]
with multiprocessing.get_context("METHOD").Pool(1) as pool: result = pool.map(total, [0])[0]`, "[40000,true,7]"},
	{"a class and an exception", `
import multiprocessing
class Point:
    def __init__(self, x): self.x = x
def move(point):
    if point.x: raise KeyError(point.x)
    return Point(context["factor"])
with multiprocessing.get_context("METHOD").Pool(1) as pool:
    result = pool.map(move, [Point(0)])[0].x
    try: pool.map(move, [Point(5)])
    except KeyError as error: result += error.args[0]`, "12"},
}

func poolRequest(t *testing.T, code, method, kind string) protocol.Request {
	t.Helper()
	code = strings.ReplaceAll(code, "METHOD", method)
	request := ofCode(t, code)
	given := val(t, `{"factor": 7, "deep": [[[1.5, null]]]}`)
	if strings.Contains(code, "long") { // It is sent beside the rest.
		long := value.String(strings.Repeat("é\"", 20000))
		given = given.With("long", long).With("again", value.List(long))
	}
	request.Parameters = value.Object(value.Field{Name: "context", Value: given})
	if kind == "file" {
		request.Program = nil
		request.Source = &protocol.Script{Path: filepath.Join(request.Folder, "script.py"), Text: code}
		must(t, os.WriteFile(request.Source.Path, []byte(code), 0o600))
	}
	return request
}

// Processes with interpreters of their own, as macOS and Python 3.14 have them by default, know the script and its context.
func TestProcessesWithNewInterpreters(t *testing.T) {
	handlers := map[string]*python.Handler{"": shared, ", preloaded": newHandler(t, python.Options{Preload: []string{"multiprocessing.pool", "multiprocessing.spawn"}})}
	for name, handler := range handlers {
		for _, method := range []string{"spawn", "forkserver"} {
			for _, kind := range []string{"code", "file"} {
				for i, c := range pools {
					if name != "" && i > 0 {
						break
					}
					t.Run(method+", "+kind+", "+c.name+name, func(t *testing.T) {
						t.Parallel()
						ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
						defer cancel()
						result, err := handler.Handle(ctx, poolRequest(t, c.code, method, kind), nil)
						if err != nil {
							t.Fatalf("%v\n%+v", err, result.Printed)
						}
						if got := string(field(t, result, "result").JSON()); got != c.want {
							t.Errorf("got %s, want %s", got, c.want)
						}
					})
				}
			}
		}
	}
}

// A pool whose workers cannot work fails at once, and says why.
func TestPoolsThatCannotWork(t *testing.T) {
	for name, c := range map[string]struct{ code, stderr string }{
		"the script fails there": {`
import multiprocessing
if __name__ != "__main__": raise OSError("not here")
def times(x): return x
with multiprocessing.get_context("METHOD").Pool(2) as pool: result = pool.map(times, [1, 2, 3])`, "OSError: not here"},
		"a function that is defined too late": {`
import multiprocessing
with multiprocessing.get_context("METHOD").Pool(2) as pool:
    def times(x): return x
    result = pool.map(times, [1, 2, 3])`, "Can't get attribute 'times'"},
		"a worker that exits": {`
import multiprocessing, sys
with multiprocessing.get_context("METHOD").Pool(2) as pool: result = pool.map(sys.exit, ["enough"])`, "enough"},
	} {
		for _, method := range []string{"spawn", "forkserver"} {
			for _, kind := range []string{"code", "file"} {
				t.Run(name+", "+method+", "+kind, func(t *testing.T) {
					t.Parallel()
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					_, err := shared.Handle(ctx, poolRequest(t, c.code, method, kind), nil)
					known := protocol.AsError(errorOr(err), 0)
					if known.Code != protocol.TaskExecutionFailed || !strings.HasPrefix(known.Message, "a worker of a multiprocessing.Pool ended before its work was done; end of stderr:\n") ||
						!strings.Contains(known.Message, c.stderr) || !strings.Contains(known.Hint, "__main__") {
						t.Errorf("got %v", err)
					}
				})
			}
		}
	}
}

// Workers that end in the midst of their work, or before it, have lost it, whatever their status; others may end.
func TestPoolsThatLoseAWorker(t *testing.T) {
	const pool = "import multiprocessing, os, signal, sys, time\nfrom multiprocessing.pool import ThreadPool\n" +
		"def fail(): raise OSError('no license')\ndef double(x): return 2 * x\n" +
		"def die(x): sys.stderr.write('at %d\\n' % x); sys.stderr.flush(); os.kill(os.getpid(), x)\n" +
		"if __name__ == '__main__':\n    context = multiprocessing.get_context('METHOD')\n    "
	const ended = "a worker of a multiprocessing.Pool "
	for name, c := range map[string]struct{ code, message, stderr, hint string }{
		"exit":                 {"with context.Pool(2) as pool: pool.map(os._exit, [9])", ended + "ended with exit status 9 before its work was done", "", "ProcessPoolExecutor"},
		"exit 0":               {"with context.Pool(2) as pool: pool.map(os._exit, [0])", ended + "ended with exit status 0 before its work was done", "", "ProcessPoolExecutor"},
		"killed":               {"with context.Pool(2) as pool: pool.map(die, [9])", ended + "was killed by signal 9 (killed) before its work was done", "at 9", "memory"},
		"a bad pointer":        {"pool = context.Pool(2)\n    pool.apply(die, [11])", ended + "was killed by signal 11 (segmentation fault) before its work was done", "at 11", "ProcessPoolExecutor"},
		"closed":               {"pool = context.Pool(1)\n    lost = pool.apply_async(os._exit, [9]); pool.close(); pool.join()", ended + "ended with exit status 9 before its work was done", "", "ProcessPoolExecutor"},
		"late":                 {"import atexit\n    signal.pthread_sigmask(signal.SIG_BLOCK, [2]); atexit.register(signal.pthread_sigmask, signal.SIG_UNBLOCK, [2])\n    pool = context.Pool(1)\n    lost = pool.apply_async(os._exit, [9])\n    while pool._worker_handler._state != 'TERMINATE': time.sleep(0.01)", ended + "ended with exit status 9 before its work was done", "", "ProcessPoolExecutor"},
		"at last":              {"pool = context.Pool(2)\n    try: pool.map(os._exit, [9])\n    finally: pool.close(); pool.join()", ended + "ended with exit status 9 before its work was done", "", "ProcessPoolExecutor"},
		"idle":                 {"with context.Pool(1) as pool:\n        pool.map(double, [1]); os.kill(pool._pool[0].pid, 9); pool.map(double, [1])", ended + "was killed by signal 9 (killed) before its work was done", "", "memory"},
		"the initializer":      {"with context.Pool(2, fail) as pool: pool.map(double, [1])", ended + "ended", "OSError: no license", ""},
		"a limit of tasks":     {"with context.Pool(2, maxtasksperchild=1) as pool: result = pool.map(double, range(6), chunksize=1)", "", "[0,2,4,6,8,10]", ""},
		"many that are closed": {"result = 0\n    for _ in range(5):\n        with context.Pool(2) as pool, ThreadPool(4) as threads:\n            result += sum(pool.map(double, [1])) + sum(threads.map(double, [1]))\n            pool.close(); pool.join()", "", "20", ""},
	} {
		for _, method := range []string{"fork", "spawn"} {
			t.Run(name+", "+method, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				result, err := shared.Handle(ctx, poolRequest(t, pool+c.code, method, "code"), nil)
				if c.message == "" {
					if err != nil || string(field(t, result, "result").JSON()) != c.stderr {
						t.Errorf("%+v, %v", result, err)
					}
					return
				}
				known := protocol.AsError(errorOr(err), 0)
				if known.Code != protocol.TaskExecutionFailed || !strings.HasPrefix(known.Message, c.message) || !strings.Contains(known.Message, c.stderr) || !strings.Contains(known.Hint, c.hint) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}
