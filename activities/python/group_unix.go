//go:build unix

package python

import (
	"os"
	"os/exec"
	"syscall"
)

// group makes the command lead a session of its own, of which the end of its context ends all.
func group(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
}

// endGroup ends what the command has left behind in its session's first group.
func endGroup(command *exec.Cmd) { killGroup(command.Process.Pid) }

// endOf is how a process ended.
func endOf(state *os.ProcessState) *end {
	if state == nil {
		return nil
	}
	if status, is := state.Sys().(syscall.WaitStatus); is && status.Signaled() {
		signal := int(status.Signal())
		return &end{Signal: &signal}
	}
	status := state.ExitCode()
	return &end{Status: &status}
}

func signalName(number int) string { return syscall.Signal(number).String() }
