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

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

const (
	startPatience  = 2 * time.Minute  // How long an interpreter may take to start and to import what the configuration names.
	answerPatience = 10 * time.Second // How long one that runs may take to answer.
	endPatience    = 5 * time.Second  // How long it may take to end all that is left, and itself.
)

// parent is an interpreter that runs runner/parent.py. It ends when its socket closes: by close, or because this process
// is gone. Supervisors have sockets of their own, and end by themselves.
type parent struct {
	path      string
	sandboxed bool
	process   *exec.Cmd
	orders    *os.File
	ended     chan struct{} // Closed when the process has ended.

	saidMu sync.Mutex
	said   capture // Its stderr: what went wrong while it started.

	mu       sync.Mutex
	idle     []*supervisor // The one that was used last at the end.
	answered bool          // It has brought forth a supervisor.
	taken    int           // How often an idle one was taken.
	ahead    int           // Supervisors that were made before anybody needed them.
	closed   bool
	making   sync.WaitGroup

	// Guarded by the pool.
	busy int
	used time.Time
}

// startParent starts the interpreter. It does not wait until it answers. A wrapper is the command line that starts it in
// a sandbox.
func startParent(path string, preload, wrapper []string) (*parent, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	stderr, stderrIn, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, ours.Close(), theirs.Close())
	}
	words := append(append([]string{}, wrapper...), path, "-u", "-X", "utf8", "-c", bootstrap, mainArgument(preload, ""))
	p := &parent{path: path, sandboxed: wrapper != nil, orders: ours, ended: make(chan struct{}), used: time.Now()}
	//nolint:noctx // It outlives the call that starts it.
	p.process = exec.Command(words[0], words[1:]...)
	// No file of a folder of people's may pass for a module that the runner imports.
	p.process.Dir, p.process.Env = "/", environment()
	p.process.Stdin, p.process.Stderr = strings.NewReader(runner()), stderrIn
	p.process.ExtraFiles = []*os.File{theirs}
	// A session of its own: no terminal's signals reach it, and no script waits for somebody to type a password.
	p.process.SysProcAttr = &syscall.SysProcAttr{Setsid: true}

	started := make(chan error, 1)
	go func() {
		// bubblewrap ends with the thread that started it, which must therefore not end before.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.ended)
		err := p.process.Start()
		started <- err
		if err == nil {
			_ = p.process.Wait() // How it ended says nothing about a script.
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
	go p.listen(stderr)
	return p, nil
}

func (p *parent) listen(stderr *os.File) {
	defer func() { _ = stderr.Close() }()
	buffer := make([]byte, 4<<10)
	for {
		n, err := stderr.Read(buffer)
		p.saidMu.Lock()
		p.said.write(buffer[:n], maxTail)
		p.saidMu.Unlock()
		if err != nil {
			return
		}
	}
}

// turns is how many supervisors are kept ready for scripts that follow one another.
const turns = 2

// take returns a supervisor that has nothing to do; a new one where there is none. Where scripts follow one another, a
// few supervisors take turns: while one runs a script, the others make the processes for the next ones ready.
func (p *parent) take(ctx context.Context) (*supervisor, error) {
	p.mu.Lock()
	if number := len(p.idle); number > 0 {
		at := max(0, number-turns)
		s := p.idle[at]
		p.idle = slices.Delete(p.idle, at, at+1)
		if p.taken++; p.taken >= 2 && number < turns && p.ahead < turns-1 && !p.closed {
			p.ahead++
			p.making.Go(func() {
				if another, err := p.make(context.WithoutCancel(ctx)); err == nil {
					p.keep(another)
				}
			})
		}
		p.mu.Unlock()
		return s, nil
	}
	p.mu.Unlock()
	return p.make(ctx)
}

// make has the parent fork a supervisor.
func (p *parent) make(ctx context.Context) (*supervisor, error) {
	p.mu.Lock()
	patience := answerPatience
	if !p.answered {
		patience = startPatience
	}
	p.mu.Unlock()
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	s := &supervisor{control: ours, lines: bufio.NewReaderSize(ours, 512)}
	if p.sandboxed {
		s.shutIn = func() { _ = p.process.Process.Kill() } // It may have ended.
	}
	err = sendFiles(p.orders, []byte{'s'}, theirs)
	_ = theirs.Close()
	if err == nil {
		err = s.greet(ctx, patience)
	}
	if err != nil {
		s.close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, p.trouble(err)
	}
	p.mu.Lock()
	p.answered = true
	p.mu.Unlock()
	return s, nil
}

// keep takes a supervisor back.
func (p *parent) keep(s *supervisor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		s.close()
		return
	}
	s.idleSince = time.Now()
	p.idle = append(p.idle, s)
}

// dropIdle closes the supervisors that nobody has needed since. The last one used is the first one taken.
func (p *parent) dropIdle(since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 && p.idle[0].idleSince.Before(since) {
		p.idle[0].close()
		p.idle = p.idle[1:]
	}
	if len(p.idle) == 0 {
		p.ahead = 0
	}
}

// trouble says why no supervisor came. A parent that had never answered is a Python that cannot be used.
func (p *parent) trouble(why error) error {
	p.mu.Lock()
	answered := p.answered
	p.mu.Unlock()
	if answered {
		return errNotTaken
	}
	var said struct {
		Broken string `json:"broken"`
	}
	_ = p.orders.SetReadDeadline(time.Now().Add(time.Second))
	if line, err := bufio.NewReader(p.orders).ReadBytes('\n'); err == nil && json.Unmarshal(line, &said) == nil && said.Broken != "" {
		return protocol.Errorf(protocol.ConfigurationError, "%s", said.Broken).
			WithHint("install it for %s, or correct python.preload in config.yaml", p.path)
	}
	cause := why.Error()
	if errors.Is(why, io.EOF) {
		cause = "it ended at once"
	}
	select {
	case <-p.ended:
	case <-time.After(time.Second):
	}
	p.saidMu.Lock()
	defer p.saidMu.Unlock()
	if end := p.said.end(); end != "" {
		cause = end
	}
	return &startError{p.path, cause}
}

// explain makes of what a parent for one script did not do the error of that script.
func (p *parent) explain(err error) error {
	if !errors.Is(err, errNotTaken) {
		return err
	}
	p.saidMu.Lock()
	defer p.saidMu.Unlock()
	return &startError{p.path, cmp.Or(p.said.end(), "it does not answer")}
}

// gone tells whether the process has ended.
func (p *parent) gone() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// close ends the interpreter, and waits for it.
func (p *parent) close() {
	p.mu.Lock()
	for _, s := range p.idle {
		s.close()
	}
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	_ = p.orders.Close() // Tells it to end.
	patience := time.NewTimer(endPatience)
	defer patience.Stop()
	select {
	case <-p.ended:
	case <-patience.C:
		killGroup(p.process.Process.Pid)
		<-p.ended
	}
	p.making.Wait()
}

// kill ends an interpreter that does not answer. Supervisors that run a script end with it or by themselves.
func (p *parent) kill() {
	_ = p.process.Process.Kill() // It may have ended.
	p.close()
}
