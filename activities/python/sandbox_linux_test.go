package python_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/require"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// attempts tries what a script in a sandbox must not be able to do; the result tells of each what came of it.
const attempts = `
import os, pathlib, socket, subprocess, tempfile
def tried(what):
    try:
        return what()
    except BaseException as error:
        return type(error).__name__
def connect(kind, address):
    with socket.socket(kind) as s:
        s.settimeout(3)
        s.connect(address)
    return "connected"
def write(path):
    with open(path, "w") as f:
        f.write("x")
    return "written"
home = context["home"]
result = {
    "home": tried(lambda: open(os.path.join(home, "secret")).read()),
    "homes": tried(lambda: sorted(os.listdir(home))),
    "gleitzeit": tried(lambda: open(os.path.join(context["gleitzeit"], "key")).read()),
    "outside": tried(lambda: write(os.path.join(context["outside"], "f"))),
    "system": tried(lambda: write("/etc/gleitzeit-was-here")),
    "folder": tried(lambda: write("f")),
    "reads its folder": tried(lambda: open("data").read()),
    "temp": tried(lambda: write(os.path.join(tempfile.gettempdir(), "f"))),
    "loopback": tried(lambda: connect(socket.AF_INET, ("127.0.0.1", context["port"]))),
    "unix": tried(lambda: connect(socket.AF_UNIX, context["socket"])),
    "abstract": tried(lambda: connect(socket.AF_UNIX, "\0" + context["abstract"])),
    "sees its worker": tried(lambda: os.path.exists("/proc/%d/fd" % context["pid"]) and os.readlink("/proc/%d/exe" % context["pid"]) == context["exe"]),
    "kills it": tried(lambda: os.kill(context["pid"], 0) or "killed"),
    "root": tried(lambda: os.setuid(0) or subprocess.run(["mount", "-t", "tmpfs", "none", "/srv"], capture_output=True, check=True) and "mounted"),
    "HOME": os.environ["HOME"] == tempfile.gettempdir(),
}`

// surroundings are what the attempts are made on.
func surroundings(t *testing.T, home string) protocol.Request {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	outside, gleitzeit := t.TempDir(), t.TempDir()
	local, err := net.Listen("unix", filepath.Join(outside, "s"))
	if err != nil {
		t.Fatal(err)
	}
	name := "gleitzeit-test-" + filepath.Base(filepath.Dir(outside))
	abstract, err := net.Listen("unix", "@"+name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close(); local.Close(); abstract.Close() })
	write(t, home, "secret", "of the user")
	write(t, gleitzeit, "key", "of the engine")
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	request := ofCode(t, attempts)
	write(t, request.Folder, "data", "of the run")
	allowAll(t, filepath.Join(request.Folder, "data"))
	of := value.String
	request.Parameters = value.Object(value.Field{Name: "context", Value: value.Object(
		value.Field{Name: "home", Value: of(home)}, value.Field{Name: "gleitzeit", Value: of(gleitzeit)},
		value.Field{Name: "outside", Value: of(outside)}, value.Field{Name: "socket", Value: of(filepath.Join(outside, "s"))},
		value.Field{Name: "abstract", Value: of(name)}, value.Field{Name: "exe", Value: of(exe)},
		value.Field{Name: "port", Value: value.Int(int64(listener.Addr().(*net.TCPAddr).Port))},
		value.Field{Name: "pid", Value: value.Int(int64(os.Getpid()))})})
	return request
}

func gleitzeitOf(request protocol.Request) string {
	context, _ := request.Parameters.Get("context")
	folder, _ := context.Get("gleitzeit")
	return folder.Text()
}

func needsBubblewrap(t *testing.T) {
	t.Helper()
	if said, err := exec.CommandContext(t.Context(), "bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "true").CombinedOutput(); err != nil {
		require.Skip(t, "bubblewrap does not work here: "+err.Error()+" "+string(said))
	}
}

func TestSandbox(t *testing.T) {
	needsBubblewrap(t)
	home, err := os.MkdirTemp(homeFolder(t), "gleitzeit-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(home)
	request := surroundings(t, home)
	handler := newHandler(t, python.Options{Sandbox: python.SandboxBwrap, HiddenFolders: []string{gleitzeitOf(request)}})
	result, err := handler.Handle(t.Context(), request, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := field(t, result, "result")
	for name, want := range map[string]string{
		"home": `"FileNotFoundError"`, "homes": `"FileNotFoundError"`, "gleitzeit": `"FileNotFoundError"`, "outside": `"FileNotFoundError"`,
		"system": `"OSError"`, "folder": `"OSError"`, "reads its folder": `"of the run"`, "temp": `"written"`,
		"loopback": `"ConnectionRefusedError"`, "unix": `"FileNotFoundError"`, "abstract": `"ConnectionRefusedError"`,
		"sees its worker": `false`, "kills it": `"ProcessLookupError"`, "HOME": `true`,
	} {
		if is, _ := got.Get(name); string(is.JSON()) != want {
			t.Errorf("%s: %s, not %s", name, is.JSON(), want)
		}
	}
	if root, _ := got.Get("root"); root.Text() == "mounted" {
		t.Error("it could mount a file system")
	}
	if _, err := os.Stat(filepath.Join(request.Folder, "f")); err == nil {
		t.Error("a file was written into the run's folder")
	}
}

// TestWithoutSandbox shows what docs/security.md says: without a sandbox a script may do what its user may.
func TestWithoutSandbox(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	request := surroundings(t, home)
	request.Program.Text = strings.Replace(attempts, `tried(lambda: write("/etc/gleitzeit-was-here"))`, `None`, 1)
	request.Program.Text = strings.Replace(request.Program.Text, `tried(lambda: os.setuid(0)`, `None and (lambda: os.setuid(0)`, 1)
	request.Program.Original = request.Program.Text
	result := mustRun(t, request)
	got := field(t, result, "result")
	for name, want := range map[string]string{
		"home": `"of the user"`, "gleitzeit": `"of the engine"`, "outside": `"written"`, "folder": `"written"`, "temp": `"written"`,
		"loopback": `"connected"`, "unix": `"connected"`, "abstract": `"connected"`, "sees its worker": `true`, "kills it": `"killed"`,
	} {
		if is, _ := got.Get(name); string(is.JSON()) != want {
			t.Errorf("%s: %s, not %s", name, is.JSON(), want)
		}
	}
}

func homeFolder(t *testing.T) string {
	t.Helper()
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	return home
}

func TestSandboxedScriptsEndLikeOthers(t *testing.T) {
	needsBubblewrap(t)
	handler := newHandler(t, python.Options{})
	for _, test := range []struct{ code, want string }{
		{"import subprocess\nsubprocess.Popen(['sleep', '601'], start_new_session=True)\nresult = 2**60 + 1", ""},
		{"1 / 0", "TASK_EXECUTION_FAILED"},
		{"import subprocess, time\nsubprocess.Popen(['sleep', '601'], start_new_session=True)\ntime.sleep(601)", "TASK_TIMEOUT"},
		{"import os, time\nos.kill(os.getppid(), 19)\ntime.sleep(601)", "TASK_TIMEOUT"},
		{"import ctypes\nctypes.string_at(0)", "TASK_EXECUTION_FAILED"},
	} {
		request := ofCode(t, test.code)
		request.Parameters = val(t, `{"sandbox": "bwrap"}`)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		result, err := handler.Handle(ctx, request, nil)
		cancel()
		if known := protocol.AsError(errorOr(err), 0); (err == nil) != (test.want == "") || err != nil && known.Name != test.want {
			t.Errorf("%s: %s: %v", test.code, known.Name, err)
		} else if err == nil && field(t, result, "result").Digits() != "1152921504606846977" {
			t.Errorf("got %s", result.Value.JSON())
		}
		for _, line := range append(processesOf(t, os.Getuid(), os.Getpid()), processesOf(t, nobody, os.Getpid())...) {
			if strings.Contains(line, "sleep 601") || strings.Contains(line, "bwrap") {
				t.Errorf("left of %s: %s", test.code, line)
			}
		}
	}
}

func TestSandboxesThatCannotBe(t *testing.T) {
	with := func(sandbox string) protocol.Request {
		request := ofCode(t, "open('ran', 'w').close()")
		request.Parameters = value.Object(value.Field{Name: "sandbox", Value: value.String(sandbox)})
		return request
	}
	home := with("bwrap")
	home.Folder = t.TempDir()
	t.Setenv("HOME", home.Folder)
	for _, test := range []struct {
		handler *python.Handler
		request protocol.Request
		path    string
		want    string
	}{
		{newHandler(t, python.Options{}), with("bwrap"), t.TempDir(), "CONFIGURATION_ERROR: the sandbox bwrap is not available: bwrap not found on PATH"},
		{newHandler(t, python.Options{}), with("bwrap"), brokenBubblewrap(t), "CONFIGURATION_ERROR: the sandbox bwrap is not available: bwrap: No permissions to create new namespace"},
		{newHandler(t, python.Options{Sandbox: "bwrap"}), with("none"), os.Getenv("PATH"), "INVALID_PARAMS: the task disables the sandbox, but the settings require bwrap"},
		{newHandler(t, python.Options{}), with("jail"), os.Getenv("PATH"), `INVALID_PARAMS: sandbox must be "bwrap" or "none", not "jail"`},
		{newHandler(t, python.Options{}), home, os.Getenv("PATH"), "TASK_VALIDATION_FAILED: the run was started in " + home.Folder + ", which the sandbox hides"},
	} {
		python3 := interpreterPath(t)
		test.request.Parameters = test.request.Parameters.With("python", value.String(python3))
		path := os.Getenv("PATH")
		t.Setenv("PATH", test.path)
		if test.path != path {
			t.Setenv("PATH", test.path+":"+path)
			if !strings.Contains(test.want, "permissions") {
				t.Setenv("PATH", test.path)
			}
		}
		_, err := test.handler.Handle(t.Context(), test.request, nil)
		t.Setenv("PATH", path)
		if known := protocol.AsError(errorOr(err), 0); known.Name+": "+known.Message != test.want {
			t.Errorf("got %s: %v; want %s", known.Name, err, test.want)
		}
		if _, err := os.Stat(filepath.Join(test.request.Folder, "ran")); err == nil {
			t.Errorf("the script ran although %s", test.want)
		}
	}
}

// interpreterPath is where the interpreter itself is, behind any shim.
func interpreterPath(t *testing.T) string {
	t.Helper()
	said, err := exec.CommandContext(t.Context(), "python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(said))
}

// brokenBubblewrap is a folder with a bwrap that may not do what it must.
func brokenBubblewrap(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	const text = "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n"
	if err := os.WriteFile(filepath.Join(folder, "bwrap"), []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return folder
}

// TestAProbeStaysInTheSandbox: an interpreter that a workflow names is a program like any other, when it is asked for its
// version, too: it gets no variable of the worker, and writes nothing.
func TestAProbeStaysInTheSandbox(t *testing.T) {
	needsBubblewrap(t)
	t.Setenv("GLEITZEIT_SECRET_CANARY", "9f2c-canary")
	outside := t.TempDir()
	request := ofCode(t, "result = 1")
	interpreter := filepath.Join(request.Folder, "bin", "python")
	write(t, filepath.Join(request.Folder, "bin"), "python", "#!/bin/sh\nenv > '"+outside+"/env'\nenv > '"+request.Folder+"/env'\nexec /usr/bin/python3 \"$@\"\n")
	allowAll(t, interpreter)
	request.Parameters = value.Object(value.Field{Name: "python", Value: value.String(interpreter)})
	left := func() []string {
		all, err := filepath.Glob(filepath.Join(outside, "*"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(request.Folder, "env")); err == nil {
			all = append(all, "env in the folder of the run")
		}
		return all
	}

	enforced := newHandler(t, python.Options{Sandbox: python.SandboxBwrap})
	_, err := enforced.Handle(t.Context(), request, nil)
	want := "the settings enforce the sandbox bwrap and do not allow the interpreter \"" + interpreter + "\""
	if failed := protocol.AsError(err, 0); err == nil || failed.Code != protocol.InvalidParams || failed.Message != want {
		t.Errorf("an interpreter that is not allowed: %v", err)
	}
	allowed := newHandler(t, python.Options{Sandbox: python.SandboxBwrap, Interpreters: []string{interpreter}})
	if _, err := allowed.Handle(t.Context(), request, nil); err != nil {
		t.Errorf("an interpreter that is allowed: %v", err)
	}
	request.Parameters = request.Parameters.With("sandbox", value.String("bwrap"))
	if _, err := newHandler(t, python.Options{}).Handle(t.Context(), request, nil); err != nil {
		t.Errorf("a sandbox that the task asks for: %v", err)
	}
	if found := left(); len(found) > 0 {
		t.Errorf("the probe has left the sandbox: %v", found)
	}
	// Without a sandbox it may write, and has no variable of the worker all the same.
	request.Parameters = value.Object(value.Field{Name: "python", Value: value.String(interpreter)})
	if _, err := newHandler(t, python.Options{}).Handle(t.Context(), request, nil); err != nil {
		t.Fatal(err)
	}
	if variables, err := os.ReadFile(filepath.Join(outside, "env")); err != nil || strings.Contains(string(variables), "9f2c-canary") {
		t.Errorf("the probe has %s, %v", variables, err)
	}
}

// The signal reaches a script inside of its sandbox.
func TestSandboxedScriptsCleanUp(t *testing.T) {
	needsBubblewrap(t)
	handler := newHandler(t, python.Options{})
	request := ofCode(t, "import time\ntry: time.sleep(600)\nfinally: print('cleaned')")
	request.Parameters = val(t, `{"sandbox": "bwrap"}`)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if result, err := handler.Handle(ctx, request, nil); protocol.AsError(errorOr(err), 0).Code != protocol.TaskTimeout || result.Printed.Output != "cleaned" {
		t.Errorf("got %v and %+v", err, result.Printed)
	}
}

// TestListsInASandbox: a script reads its own lists, cannot change them, and does not see those of others, wherever temporary files are.
func TestListsInASandbox(t *testing.T) {
	needsBubblewrap(t)
	const look = `
import os
it = context["answers"]
def tried(what):
    try:
        return what()
    except OSError as error:
        return type(error).__name__
result = [len(it), it[-1]["n"], tried(lambda: open(it._path, "r+") and "opened"), tried(lambda: open(context["inside"][0]).read(9)), tried(lambda: os.listdir(os.path.dirname(context["inside"][0])))]`
	folder, err := os.MkdirTemp("/var/lib", "gleitzeit-test-")
	if err != nil {
		require.Skip(t, "no folder that the sandbox shows can be made")
	}
	defer os.RemoveAll(folder)
	allowAll(t, folder)
	for _, temp := range []string{os.TempDir(), folder} {
		t.Setenv("TMPDIR", temp)
		for name, o := range map[string]python.Options{"in memory": {}, "on the disk": {Limits: python.Limits{Temp: python.NoLimit}}} {
			other := ofLargeList(t, "")
			allowAll(t, filepath.Dir(other.Lists[0].Path))
			allowAll(t, other.Lists[0].Path)
			request := ofLargeList(t, look)
			request.Parameters = val(t, `{"sandbox": "bwrap", "context": {"answers": null, "inside": [`+string(value.String(other.Lists[0].Path).JSON())+`, {}]}}`)
			result, err := newHandler(t, o).Handle(t.Context(), request, nil)
			if err != nil {
				t.Fatalf("%s, %s: %v", temp, name, err)
			}
			if got, want := string(field(t, result, "result").JSON()), `[1800,1799,"OSError","FileNotFoundError","FileNotFoundError"]`; got != want {
				t.Errorf("%s, %s: got %s, want %s", temp, name, got, want)
			}
		}
	}
}
