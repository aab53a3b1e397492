package cli

import (
	"context"
	"errors"
	"sync"

	"github.com/gleitzeit/gleitzeit/activities"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/worker"
)

// host executes many runs in this process, for callers that come and go. A run has a claim and a queue of its own, as one
// that was typed: when the process dies, `gleitzeit server` goes on with it, or another host that is asked about it.
type host struct {
	program *program
	session *session
	living  context.Context // Ends with the process.

	joining sync.Mutex
	acts    *activities.Activities // Nil until the engine is needed.
	close   func() error           // Closes the protocols; nil with acts.

	starting sync.Mutex // So that two equal calls at once are one run.
	mu       sync.Mutex
	runs     map[string]*hosted
	waiting  map[string]int // Calls that wait for a run, by its id.
}

// hosted is a run that this process executes.
type hosted struct {
	claim home.Claim
	runID string // Of the first Temporal run.
	kept  bool   // It goes on although nobody waits.
	total int    // Tasks; 0 where the plan is not known.
}

// hostCommand is what goes on with a run of a host whose process is gone.
const hostCommand = "gleitzeit server"

func (p *program) newHost(living context.Context, s *session) *host {
	return &host{program: p, session: s, living: living, runs: map[string]*hosted{}, waiting: map[string]int{}}
}

// ready joins the engine, or starts it, before the first run.
func (h *host) ready() error {
	h.joining.Lock()
	defer h.joining.Unlock()
	if h.acts != nil {
		return nil
	}
	if h.session.client == nil {
		if err := h.session.join(h.living); err != nil {
			return err
		}
	}
	acts, closeHandlers, err := h.program.activities(h.session, nil, h.program.sayTrouble)
	h.acts, h.close = acts, closeHandlers
	return err
}

// trouble is what is wrong with an engine in this process; nil where all is well, or none is needed yet.
func (h *host) trouble() error {
	h.joining.Lock()
	defer h.joining.Unlock()
	return h.session.trouble()
}

// leave ends what the protocols keep running, where no run needs it: else it ends with the process.
func (h *host) leave() error {
	h.joining.Lock()
	defer h.joining.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.close == nil || len(h.runs) > 0 {
		return nil
	}
	return h.close()
}

// adopt executes an open run, unless a living process does: this one, or another.
func (h *host) adopt(open *claimedRun) error {
	held, err := h.session.home.Claim(open.claim)
	if errors.Is(err, home.ErrClaimed) {
		return nil
	}
	if err != nil {
		return err
	}
	return h.takeOver(held, open.runID)
}

// takeOver executes a run whose claim this process has got.
func (h *host) takeOver(held *home.HeldClaim, runID string) error {
	run := &hosted{claim: held.Claim, runID: runID}
	serving, giveUp := context.WithCancelCause(h.living)
	w := h.worker(run, giveUp)
	if err := w.Start(); err != nil {
		giveUp(err)
		return errors.Join(protocol.Errorf(protocol.EngineUnreachable, "the worker does not start: %s", err), held.Release(false))
	}
	h.put(run)
	go h.execute(serving, giveUp, w, held, run)
	return nil
}

func (h *host) worker(run *hosted, giveUp context.CancelCauseFunc) *worker.Worker {
	return worker.New(h.session.client, h.acts, nil, worker.Options{Queue: run.claim.Queue, Local: true, Fatal: giveUp})
}

// execute serves a run until it has ended. With the process it ends at once: another one goes on with the run.
func (h *host) execute(serving context.Context, giveUp context.CancelCauseFunc, w *worker.Worker, held *home.HeldClaim, run *hosted) {
	defer giveUp(nil)
	err := h.session.watch(serving, run.claim.Run, run.runID, nil)
	if h.living.Err() != nil {
		return
	}
	if err != nil {
		h.program.say("run %s cannot be gone on with now: %s", run.claim.Run, context.Cause(serving))
	}
	h.remove(run)
	h.stop(w, run)
	if err := held.Release(err == nil); err != nil {
		h.session.log.Error("the claim of a run is not released", "run", run.claim.Run, "error", err)
	}
}

func (h *host) stop(w *worker.Worker, run *hosted) {
	if err := w.Stop(); err != nil {
		h.session.log.Error("the worker of a run does not stop", "run", run.claim.Run, "error", err)
	}
}

func (h *host) put(run *hosted) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.runs[run.claim.Run] = run
}

func (h *host) remove(run *hosted) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.runs[run.claim.Run] == run {
		delete(h.runs, run.claim.Run)
	}
}

// hosts returns the run where this process executes it, else nil.
func (h *host) hosts(run string) *hosted {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.runs[run]
}

// wait counts a call that waits for a run; the function takes it away, and tells whether it was the last one of a run of
// this process that nobody else wants.
func (h *host) wait(run string) (leave func() bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting[run]++
	return func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.waiting[run]--; h.waiting[run] > 0 {
			return false
		}
		delete(h.waiting, run)
		hosted := h.runs[run]
		return hosted != nil && !hosted.kept
	}
}
