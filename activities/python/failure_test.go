package python_test

import (
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

func TestExceptions(t *testing.T) {
	for _, test := range []struct{ name, code, want string }{
		{"plain", "def f(x):\n    return 1 / x\n\nf(0)", `the script raised an exception:
Traceback (most recent call last):
  File "<code>", line 4, in <module>
    f(0)
  File "<code>", line 2, in f
    return 1 / x
           ~~^~~
ZeroDivisionError: division by zero`},
		{"in the last line", "result = 10 / 0", `the script raised an exception:
Traceback (most recent call last):
  File "<code>", line 1, in <module>
    result = 10 / 0
             ~~~^~~
ZeroDivisionError: division by zero`},
		{"chained", "try:\n    {}['k']\nexcept KeyError as e:\n    raise RuntimeError('no k') from e", `the script raised an exception:
Traceback (most recent call last):
  File "<code>", line 2, in <module>
    {}['k']
    ~~^^^^^
KeyError: 'k'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "<code>", line 4, in <module>
    raise RuntimeError('no k') from e
RuntimeError: no k`},
		{"no input", "input('?')", `the script raised an exception:
Traceback (most recent call last):
  File "<code>", line 1, in <module>
    input('?')
EOFError: EOF when reading a line`},
		{"not of Exception", "raise KeyboardInterrupt", `the script raised an exception:
Traceback (most recent call last):
  File "<code>", line 1, in <module>
    raise KeyboardInterrupt
KeyboardInterrupt`},
		{"invalid code at run time", "eval('1 + )')", `the script raised an exception:
Traceback (most recent call last):
  File "<code>", line 1, in <module>
    eval('1 + )')
  File "<string>", line 1
    1 + )
        ^
SyntaxError: unmatched ')'`},
		{"exit 3", "exit(3)", "the script called exit with status 3"},
		{"exit with text", "raise SystemExit('enough')", "the script called exit with enough"},
		{"exit with a list", "raise SystemExit([1])", "the script called exit with [1]"},
		{"hard exit", "import os, sys\nprint('last words', file=sys.stderr)\nos._exit(0)",
			"the script's process exited with status 0 before the script finished; end of stderr:\nlast words"},
		{"hard exit 7", "import os\nos._exit(7)", "the script's process exited with status 7 before the script finished"},
		{"a bad pointer", "import ctypes\nctypes.string_at(0)", "the script's process was killed by signal 11 (segmentation fault)"},
		{"killed", "import os\nos.kill(os.getpid(), 9)", "the script's process was killed by signal 9 (killed)"},
		{"its whole group killed", "import os\nos.killpg(0, 15)", "the script's process was killed by signal 15 (terminated)"},
		{"its interpreter killed", "import os, time\nos.kill(os.getppid(), 9)\ntime.sleep(60)", "the script's interpreter exited unexpectedly"},
		{"killed while ending", "import atexit, os\natexit.register(os.abort)",
			"the script's process was killed by signal 6 (aborted) after the script finished"},
		{"its result's pipe closed", "import os\nos.closerange(3, 20)",
			"the script's process exited with status 1 before the script finished; end of stderr:\n" +
				"the script closed file descriptor 4, which is reserved for its result"},
		{"its result's pipe written to", "import os\nos.write(4, b'{}\\n')", "the script wrote to file descriptor 4, which is reserved"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := mustFail(t, ofCode(t, test.code))
			if err.Code != protocol.TaskExecutionFailed || err.Kind != protocol.TaskFault || withoutMarks(err.Message) != withoutMarks(test.want) {
				t.Errorf("got  %s %s: %s\nwant %s", err.Name, err.Kind, err.Message, test.want)
			}
		})
	}
}

// Exiting with status 0 is success, as for `python3 FILE`, with the result that is set by then.
func TestAScriptMayExit(t *testing.T) {
	for _, c := range []struct{ code, result, output string }{
		{"result = 1\nimport sys\nsys.exit()\nresult = 2", "1", ""},
		{"result = 1\nexit(0)", "1", ""},
		{"print('a')\nquit()", "null", "a\n"},
		{"raise SystemExit(None)", "null", ""},
		{"result = 1\nexit(256)", "1", ""},
		{"result = 1\nexit(False)", "1", ""},
		{"import argparse\nargparse.ArgumentParser(prog='p', add_help=True, description='d').parse_args(['--help'])", "null", "usage: p [-h]\n\nd\n\noptions:\n  -h, --help  show this help message and exit\n"},
		{"import atexit\natexit.register(print, 'bye')\nresult = 3\nexit()", "3", "bye\n"},
	} {
		t.Run(c.code, func(t *testing.T) {
			t.Parallel()
			result := mustRun(t, ofCode(t, c.code))
			if got := string(field(t, result, "result").JSON()); got != c.result {
				t.Errorf("got %s, want %s", got, c.result)
			}
			if got := field(t, result, "output").Text(); got != c.output {
				t.Errorf("got %q, want %q", got, c.output)
			}
		})
	}
}

func TestLongTracebacksAreCut(t *testing.T) {
	err := mustFail(t, ofCode(t, "raise ValueError('\\n'.join('line %d' % i for i in range(1000)) + 'x' * 5_000_000)"))
	if len(err.Message) > 9000 || !strings.HasPrefix(err.Message, "the script raised an exception:\n…\n") {
		t.Errorf("%d bytes: %.100s", len(err.Message), err.Message)
	}
	err = mustFail(t, ofCode(t, "raise ValueError('\\n'.join('line %d' % i for i in range(1000)))"))
	if lines := strings.Split(err.Message, "\n"); len(lines) != 32 || lines[2] != "line 970" || lines[31] != "line 999" {
		t.Errorf("got %s", err.Message)
	}
}

func TestSyntaxErrors(t *testing.T) {
	code := ofCode(t, "x = 1\nif x\n  y = 2\n")
	file := ofCode(t, "")
	file.Program = nil
	file.Source = &protocol.Script{Path: "/flows/task.py", Text: "\n\ndef f(:\n"}
	nul := ofCode(t, "x = '\x00'")
	for _, test := range []struct {
		request protocol.Request
		want    []string
	}{
		{code, []string{`File "<code>", line 2`, "    if x\n", "SyntaxError: "}},
		{file, []string{`File "/flows/task.py", line 3`, "    def f(:\n", "SyntaxError: "}},
		{ofCode(t, "return 1"), []string{`File "<code>", line 1`, "'return' outside function"}},
		{ofCode(t, "if 1:\n\tx\n        y"), []string{`File "<code>", line 3`, "TabError: "}},
		{nul, []string{"null bytes"}},
	} {
		err := mustFail(t, test.request)
		if err.Code != protocol.TaskExecutionFailed || err.Kind != protocol.Permanent || err.Retryable() {
			t.Errorf("%s %s", err.Name, err.Kind)
		}
		for _, part := range append(test.want, "the script is not valid Python:\n") {
			if !strings.Contains(err.Message, part) {
				t.Errorf("%q is not in:\n%s", part, err.Message)
			}
		}
	}
}
