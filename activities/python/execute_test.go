package python_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

func val(t *testing.T, json string) value.Value {
	t.Helper()
	v, err := value.Parse([]byte(json))
	if err != nil {
		t.Fatalf("%s: %v", json, err)
	}
	return v
}

func field(t *testing.T, result protocol.Result, name string) value.Value {
	t.Helper()
	v, there := result.Value.Get(name)
	if !there {
		t.Fatalf("the result has no %s: %s", name, result.Value.JSON())
	}
	return v
}

// ofCode is a request to run code without references.
func ofCode(t *testing.T, code string) protocol.Request {
	t.Helper()
	return protocol.Request{
		Method:     python.Execute,
		Parameters: value.Object(),
		Program:    &protocol.Program{Text: code, Original: code},
		Folder:     t.TempDir(),
	}
}

func execute(t *testing.T, request protocol.Request) (protocol.Result, error) {
	t.Helper()
	return shared.Handle(t.Context(), request, nil)
}

func mustRun(t *testing.T, request protocol.Request) protocol.Result {
	t.Helper()
	result, err := execute(t, request)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func mustFail(t *testing.T, request protocol.Request) *protocol.Error {
	t.Helper()
	result, err := execute(t, request)
	if err == nil {
		t.Fatalf("no error, but %s", result.Value.JSON())
	}
	return protocol.AsError(err, 0)
}

func TestResultsKeepTheirType(t *testing.T) {
	for _, test := range []struct{ name, code, want string }{
		{"nothing set", `x = 1`, `null`},
		{"none", `result = None`, `null`},
		{"true", `result = True`, `true`},
		{"integer", `result = 42`, `42`},
		{"beyond a double", `result = 2**60 + 1`, `1152921504606846977`},
		{"beyond 64 bits", `result = 10**30`, `1000000000000000000000000000000`},
		{"small float", `result = 1e-7`, `1e-7`},
		{"small floats beside text", `result = [1.5e-9, "1e-07 \" e-05", -1e-10, {"e-01": 1e-5}]`, `[1.5e-9,"1e-07 \" e-05",-1e-10,{"e-01":1e-5}]`},
		{"float that is whole", `result = 2.0`, `2.0`},
		{"sum of floats", `result = 0.1 + 0.2`, `0.30000000000000004`},
		{"text of digits", `result = "02139"`, `"02139"`},
		{"emoji and markup", `result = "🎉 <b> ö"`, `"🎉 <b> ö"`},
		{"NUL and marks", `result = "a\0b\u202e\u2028"`, "\"a\\u0000b\u202e\\u2028\""},
		{"list", `result = [1, [2, []], {}]`, `[1,[2,[]],{}]`},
		{"tuple", `result = (1, "a")`, `[1,"a"]`},
		{"object in its order", `result = {"z": 1, "a": {"é": None}}`, `{"z":1,"a":{"é":null}}`},
		{"subclasses", `
import collections, enum
class Color(enum.IntEnum):
    RED = 3
result = [collections.OrderedDict(a=1), collections.namedtuple("P", "x y")(1, 2), Color.RED, type("S", (str,), {})("s")]`,
			`[{"a":1},[1,2],3,"s"]`},
		{"deep", `
result = 0
for _ in range(900): result = [result]`, strings.Repeat("[", 900) + "0" + strings.Repeat("]", 900)},
		{"5000 digits", `result = 10**4999`, "1" + strings.Repeat("0", 4999)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := string(field(t, mustRun(t, ofCode(t, test.code)), "result").JSON()); got != test.want {
				t.Errorf("got  %.200s\nwant %.200s", got, test.want)
			}
		})
	}
}

func TestResultsThatAreNoJSON(t *testing.T) {
	for _, test := range []struct{ code, want string }{
		{`result = {"rows": [1, 2, 3, {4j}]}`, `result["rows"][3][0] is a complex, which JSON does not support`},
		{`result = b"x"`, `result is bytes, which JSON does not support`},
		{`result = [float("nan")]`, `result[0] is nan, which JSON does not support`},
		{`result = {"a": {"b": -float("inf")}}`, `result["a"]["b"] is -inf, which JSON does not support`},
		{`result = {"a": {(1,): "x"}}`, `result["a"] has the key (1,) (a tuple); the keys of a JSON object must be strings`},
		{`result = {b"k": 1}`, `result has the key b'k' (bytes); the keys of a JSON object must be strings`},
		{`result = {1: "a", "1": "b"}`, `result has two keys that are "1" as text; the keys of a JSON object must be unique`},
		{`result = [1j]`, `result[0] is a complex, which JSON does not support`},
		{"class Foo: pass\nresult = {\"x\": Foo()}", `result["x"] is a Foo, which JSON does not support`},
		{"import decimal\nresult = [decimal.Decimal('NaN')]", `result[0] is a decimal.Decimal, which JSON does not support`},
		{`result = open`, `result is a builtin_function_or_method, which JSON does not support`},
		{`result = ["a", "\ud800"]`, `result[1] contains half a character (a lone surrogate), which JSON does not support`},
		{"result = []\nresult.append(result)", `result contains itself, or is nested more than 990 levels deep`},
		{`result = "x" * 68_000_000`, `result has 68000002 bytes as JSON; the limit is 67108864 bytes`},
	} {
		t.Run(test.want, func(t *testing.T) {
			t.Parallel()
			err := mustFail(t, ofCode(t, test.code))
			if err.Code != protocol.TaskResultInvalid || err.Message != test.want || err.Kind != protocol.TaskFault {
				t.Errorf("got %s %s: %s", err.Name, err.Kind, err.Message)
			}
		})
	}
}

func TestResultDocument(t *testing.T) {
	result := mustRun(t, ofCode(t, "import sys\nprint('out ö')\nprint('err', file=sys.stderr)\nresult = 1"))
	for name, want := range map[string]string{"result": `1`, "output": `"out ö\n"`, "stderr": `"err\n"`, "success": `true`} {
		if got := string(field(t, result, name).JSON()); got != want {
			t.Errorf("%s is %s, not %s", name, got, want)
		}
	}
	if seconds := field(t, result, "execution_time").Digits(); !strings.HasPrefix(seconds, "0.0") {
		t.Errorf("execution_time is %s", seconds)
	}
}

func TestContext(t *testing.T) {
	request := ofCode(t, `result = [context, 'context' in locals(), __name__, sorted(k for k in globals() if k[0] != "_")]`)
	request.Parameters = val(t, `{"context": {"n": 1152921504606846977, "own": "mine", "text": "\"'{}\\ ${x}"}}`)
	request.Dependencies = []value.Field{
		{Name: "own", Value: val(t, `"theirs"`)}, {Name: "first", Value: val(t, `{"result": [1e-7]}`)},
	}
	const want = `[{"n":1152921504606846977,"own":"mine","text":"\"'{}\\ ${x}","first":{"result":[1e-7]}},true,"__main__",["context"]]`
	if got := string(field(t, mustRun(t, request), "result").JSON()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestParametersThatDoNotFit(t *testing.T) {
	nothing := protocol.Request{Method: python.Execute, Parameters: value.Object(), Folder: t.TempDir()}
	list := ofCode(t, "x = 1")
	list.Parameters = val(t, `{"context": [1]}`)
	huge := ofCode(t, "x = 1")
	huge.Parameters = val(t, `{"context": {"n": 1e400}}`)
	unknown := ofCode(t, "x = 1")
	unknown.Method = "python/fly"
	nowhere := ofCode(t, "x = 1")
	nowhere.Folder = "/nowhere/at/all"
	for _, test := range []struct {
		request protocol.Request
		want    string
	}{
		{nothing, "INVALID_PARAMS: python/execute requires one of file, file_path, code and function"},
		{list, "INVALID_PARAMS: context must be an object, not a list"},
		{huge, "TASK_PARAMETER_ERROR: the number 1e400 exceeds the range of a Python float"},
		{unknown, "METHOD_NOT_SUPPORTED: unknown method \"python/fly\""},
		{nowhere, "TASK_VALIDATION_FAILED: the folder of the run does not exist: \"/nowhere/at/all\""},
	} {
		if err := mustFail(t, test.request); err.Name+": "+err.Message != test.want {
			t.Errorf("got %s: %s, not %s", err.Name, err.Message, test.want)
		}
	}
}

func TestFile(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "Übung 日本")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "beside.py"), []byte("answer = 42\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "skript.py")
	request := ofCode(t, "")
	request.Program = nil
	request.Source = &protocol.Script{Path: path, Text: "\ufeff'''The doc.'''\r\nimport beside, os, sys\r\n" +
		"def f(): return g()\r\ndef g(): return beside.answer\r\n" +
		"result = [f(), __file__, __name__, __doc__, sys.argv, os.getcwd()]\r\n"}
	want := value.List(value.Int(42), value.String(path), value.String("__main__"),
		value.String("The doc."), value.List(value.String(path)), value.String(request.Folder))
	if got := field(t, mustRun(t, request), "result"); string(got.JSON()) != string(want.JSON()) {
		t.Errorf("got  %s\nwant %s", got.JSON(), want.JSON())
	}

	request.Source = &protocol.Script{Path: "/nowhere/gone.py", Text: "import beside"}
	if err := mustFail(t, request); !strings.HasSuffix(err.Message, "ModuleNotFoundError: No module named 'beside'") {
		t.Errorf("got %s", err.Message)
	}
}
