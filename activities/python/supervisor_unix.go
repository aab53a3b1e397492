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

// supervisor is a process of runner/supervisor.py. It runs one script at a time, and makes the next one's process ready.
type supervisor struct {
	control   *os.File
	lines     *bufio.Reader
	pid       int
	shutIn    func() // Ends the sandbox that it runs in, where its own numbers of processes mean nothing; nil is none.
	usable    bool   // It has ended its script, with all that it started, and waits for another one.
	idleSince time.Time
}

// grace is how long a supervisor may take to end a script and all that it started.
const grace = 3 * time.Second

// drain is how long a pipe is read on when all that could write to it should be gone.
const drain = time.Second

// errNotTaken is that a script was not begun: whoever was to run it was killed, or stopped.
var errNotTaken = errors.New("no interpreter took the script")

// event is a line of what a supervisor says.
type event struct {
	end
	Supervisor int    `json:"supervisor"`
	Taken      int    `json:"taken"` // By this process.
	Broken     string `json:"broken"`
}

func (s *supervisor) next() (event, error) {
	var said event
	line, err := s.lines.ReadSlice('\n')
	if err != nil {
		return said, err
	}
	return said, json.Unmarshal(line, &said)
}

// greet waits until the supervisor is there.
func (s *supervisor) greet(ctx context.Context, patience time.Duration) error {
	if err := s.control.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.control.SetReadDeadline(time.Now()) })
	said, err := s.next()
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	s.pid = said.Supervisor
	return s.control.SetReadDeadline(time.Time{})
}

// close ends the supervisor.
func (s *supervisor) close() { _ = s.control.Close() }

// run has the supervisor run the script, and waits for the end of all that it started.
func (s *supervisor) run(ctx context.Context, j job, output int64) (*ended, error) {
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
	header := binary.BigEndian.AppendUint64(nil, uint64(len(j.temp)))
	header = binary.BigEndian.AppendUint64(header, uint64(len(j.request)))
	if err := sendFiles(s.control, header, stdoutIn, stderrIn, replyIn); err != nil {
		return nil, errNotTaken
	}
	for _, theirs := range []*os.File{replyIn, stdoutIn, stderrIn} {
		_ = theirs.Close()
	}

	e := &ended{}
	var fed, answered, copied sync.WaitGroup
	fed.Go(func() {
		// A supervisor that is gone does not read it all; what it says, or does not, tells why.
		_, _ = s.control.Write(append([]byte(j.temp), j.request...))
	})
	answered.Go(func() { e.readReply(replyOut) })
	copied.Go(func() { e.stdout.drain(stdout, output) })
	copied.Go(func() { e.stderr.drain(stderr, output) })
	pid, err := s.await(ctx, e)
	deadline := time.Now().Add(drain)
	setDeadline(replyOut, deadline)
	answered.Wait()
	if e.end == nil {
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

// await hears how the script ends; nil in e means that nobody knows. It returns the script's process where that has begun,
// at the latest shortly after ctx.
func (s *supervisor) await(ctx context.Context, e *ended) (pid int, err error) {
	events := make(chan event)
	go func() {
		defer close(events)
		for {
			said, err := s.next()
			if err != nil {
				return
			}
			events <- said
			if said.Status != nil || said.Signal != nil || said.Broken != "" {
				return
			}
		}
	}()
	patience := time.NewTimer(answerPatience)
	defer patience.Stop()
	taken, over, killed, done := false, false, false, ctx.Done()
	for {
		select {
		case said, more := <-events:
			switch {
			case !more && !taken && !over:
				return pid, errNotTaken
			case !more:
				return pid, nil
			case said.Broken != "":
				return pid, protocol.Errorf(protocol.ProviderOverloaded, "%s", said.Broken)
			case said.Taken > 0:
				taken, pid = true, said.Taken
				if !over {
					patience.Stop()
				}
			default:
				e.end, s.usable = &said.end, !over
			}
			if e.end != nil {
				return pid, nil
			}
		case <-done:
			done, over = nil, true
			closeSending(s.control) // Tells the supervisor to end.
			patience.Reset(grace)
		case <-patience.C:
			// It was stopped, or the machine is out of breath. What it forked ends with it, and what that left is ended by
			// their parent.
			if killed {
				_ = s.control.SetReadDeadline(time.Now()) // Something that was stopped holds the other end.
				continue
			}
			s.kill(s.pid, pid)
			killed = true
			patience.Reset(drain)
		}
	}
}

// kill ends a process, and the group of a script's, as far as they are known.
func (s *supervisor) kill(process, script int) {
	if s.shutIn != nil {
		s.shutIn()
		return
	}
	if process > 0 {
		killProcess(process)
	}
	if script > 0 {
		killGroup(script)
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
