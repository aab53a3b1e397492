package ollamatest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// KillRunner ends the process in which the server has a model, and leaves the server alone: what the kernel does where
// memory is short. It fails the test where there is none.
func (s *Server) KillRunner(t testing.TB) {
	t.Helper()
	runners, err := s.runners()
	if err == nil && len(runners) == 0 {
		err = fmt.Errorf("Ollama at %s has no model in memory", s.URL)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range runners {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
}

// KillRunners does the same where there is one, and returns how many were killed. Any goroutine may call it.
func (s *Server) KillRunners(t testing.TB) int {
	t.Helper()
	runners, err := s.runners()
	if err != nil {
		t.Error(err)
	}
	for _, pid := range runners {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Error(err)
		}
	}
	return len(runners)
}

// runners are the processes of the server's own group that hold a model.
func (s *Server) runners() ([]int, error) {
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var found []int
	for _, folder := range folders {
		pid, err := strconv.Atoi(filepath.Base(folder))
		if err != nil {
			return nil, err
		}
		if group, err := syscall.Getpgid(pid); err != nil || group != s.command.Process.Pid {
			continue // Of others, or gone meanwhile.
		}
		line, err := os.ReadFile(filepath.Join(folder, "cmdline"))
		if err == nil && strings.Contains(string(line), "\x00runner\x00") {
			found = append(found, pid)
		}
	}
	return found, nil
}
