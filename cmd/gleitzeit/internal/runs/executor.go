package runs

import (
	"cmp"
	"context"
	"errors"
	"sync"

	"github.com/gleitzeit/gleitzeit/activities"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/worker"
)

// Executor executes runs in this process, any number at once. For each it holds the claim, serves the run's task queue,
// follows the run until it has closed, stops, and releases the claim: for `run`, `server` and `mcp serve` alike.
//
// The claim of a run that has ended is held until those who follow it here have got its results (Handle.Release). It is
// removed when one of them has, or when nobody was to. Otherwise it stays in the home folder, and whoever starts an equal
// run next is given the results instead.
type Executor struct {
	session *Session
	living  context.Context // Ends with the process: its runs are then left to others.
	roots   []string

	joining sync.Mutex
	acts    *activities.Activities // Nil until the first run, or queue, is served.
	close   func() error           // Closes the protocols; nil with acts.

	starting sync.Mutex // So that two equal starts at once are one run.
	mu       sync.Mutex
	runs     map[string]*execution
	working  sync.WaitGroup
}

// execution is a run that this process executes.
type execution struct {
	held  *home.HeldClaim
	runID string // Of the first Temporal run.

	// The executor's mu guards these.
	waiting int  // Handles that follow it.
	starts  int  // Of those, handles of Start: they want the run.
	ended   bool // It has closed, or can be executed here no longer.
	told    bool // Somebody has got its results, or nobody is to.
	failed  bool // It can be executed here no longer.
}

// NewExecutor returns an executor whose runs are left to others when ctx is done. With roots, tasks read files beneath
// these folders only.
func (s *Session) NewExecutor(ctx context.Context, roots ...string) *Executor {
	return &Executor{session: s, living: ctx, roots: roots, runs: map[string]*execution{}}
}

// Ready joins the engine, or starts it, before the first run, unless the session is connected.
func (e *Executor) Ready() error {
	e.joining.Lock()
	defer e.joining.Unlock()
	if e.session.client != nil {
		return nil
	}
	return e.session.Join(e.living)
}

// Problem returns what is wrong with an engine in this process; nil where nothing is, or there is none yet.
func (e *Executor) Problem() error {
	e.joining.Lock()
	defer e.joining.Unlock()
	return e.session.Problem()
}

// activities returns what the workers of this process execute.
func (e *Executor) activities() (*activities.Activities, error) {
	e.joining.Lock()
	defer e.joining.Unlock()
	if e.acts != nil {
		return e.acts, nil
	}
	s := e.session
	handlers, closeHandlers, err := worker.Handlers(handlerOptions(s.options.Settings, s.options.Env, s.store, s.log))
	if err != nil {
		return nil, err
	}
	acts, err := activities.New(activities.Options{
		Store: s.store, Protocols: handlers, Log: s.log, Env: s.options.Env, Roots: e.roots,
		OnStoreError: func(err error) { s.notify(Problem, "", "%s", err) },
	})
	if err != nil {
		return nil, errors.Join(err, closeHandlers())
	}
	e.acts, e.close = acts, closeHandlers
	return acts, nil
}

// Close ends what the protocols keep running (the programs of tool servers). While a run is open here it does not: tasks in
// flight would fail, instead of being executed again by another process; what they use ends with this one.
func (e *Executor) Close() error {
	e.joining.Lock()
	defer e.joining.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, x := range e.runs {
		if !x.ended {
			return nil
		}
	}
	if e.close == nil {
		return nil
	}
	closeHandlers := e.close
	e.close = nil
	return closeHandlers()
}

// Wait waits until no run is executed here any more, after the executor's context has ended.
func (e *Executor) Wait() { e.working.Wait() }

// serve starts to execute the run of a claim that this process holds. start, where it is not nil, starts the run, once its
// queue is served, and returns the id of its first Temporal run. The caller follows the run until it calls leave.
func (e *Executor) serve(held *home.HeldClaim, runID string, start func() (string, error)) (*execution, error) {
	acts, err := e.activities()
	if err != nil {
		return nil, errors.Join(err, held.Release(start != nil))
	}
	x := &execution{held: held, runID: runID, waiting: 1}
	serving, giveUp := context.WithCancelCause(e.living)
	w := worker.New(e.session.client, acts, worker.Options{Queue: held.Claim.Queue, Local: true, Fatal: giveUp})
	if err := w.Start(); err != nil {
		giveUp(err)
		return nil, errors.Join(protocol.Errorf(protocol.EngineUnreachable, "cannot start a worker: %s", err), held.Release(start != nil))
	}
	if start != nil {
		if x.runID, err = start(); err != nil {
			giveUp(err)
			go w.Stop()
			// The claim stays, as after a kill: the run may have started although no answer came.
			return nil, errors.Join(err, held.Release(false))
		}
	}
	e.mu.Lock()
	e.runs[held.Claim.Run] = x
	e.mu.Unlock()
	e.working.Go(func() {
		defer giveUp(nil)
		e.execute(serving, w, x)
	})
	return x, nil
}

// execute serves the queue of a run until the run has closed, or the process ends: then another one resumes the run.
func (e *Executor) execute(serving context.Context, w *worker.Worker, x *execution) {
	run := x.held.Claim.Run
	err := e.session.awaitClose(serving, run, x.runID)
	if err != nil && e.living.Err() == nil {
		e.session.notify(NotExecutable, run, "cannot execute run %s now: %s", run, cmp.Or(context.Cause(serving), err))
	}
	if err == nil {
		e.end(x, false) // Before the worker stops: nobody need wait for that.
	}
	w.Stop()
	if err != nil {
		e.end(x, true)
	}
}

// end notes that an execution has ended. failed: the run goes on, and somebody else may resume it.
func (e *Executor) end(x *execution, failed bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x.ended, x.failed = true, failed
	e.releaseIdle(x)
}

// releaseIdle releases the claim of an execution that has ended and that nobody follows. The caller holds mu.
func (e *Executor) releaseIdle(x *execution) {
	if !x.ended || x.waiting > 0 {
		return
	}
	run := x.held.Claim.Run
	if e.runs[run] != x {
		return // It was released before.
	}
	delete(e.runs, run)
	if err := x.held.Release(x.told && !x.failed); err != nil {
		e.session.log.Error("cannot release the claim of a run", "run", run, "error", err)
	}
}

// enter counts a handle that follows a run, where this process executes it.
func (e *Executor) enter(run string) *execution {
	e.mu.Lock()
	defer e.mu.Unlock()
	x := e.runs[run]
	if x != nil {
		x.waiting++
	}
	return x
}

// leave takes a handle away again. closed: it has seen the run close, perhaps before the execution did. told: its caller has
// got the results.
func (e *Executor) leave(x *execution, closed, told bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x.waiting--
	x.ended = x.ended || closed
	x.told = x.told || told
	e.releaseIdle(x)
}

// isLast reports whether no other start wants the execution, and nobody has got the run's id to ask for its results.
func (e *Executor) isLast(x *execution) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return x.starts == 1 && !x.told
}

// wants counts a start that wants the execution.
func (e *Executor) wants(x *execution, starts int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x.starts += starts
}

// executes reports whether this process executes the run.
func (e *Executor) executes(run string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.runs[run] != nil
}
