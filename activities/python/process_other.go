//go:build !unix

package python

import (
	"os"
	"os/exec"
	"time"
)

// CanFork is whether scripts are forked from an interpreter that runs.
const CanFork = false

func newEngine(o Options) engine { return directEngine{o.engine()} }

// newSession does nothing: only the interpreter itself can be ended on this system.
func newSession(*exec.Cmd) {}

func endGroup(*exec.Cmd) {}

// endGently kills the interpreter: this system has no signal that asks a process to end.
func endGently(command *exec.Cmd, _ time.Duration) (stop func()) {
	_ = command.Process.Kill() // It may have ended.
	return func() {}
}

func exitStatusOf(state *os.ProcessState) *exitStatus {
	if state == nil {
		return nil
	}
	status := state.ExitCode()
	return &exitStatus{Status: &status}
}

func signalName(int) string { return "unknown on this system" }
