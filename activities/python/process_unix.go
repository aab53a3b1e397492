//go:build unix

package python

import (
	"os"
	"os/exec"
	"syscall"
)

// socketPair makes a pair of connected sockets: ours for this process, theirs for one that is started.
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

// sendFiles sends a few bytes, and with them files, which the other side gets as its own.
func sendFiles(socket *os.File, data []byte, files ...*os.File) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	numbers := make([]int, len(files))
	for i, file := range files {
		numbers[i] = int(file.Fd()) // Also makes it block, as interpreters expect of files.
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

// closeSending tells the other side that nothing more comes; what it says can still be read.
func closeSending(socket *os.File) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return // It is closed, which says the same.
	}
	_ = raw.Control(func(fd uintptr) { _ = syscall.Shutdown(int(fd), syscall.SHUT_WR) })
}

// killGroup ends all processes of a group; that there are none any more is fine.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

func killProcess(pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }

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
