//go:build unix

package python

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
)

// newEngine chooses the way to run scripts. macOS can fork, but not once its own frameworks are in use, which imported
// modules may do: there every script has an interpreter that has imported nothing.
func newEngine(o Options) engine {
	if o.NoFork {
		return alone{output: o.Limits.Output}
	}
	p := &pool{preload: o.Preload, output: o.Limits.Output, parents: map[string]*parent{}}
	if runtime.GOOS == "darwin" {
		p.cold, p.preload = true, nil
	}
	return p
}

const (
	mostParents = 8                // Interpreters that are kept, each with what it has imported.
	idleFor     = time.Minute      // How long a supervisor is kept that nobody needs.
	keptFor     = 10 * time.Minute // How long an interpreter is.
)

// pool keeps interpreters warm: for each a parent, which has imported what is to be imported, and supervisors forked from
// it, of which each runs one script at a time.
type pool struct {
	preload []string
	output  int64
	cold    bool // Every script has a parent of its own.

	mu      sync.Mutex
	parents map[string]*parent // By the path of the interpreter.
	closed  bool
	tidying *time.Timer
}

var errClosed = errors.New("the Python interpreters are closed")

// run gives the script to a supervisor. One that does not take it was killed or stopped; then there is another, of a new
// parent.
func (p *pool) run(ctx context.Context, j job) (*ended, error) {
	if p.cold || j.wrapper != nil {
		return p.runCold(ctx, j)
	}
	e, err := p.runWarm(ctx, j)
	if errors.Is(err, errNotTaken) && ctx.Err() == nil {
		return p.runCold(ctx, j)
	}
	return e, err
}

func (p *pool) runWarm(ctx context.Context, j job) (*ended, error) {
	parent, err := p.parentOf(j.interpreter.path)
	if err != nil {
		return nil, err
	}
	if parent == nil {
		return p.runCold(ctx, j)
	}
	s, err := parent.take(ctx)
	if err != nil {
		p.give(parent, nil)
		if ctx.Err() == nil { // Else it is the script that has no time left: others may wait for the same parent.
			p.replace(parent)
		}
		return nil, err
	}
	e, err := s.run(ctx, j, p.output)
	if s.usable {
		p.give(parent, s)
	} else {
		s.close()
		p.give(parent, nil)
	}
	return e, err
}

// runCold starts an interpreter for this script alone.
func (p *pool) runCold(ctx context.Context, j job) (*ended, error) {
	var preload []string
	if j.wrapper == nil {
		preload = p.preload
	}
	parent, err := startParent(j.interpreter.path, preload, j.wrapper)
	if err != nil {
		return nil, err
	}
	defer parent.close()
	s, err := parent.take(ctx)
	if err != nil {
		return nil, parent.explain(err)
	}
	defer s.close()
	e, err := s.run(ctx, j, p.output)
	return e, parent.explain(err)
}

// parentOf returns the parent for an interpreter, busy by one, or nil where all that can be kept are busy.
func (p *pool) parentOf(path string) (*parent, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed
	}
	if known := p.parents[path]; known != nil && !known.gone() {
		known.busy++
		return known, nil
	}
	if known := p.parents[path]; known != nil {
		delete(p.parents, path)
		go known.close()
	}
	if len(p.parents) >= mostParents && !p.dropOne() {
		return nil, nil
	}
	made, err := startParent(path, p.preload, nil)
	if err != nil {
		return nil, err
	}
	made.busy = 1
	p.parents[path] = made
	return made, nil
}

// dropOne lets go of the parent that was not used for longest; false where all are busy.
func (p *pool) dropOne() bool {
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

// give ends the use of a parent, and takes back a supervisor.
func (p *pool) give(parent *parent, s *supervisor) {
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
	parent.keep(s)
	if p.tidying == nil {
		p.tidying = time.AfterFunc(idleFor, p.tidy)
	}
}

// replace forgets a parent that does not answer; the next script gets another one.
func (p *pool) replace(broken *parent) {
	p.mu.Lock()
	if p.parents[broken.path] == broken {
		delete(p.parents, broken.path)
	}
	p.mu.Unlock()
	broken.kill()
}

// tidy lets go of what nobody has used for long.
func (p *pool) tidy() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tidying = nil
	if p.closed {
		return
	}
	now := time.Now()
	for path, parent := range p.parents {
		parent.dropIdle(now.Add(-idleFor))
		if parent.busy == 0 && now.Sub(parent.used) > keptFor {
			go parent.close()
			delete(p.parents, path)
		}
	}
	if len(p.parents) > 0 {
		p.tidying = time.AfterFunc(idleFor, p.tidy)
	}
}

func (p *pool) close() error {
	p.mu.Lock()
	parents := p.parents
	p.parents, p.closed = map[string]*parent{}, true
	if p.tidying != nil {
		p.tidying.Stop()
	}
	p.mu.Unlock()
	for _, parent := range parents {
		parent.close()
	}
	return nil
}
