package python

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// start is what a script's process is started with.
type start struct {
	executable string
	temp       string // The script's TMPDIR, empty.
	input      []byte // For the control pipe.
}

// ended is what is left of a script's process.
type ended struct {
	replies replies
	stdout  capture
	stderr  capture
}

// grace is how long the supervisor may take to end a script and all that it started.
const grace = 3 * time.Second

// drain is how long a pipe is read on when all that could write to it should be gone.
const drain = time.Second

// run starts an interpreter, whose supervisor forks the script (runner/supervisor.py), and waits for the end of both.
// Its error is that no interpreter could be started.
//
// The supervisor ends the script when the control pipe closes: by a done ctx, or because this process is gone. Linux's
// parent-death signal is deliberately not used: it comes when the thread that started the child ends, which in Go may be
// long before the process does, and macOS has none.
func run(ctx context.Context, s start) (*ended, error) {
	var open files
	defer open.close()
	controlIn, control, err := open.pipe()
	if err != nil {
		return nil, err
	}
	replyOut, replyIn, err := open.pipe()
	if err != nil {
		return nil, err
	}
	stdout, stdoutIn, err := open.pipe()
	if err != nil {
		return nil, err
	}
	stderr, stderrIn, err := open.pipe()
	if err != nil {
		return nil, err
	}
	//nolint:noctx // Ending it with ctx would end the supervisor alone; it ends by the control pipe.
	command := exec.Command(s.executable, "-u", "-X", "utf8", "-c", bootstrap)
	command.Dir, command.Env = s.temp, environment(s.temp)
	command.Stdout, command.Stderr = stdoutIn, stderrIn
	command.ExtraFiles = []*os.File{controlIn, replyIn}
	// A session of its own: no terminal's signals reach it, and no script waits for somebody to type a password.
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return nil, err
	}
	for _, theirs := range []*os.File{controlIn, replyIn, stdoutIn, stderrIn} {
		if err := theirs.Close(); err != nil {
			return nil, err
		}
	}

	e := &ended{}
	var answered, copied, fed sync.WaitGroup
	answered.Go(func() { e.replies.read(replyOut) })
	copied.Go(func() { drainInto(&e.stdout, stdout) })
	copied.Go(func() { drainInto(&e.stderr, stderr) })
	fed.Go(func() {
		// An interpreter that dies early does not read it all; what it replied, or did not, tells why.
		_, _ = control.Write(s.input)
	})
	awaitSupervisor(ctx, command, control, &e.replies)

	deadline := time.Now().Add(drain)
	setDeadline(replyOut, deadline)
	answered.Wait()
	if pid := e.replies.orphan(); pid > 0 {
		killGroup(pid)
	}
	setDeadline(stdout, deadline)
	setDeadline(stderr, deadline)
	copied.Wait()
	open.close()
	fed.Wait()
	return e, nil
}

// awaitSupervisor returns when the supervisor has ended, at the latest shortly after ctx.
func awaitSupervisor(ctx context.Context, command *exec.Cmd, control *os.File, replies *replies) {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_ = command.Wait() // How the supervisor ended says nothing about the script; its replies do.
	}()
	select {
	case <-gone:
		return
	case <-ctx.Done():
	}
	_ = control.Close() // Tells the supervisor to end; a second Close at the end of run is harmless.
	patience := time.NewTimer(grace)
	defer patience.Stop()
	select {
	case <-gone:
	case <-patience.C:
		// The script has stopped its supervisor, or the machine is out of breath.
		if pid := replies.orphan(); pid > 0 {
			killGroup(pid)
		}
		killGroup(command.Process.Pid)
		<-gone
	}
}

// killGroup ends all processes of a group; that there are none any more is fine.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

func drainInto(c *capture, from *os.File) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		_, _ = c.Write(buffer[:n])
		if err != nil {
			return // The end, or the deadline.
		}
	}
}

// setDeadline bounds the reading of a pipe. One that is closed already needs no bound.
func setDeadline(pipe *os.File, deadline time.Time) {
	if err := pipe.SetReadDeadline(deadline); err != nil && !errors.Is(err, os.ErrClosed) {
		_ = pipe.Close()
	}
}

// files are pipe ends to be closed at the end, however it comes.
type files []io.Closer

func (f *files) pipe() (read, write *os.File, err error) {
	if read, write, err = os.Pipe(); err == nil {
		*f = append(*f, read, write)
	}
	return read, write, err
}

func (f *files) close() {
	for _, file := range *f {
		_ = file.Close() // Pipes hold nothing that could be lost; most are closed already.
	}
	*f = nil
}
