package python_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

func TestEnvironmentIsClean(t *testing.T) {
	for name, value := range map[string]string{"SECRET_KEY": "s3cret", "LC_TIME": "C", "LANG": "C.UTF-8", "TZ": "Asia/Tokyo",
		"PYTHONPATH": "/somewhere", "SYSTEMROOT": "C:\\", "HOME": "/home/of"} {
		t.Setenv(name, value)
	}
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	request := ofCode(t, `
import os, stat, sys, tempfile, time
open(os.path.join(tempfile.gettempdir(), "left"), "w").close()
os.mkdir(os.path.join(tempfile.gettempdir(), "closed"))
open(os.path.join(tempfile.gettempdir(), "closed", "in"), "w").close()
os.chmod(os.path.join(tempfile.gettempdir(), "closed"), 0o500)
result = {
  "names": sorted(name for name in os.environ if name not in ("__CF_USER_TEXT_ENCODING", "LC_CTYPE")),
  "values": [os.environ[name] for name in ("LC_TIME", "LANG", "TZ", "HOME")],
  "folder": os.getcwd(), "temp": tempfile.gettempdir(), "mode": stat.S_IMODE(os.stat(tempfile.gettempdir()).st_mode),
  "encodings": [sys.stdout.encoding, sys.getfilesystemencoding(), open(os.devnull).encoding.lower()],
  "zone": time.tzname[0], "stdin": sys.stdin.read(),
}`)
	result := field(t, mustRun(t, request), "result")
	for name, want := range map[string]string{
		"names":     `["HOME","LANG","LC_TIME","PATH","PYTHONIOENCODING","PYTHONUTF8","SYSTEMROOT","TMPDIR","TZ"]`,
		"values":    `["C","C.UTF-8","Asia/Tokyo","/home/of"]`,
		"mode":      `448`,
		"folder":    `"` + request.Folder + `"`,
		"encodings": `["utf-8","utf-8","utf-8"]`,
		"stdin":     `""`,
	} {
		if got, _ := result.Get(name); !strings.EqualFold(string(got.JSON()), want) {
			t.Errorf("%s is %s, not %s", name, got.JSON(), want)
		}
	}
	if got, _ := result.Get("temp"); filepath.Dir(got.Text()) != temp {
		t.Errorf("its TMPDIR is %s", got.Text())
	}
	if left := leftovers(t, temp); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestNoFileOfTheFolderIsTakenForARunnersModule(t *testing.T) {
	request := ofCode(t, "result = 1")
	for _, name := range []string{"json.py", "ast.py", "signal.py", "linecache.py", "threading.py", "sitecustomize.py"} {
		if err := os.WriteFile(filepath.Join(request.Folder, name), []byte("raise SystemExit('taken')"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := field(t, mustRun(t, request), "result").Digits(); got != "1" {
		t.Errorf("got %s", got)
	}
}

func TestAFolderThatIsAFile(t *testing.T) {
	request := ofCode(t, "x = 1")
	request.Folder = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(request.Folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("the folder of the run does not exist: %q", request.Folder)
	if err := mustFail(t, request); err.Code != protocol.TaskValidationFailed || err.Message != want {
		t.Errorf("got %s: %s", err.Name, err.Message)
	}
}

func TestInterpretersThatAreNone(t *testing.T) {
	folder := t.TempDir()
	script := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	old := script("old", `printf '3.7\n0\n/opt/old/python3\n'`)
	broken := script("broken", `echo "no module named encodings" >&2; exit 1`)
	silent := script("silent", `exit 0`)
	vanishing := script("vanishing", `printf '3.12\n1\n/nowhere/python3\n'`)
	const hint = " (install Python 3.8 or later, or correct `python` of the task or python.interpreter in config.yaml)"
	for _, test := range []struct{ command, health, handle string }{
		{"python-that-is-nowhere", "python-that-is-nowhere not found on PATH" + hint, ""},
		{old, "/opt/old/python3 is Python 3.7, which is not supported" + hint, ""},
		{broken, "cannot use " + broken + " as the Python interpreter: no module named encodings" + hint, ""},
		{silent, "cannot use " + silent + " as the Python interpreter: it does not report its version" + hint, ""},
		{vanishing, "", "cannot start /nowhere/python3: fork/exec /nowhere/python3: no such file or directory"},
	} {
		handler := python.New(python.Options{Interpreter: test.command})
		health := handler.Health(t.Context())
		if (health == nil) != (test.health == "") || health != nil && health.Error() != test.health {
			t.Errorf("%s: health is %v, not %s", test.command, health, test.health)
		}
		want := test.handle
		if want == "" {
			want = test.health
		}
		_, err := handler.Handle(t.Context(), ofCode(t, "x = 1"), nil)
		if err == nil || err.Error() != want || protocol.AsError(err, 0).Code != protocol.ConfigurationError {
			t.Errorf("%s: %v, not %s", test.command, err, want)
		}
	}
	if err := python.New(python.Options{}).Health(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSpecIsJSON(t *testing.T) {
	for _, method := range python.Spec().Methods {
		for _, schema := range [][]byte{method.Parameters, method.Result} {
			if _, err := value.Parse(schema); err != nil {
				t.Errorf("%s: %v", method.Name, err)
			}
		}
	}
}
