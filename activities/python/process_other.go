//go:build !unix

package python

import (
	"os"
	"os/exec"
)

func newEngine(o Options) engine { return alone{output: o.Limits.Output} }

// group does nothing: only the interpreter itself can be ended here.
func group(*exec.Cmd) {}

func endGroup(*exec.Cmd) {}

func endOf(state *os.ProcessState) *end {
	if state == nil {
		return nil
	}
	status := state.ExitCode()
	return &end{Status: &status}
}

func signalName(int) string { return "unknown here" }
