package activities

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

func TestFilesAreReadWithinWhatTheCallMayRead(t *testing.T) {
	base := t.TempDir()
	place := func(parts ...string) string { return filepath.Join(append([]string{base}, parts...)...) }
	for path, text := range map[string]string{
		place("flow", "a.txt"): "flow", place("work", "a.txt"): "work", place("work", "b.txt"): "b",
		place("other", "named.txt"): "named", place("other", "secret.txt"): "secret", place("data", "deep", "c.txt"): "c",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(place("other", "secret.txt"), place("work", "link.txt")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(place("other", "secret.txt"), place("work", "named-link.txt")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(place("work", "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := protocol.RunInfo{
		FlowFolder: place("flow"), Folder: place("work"),
	}
	reads := []string{place("other", "named.txt"), place("data"), place("work", "named-link.txt")}
	here := newFiles(run, reads, nil, "")
	worker := newFiles(run, reads, []string{place("data")}, "")
	for _, c := range []struct {
		name  string
		by    files
		path  string
		limit int64
		want  string // The content, or, after "!", part of the error.
	}{
		{"the workflow's folder comes first", here, "a.txt", 9, "flow"},
		{"then the folder of the start", here, "b.txt", 9, "b"},
		{"an absolute path beneath a folder", here, place("work", "b.txt"), 9, "b"},
		{"a file that the workflow names", here, place("other", "named.txt"), 9, "named"},
		{"beneath a folder that the workflow names", here, place("data", "deep", "c.txt"), 9, "c"},
		{"a link that the workflow names", here, place("work", "named-link.txt"), 9, "secret"},
		{"beside a named file", here, place("other", "secret.txt"), 9, "!it is outside the folders"},
		{"up and out", here, "../other/secret.txt", 9, "!it is outside the folders"},
		{"a link that leads out", here, "link.txt", 9, "!leads out of the folder"},
		{"nothing there", here, "none.txt", 9, "!no such file or directory"},
		{"a folder", here, place("work"), 9, "!it is not a regular file"},
		{"a pipe into which nobody writes", here, "pipe", 9, "!it is not a regular file"},
		{"too large", here, "a.txt", 3, "!it is larger than 3 bytes"},
		{"no path", here, "", 9, "!the path of the file is empty"},
		{"a worker's own root", worker, place("data", "deep", "c.txt"), 9, "c"},
		{"a worker and the run's folder", worker, "b.txt", 9, "!this worker reads only beneath " + place("data")},
	} {
		got, err := c.by.Read(c.path, c.limit)
		if part, fails := strings.CutPrefix(c.want, "!"); fails {
			if err == nil {
				t.Errorf("%s: got %q, want an error with %q", c.name, got, part)
				continue
			}
			known := protocol.AsError(err, protocol.InternalError)
			if !strings.Contains(err.Error(), part) || known.Code != protocol.TaskValidationFailed || known.Kind != protocol.Permanent {
				t.Errorf("%s: got %q, %v; want an error with %q", c.name, got, err, part)
			}
			continue
		}
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %q, %v; want %q", c.name, got, err, c.want)
		}
	}
}
