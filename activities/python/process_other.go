//go:build !unix

package python

import (
	"os"
	"os/exec"
)

func newEngine(o Options) engine { return directEngine{output: o.Limits.Output} }

// newSession does nothing: only the interpreter itself can be ended on this system.
func newSession(*exec.Cmd) {}

func endGroup(*exec.Cmd) {}

func exitStatusOf(state *os.ProcessState) *exitStatus {
	if state == nil {
		return nil
	}
	status := state.ExitCode()
	return &exitStatus{Status: &status}
}

func signalName(int) string { return "unknown on this system" }
