//go:build unix

package python

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/child"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
)

const (
	startTimeout    = 2 * time.Minute  // For an interpreter to start and to import the preloaded modules.
	responseTimeout = 10 * time.Second // For a running interpreter to respond.
	exitTimeout     = 5 * time.Second  // For an interpreter to end all its children and itself.
)

// parent is an interpreter that runs runner/parent.py. It exits when its socket closes: by close, or because this process has
// ended. Supervisors have their own sockets, and exit by themselves.
type parent struct {
	path      string
	sandboxed bool
	process   *exec.Cmd
	orders    *os.File
	done      chan struct{} // Closed when the process has ended.

	brokenOnce sync.Once
	brokenText string

	outputMu sync.Mutex
	output   outputBuffer  // Its stderr.
	secrets  redaction.Set // Of the scripts that it was forked for.

	mu       sync.Mutex
	idle     []*supervisor // The last one is the most recently used.
	answered bool          // It has forked a supervisor.
	reuses   int           // How often an idle supervisor was used again.
	spares   int           // Supervisors that were forked in advance.
	closed   bool
	forking  sync.WaitGroup

	// Guarded by the pool.
	busy int
	used time.Time
}

// startParent starts the interpreter, and does not wait until it responds. The wrapper is the command line that starts it in
// a sandbox.
func startParent(path string, settings runnerSettings, wrapper []string) (*parent, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	stderr, stderrIn, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, ours.Close(), theirs.Close())
	}
	words := append(append([]string{}, wrapper...), path, "-u", "-X", "utf8", "-c", bootstrap, settings.argument())
	p := &parent{path: path, sandboxed: wrapper != nil, orders: ours, done: make(chan struct{}), used: time.Now()}
	// It outlives the call that starts it.
	p.process = child.Command(context.Background(), baseEnvironment(), words[0], words[1:]...)
	// Not a user's folder: its files could replace modules that the runner imports.
	p.process.Dir = "/"
	p.process.Stdin, p.process.Stderr = strings.NewReader(runner()), stderrIn
	p.process.ExtraFiles = []*os.File{theirs}
	// Its own session, so that no signals of a terminal reach it, and no script can prompt for a password.
	p.process.SysProcAttr = &syscall.SysProcAttr{Setsid: true}

	started := make(chan error, 1)
	go func() {
		// bubblewrap ends with the thread that started it, so that thread must live as long.
		runtime.LockOSThread()
		var err error
		if wrapper != nil {
			err = leaveKeyring() // This thread's: it is not unlocked, and ends with the goroutine.
		} else {
			defer runtime.UnlockOSThread()
		}
		defer close(p.done)
		if err == nil {
			err = p.process.Start()
		}
		started <- err
		if err == nil {
			_ = p.process.Wait() // The exit status is not used.
		}
	}()
	err = <-started
	_ = theirs.Close()
	_ = stderrIn.Close()
	if err != nil {
		_, _ = ours.Close(), stderr.Close()
		var path *os.PathError
		if errors.As(err, &path) && wrapper == nil {
			return nil, &startError{p.path, err.Error()}
		}
		return nil, &startError{words[0], err.Error()}
	}
	go p.readStderr(stderr)
	return p, nil
}

// readStderr keeps the end of the interpreter's stderr for messages.
func (p *parent) readStderr(stderr *os.File) {
	defer func() { _ = stderr.Close() }()
	buffer := make([]byte, 4<<10)
	for {
		n, err := stderr.Read(buffer)
		p.outputMu.Lock()
		p.output.write(buffer[:n], maxTail)
		p.outputMu.Unlock()
		if err != nil {
			return
		}
	}
}

// readySupervisors is the number of supervisors that are kept ready for consecutive scripts.
const readySupervisors = 2

// acquire returns an idle supervisor, or forks one if there is none. Consecutive scripts alternate between a few supervisors:
// while one runs a script, the others prepare the processes for the next ones.
func (p *parent) acquire(ctx context.Context) (*supervisor, error) {
	p.mu.Lock()
	if number := len(p.idle); number > 0 {
		at := max(0, number-readySupervisors)
		s := p.idle[at]
		p.idle = slices.Delete(p.idle, at, at+1)
		if p.reuses++; p.reuses >= 2 && number < readySupervisors && p.spares < readySupervisors-1 && !p.closed {
			p.spares++
			p.forking.Go(func() {
				if another, err := p.fork(context.WithoutCancel(ctx)); err == nil {
					p.returnIdle(another)
				}
			})
		}
		p.mu.Unlock()
		return s, nil
	}
	p.mu.Unlock()
	return p.fork(ctx)
}

// fork makes the parent fork a supervisor.
func (p *parent) fork(ctx context.Context) (*supervisor, error) {
	p.mu.Lock()
	timeout := responseTimeout
	if !p.answered {
		timeout = startTimeout
	}
	p.mu.Unlock()
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	s := &supervisor{control: ours, lines: bufio.NewReaderSize(ours, 512)}
	if p.sandboxed {
		s.killSandbox = func() { _ = p.process.Process.Kill() } // It may have ended.
	}
	err = sendFiles(p.orders, []byte{'s'}, theirs)
	_ = theirs.Close()
	if err == nil {
		err = s.awaitReady(ctx, timeout)
	}
	if err != nil {
		s.close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, p.startFailure(err)
	}
	p.mu.Lock()
	p.answered = true
	p.mu.Unlock()
	return s, nil
}

// returnIdle adds a supervisor to the idle ones.
func (p *parent) returnIdle(s *supervisor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		s.close()
		return
	}
	s.idleSince = time.Now()
	p.idle = append(p.idle, s)
}

// dropIdle closes the supervisors that have been idle since the given time.
func (p *parent) dropIdle(since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 && p.idle[0].idleSince.Before(since) {
		p.idle[0].close()
		p.idle = p.idle[1:]
	}
	if len(p.idle) == 0 {
		p.spares = 0
	}
}

// startFailure returns the error of a failed fork. If the parent has never responded, its Python cannot be used.
func (p *parent) startFailure(why error) error {
	p.mu.Lock()
	answered := p.answered
	p.mu.Unlock()
	if answered {
		return errNotStarted
	}
	if broken := p.broken(); broken != "" {
		return protocol.Errorf(protocol.ConfigurationError, "%s", broken).
			WithHint("install it for %s or correct python.preload in config.yaml", p.path)
	}
	cause := why.Error()
	if errors.Is(why, io.EOF) {
		cause = "it exited at once"
	}
	select {
	case <-p.done:
	case <-time.After(time.Second):
	}
	p.outputMu.Lock()
	defer p.outputMu.Unlock()
	if end := p.output.tailLines(&p.secrets); end != "" {
		cause = end
	}
	return &startError{p.path, cause}
}

// broken returns why the parent cannot fork, if it says so. All who wait for it get the same answer.
func (p *parent) broken() string {
	p.brokenOnce.Do(func() {
		var message struct {
			Broken string `json:"broken"`
		}
		_ = p.orders.SetReadDeadline(time.Now().Add(time.Second))
		if line, err := bufio.NewReader(p.orders).ReadBytes('\n'); err == nil && json.Unmarshal(line, &message) == nil {
			p.brokenText = message.Broken
		}
	})
	return p.brokenText
}

// explain turns errNotStarted of a parent for one script into a startError with the parent's stderr.
func (p *parent) explain(err error) error {
	if !errors.Is(err, errNotStarted) {
		return err
	}
	p.outputMu.Lock()
	defer p.outputMu.Unlock()
	return &startError{p.path, cmp.Or(p.output.tailLines(&p.secrets), "it does not respond")}
}

// exited reports whether the process has ended.
func (p *parent) exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// close ends the interpreter and waits for it.
func (p *parent) close() {
	p.mu.Lock()
	for _, s := range p.idle {
		s.close()
	}
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	_ = p.orders.Close() // Makes it exit.
	timeout := time.NewTimer(exitTimeout)
	defer timeout.Stop()
	select {
	case <-p.done:
	case <-timeout.C:
		killGroup(p.process.Process.Pid)
		<-p.done
	}
	p.forking.Wait()
}

// kill kills an interpreter that does not respond. Supervisors that run a script end with it or by themselves.
func (p *parent) kill() {
	_ = p.process.Process.Kill() // It may have ended.
	p.close()
}
