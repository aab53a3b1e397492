package runs

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/gleitzeit/gleitzeit/activities"
	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs/followers"
	"github.com/gleitzeit/gleitzeit/internal/documents/reader"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/scratch"
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
	decides bool // It runs workflows only: their tasks wait for another process.

	joining sync.Mutex
	acts    *activities.Activities // Nil until the first run, or queue, is served.
	close   func() error           // Closes the protocols; nil with acts.
	tools   protocol.ToolDescriber // Of the servers in use; nil with acts.
	models  Provider               // Of the servers of models, with the pools that the runs here use.

	mu        sync.Mutex
	starting  map[string]*turn // By plan: two equal starts at once are one run.
	runs      map[string]*execution
	followers followers.Book
	working   sync.WaitGroup
}

// turn lets one start after another search for a run of a plan.
type turn struct {
	taken chan struct{} // Holds something while a start has its turn.
	users int           // Starts that have it or wait for it.
}

// execution is a run that this process executes.
type execution struct {
	held  *home.HeldClaim
	runID string // Of the first Temporal run.
	// gone is closed when this process can no longer execute the run, although the run is open; why is the reason.
	gone chan struct{}
	why  error

	// The executor's mu guards these.
	ended    bool // It has closed.
	unwanted bool // It is about to be cancelled, because no start wants it any more.
}

// NewExecutor returns an executor whose runs are left to others when ctx is done. With roots, tasks read files beneath
// these folders only.
func (s *Session) NewExecutor(ctx context.Context, roots ...string) *Executor {
	return &Executor{session: s, living: ctx, roots: roots, starting: map[string]*turn{}, runs: map[string]*execution{}, followers: followers.Book{}}
}

// DecideOnly lets the executor run workflows, and none of their tasks: those wait for the process that resumes the run.
func (e *Executor) DecideOnly() *Executor {
	e.decides = true
	return e
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
	acts, handlers, closeHandlers, err := s.newActivities(s.store, e.roots)
	if err != nil {
		return nil, err
	}
	e.acts, e.close = acts, closeHandlers
	for _, h := range handlers {
		if describer, is := h.Handler.(protocol.ToolDescriber); is {
			e.tools = describer
		}
		if h.Spec.Name == llm.Spec("").Name {
			e.models = Provider{h.Spec, h.Handler}
		}
	}
	go func() { // It may be much; what is left when this process ends is for the next one.
		if err := scratch.RemoveAbandoned(); err != nil {
			s.log.Warn("cannot remove a temporary folder of a process that was killed", "error", err)
		}
	}()
	return acts, nil
}

// newActivities returns activities that use a store, their protocols, and what closes these.
func (s *Session) newActivities(store resultstore.Store, roots []string) (*activities.Activities, []activities.Protocol, func() error, error) {
	o := handlerOptions(s.options.Settings, s.options.Env, store, s.log)
	handlers, closeHandlers, err := worker.Handlers(o)
	if err != nil {
		return nil, nil, nil, err
	}
	acts, err := activities.New(activities.Options{
		Store: store, Protocols: handlers, Log: s.log, Env: s.options.Env, Secrets: Secrets(s.options.Settings, s.options.Env, nil), Roots: roots, CaseSensitive: s.options.Settings.CaseSensitive, NoLogs: !s.options.Settings.Logs, Documents: o.Documents,
		OnStoreError: s.notifyStoreError(),
	})
	if err != nil {
		return nil, nil, nil, errors.Join(err, closeHandlers())
	}
	return acts, handlers, closeHandlers, nil
}

// Activities returns activities that use another store than that of the session, to find out what a run would do. The caller closes
// them.
func (s *Session) Activities(store resultstore.Store) (*activities.Activities, func() error, error) {
	acts, _, closeHandlers, err := s.newActivities(store, nil)
	return acts, closeHandlers, err
}

// DocumentReader returns what reads documents as the settings say, also by tools and Python. The caller closes it.
func (s *Session) DocumentReader() (*reader.Reader, func() error, error) {
	o := handlerOptions(s.options.Settings, s.options.Env, s.store, s.log)
	_, closeHandlers, err := worker.Handlers(o)
	return o.Documents, closeHandlers, err
}

// Models returns the provider of models whose servers the runs here use.
func (e *Executor) Models() (Provider, error) {
	if _, err := e.activities(); err != nil {
		return Provider{}, err
	}
	return e.models, nil
}

// DefaultProvider returns the provider of models for calls that name none.
func (s *Session) DefaultProvider() string { return s.options.Settings.Provider }

// Load returns what the servers of models work on for the runs here.
func (e *Executor) Load() []protocol.ServerLoad {
	models, err := e.Models()
	if err != nil {
		return nil // The run that needs them reports it.
	}
	return models.Load()
}

// Probe asks the servers of models for their state.
func (e *Executor) Probe(ctx context.Context) []protocol.ServerState {
	models, err := e.Models()
	if err != nil {
		return nil
	}
	states, _ := models.Probe(ctx, func(protocol.Server) bool { return true })
	return states
}

// DescribeTool returns what the server of a tool says of it. The server is started for that, and serves later calls too.
func (e *Executor) DescribeTool(ctx context.Context, method string) (protocol.Tool, error) {
	if _, err := e.activities(); err != nil {
		return protocol.Tool{}, err
	}
	return e.tools.DescribeTool(ctx, protocol.Request{Method: method})
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

// OpenRuns returns the ids of the runs that are open here, in their order.
func (e *Executor) OpenRuns() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var open []string
	for run, x := range e.runs {
		if !x.ended {
			open = append(open, run)
		}
	}
	slices.Sort(open)
	return open
}

// Wait waits until no run is executed here any more, after the executor's context has ended.
func (e *Executor) Wait() { e.working.Wait() }

// serve starts to execute the run of a claim that this process holds. start, where it is not nil, starts the run, once its
// queue is served, and returns the id of its first Temporal run. Whoever follows the run has entered before, so that it cannot
// end unseen.
func (e *Executor) serve(held *home.HeldClaim, runID string, start func() (string, error)) (*execution, error) {
	acts, err := e.activities()
	if err != nil {
		return nil, errors.Join(err, held.Release(start != nil))
	}
	x := &execution{held: held, runID: runID, gone: make(chan struct{})}
	serving, giveUp := context.WithCancelCause(e.living)
	w := worker.New(e.session.client, acts, worker.Options{Queue: held.Claim.Queue, Local: true, DecidesOnly: e.decides, Fatal: giveUp})
	if err := w.Start(); err != nil {
		giveUp(err)
		return nil, errors.Join(e.session.failed(err, "cannot start a worker"), held.Release(start != nil))
	}
	if start != nil {
		if x.runID, err = start(); err != nil {
			giveUp(err)
			e.working.Go(w.Stop)
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
	if err == nil {
		e.closed(x) // Before the worker stops, because followers do not depend on it.
		w.Stop()
		return
	}
	x.why = cmp.Or(context.Cause(serving), err)
	if e.living.Err() == nil {
		e.session.notify(NotExecutable, run, "cannot execute run %s now: %s", run, x.why)
	}
	w.Stop()
	e.giveUp(x)
}

// closed notes that a run has closed.
func (e *Executor) closed(x *execution) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x.ended = true
	e.releaseIdle(x)
}

// giveUp releases the claim of an open run, so that another process can resume it, and notifies the followers in this process.
func (e *Executor) giveUp(x *execution) {
	e.mu.Lock()
	defer e.mu.Unlock()
	run := x.held.Claim.Run
	if e.forget(x) {
		e.release(x, false)
	}
	if e.runs[run] == nil && !e.followers.Followed(run) {
		e.followers.Forget(run) // A later run of the same id has followers of its own.
	}
	close(x.gone)
}

// releaseIdle releases the claim of an execution that has closed and that nobody follows. The caller holds mu.
func (e *Executor) releaseIdle(x *execution) {
	run := x.held.Claim.Run
	if x.ended && !e.followers.Followed(run) && e.forget(x) {
		e.release(x, e.followers.Forget(run))
	}
}

// forget takes an execution out of the list; false where it is not in it any more. The caller holds mu.
func (e *Executor) forget(x *execution) bool {
	run := x.held.Claim.Run
	if e.runs[run] != x {
		return false
	}
	delete(e.runs, run)
	return true
}

func (e *Executor) release(x *execution, delivered bool) {
	if err := x.held.Release(delivered); err != nil {
		e.session.log.Error("cannot release the claim of a run", "run", x.held.Claim.Run, "error", err)
	}
}

// enter counts a handle that follows a run, and returns the execution where this process executes the run. unwanted: that is
// about to be cancelled.
func (e *Executor) enter(run string, start bool) (x *execution, unwanted bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.followers.Enter(run, start)
	x = e.runs[run]
	return x, x != nil && x.unwanted
}

// leave removes a handle from the count. closed: it has seen the Temporal run runID close, perhaps before the execution did.
// delivered: its caller has got the results. It reports whether this process executed the run to the end, or still does.
func (e *Executor) leave(run, runID string, start, closed, delivered bool) (here bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.followers.Leave(run, start, delivered)
	// Not that of the handle: another handle may have taken the run over since this one came.
	if x := e.runs[run]; x != nil && x.runID == runID {
		here = true
		x.ended = x.ended || closed
		e.releaseIdle(x)
	}
	if e.runs[run] == nil && !e.followers.Followed(run) {
		e.followers.Forget(run)
	}
	return here
}

// abandon notes that a start no longer wants its run, and reports whether nobody does: this process executes it, and no other
// start here wants it or has got its id. A start that comes now waits for the end of the run.
func (e *Executor) abandon(run string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	x := e.runs[run]
	if !e.followers.Abandon(run) || x == nil {
		return false
	}
	x.unwanted = true
	return true
}

// markCancelling records in the claim of a run that this process executes that its cancellation was requested.
func (e *Executor) markCancelling(run string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if x := e.runs[run]; x != nil {
		return x.held.MarkCancelling()
	}
	return nil
}

// keep marks an unwanted run as wanted again.
func (e *Executor) keep(run string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if x := e.runs[run]; x != nil {
		x.unwanted = false
	}
}

// executes reports whether this process executes the run.
func (e *Executor) executes(run string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.runs[run] != nil
}

// takeTurn waits until no other start, of this process or of another one of this home, searches for a run of the plan, or ctx
// is done.
func (e *Executor) takeTurn(ctx context.Context, plan string) (*home.Turn, func(), error) {
	e.mu.Lock()
	t := e.starting[plan]
	if t == nil {
		t = &turn{taken: make(chan struct{}, 1)}
		e.starting[plan] = t
	}
	t.users++
	e.mu.Unlock()
	leave := func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(e.starting, plan)
		}
	}
	select {
	case t.taken <- struct{}{}:
	case <-ctx.Done():
		leave()
		return nil, nil, ctx.Err()
	}
	free := func() { <-t.taken; leave() }
	turn, err := e.session.home.TakeTurn(ctx, plan)
	if err != nil {
		free()
		return nil, nil, err
	}
	return turn, func() {
		if err := turn.Done(); err != nil {
			e.session.log.Error("cannot give the turn of a start to the next", "error", err)
		}
		free()
	}, nil
}
