package python_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/require"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

func TestVariablesOfTheEnvironment(t *testing.T) {
	t.Setenv("LET_THROUGH", "one")
	t.Setenv("ALSO", "two")
	t.Setenv("KEY", "s3cret")
	handler := newHandler(t, python.Options{Env: []string{"LET_THROUGH", "ALSO", "NOT_SET"}})
	for _, test := range []struct{ env, want string }{
		{`null`, `["one","two",null,null]`},
		{`["ALSO"]`, `[null,"two",null,null]`},
		{`[]`, `[null,null,null,null]`},
		{`{"MINE": "a=b 'ö'", "ALSO": 3}`, `["one","3",null,"a=b 'ö'"]`},
	} {
		request := ofCode(t, "import os\nresult = [os.environ.get(n) for n in ('LET_THROUGH', 'ALSO', 'KEY', 'MINE')]")
		request.Parameters = val(t, `{"env": `+test.env+`}`)
		result, err := handler.Handle(t.Context(), request, nil)
		if err != nil {
			t.Errorf("%s: %v", test.env, err)
		} else if got := string(field(t, result, "result").JSON()); got != test.want {
			t.Errorf("%s: %s, not %s", test.env, got, test.want)
		}
	}
	for _, test := range []struct{ env, want string }{
		{`["KEY"]`, `env: the worker's settings do not allow the variable "KEY" (add it to python.env in config.yaml, or pass its value: env: {KEY: "${env.KEY}"})`},
		{`"KEY"`, `env must be an object of variables or a list of names, not a string`},
		{`{"A": [1]}`, `the variable "A" of env must be a string, a number or a boolean, not a list`},
		{`{"A=B": "x"}`, `env: "A=B" is not a valid environment variable`},
		{`{"A": "x\u0000y"}`, `env: "A" is not a valid environment variable`},
	} {
		request := ofCode(t, "x = 1")
		request.Parameters = val(t, `{"env": `+test.env+`}`)
		_, err := handler.Handle(t.Context(), request, nil)
		if known := protocol.AsError(errorOr(err), 0); known.Code != protocol.InvalidParams || err.Error() != test.want {
			t.Errorf("%s: %s: %v", test.env, known.Name, err)
		}
	}
}

func TestRequirements(t *testing.T) {
	site := t.TempDir()
	for name, text := range map[string]string{
		"here_pkg/__init__.py": "", "Here_Pkg-1.4.2rc1.dist-info/METADATA": "Metadata-Version: 2.1\nName: Here-Pkg\nVersion: 1.4.2rc1\n",
		"Here_Pkg-1.4.2rc1.dist-info/top_level.txt": "here_pkg\n", "lonely.py": "__version__ = '2.0'",
	} {
		write(t, filepath.Dir(filepath.Join(site, name)), filepath.Base(name), text)
	}
	handler := newHandlerWith(t, site)
	const notThere = "TASK_VALIDATION_FAILED: the module no_such_module, which the task requires, is not installed for /"
	for _, test := range []struct{ requirements, want string }{
		{`["json", "os.path"]`, ""},
		{`["no_such_module"]`, notThere},
		{`["json", "no_such_module>=1", "x"]`, notThere},
		{`["Here-Pkg>=1.4,<2"]`, ""},
		{`["here_pkg==1.4.2rc1", "Here-Pkg[extra] ~= 1.4", "Here-Pkg (>1.3)"]`, ""},
		{`["Here-Pkg==1.4.*", "Here-Pkg!=1.5.*"]`, ""},
		{`["Here-Pkg>=1.4.2"]`, "TASK_VALIDATION_FAILED: the task requires Here-Pkg>=1.4.2, but /"},
		{`["Here-Pkg<1.4.2", "Here-Pkg>=2"]`, "TASK_VALIDATION_FAILED: the task requires Here-Pkg>=2, but /"},
		{`["lonely>=2", "lonely<3"]`, ""},
		{`["rm -rf /"]`, "INVALID_PARAMS: invalid requirement 'rm -rf /'"},
		{`["json >> 1"]`, "INVALID_PARAMS: invalid requirement 'json >> 1'"},
		{`"json"`, "INVALID_PARAMS: requirements must be a list of modules or packages"},
		{`[5]`, "INVALID_PARAMS: requirements must be a list of modules or packages"},
	} {
		request := ofCode(t, "open('ran', 'w').close()")
		request.Parameters = val(t, `{"requirements": `+test.requirements+`}`)
		_, err := handler.Handle(t.Context(), request, nil)
		_, missing := os.Stat(filepath.Join(request.Folder, "ran"))
		known := protocol.AsError(errorOr(err), 0)
		if (err == nil) != (test.want == "") || err != nil && !strings.HasPrefix(known.Name+": "+known.Message, test.want) || (missing == nil) != (err == nil) {
			t.Errorf("%s: %s: %v", test.requirements, known.Name, err)
		}
	}
}

// All that is lacking is told at once.
func TestAllThatIsLacking(t *testing.T) {
	request := ofCode(t, "result = 1")
	request.Parameters = val(t, `{"requirements": ["no_such_module", "json", "nor_this>=1"]}`)
	_, err := newHandler(t, python.Options{}).Handle(t.Context(), request, nil)
	told := protocol.AsError(errorOr(err), 0).Message
	for _, name := range []string{"no_such_module", "nor_this"} {
		if !strings.Contains(told, "the module "+name+", which the task requires, is not installed") {
			t.Errorf("of %s it says %q", name, told)
		}
	}
}

// newHandlerWith is a handler of a virtual environment that sees the packages in a folder.
func newHandlerWith(t *testing.T, site string) *python.Handler {
	t.Helper()
	environment := filepath.Join(t.TempDir(), "env with space")
	makeEnvironment(t, environment)
	found, err := filepath.Glob(filepath.Join(environment, "lib", "python3*", "site-packages"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	write(t, found[0], "site.pth", site+"\n")
	return newHandler(t, python.Options{Interpreter: environment})
}

func makeEnvironment(t *testing.T, folder string) {
	t.Helper()
	if said, err := exec.CommandContext(t.Context(), "python3", "-m", "venv", "--without-pip", folder).CombinedOutput(); err != nil {
		require.Skip(t, "virtual environments cannot be made: "+string(said))
	}
}

func TestAnotherInterpreter(t *testing.T) {
	flow := t.TempDir()
	makeEnvironment(t, filepath.Join(flow, "envs", "data"))
	for _, test := range []struct{ python, want string }{
		{"envs/data", filepath.Join(flow, "envs", "data")},
		{"envs/data/bin/python", filepath.Join(flow, "envs", "data")},
		{filepath.Join(flow, "envs", "data"), filepath.Join(flow, "envs", "data")},
		{"envs/other", "TASK_VALIDATION_FAILED: the interpreter envs/other is neither in the workflow's folder nor in the run's folder"},
		{"/nowhere/python3", "CONFIGURATION_ERROR: no Python found at /nowhere/python3"},
		{"python-of-nobody", "CONFIGURATION_ERROR: python-of-nobody not found on PATH"},
	} {
		request := ofCode(t, "import sys\nresult = sys.prefix")
		request.FlowFolder = flow
		request.Parameters = value.Object(value.Field{Name: "python", Value: value.String(test.python)})
		result, err := execute(t, request)
		got := ""
		if err != nil {
			known := protocol.AsError(err, 0)
			got = known.Name + ": " + known.Message
		} else {
			got = field(t, result, "result").Text()
		}
		if got != test.want {
			t.Errorf("%s: %s, not %s", test.python, got, test.want)
		}
	}
}
