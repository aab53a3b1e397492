package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/require"
)

// smallDisk is set in a process of this test binary that puts a disk of that many bytes over the folder it names.
const smallDisk = "GLEITZEIT_TEST_SMALL_DISK"

// noMount is the exit code of a process that may not mount.
const noMount = 9

func TestDiskFull(t *testing.T) {
	for _, test := range []struct{ name, size string }{
		{"at the first start", "256k"},
		{"while the engine runs", "8m"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := t.TempDir()
			command := exec.Command(os.Args[0])
			command.Env = append(os.Environ(), helperHome+"="+path, smallDisk+"="+test.size)
			command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
			if os.Getuid() != 0 {
				command.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
				command.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
				command.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
			}
			var stderr strings.Builder
			command.Stderr = &stderr
			said, err := command.Output()
			ended, isEnd := errors.AsType[*exec.ExitError](err)
			if errors.Is(err, syscall.EPERM) || isEnd && ended.ExitCode() == noMount {
				require.Skip(t, "this system lets no process mount a small disk of its own")
			}
			must(t, err)
			want := fmt.Sprintf("the disk of the engine's database %q is full (free some space, or set GLEITZEIT_HOME or --home "+
				"to a folder on another disk, and start again: finished work is not lost)\n", filepath.Join(path, "engine.db"))
			if string(said) != want {
				t.Errorf("%q,\nwant %q\n%s", said, want, stderr.String())
			}
		})
	}
}

// helperOnSmallDisk prints what the engine says of a full disk.
func helperOnSmallDisk(path, size string) int {
	err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	if err == nil {
		err = syscall.Mount("tmpfs", path, "tmpfs", 0, "size="+size)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return noMount
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	e, err := Join(ctx, Options{Home: &home.Home{Path: path}})
	if err == nil {
		err = fillDisk(ctx, e)
	}
	fmt.Println(err)
	return 0
}

// fillDisk leaves the running engine no room and returns what it says of that.
func fillDisk(ctx context.Context, e *Engine) error {
	c, err := e.Client(ctx, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	filler, err := os.Create(filepath.Join(e.home.Path, "filler"))
	if err != nil {
		return err
	}
	for err == nil {
		_, err = filler.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	for ctx.Err() == nil && e.Err() == nil {
		// It fails, sooner or later: that is what is waited for.
		short, cancel := context.WithTimeout(ctx, time.Second)
		_, err = c.ExecuteWorkflow(short, client.StartWorkflowOptions{TaskQueue: benchQueue}, steps)
		cancel()
	}
	if e.Err() == nil {
		return fmt.Errorf("the engine shows no trouble; a workflow's start said: %w", err)
	}
	return e.Err()
}
