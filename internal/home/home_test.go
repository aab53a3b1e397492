package home

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

func TestOpenMakesTheFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	h, err := Open(path)
	must(t, err)
	info, err := os.Stat(path)
	must(t, err)
	if h.Path != path || info.Mode().Perm() != 0o700 {
		t.Errorf("home %q with mode %v, want %q with 0700", h.Path, info.Mode().Perm(), path)
	}
	left, err := os.ReadDir(path)
	must(t, err)
	if len(left) != 0 {
		t.Errorf("a new home holds %v", left)
	}
}

func TestOpenIsAbsolute(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	h, err := Open("here")
	must(t, err)
	if want := filepath.Join(folder, "here"); h.Path != want {
		t.Errorf("home %q, want %q", h.Path, want)
	}
}

func TestOpenThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for _, test := range []struct{ path, cause string }{
		{filepath.Join(file, "home"), "not a directory"},
		{file, "not a directory"},
		{"", "the path is empty"},
	} {
		_, err := Open(test.path)
		known := protocol.AsError(err, protocol.InternalError)
		if known.Code != protocol.ConfigurationError {
			t.Errorf("%q: code %s", test.path, known.Name)
		}
		want := fmt.Sprintf("cannot write to the home folder %q: %s (set GLEITZEIT_HOME or --home to a folder that you can write)",
			test.path, test.cause)
		if known.Error() != want {
			t.Errorf("%q,\nwant %q", known.Error(), want)
		}
	}
}

func TestWriteAtomic(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "file")
	for _, text := range []string{"first", "second"} {
		must(t, WriteAtomic(path, []byte(text)))
		data, err := os.ReadFile(path)
		must(t, err)
		if string(data) != text {
			t.Errorf("the file holds %q, want %q", data, text)
		}
	}
	info, err := os.Stat(path)
	must(t, err)
	entries, err := os.ReadDir(folder)
	must(t, err)
	if info.Mode().Perm() != 0o600 || len(entries) != 1 {
		t.Errorf("mode %v, want 0600; folder %v, want the file alone", info.Mode().Perm(), entries)
	}
	if err := WriteAtomic(filepath.Join(folder, "none", "file"), nil); err == nil {
		t.Error("a file in a folder that is not there was written")
	}
}

func TestFileName(t *testing.T) {
	long := make([]byte, 300)
	for i := range long {
		long[i] = 'x'
	}
	for _, test := range []struct{ text, name string }{
		{"example-7f3a9c", "example-7f3a9c"},
		{"A_1.b", "A_1.b"},
		{"../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"},
		{".hidden", "%2Ehidden"},
		{"a b%é\n", "a%20b%25%C3%A9%0A"},
		{"~", "%7E"},
		{"", ""},
		{string(long), string(long[:135]) + "~0d4e2ca9e9cbced7a7a5380eb29e1a3783b9b6d0db72de36a1051038e1c1fbc7"},
	} {
		if name := fileName(test.text); name != test.name {
			t.Errorf("%q becomes %q, want %q", test.text, name, test.name)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLook(t *testing.T) {
	folder := t.TempDir()
	h, err := Look(folder)
	if err != nil || h.Path != folder || h.IsFull() {
		t.Errorf("%+v, %v", h, err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if _, err := Look(filepath.Join(folder, "missing")); err == nil {
		t.Error("a folder that does not exist can be looked at")
	}
	if executed, err := h.Executed("run"); executed || err != nil {
		t.Errorf("%v, %v", executed, err)
	}
	// A claim whose lock was never made is not held, and none is made to find that out.
	held, err := h.Claim(Claim{Run: "run"})
	if err != nil {
		t.Fatal(err)
	}
	if err := held.Release(false); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(lockPath(h.claimPath("run"))); err != nil {
		t.Fatal(err)
	}
	if executed, err := h.Executed("run"); executed || err != nil {
		t.Errorf("%v, %v", executed, err)
	}
	if _, err := os.Stat(lockPath(h.claimPath("run"))); err == nil {
		t.Error("to look at a claim made its lock")
	}
}
