package python_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/require"
)

// TestCases is the table of what scripts do, and what becomes of it: with the interpreter of the system, warm and alone.
func TestCases(t *testing.T) {
	system := "/usr/bin/python3"
	if _, err := os.Stat(system); err != nil {
		require.Skip(t, "there is no "+system)
	}
	limits := python.Limits{Memory: 512 << 20, CPU: 2 * time.Second, FileSize: 1 << 20, OpenFiles: 64}
	warm := python.New(python.Options{Interpreter: system, Limits: limits})
	alone := python.New(python.Options{Interpreter: system, Limits: limits, NoFork: true})
	t.Cleanup(func() {
		if err := warm.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, test := range []struct {
		name, code string
		result     string        // As JSON, of one that succeeds.
		failure    protocol.Code // Of one that fails.
		message    string        // A part.
		hint       string        // A part.
		patience   time.Duration // Of the attempt; 0 is a minute.
		fork       bool          // It needs an interpreter that forks.
	}{
		{name: "null", code: `result = None`, result: `null`},
		{name: "boolean", code: `result = False`, result: `false`},
		{name: "an int beyond 2^53", code: `result = 2**53 + 1`, result: `9007199254740993`},
		{name: "a float", code: `result = 0.1`, result: `0.1`},
		{name: "text", code: `result = "ä\n"`, result: `"ä\n"`},
		{name: "a list in an object", code: `result = {"a": [1, {}]}`, result: `{"a":[1,{}]}`},
		{name: "a tuple", code: `result = 1, "a"`, result: `[1,"a"]`},
		{name: "a set", code: `result = {3, 1, 2}`, result: `[1,2,3]`},
		{name: "a set of what cannot be compared", code: `result = {"b", 2, None, (1, "a"), frozenset("x")}`, result: `["b",2,["x"],[1,"a"],null]`},
		{name: "an exception", code: "x = 1\n{}['k']", failure: protocol.TaskExecutionFailed, message: "line 2, in <module>"},
		{name: "a syntax error", code: "x = 1\n\nif x\n", failure: protocol.TaskExecutionFailed, message: "File \"<code>\", line 3"},
		{name: "sys.exit", code: "import sys\nsys.exit(3)", failure: protocol.TaskExecutionFailed, message: "the script called exit with status 3", hint: "a script succeeds if it runs to its end, or exits with status 0"},
		{name: "os._exit", code: "import os\nos._exit(0)", failure: protocol.TaskExecutionFailed, message: "the script's process exited with status 0 before the script finished"},
		{name: "a segfault", code: "import ctypes\nctypes.string_at(0)", failure: protocol.TaskExecutionFailed, message: "killed by signal 11 (segmentation fault)"},
		{name: "an endless loop", code: "while True: pass", failure: protocol.TaskTimeout, message: "timed out after 0.8 s", patience: 800 * time.Millisecond},
		{name: "an endless loop beyond its processor time", code: "while True: pass", failure: protocol.TaskExecutionFailed,
			message: "the script exceeded its CPU time limit of 2 s", hint: "python.limits.cpu"},
		{name: "a memory bomb", code: "l = []\nwhile True: l.append('x' * 10_000_000)", failure: protocol.TaskExecutionFailed, message: "MemoryError", hint: "the memory limit is 512 MiB per process; change it with python.limits.memory"},
		{name: "a result that does not fit into the memory", code: "result = ['\\x00' * 30_000_000] * 3", failure: protocol.TaskExecutionFailed, message: "MemoryError"},
		{name: "a file that is too large", code: "open('f', 'wb').write(b'x' * 2_000_000)", failure: protocol.TaskExecutionFailed, message: "OSError: [Errno 27] File too large"},
		{name: "too many files", code: "l = [open('/dev/null') for _ in range(100)]", failure: protocol.TaskExecutionFailed, message: "OSError: [Errno 24] Too many open files"},
		{name: "100 MB of output", code: "import sys\nfor _ in range(100): sys.stdout.write('x' * 1_000_000)\nresult = 1", result: `1`},
		{name: "output without a newline", code: "import sys\nsys.stdout.write('no newline')\nresult = 1", result: `1`},
		{name: "a background child that outlives", code: "import subprocess\nsubprocess.Popen(['sleep', '600'])\nresult = 1", result: `1`},
		{name: "stdout closed", code: "import sys\nsys.stdout.close()\nresult = 1", result: `1`},
		{name: "input", code: "input()", failure: protocol.TaskExecutionFailed, message: "EOFError: EOF when reading a line"},
		{name: "threads", code: "import threading\nr = []\nts = [threading.Thread(target=r.append, args=(i,)) for i in range(9)]\n[t.start() for t in ts]\n[t.join() for t in ts]\nresult = r", result: `[0,1,2,3,4,5,6,7,8]`},
		{name: "a thread pool that is left open", code: "from concurrent.futures import ThreadPoolExecutor\np = ThreadPoolExecutor(2)\nresult = p.submit(pow, 2, 5).result()", result: `32`},
		{name: "asyncio", code: "import asyncio\nasync def f():\n  await asyncio.sleep(0.01)\n  return 7\nresult = asyncio.run(f())", result: `7`},
		{name: "asyncio in a process", code: "import asyncio\nasync def f():\n  p = await asyncio.create_subprocess_exec('echo', 'hi', stdout=-1)\n  return (await p.communicate())[0].decode()\nresult = asyncio.run(f())", result: `"hi\n"`},
		{name: "an import from beside", code: "import beside\nresult = beside.answer", result: `42`},
		{name: "context in locals()", code: "result = 'context' in locals() and 'context' in globals()", result: `true`},
		{name: "a file that is left open", code: "f = open('left', 'w')\nf.write('x' * 9)\nimport atexit, os\nresult = 1", result: `1`},
		{name: "a module of the standard library with the name of one of the folder", code: "import selectors\nresult = selectors.mine", result: `true`},
	} {
		for name, handler := range map[string]*python.Handler{"warm": warm, "alone": alone} {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				request := ofCode(t, test.code)
				request.Folder = filepath.Join(request.Folder, "Ünïcode 日本 'x'")
				write(t, request.Folder, "beside.py", "answer = 42\n")
				if strings.Contains(test.code, "selectors") {
					write(t, request.Folder, "selectors.py", "mine = True\n")
				}
				patience := time.Minute
				if test.patience > 0 {
					patience = test.patience
				}
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				got, err := handler.Handle(ctx, request, nil)
				if test.failure == 0 {
					if err != nil {
						t.Fatal(err)
					}
					if result := string(field(t, got, "result").JSON()); result != test.result {
						t.Errorf("the result is %s, not %s", result, test.result)
					}
				} else if known := protocol.AsError(errorOr(err), 0); known.Code != test.failure || !strings.Contains(known.Message, test.message) || !strings.Contains(known.Hint, test.hint) {
					t.Errorf("got %s: %v", known.Name, err)
				}
				if data, err := os.ReadFile(filepath.Join(request.Folder, "left")); strings.Contains(test.code, "'left'") && string(data) != "xxxxxxxxx" {
					t.Errorf("the file that was left open has %q, %v", data, err)
				}
			})
		}
	}
}

func write(t *testing.T, folder, name, text string) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTwoTasksAtOnce shows that scripts share no state, not even that of a module that was imported before both.
func TestTwoTasksAtOnce(t *testing.T) {
	handler := python.New(python.Options{Preload: []string{"colorsys"}})
	defer handler.Close()
	const code = `
import colorsys, os, time
seen = getattr(colorsys, "mark", None)
colorsys.mark = context["me"]
open(context["me"], "w").close()
while not os.path.exists(context["other"]): time.sleep(0.001)
result = [seen, colorsys.mark]`
	folder := t.TempDir()
	results := make(chan string, 2)
	for me, other := range map[string]string{"a": "b", "b": "a"} {
		go func() {
			request := ofCode(t, code)
			request.Folder = folder
			request.Parameters = val(t, `{"context": {"me": "`+me+`", "other": "`+other+`"}}`)
			result, err := handler.Handle(t.Context(), request, nil)
			if err != nil {
				results <- err.Error()
				return
			}
			r, _ := result.Value.Get("result")
			results <- string(r.JSON())
		}()
	}
	if got := map[string]bool{<-results: true, <-results: true}; !got[`[null,"a"]`] || !got[`[null,"b"]`] {
		t.Errorf("got %v", got)
	}
}

func TestRandomIsAnother(t *testing.T) {
	handler := python.New(python.Options{Preload: []string{"random", "uuid"}})
	defer handler.Close()
	seen := map[string]bool{}
	for range 5 {
		result, err := handler.Handle(t.Context(), ofCode(t, "import random, uuid\nresult = [random.random(), str(uuid.uuid4())]"), nil)
		if err != nil {
			t.Fatal(err)
		}
		seen[string(field(t, result, "result").JSON())] = true
	}
	if len(seen) != 5 {
		t.Errorf("%v", seen)
	}
}

// Generators that a preloaded module has made give each script other numbers, unless it has made them with a seed.
func TestGeneratorsOfModules(t *testing.T) {
	interpreter, numpy := "/usr/bin/python3", "import numpy\nnumpies = [numpy.random.default_rng(), numpy.random.RandomState()]\nseeded_numpies = [numpy.random.default_rng(3), numpy.random.RandomState(3)]\n"
	if exec.CommandContext(t.Context(), interpreter, "-c", "import numpy").Run() != nil {
		interpreter, numpy = "python3", "numpies = seeded_numpies = []\n"
	}
	environment := filepath.Join(t.TempDir(), "env")
	if said, err := exec.CommandContext(t.Context(), interpreter, "-m", "venv", "--without-pip", "--system-site-packages", environment).CombinedOutput(); err != nil {
		require.Skip(t, "there is no venv: "+string(said))
	}
	found, err := filepath.Glob(filepath.Join(environment, "lib", "python3*", "site-packages"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	write(t, found[0], "generators.py", numpy+`
import random
class Holder: inner = random.Random()
mine, seeded, again = random.Random(), random.Random(3), random.Random()
again.seed(3)
`)
	handler := newHandler(t, python.Options{Interpreter: environment, Preload: []string{"generators"}})
	numbers := func() (fresh, seeded string) {
		result, err := handler.Handle(t.Context(), ofCode(t, `
import generators as g
result = [[g.mine.random(), g.Holder.inner.random()] + [float(n.normal()) for n in g.numpies], [g.seeded.random(), g.again.random()] + [float(n.normal()) for n in g.seeded_numpies]]`), nil)
		if err != nil {
			t.Fatal(err)
		}
		both := field(t, result, "result").Elements()
		return string(both[0].JSON()), string(both[1].JSON())
	}
	first, seeded := numbers()
	second, same := numbers()
	for i, number := range strings.Split(strings.Trim(first, "[]"), ",") {
		if number == strings.Split(strings.Trim(second, "[]"), ",")[i] {
			t.Errorf("number %d of %s is the same in %s", i, first, second)
		}
	}
	if seeded != same {
		t.Errorf("with a seed: %s and %s", seeded, same)
	}
}

// TestForkBomb runs as a user without rights: the limit on processes does not bind root.
func TestForkBomb(t *testing.T) {
	const test = "TestForkBomb"
	if os.Getenv(bombFolder) == "" {
		asNobody(t, test, bombFolder)
		return
	}
	handler := python.New(python.Options{Interpreter: "/usr/bin/python3", Limits: python.Limits{Processes: 60}})
	defer handler.Close()
	for _, bomb := range []struct{ name, code, want string }{
		{"that stays in its group", "import os\nwhile True: os.fork()", "BlockingIOError"},
		{"that catches everything", "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass", "TASK_TIMEOUT"},
		{"of sessions", "import os\nwhile True:\n  try:\n    if os.fork() == 0: os.setsid()\n  except OSError: pass", "TASK_TIMEOUT"},
		{"of programs", "import subprocess\nl = [subprocess.Popen(['sleep', '600']) for _ in range(1000)]", "BlockingIOError"},
	} {
		request := ofCode(t, bomb.code)
		request.Folder = os.Getenv(bombFolder)
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		_, err := handler.Handle(ctx, request, nil)
		cancel()
		if known := protocol.AsError(errorOr(err), 0); !strings.Contains(known.Name+known.Message, bomb.want) {
			t.Errorf("a bomb %s: %s: %v", bomb.name, known.Name, err)
		}
		next := ofCode(t, "result = 1")
		next.Folder = request.Folder
		if _, err := handler.Handle(t.Context(), next, nil); err != nil {
			t.Errorf("after a bomb %s: %v", bomb.name, err)
		}
	}
	if err := handler.Close(); err != nil {
		t.Error(err)
	}
	if left := processesOf(t, os.Getuid(), os.Getpid()); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// bombFolder names the folder of a test that runs again as another user.
const bombFolder = "GLEITZEIT_TEST_BOMB_FOLDER"

// asNobody runs a test of this binary again, as a user without rights.
func asNobody(t *testing.T, test, variable string) {
	t.Helper()
	if _, err := os.Stat("/usr/bin/python3"); err != nil {
		require.Skip(t, "there is no /usr/bin/python3, and another one may not be to be seen")
	}
	folder, err := os.MkdirTemp("", "gleitzeit-nobody-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	data, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(folder, "test")
	if err := os.WriteFile(binary, data, 0o755); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), binary, "-test.run=^"+test+"$", "-test.v")
	command.Dir, command.Env = folder, append(os.Environ(), variable+"="+folder, "TMPDIR="+folder, "HOME="+folder)
	becomeNobody(t, command, folder)
	if said, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, said)
	}
}
