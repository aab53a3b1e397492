package runs

import (
	"context"
	"errors"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs/history"
	"github.com/gleitzeit/gleitzeit/internal/cluster"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// Observer receives the events of a run's history. It is called by one goroutine at a time.
type Observer interface {
	// Event records the start or end of a task or an item. An error ends Follow.
	Event(ctx context.Context, event history.Event) error
}

// Watcher is an Observer that also receives what the history does not contain, whenever it changes.
type Watcher interface {
	Observer
	// Attempts records the attempts in flight.
	Attempts(ctx context.Context, pending []history.Attempt)
	// Waiting records the queues without workers that activities wait on.
	Waiting(all []history.Waiting)
	// LiveTask returns the task whose text is wanted; empty for none.
	LiveTask() string
	// Live records what that task has written; nil if nothing is known.
	Live(live *history.Live)
}

// ItemEnded is called when an item of a task of a run has ended; its record is in the store.
type ItemEnded func(ctx context.Context, store resultstore.Store, run, task string, index int)

// WithItems returns a watcher that also calls ended, unless that is nil.
func (h *Handle) WithItems(w Watcher, ended ItemEnded) Watcher {
	if ended == nil {
		return w
	}
	return &itemWatcher{w, h, ended}
}

// itemWatcher is a Watcher that passes on which items have ended.
type itemWatcher struct {
	Watcher
	handle *Handle
	ended  ItemEnded
}

// Event implements Observer.
func (w *itemWatcher) Event(ctx context.Context, event history.Event) error {
	err := w.Watcher.Event(ctx, event)
	if err == nil && event.Item != protocol.NoItem && event.Outcome != nil {
		w.ended(ctx, w.handle.session.store, w.handle.Run, event.Task, event.Item)
	}
	return err
}

// itemObserver is an Observer of the items of one task. It is a Watcher, so that a run is noticed to have ended whose engine stopped
// with it.
type itemObserver struct {
	task  string
	ended func(ctx context.Context, index int) error
}

// Event implements Observer.
func (o itemObserver) Event(ctx context.Context, event history.Event) error {
	if event.Task != o.task || event.Item == protocol.NoItem || event.Outcome == nil {
		return nil
	}
	return o.ended(ctx, event.Item)
}

// Attempts implements Watcher.
func (itemObserver) Attempts(context.Context, []history.Attempt) {}

// Waiting implements Watcher.
func (itemObserver) Waiting([]history.Waiting) {}

// LiveTask implements Watcher.
func (itemObserver) LiveTask() string { return "" }

// Live implements Watcher.
func (itemObserver) Live(*history.Live) {}

// FollowItems passes the items of a task that have ended, and those that end, until the run has closed.
func FollowItems(ctx context.Context, s *Session, run, task string, ended func(ctx context.Context, index int) error) error {
	return FollowWith(ctx, s, run, itemObserver{task, ended})
}

// FollowWith passes what has happened in a run, and what happens, until it has closed. This process does not execute it.
func FollowWith(ctx context.Context, s *Session, run string, w Watcher) error {
	if err := s.Reach(ctx); err != nil {
		return err
	}
	h, err := s.Watch(ctx, run)
	if err != nil {
		return err
	}
	defer h.Release(false)
	return h.Follow(ctx, w)
}

const (
	// lookEvery is how often a run is asked for what its history does not say: attempts that failed.
	lookEvery = time.Second
	// liveEvery is how often a task that runs alone is asked what it has written: about as often as it reports it.
	liveEvery = 300 * time.Millisecond
)

// Follow passes events to the observer until the run has closed or ctx is done. Where the process that executes a run
// of this home is gone, this one takes the run over, unless it only watches. A nil observer waits for the end only.
func (h *Handle) Follow(ctx context.Context, observer Observer) error {
	if h.held != nil && observer == nil {
		return nil
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	events := make(chan history.Event)
	closed := make(chan error, 1)
	go func() {
		if observer == nil {
			closed <- h.session.awaitClose(ctx, h.Run, h.runID)
			return
		}
		closed <- h.session.watch(ctx, h.Run, h.runID, events)
	}()
	f := &following{handle: h, live: make(chan *history.Live, 1)}
	f.watcher, _ = observer.(Watcher)
	look, listen := f.tickers()
	defer look.Stop()
	defer listen.Stop()
	taken := h.standBy(ctx)
	for {
		select {
		case event := <-events:
			if err := observer.Event(ctx, event); err != nil {
				return err
			}
		case err := <-closed:
			h.closed = err == nil
			return err
		case held := <-taken:
			if err := h.takeOver(ctx, held); err != nil {
				return err
			}
		case <-h.gone():
			return h.givenUp(ctx)
		case <-listen.C:
			f.listen(ctx)
		case live := <-f.live:
			f.listening = false
			f.watcher.Live(live)
		case <-look.C:
			if over, err := f.look(ctx); over || err != nil {
				h.closed = over
				return err
			}
		}
	}
}

// takeOver executes the run from now on: the process that did so has stopped. If that process released the claim because the run
// has closed leaves the results to this one.
func (h *Handle) takeOver(ctx context.Context, held *home.HeldClaim) error {
	found, err := h.session.lookUpClaim(ctx, held.Claim)
	if err != nil && !cluster.IsUnavailable(err) && AsUnreachable(err) == nil {
		return errors.Join(err, held.Release(false))
	}
	if found != nil && !found.open {
		h.held = held
		return nil
	}
	var restarted []string
	if found != nil && !found.cancelling {
		restarted = restartInterrupted(ctx, h.session.connection, h.Run)
	}
	x, err := h.executor.serve(held, h.runID, nil)
	if err != nil {
		return err
	}
	h.execution = x
	h.session.notify(TookOver, h.Run, "took over run %s: the process executing it is gone", h.Run)
	notifyRestarted(h.session.connection, h.Run, restarted)
	return nil
}

// gone returns what is closed when this process executes the run no longer; nil where it does not.
func (h *Handle) gone() <-chan struct{} {
	if h.execution == nil {
		return nil
	}
	return h.execution.gone
}

// givenUp is the error of a run that this process can execute no longer. The run continues when it is resumed.
func (h *Handle) givenUp(ctx context.Context) error {
	why := h.execution.why
	h.execution = nil
	if ctx.Err() != nil {
		return ctx.Err()
	}
	code := protocol.EngineUnreachable
	if known, is := errors.AsType[*protocol.Error](why); is {
		code = known.Code
	}
	return protocol.Errorf(code, "cannot execute run %s any longer: %s", h.Run, why).
		WithHint("it is still open: the same command, or `gleitzeit server`, resumes it")
}

// standBy waits until the process that executes the run has stopped, and sends its claim to the channel.
func (h *Handle) standBy(ctx context.Context) <-chan *home.HeldClaim {
	taken := make(chan *home.HeldClaim)
	if h.execution != nil || h.executor == nil || h.held != nil {
		return taken
	}
	go func() {
		held, err := h.session.home.TakeClaim(ctx, h.Run)
		if err != nil {
			if !errors.Is(err, home.ErrNoClaim) && ctx.Err() == nil {
				h.session.log.Error("cannot take over the run", "run", h.Run, "error", err)
			}
			return
		}
		select {
		case taken <- held:
		case <-ctx.Done():
			h.drop(held, false)
		}
	}()
	return taken
}

// following is what Follow knows of a run beside its history.
type following struct {
	handle    *Handle
	watcher   Watcher // Nil where nobody wants to know.
	live      chan *history.Live
	listening bool
	outage    outage
	problem   string
}

// tickers return how often to look at a run, and to listen to what its task writes.
func (f *following) tickers() (look, listen *time.Ticker) {
	look, listen = time.NewTicker(lookEvery), time.NewTicker(liveEvery)
	if f.watcher == nil {
		look.Stop()
		listen.Stop()
	}
	return look, listen
}

// listen asks what the task that runs alone has written, one request at a time.
func (f *following) listen(ctx context.Context) {
	task := f.watcher.LiveTask()
	if task == "" || f.listening {
		return
	}
	f.listening = true
	go func() { f.live <- f.handle.session.listen(ctx, f.handle.Run, task) }()
}

// look passes the state of the tasks in flight to the watcher. over: the run has ended, although Temporal cannot be asked.
func (f *following) look(ctx context.Context) (over bool, err error) {
	h := f.handle
	s := h.session
	if err := s.Problem(); err != nil && err.Error() != f.problem {
		f.problem = err.Error()
		s.notify(Problem, "", "%s", f.problem)
	}
	pending, waiting, err := s.pending(ctx, h.Run)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	switch {
	case err == nil:
		f.outage.answered(s)
		f.watcher.Waiting(waiting)
	case !cluster.IsUnavailable(err):
		return false, s.failed(err, "cannot follow run %s", h.Run)
	default:
		if h.Watching() {
			// The process with the engine may stop when its run ends; no takeover is needed then.
			if over, err := s.isOver(ctx, h.Run, h.runID); over || err != nil {
				return over, err
			}
		}
		f.outage.missed(s)
	}
	f.watcher.Attempts(ctx, pending)
	return false, nil
}

// outage is a Temporal server that does not answer for a while.
type outage struct{ misses int }

// longOutage is how many looks without an answer make an outage: a takeover takes less.
const longOutage = 3

func (o *outage) answered(s *Session) {
	switch {
	case o.misses < longOutage:
	case s.cluster != nil:
		s.notify(Reachable, "", "the Temporal server answers again")
	default:
		s.notify(Reachable, "", "the engine answers again")
	}
	o.misses = 0
}

func (o *outage) missed(s *Session) {
	o.misses++
	switch {
	case o.misses != longOutage:
	case s.fullDisk() != nil:
		s.notify(Problem, "", "%s", s.fullDisk())
	case s.cluster != nil:
		s.notify(Unreachable, "", "the Temporal server at %s does not answer; waiting for it", s.cluster.Address)
	case s.engine.Holder(): // Nobody has to start anything.
		s.notify(Unreachable, "", "the engine in this process is too busy to answer; the run continues")
	case s.engine.Held():
		s.notify(Unreachable, "", "the engine does not answer, and its process is there; waiting until it is less busy")
	default:
		s.notify(Unreachable, "", "the engine does not answer; waiting until a process of %s runs it again: `gleitzeit server` does", s.home.Path)
	}
}

// Store returns the result store for an observer of the run: while it is unavailable, a read waits, as the run does.
func (h *Handle) Store() resultstore.Store { return waitingStore{h.session.store, h} }

type waitingStore struct {
	resultstore.Store
	handle *Handle
}

// Records implements resultstore.Store.
func (s waitingStore) Records(ctx context.Context, query resultstore.Query) ([]resultstore.Record, error) {
	return whenAvailable(ctx, s.handle, func() ([]resultstore.Record, error) { return s.Store.Records(ctx, query) })
}

// Value implements resultstore.Store.
func (s waitingStore) Value(ctx context.Context, ref protocol.Ref) ([]byte, error) {
	return whenAvailable(ctx, s.handle, func() ([]byte, error) { return s.Store.Value(ctx, ref) })
}

// whenAvailable reads from the store of a run until it is available, or ctx is done.
func whenAvailable[T any](ctx context.Context, h *Handle, read func() (T, error)) (T, error) {
	for reported := h.execution != nil; ; reported = true { // The attempts of a run that is executed here report it.
		found, err := read()
		failure, is := errors.AsType[*protocol.Error](err)
		if !is || failure.Kind != protocol.Transient {
			return found, err
		}
		if !reported {
			h.session.notify(Problem, h.Run, "%s", failure)
		}
		select {
		case <-ctx.Done():
			return found, err
		case <-time.After(lookEvery):
		}
	}
}
