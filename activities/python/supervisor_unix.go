//go:build unix

package python

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// supervisor is a process of runner/supervisor.py. It runs one script at a time, and prepares the process of the next one.
type supervisor struct {
	control     *os.File
	lines       *bufio.Reader
	pid         int
	killSandbox func() // Kills its sandbox, which has its own process ids; nil = no sandbox.
	usable      bool   // Its script has ended with everything that it started, and it waits for another one.
	idleSince   time.Time
}

// stopTimeout is the time limit for a supervisor to end a script and everything that it started.
const stopTimeout = 3 * time.Second

// drainTimeout is how long a pipe is read after all processes that could write to it should have ended.
const drainTimeout = time.Second

// errNotStarted means that a script did not start, because its supervisor was killed or stopped.
var errNotStarted = errors.New("no interpreter started the script")

// event is a message of a supervisor: a line of JSON.
type event struct {
	exitStatus
	Supervisor int    `json:"supervisor"`
	Started    int    `json:"taken"` // By this process.
	Error      string `json:"broken"`
	Ending     int    `json:"ending"` // It has sent SIGTERM to the script, and waits.
}

func (s *supervisor) readEvent() (event, error) {
	var received event
	line, err := s.lines.ReadSlice('\n')
	if err != nil {
		return received, err
	}
	return received, json.Unmarshal(line, &received)
}

// awaitReady waits until the supervisor has started.
func (s *supervisor) awaitReady(ctx context.Context, timeout time.Duration) error {
	if err := s.control.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.control.SetReadDeadline(time.Now()) })
	received, err := s.readEvent()
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	s.pid = received.Supervisor
	return s.control.SetReadDeadline(time.Time{})
}

// close ends the supervisor.
func (s *supervisor) close() { _ = s.control.Close() }

// run makes the supervisor run the script, and waits until everything that it started has ended.
func (s *supervisor) run(ctx context.Context, j job, o engineOptions) (*outcome, error) {
	s.usable = false
	var open files
	defer open.close()
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
	header := j.request.appendSizes(binary.BigEndian.AppendUint64(nil, uint64(len(j.temp))))
	if err := sendFiles(s.control, header, stdoutIn, stderrIn, replyIn); err != nil {
		return nil, errNotStarted
	}
	for _, theirs := range []*os.File{replyIn, stdoutIn, stderrIn} {
		_ = theirs.Close()
	}

	e := newOutcome(j)
	var fed, answered, copied sync.WaitGroup
	fed.Go(func() {
		// A supervisor that has ended does not read all of it; its events show why.
		_, _ = io.Copy(s.control, j.request.reader(j.temp))
	})
	answered.Go(func() { e.readReply(replyOut) })
	copied.Go(func() { e.stdout.drain(stdout, o.output) })
	copied.Go(func() { e.stderr.drain(stderr, o.output) })
	pid, err := s.awaitExit(ctx, e, o.grace)
	deadline := time.Now().Add(drainTimeout)
	setDeadline(replyOut, deadline)
	answered.Wait()
	if e.exit == nil {
		s.kill(0, pid)
	}
	setDeadline(stdout, deadline)
	setDeadline(stderr, deadline)
	copied.Wait()
	if !s.usable {
		s.close()
	}
	fed.Wait()
	return e, err
}

// awaitExit waits for the end of the script, and sets e.exit if it is known. It returns the process id of the script if that
// has started, at the latest shortly after the end of ctx and the grace.
func (s *supervisor) awaitExit(ctx context.Context, e *outcome, grace time.Duration) (pid int, err error) {
	events := make(chan event)
	go func() {
		defer close(events)
		for {
			received, err := s.readEvent()
			if err != nil {
				return
			}
			events <- received
			if received.Status != nil || received.Signal != nil || received.Error != "" {
				return
			}
		}
	}()
	timeout := time.NewTimer(responseTimeout)
	defer timeout.Stop()
	started, over, killed, done := false, false, false, ctx.Done()
	for {
		select {
		case received, more := <-events:
			switch {
			case !more && !started && !over:
				return pid, errNotStarted
			case !more:
				return pid, nil
			case received.Ending > 0:
				timeout.Reset(grace + stopTimeout)
			case received.Error != "":
				return pid, protocol.Errorf(protocol.ProviderOverloaded, "%s", received.Error)
			case received.Started > 0:
				started, pid = true, received.Started
				if !over {
					timeout.Stop()
				}
			default:
				e.exit, s.usable = &received.exitStatus, !over
			}
			if e.exit != nil {
				return pid, nil
			}
		case <-done:
			done, over = nil, true
			closeSending(s.control) // Makes the supervisor end the script, and exit.
			timeout.Reset(stopTimeout)
		case <-timeout.C:
			// It was stopped, or the machine is overloaded. Its script ends with it, and their parent ends what the script left
			// behind.
			if killed {
				_ = s.control.SetReadDeadline(time.Now()) // A stopped process holds the other end.
				continue
			}
			s.kill(s.pid, pid)
			killed = true
			timeout.Reset(drainTimeout)
		}
	}
}

// kill kills the supervisor's process and the script's process group, if they are known.
func (s *supervisor) kill(process, script int) {
	if s.killSandbox != nil {
		s.killSandbox()
		return
	}
	if process > 0 {
		killProcess(process)
	}
	if script > 0 {
		killGroup(script)
	}
}

// setDeadline limits the time for reading a pipe, unless it is closed already.
func setDeadline(pipe *os.File, deadline time.Time) {
	if err := pipe.SetReadDeadline(deadline); err != nil && !errors.Is(err, os.ErrClosed) {
		_ = pipe.Close()
	}
}

// files are ends of pipes that are closed together.
type files []io.Closer

func (f *files) pipe() (read, write *os.File, err error) {
	if read, write, err = os.Pipe(); err == nil {
		*f = append(*f, read, write)
	}
	return read, write, err
}

func (f *files) close() {
	for _, file := range *f {
		_ = file.Close() // Pipes hold no data that could be lost; most are closed already.
	}
	*f = nil
}
