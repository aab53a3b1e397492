//go:build unix

package child

import (
	"os/exec"
	"syscall"
)

// Group starts the command as the leader of a process group of its own, which is killed when its context ends.
func Group(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
}

// EndGroup kills what a command that has ended left behind in its process group.
func EndGroup(command *exec.Cmd) {
	if command.Process != nil {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) // Mostly there is nothing left.
	}
}
