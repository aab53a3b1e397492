//go:build unix

package stdio

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"

	"github.com/gleitzeit/gleitzeit/internal/child"
	"golang.org/x/sys/unix"
)

// guard is a shell script that ends a server's programs when this process has ended in any way, which closes the guard's
// standard input. The guard leads their process group, so the group's number stays in use as long as the guard runs. Linux's
// parent-death signal would reach only the first program, and when a thread ends instead of the process; macOS has none.
const guard = `trap '' HUP INT TERM; read -r line; kill -TERM 0; sleep 1; kill -KILL 0`

// group is the process group of a program and of all that it starts, as far as they stay in it.
type group struct {
	guard   *exec.Cmd
	control *os.File // The group may live as long as this is open.
}

// newGroup starts the guard of a group.
func newGroup(lookup child.Lookup) (*group, error) {
	guarded, control, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	// It ends when its standard input closes, or with its group.
	g := &group{guard: child.Command(context.Background(), child.Environment(lookup), "/bin/sh", "-c", guard), control: control}
	g.guard.Stdin = guarded
	// A group of its own, so that no signals of a terminal reach it.
	g.guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = g.guard.Start()
	_ = guarded.Close()
	if err != nil {
		return nil, errors.Join(err, control.Close())
	}
	return g, nil
}

// start starts a program in the group.
func (g *group) start(command *exec.Cmd) error {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: g.guard.Process.Pid}
	return command.Start()
}

// terminate asks the processes of the group to end.
func (g *group) terminate() {
	_ = syscall.Kill(-g.guard.Process.Pid, syscall.SIGTERM) // The group may have ended.
}

// kill kills the processes of the group, including the guard, if any are left.
func (g *group) kill() { _ = syscall.Kill(-g.guard.Process.Pid, syscall.SIGKILL) }

// close releases a group that was killed.
func (g *group) close() {
	_ = g.guard.Wait() // It was killed.
	_ = g.control.Close()
}

// unread returns how many bytes of a pipe nobody has read yet.
func unread(fd uintptr) int {
	n, err := unix.IoctlGetInt(int(fd), unreadBytes) //nolint:gosec // File descriptors are small numbers.
	if err != nil {
		return 0
	}
	return n
}

// unreadable reports whether no process can read a pipe any more.
func unreadable(fd uintptr) bool {
	polled := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}} //nolint:gosec // File descriptors are small numbers.
	n, err := unix.Poll(polled, 0)
	return err == nil && n > 0 && polled[0].Revents&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0
}
