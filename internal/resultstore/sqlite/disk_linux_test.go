package sqlite

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/require"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

const (
	// smallDisk is set in a process of this test binary that puts a small disk over the folder it names.
	smallDisk = "GLEITZEIT_TEST_SMALL_DISK"
	// noMount is the exit code of a process that may not mount.
	noMount = 9
)

func TestARealDiskIsFull(t *testing.T) {
	onSmallDisk(t, func(folder string) {
		s := openedAt(t, filepath.Join(folder, "results.db"))
		if err := s.Put(t.Context(), batchOf("before", 0)); err != nil {
			t.Fatal(err)
		}
		filler := fill(t, folder)
		for item := 0; ; item++ { // Pages that are free in the files still take a few.
			err := s.Put(t.Context(), resultstore.Batch{Records: batchOf("full", item).Records, Values: [][]byte{random(t, 64<<10)}})
			if err != nil {
				refused(t, err, protocol.Transient, fmt.Sprintf("the disk of the result store %q is full", s.path), hintFull)
				break
			}
		}
		found, err := s.Records(t.Context(), resultstore.Query{Run: "before"})
		if err != nil || len(found) != 1 {
			t.Errorf("on the full disk: %d records, %v; want 1", len(found), err)
		}
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		if err := s.Put(t.Context(), batchOf("after", 0)); err != nil {
			t.Error("when there is room again:", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		again := openedAt(t, s.path)
		for _, run := range []string{"before", "after"} {
			data, err := again.Value(t.Context(), protocol.RefOf(batchOf(run, 0).Values[0]))
			if want := fmt.Sprintf(`{"writer":%q,"item":0}`, run); err != nil || string(data) != want {
				t.Errorf("the value that was put %s: %q, %v; want %s", run, data, err, want)
			}
		}
	})
}

// TestOpenOnAFullDisk leaves room for ever more of the files that opening makes.
func TestOpenOnAFullDisk(t *testing.T) {
	onSmallDisk(t, func(folder string) {
		filler := fill(t, folder)
		path := filepath.Join(folder, "results.db")
		for pages := 0; ; pages++ {
			s, err := Open(t.Context(), path)
			if err == nil {
				if pages < 4 {
					t.Errorf("a new store fits into %d pages", pages)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				return
			}
			refused(t, err, protocol.Transient, fmt.Sprintf("the disk of the result store %q is full", path), hintFull)
			info, err := os.Stat(filler)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(filler, info.Size()-4096); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// onSmallDisk runs the check in a process of its own, whose folder is a disk of 4 MiB that nobody else sees.
func onSmallDisk(t *testing.T, check func(folder string)) {
	t.Helper()
	if folder := os.Getenv(smallDisk); folder != "" {
		if err := errors.Join(
			syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""),
			syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=4m"),
		); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(noMount)
		}
		check(folder)
		return
	}
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
	command.Env = append(os.Environ(), smallDisk+"="+t.TempDir())
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		command.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		command.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		command.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}} // Who has no group makes no files.
	}
	said, err := command.CombinedOutput()
	ended, isEnd := errors.AsType[*exec.ExitError](err)
	if errors.Is(err, syscall.EPERM) || isEnd && ended.ExitCode() == noMount {
		require.Skip(t, "this system lets no process mount a small disk of its own")
	}
	if err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}

// fill leaves the folder's disk no room, and returns the file that takes it.
func fill(t *testing.T, folder string) (path string) {
	t.Helper()
	filler, err := os.Create(filepath.Join(folder, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = filler.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := filler.Close(); err != nil {
		t.Fatal(err)
	}
	return filler.Name()
}
