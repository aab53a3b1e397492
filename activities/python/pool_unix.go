//go:build unix

package python

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
)

// CanFork is whether scripts are forked from an interpreter that runs.
const CanFork = true

// newEngine returns the engine for this system. macOS cannot fork a process that uses its frameworks, which imported modules
// may do: there every script gets an interpreter that has imported nothing.
func newEngine(o Options) engine {
	if o.NoFork {
		return directEngine{o.engine()}
	}
	p := &pool{engineOptions: o.engine(), preload: o.Preload, parents: map[string]*parent{}}
	if runtime.GOOS == "darwin" {
		p.cold, p.preload = true, nil
	}
	return p
}

const (
	maxParents     = 8                // Maximum number of interpreters that are kept.
	supervisorIdle = time.Minute      // How long an idle supervisor is kept.
	parentIdle     = 10 * time.Minute // How long an idle interpreter is kept.
)

// pool keeps interpreters running: for each a parent, which has imported the preloaded modules, and supervisors forked from
// it, each of which runs one script at a time.
type pool struct {
	engineOptions
	preload []string
	cold    bool // Every script gets its own parent.

	mu        sync.Mutex
	parents   map[string]*parent // By the path of the interpreter.
	closed    bool
	tidyTimer *time.Timer
}

var errClosed = errors.New("the Python interpreters are closed")

// run runs the script in a supervisor. If that does not start it, because it was killed or stopped, a new parent does.
func (p *pool) run(ctx context.Context, j job) (*outcome, error) {
	if p.cold || j.wrapper != nil {
		return p.runCold(ctx, j)
	}
	e, err := p.runWarm(ctx, j)
	if errors.Is(err, errNotStarted) && ctx.Err() == nil {
		return p.runCold(ctx, j)
	}
	return e, err
}

func (p *pool) runWarm(ctx context.Context, j job) (*outcome, error) {
	parent, err := p.acquireParent(j.interpreter.path)
	if err != nil {
		return nil, err
	}
	if parent == nil {
		return p.runCold(ctx, j)
	}
	parent.secrets.AddAll(j.secrets)
	s, err := parent.acquire(ctx)
	if err != nil {
		p.release(parent, nil)
		if ctx.Err() == nil { // Otherwise only this script timed out, and others may wait for the same parent.
			p.discard(parent)
		}
		return nil, err
	}
	e, err := s.run(ctx, j, p.engineOptions)
	if s.usable {
		p.release(parent, s)
	} else {
		s.close()
		p.release(parent, nil)
	}
	return e, err
}

// runCold starts an interpreter for this script only.
func (p *pool) runCold(ctx context.Context, j job) (*outcome, error) {
	var preload []string
	if j.wrapper == nil {
		preload = p.preload
	}
	parent, err := startParent(j.interpreter.path, runnerSettings{preload: preload, grace: p.grace}, j.wrapper)
	if err != nil {
		return nil, err
	}
	defer parent.close()
	parent.secrets.AddAll(j.secrets)
	s, err := parent.acquire(ctx)
	if err != nil {
		return nil, parent.explain(err)
	}
	defer s.close()
	e, err := s.run(ctx, j, p.engineOptions)
	return e, parent.explain(err)
}

// acquireParent returns the parent for an interpreter and counts the use, or nil if the maximum number of parents is in use.
func (p *pool) acquireParent(path string) (*parent, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed
	}
	if known := p.parents[path]; known != nil && !known.exited() {
		known.busy++
		return known, nil
	}
	if known := p.parents[path]; known != nil {
		delete(p.parents, path)
		go known.close()
	}
	if len(p.parents) >= maxParents && !p.evictOne() {
		return nil, nil
	}
	started, err := startParent(path, runnerSettings{preload: p.preload, grace: p.grace}, nil)
	if err != nil {
		return nil, err
	}
	started.busy = 1
	p.parents[path] = started
	return started, nil
}

// evictOne closes the least recently used parent; false if all are busy.
func (p *pool) evictOne() bool {
	oldest := ""
	for path, candidate := range p.parents {
		if candidate.busy == 0 && (oldest == "" || candidate.used.Before(p.parents[oldest].used)) {
			oldest = path
		}
	}
	if oldest == "" {
		return false
	}
	go p.parents[oldest].close()
	delete(p.parents, oldest)
	return true
}

// release ends the use of a parent, and keeps its supervisor, if there is one.
func (p *pool) release(parent *parent, s *supervisor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	parent.busy--
	parent.used = time.Now()
	if s == nil {
		return
	}
	if p.closed || p.parents[parent.path] != parent {
		s.close()
		return
	}
	parent.returnIdle(s)
	if p.tidyTimer == nil {
		p.tidyTimer = time.AfterFunc(supervisorIdle, p.tidy)
	}
}

// discard removes a parent that does not respond; the next script gets a new one.
func (p *pool) discard(broken *parent) {
	p.mu.Lock()
	if p.parents[broken.path] == broken {
		delete(p.parents, broken.path)
	}
	p.mu.Unlock()
	broken.kill()
}

// tidy closes parents and supervisors that have been idle for long.
func (p *pool) tidy() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tidyTimer = nil
	if p.closed {
		return
	}
	now := time.Now()
	for path, parent := range p.parents {
		parent.dropIdle(now.Add(-supervisorIdle))
		if parent.busy == 0 && now.Sub(parent.used) > parentIdle {
			go parent.close()
			delete(p.parents, path)
		}
	}
	if len(p.parents) > 0 {
		p.tidyTimer = time.AfterFunc(supervisorIdle, p.tidy)
	}
}

func (p *pool) close() error {
	p.mu.Lock()
	parents := p.parents
	p.parents, p.closed = map[string]*parent{}, true
	if p.tidyTimer != nil {
		p.tidyTimer.Stop()
	}
	p.mu.Unlock()
	for _, parent := range parents {
		parent.close()
	}
	return nil
}
