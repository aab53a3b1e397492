package python_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// shelf is a library in memory.
type shelf struct {
	mu   sync.Mutex
	kept map[string]value.Value
}

func (s *shelf) Keep(_ context.Context, name string, function value.Value) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		s.kept = map[string]value.Value{}
	}
	s.kept[name] = function
	return nil
}

func (s *shelf) Find(_ context.Context, name string) (value.Value, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, there := s.kept[name]
	return found, there, nil
}

func (s *shelf) All(context.Context) ([]value.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name := range s.kept {
		names = append(names, name)
	}
	slices.Sort(names)
	var all []value.Value
	for _, name := range names {
		all = append(all, s.kept[name])
	}
	return all, nil
}

func methodOf(t *testing.T, method, parameters string) protocol.Request {
	t.Helper()
	request := protocol.Request{Method: method, Parameters: val(t, parameters), Folder: t.TempDir()}
	if code, given := request.Parameters.Get("code"); given {
		request.Program = &protocol.Program{Text: code.Text(), Original: code.Text()}
	}
	return request
}

func newHandler(t *testing.T, o python.Options) *python.Handler {
	t.Helper()
	handler := python.New(o)
	t.Cleanup(func() {
		if err := handler.Close(); err != nil {
			t.Error(err)
		}
	})
	return handler
}

func TestFunctions(t *testing.T) {
	library := &shelf{}
	handler := newHandler(t, python.Options{Library: library})
	do := func(method, parameters string) string {
		t.Helper()
		result, err := handler.Handle(t.Context(), methodOf(t, method, parameters), nil)
		if err != nil {
			t.Errorf("%s %s: %v", method, parameters, err)
			return ""
		}
		if method == python.Execute {
			return string(field(t, result, "result").JSON())
		}
		return string(result.Value.JSON())
	}
	registered := do(python.Register, `{"name": "scale", "code": "FACTOR = 3\ndef scale(x, *, by=1):\n    '''Scales x.\n\n    And more.'''\n    return x * by * FACTOR\nif __name__ == '__main__': raise SystemExit"}`)
	for _, part := range []string{`"name":"scale","kind":"source"`, `"signature":"(x, *, by=1)"`, `"description":"Scales x."`, `"registered_at":"20`} {
		if !strings.Contains(registered, part) {
			t.Errorf("%s is not in %s", part, registered)
		}
	}
	do(python.Register, `{"name": "join.paths", "module": "posixpath", "function": "join", "description": "Joins."}`)
	do(python.Register, `{"name": "ends", "code": "import sys\ndef ends(status): sys.exit(status)"}`)
	do(python.Register, `{"name": "later", "code": "async def run(x): return [context['k'], x]", "function": "run"}`)

	another := newHandler(t, python.Options{Library: library}) // Another worker has them too.
	handler = another
	for _, test := range []struct{ parameters, want string }{
		{`{"function": "scale", "args": [2]}`, `6`},
		{`{"function": "scale", "args": ["ab"], "kwargs": {"by": 2}}`, `"abababababab"`},
		{`{"function": "join.paths", "args": ["a", "b"]}`, `"a/b"`},
		{`{"function": "later", "args": [1], "context": {"k": "v"}}`, `["v",1]`},
		{`{"function": "math.sqrt", "args": [16]}`, `4.0`},
		{`{"function": "ends", "args": [0]}`, `null`},
		{`{"function": "json.dumps", "args": [{"b": 1}]}`, `"{\"b\": 1}"`},
		{`{"function": "len", "args": [[1, 2]]}`, `2`},
		{`{"function": "sum", "args": [[1152921504606846976, 1]]}`, `1152921504606846977`},
		{`{"function": "sorted", "args": [[2, 3, 1]], "kwargs": {"reverse": true}}`, `[3,2,1]`},
		{`{"function": "statistics.mean", "args": [[1, 2]]}`, `1.5`},
		{`{"function": "urllib.parse.quote", "args": ["a b"]}`, `"a%20b"`},
	} {
		if got := do(python.Execute, test.parameters); got != test.want {
			t.Errorf("%s gives %s, not %s", test.parameters, got, test.want)
		}
	}
	listed := do(python.List, `{}`)
	if !strings.Contains(listed, `{"name":"join.paths","kind":"module"`) || !strings.Contains(listed, `{"name":"math.sqrt","kind":"built-in"}`) ||
		strings.Contains(listed, "FACTOR") {
		t.Errorf("listed: %.300s", listed)
	}
	if info := do(python.Info, `{"name": "scale"}`); !strings.Contains(info, `FACTOR = 3`) {
		t.Errorf("info: %s", info)
	}
	if info := do(python.Info, `{"name": "math.sqrt"}`); !strings.Contains(info, `"signature":"(x, /)","description":"Return the square root of x."`) {
		t.Errorf("info: %s", info)
	}
}

func TestFunctionsThatAreNone(t *testing.T) {
	handler := newHandler(t, python.Options{Library: &shelf{}})
	for _, test := range []struct{ method, parameters, want string }{
		{python.Execute, `{"function": "os.system", "args": ["true"]}`, `TASK_VALIDATION_FAILED: unknown function "os.system"`},
		{python.Execute, `{"function": "eval", "args": ["1"]}`, `TASK_VALIDATION_FAILED: unknown function "eval"`},
		{python.Execute, `{"function": "__import__('os').system"}`, `TASK_VALIDATION_FAILED: unknown function "__import__('os').system"`},
		{python.Execute, `{"function": 5}`, `INVALID_PARAMS: python/execute requires one of file, file_path, code and function`},
		{python.Execute, `{"function": "len", "args": 5}`, `INVALID_PARAMS: args must be a list, not a number`},
		{python.Execute, `{"function": "len", "kwargs": [5]}`, `INVALID_PARAMS: kwargs must be an object, not a list`},
		{python.Execute, `{"function": "math.sqrt", "args": [-1]}`, "TASK_EXECUTION_FAILED: the function raised an exception:\nValueError: math domain error"},
		{python.Info, `{"name": "nothing"}`, `TASK_VALIDATION_FAILED: unknown function "nothing"`},
		{python.Register, `{"name": "len", "code": "def len(): pass"}`, `INVALID_PARAMS: "len" is a built-in function; choose another name`},
		{python.Register, `{"name": "f", "code": "def g(): pass"}`, `TASK_VALIDATION_FAILED: the code has no function f`},
		{python.Register, `{"name": "f", "code": "exit()\ndef f(): pass"}`, `TASK_VALIDATION_FAILED: the script exits before its function f can be called`},
		{python.Register, `{"name": "f", "code": "f = 5"}`, `TASK_VALIDATION_FAILED: the code has no function f`},
		{python.Register, `{"name": "f", "code": "def f(:"}`, "TASK_EXECUTION_FAILED: the script is not valid Python:\n  File \"<f>\", line 1"},
		{python.Register, `{"name": "f", "module": "no_such_module"}`, `TASK_VALIDATION_FAILED: cannot import the module no_such_module: No module named 'no_such_module'`},
		{python.Register, `{"name": "f", "module": "math"}`, `TASK_VALIDATION_FAILED: the module math has no function f`},
		{python.Register, `{"name": "f"}`, `INVALID_PARAMS: python/register requires one of file, file_path, code and function`},
	} {
		_, err := handler.Handle(t.Context(), methodOf(t, test.method, test.parameters), nil)
		if known := protocol.AsError(errorOr(err), 0); !strings.HasPrefix(known.Name+": "+known.Message, test.want) {
			t.Errorf("%s %s: %s: %v", test.method, test.parameters, known.Name, err)
		}
	}
	request := methodOf(t, python.Register, `{"name": "f"}`)
	request.Program = program(t, "def f(): return ${a}", map[string]string{"a": "1"})
	if _, err := handler.Handle(t.Context(), request, nil); err == nil || !strings.Contains(err.Error(), "the code of a function must not contain references, such as ${a}") {
		t.Errorf("a reference: %v", err)
	}
}
