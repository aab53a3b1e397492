package folder_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/folder"
	"github.com/gleitzeit/gleitzeit/internal/glob"
)

// TestWhatIsBeneath reads files through links: each file has its own path as its content.
func TestWhatIsBeneath(t *testing.T) {
	base := t.TempDir()
	at := func(name string) string { return filepath.Join(base, filepath.FromSlash(name)) }
	for _, name := range []string{"real/docs/a.txt", "real/docs/deep/b.txt", "real/docs2/c.txt", "secret.txt"} {
		if err := os.MkdirAll(filepath.Dir(at(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at(name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"spelled":               at("real"),
		"real/docs/relative":    "deep/../a.txt",
		"real/docs/deep/up":     "../a.txt",
		"real/docs/absolute":    at("real/docs/a.txt"),
		"real/docs/by-spelling": at("spelled/docs/a.txt"),
		"real/docs/folder":      at("real/docs/deep"),
		"real/docs/itself":      at("real/docs"),
		"real/docs/and-back":    "../docs/a.txt",
		"real/docs/far-back":    "../../real/docs/a.txt",
		"real/docs/chain":       "folder/b.txt",
		"real/docs/out":         at("secret.txt"),
		"real/docs/up-and-out":  "../../secret.txt",
		"real/docs/sibling":     at("real/docs2/c.txt"),
		"real/docs/hop":         "itself/out",
		"real/docs/gone":        at("real/docs/nothing"),
		"real/docs/self":        at("real/docs/self"),
		"real/docs/parent":      "..",
		"real/docs/root":        "/",
	} {
		if err := os.Symlink(target, at(link)); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := folder.Open(at("spelled"))
	if err != nil {
		t.Fatal(err)
	}
	docs, err := whole.Sub("docs")
	if err != nil {
		t.Fatal(err)
	}
	again, err := docs.Sub("itself")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []*folder.Folder{docs, again} {
		for name, want := range map[string]any{
			"a.txt": "real/docs/a.txt", "relative": "real/docs/a.txt", "deep/up": "real/docs/a.txt", "absolute": "real/docs/a.txt", "folder/b.txt": "real/docs/deep/b.txt",
			"itself/itself/folder/up": "real/docs/a.txt", "and-back": "real/docs/a.txt", "far-back": "real/docs/a.txt", "chain": "real/docs/deep/b.txt",
			"out": glob.ErrOutside, "up-and-out": glob.ErrOutside, "sibling": glob.ErrOutside, "hop": glob.ErrOutside, "parent/docs2/c.txt": glob.ErrOutside, "root": glob.ErrOutside,
			"root/etc/passwd": glob.ErrOutside, "gone": fs.ErrNotExist, "nothing": fs.ErrNotExist, "self": syscall.ELOOP, "../secret.txt": glob.ErrOutside,
		} {
			got, err := read(f, name)
			if text, is := want.(string); is && (err != nil || got != text) {
				t.Errorf("%s: %q, %v", name, got, err)
			} else if problem, is := want.(error); is && !errors.Is(err, problem) {
				t.Errorf("%s: %q, %v; want %v", name, got, err, problem)
			}
		}
	}
	if got, err := read(docs, "by-spelling"); err != nil || got != "real/docs/a.txt" {
		t.Errorf("a link by the path by which the folder was opened: %q, %v", got, err)
	}
	if got, err := read(whole, "docs/sibling"); err != nil || got != "real/docs2/c.txt" {
		t.Errorf("the whole folder: %q, %v", got, err)
	}
	if _, err := docs.Sub("parent"); !errors.Is(err, glob.ErrOutside) {
		t.Errorf("a folder outside: %v", err)
	}
	entries, err := docs.ReadDir("folder")
	if err != nil || len(entries) != 2 || entries[0].Name() != "b.txt" {
		t.Errorf("%v, %v", entries, err)
	}
	if info, err := docs.Lstat("absolute"); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("%v, %v", info, err)
	}
	for _, f := range []*folder.Folder{whole, docs, again} {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func read(f *folder.Folder, name string) (string, error) {
	file, err := f.OpenFile(name)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(file)
	return strings.TrimSpace(string(data)), errors.Join(err, file.Close())
}
