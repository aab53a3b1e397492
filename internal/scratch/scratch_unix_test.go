//go:build unix

package scratch

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// ownerFolder makes this test binary a process that makes a folder there, prints its path, and waits for the end of its input.
const ownerFolder = "GLEITZEIT_TEST_OWNER_FOLDER"

func TestMain(m *testing.M) {
	if os.Getenv(ownerFolder) == "" {
		os.Exit(m.Run())
	}
	f, err := New("test")
	if err == nil {
		err = os.WriteFile(filepath.Join(f.Path, "file"), nil, 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(f.Path)
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// owner starts a process with a folder, and returns the folder and what kills the process.
func owner(t *testing.T) (path string, kill func()) {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), ownerFolder+"=1")
	input, err := command.StdinPipe()
	must(t, err)
	output, err := command.StdoutPipe()
	must(t, err)
	must(t, command.Start())
	line, err := bufio.NewReader(output).ReadString('\n')
	must(t, err)
	kill = sync.OnceFunc(func() {
		must(t, command.Process.Kill())
		_ = command.Wait() // It was killed.
		_ = input.Close()
	})
	t.Cleanup(kill)
	return strings.TrimSuffix(line, "\n"), kill
}

func TestFoldersOfKilledProcesses(t *testing.T) {
	top := t.TempDir()
	t.Setenv("TMPDIR", top)
	own, err := New("test")
	must(t, err)
	living, _ := owner(t)
	killed, kill := owner(t)
	kill()
	must(t, os.Mkdir(filepath.Join(killed, "closed"), 0o700))
	must(t, os.WriteFile(filepath.Join(killed, "closed", "file"), nil, 0o600))
	must(t, os.Chmod(filepath.Join(killed, "closed"), 0o500))
	// Others that look alike, or lead elsewhere.
	elsewhere := t.TempDir()
	must(t, os.WriteFile(filepath.Join(elsewhere, "file"), nil, 0o600))
	must(t, os.Symlink(elsewhere, filepath.Join(killed, "link")))
	link, file, other := filepath.Join(top, prefix+"link"), filepath.Join(top, prefix+"file"), filepath.Join(top, "gleitzeit-else")
	must(t, os.Symlink(elsewhere, link))
	must(t, os.WriteFile(file, nil, 0o600))
	must(t, os.Mkdir(other, 0o700))
	kept := []string{own.Path, living, filepath.Join(living, "file"), filepath.Join(elsewhere, "file"), link, file, other}
	if os.Getuid() == 0 {
		foreign := filepath.Join(top, prefix+"foreign")
		must(t, os.Mkdir(foreign, 0o700))
		must(t, os.Chown(foreign, 12345, 12345))
		kept = append(kept, foreign)
	}

	must(t, RemoveAbandoned())
	if _, err := os.Lstat(killed); err == nil {
		t.Error("the folder of a killed process is still there")
	}
	for _, path := range kept {
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("removed: %s", path)
		}
	}
	must(t, own.Remove())
	if _, err := os.Lstat(own.Path); err == nil {
		t.Error("the own folder is still there")
	}
}

// TestFoldersAreNotTakenWhileTheyAreMade: a folder that is not locked yet is not removed under its process.
func TestFoldersAreNotTakenWhileTheyAreMade(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	done := make(chan struct{})
	var removing sync.WaitGroup
	removing.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if err := RemoveAbandoned(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for range 500 {
		f, err := New("test")
		must(t, err)
		must(t, os.WriteFile(filepath.Join(f.Path, "file"), nil, 0o600))
		must(t, f.Remove())
	}
	close(done)
	removing.Wait()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
