//go:build unix

package python

import (
	"os"
	"os/exec"
	"syscall"
	"time"
)

// socketPair returns two connected sockets: ours for this process, theirs for a child process.
func socketPair() (ours, theirs *os.File, err error) {
	syscall.ForkLock.RLock()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(pair[0])
		syscall.CloseOnExec(pair[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	if err := syscall.SetNonblock(pair[0], true); err != nil {
		_, _ = syscall.Close(pair[0]), syscall.Close(pair[1])
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(pair[0]), "python"), os.NewFile(uintptr(pair[1]), "python"), nil
}

// sendFiles sends a few bytes and the descriptors of files.
func sendFiles(socket *os.File, data []byte, files ...*os.File) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	numbers := make([]int, len(files))
	for i, file := range files {
		numbers[i] = int(file.Fd()) // Also sets the blocking mode, which interpreters expect.
	}
	rights := syscall.UnixRights(numbers...)
	var sent error
	err = raw.Write(func(fd uintptr) bool {
		for {
			sent = syscall.Sendmsg(int(fd), data, rights, nil, 0)
			if sent != syscall.EINTR {
				return sent != syscall.EAGAIN
			}
		}
	})
	if err != nil {
		return err
	}
	return os.NewSyscallError("sendmsg", sent)
}

// closeSending closes the sending direction; the other one stays open.
func closeSending(socket *os.File) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return // It is closed already.
	}
	_ = raw.Control(func(fd uintptr) { _ = syscall.Shutdown(int(fd), syscall.SHUT_WR) })
}

// killGroup kills all processes of a group, if there are any.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

func killProcess(pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }

// newSession starts the command in its own session, whose processes end with the command's context.
func newSession(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
}

// endGroup kills what the command left behind in its process group.
func endGroup(command *exec.Cmd) { killGroup(command.Process.Pid) }

// endGently asks the process group of a command to end, and kills it after the grace unless it is stopped.
func endGently(command *exec.Cmd, grace time.Duration) (stop func()) {
	if grace <= 0 {
		endGroup(command)
		return func() {}
	}
	_ = syscall.Kill(-command.Process.Pid, syscall.SIGTERM) // It may have ended.
	timers := []*time.Timer{time.AfterFunc(grace, func() { endGroup(command) })}
	for _, after := range reminders {
		timers = append(timers, time.AfterFunc(after, func() { _ = syscall.Kill(-command.Process.Pid, syscall.SIGCONT) }))
	}
	return func() {
		for _, timer := range timers {
			timer.Stop()
		}
	}
}

// reminders are when a script is reminded of SIGTERM, as in supervisor.py.
var reminders = []time.Duration{100 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second}

// exitStatusOf returns how a process ended.
func exitStatusOf(state *os.ProcessState) *exitStatus {
	if state == nil {
		return nil
	}
	if status, is := state.Sys().(syscall.WaitStatus); is && status.Signaled() {
		signal := int(status.Signal())
		return &exitStatus{Signal: &signal}
	}
	status := state.ExitCode()
	return &exitStatus{Status: &status}
}

func signalName(number int) string { return syscall.Signal(number).String() }
