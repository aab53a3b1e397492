package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// TestReadOnly reads a store from disks that cannot be written to, after it was closed and, by its files, after a kill.
func TestReadOnly(t *testing.T) {
	onSmallDisk(t, func(folder string) {
		kept := openedAt(t, filepath.Join(folder, "results.db"))
		if err := kept.Put(t.Context(), batchOf("r", 0)); err != nil {
			t.Fatal(err)
		}
		killed := filepath.Join(folder, "killed.db")
		for _, ending := range []string{"", "-wal", "-shm"} {
			data, err := os.ReadFile(kept.path + ending)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(killed+ending, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := kept.Close(); err != nil {
			t.Fatal(err)
		}
		filler := fill(t, folder)
		readsOnly(t, kept.path)
		readsOnly(t, killed)
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("none", folder, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
			t.Fatal(err)
		}
		readsOnly(t, kept.path)
		readsOnly(t, killed)
	})
}

func readsOnly(t *testing.T, path string) {
	t.Helper()
	s, err := OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.Records(t.Context(), resultstore.Query{Run: "r"})
	if err != nil || len(found) != 1 {
		t.Errorf("%s: %d records, %v; want 1", path, len(found), err)
	}
	refused(t, s.Put(t.Context(), batchOf("r", 1)), protocol.Permanent,
		fmt.Sprintf("cannot open or write the result store %q: it is open for reading only", path), hintUnwritable)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestReadOnlyWithoutAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.db")
	_, err := OpenReadOnly(t.Context(), path)
	refused(t, err, protocol.Permanent, fmt.Sprintf("cannot open or write the result store %q: unable to open database file (14)", path), hintUnwritable)
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) > 0 {
		t.Errorf("it made %v %v", left, err)
	}
}
