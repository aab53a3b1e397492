package batchapi

import (
	"context"
	"errors"
	"net/http"
	"path"
	"sync"
	"time"
)

const (
	// maxRunning is how many batches have a run at once.
	maxRunning = 4
	// maxValidating is how many are validated at once: a file with errors does not wait for runs.
	maxValidating = 2
	// firstPause and longestPause are the pauses after which a step of a batch is tried again.
	firstPause   = 250 * time.Millisecond
	longestPause = 30 * time.Second
)

// batches takes batches from one status to the next. Each step is recorded before the next one begins, and may be done again: a batch whose
// process was killed continues with the step that is recorded.
type batches struct {
	options    Options
	storage    *storage
	living     context.Context // Ends with the server.
	running    *turns          // Of batches that have a run.
	validating *turns          // Of those whose requests are validated.
	working    sync.WaitGroup

	mu        sync.Mutex
	cancelled map[string]chan struct{} // By the id of an open batch: closed when a client has cancelled it.
}

func newBatches(living context.Context, o Options, kept *storage) *batches {
	return &batches{options: o, storage: kept, living: living, running: newTurns(maxRunning), validating: newTurns(maxValidating), cancelled: map[string]chan struct{}{}}
}

// resume continues all open batches, the oldest first, and begins to remove what has expired.
func (s *batches) resume() error {
	for _, id := range s.storage.ids(batchesFolder) {
		b, err := s.storage.batch(id)
		if errors.Is(err, errUnreadable) {
			continue // The log says so since the storage was opened.
		}
		if err != nil {
			return err
		}
		if !b.Status.ended() {
			s.begin(b)
		}
	}
	s.working.Go(s.sweep)
	return nil
}

// wait waits until nothing is done any more, after living has ended.
func (s *batches) wait() { s.working.Wait() }

// create stores a batch, and begins it.
func (s *batches) create(b *record) error {
	if err := s.storage.create(b); err != nil {
		return err
	}
	s.begin(b)
	return nil
}

// begin takes a batch to its end, as long as the server lives.
func (s *batches) begin(b *record) {
	cancelled := make(chan struct{})
	if b.Status == Cancelling {
		close(cancelled)
	}
	s.mu.Lock()
	s.cancelled[b.ID] = cancelled
	s.mu.Unlock()
	e := &execution{batches: s, id: b.ID, cancelled: cancelled}
	if b.Started { // It had its turn before the server was stopped, and goes before those that wait.
		e.turn = s.running.take(b.Owner)
	}
	s.working.Go(func() {
		e.run(s.living)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.cancelled, b.ID)
	})
}

// cancel notes that a client has cancelled a batch.
func (s *batches) cancel(id string) (*record, error) {
	first := false
	b, err := s.storage.update(id, func(b *record) error {
		switch b.Status {
		case Cancelling:
		case Validating, InProgress:
			first = true
			b.move(Cancelling)
		default:
			return refusal(http.StatusConflict, "", "", "Cannot cancel a batch with status '%s'.", b.Status)
		}
		return nil
	})
	if err == nil && first {
		s.mu.Lock()
		defer s.mu.Unlock()
		if cancelled := s.cancelled[id]; cancelled != nil {
			close(cancelled)
		}
	}
	return b, err
}

// observe adds to an open batch how far its run is.
func (s *batches) observe(ctx context.Context, b *record) error {
	if b.Status != InProgress && b.Status != Cancelling {
		return nil
	}
	run, err := s.options.Runs.Find(ctx, b.ID)
	if err == nil && run != nil {
		b.observe(run)
	}
	return err
}

// execution takes one batch to its end.
type execution struct {
	*batches
	id        string
	cancelled <-chan struct{}
	turn      *turn // Among those that have a run; nil: it has none yet.
}

// run does step after step. One that fails because of this machine, such as a full disk, is tried again.
func (e *execution) run(ctx context.Context) {
	defer func() {
		if e.turn != nil {
			e.running.end(e.turn)
		}
	}()
	pause := firstPause
	for ctx.Err() == nil {
		ended, err := e.step(ctx)
		switch {
		case ended:
			return
		case err == nil:
			pause = firstPause
			continue
		case ctx.Err() == nil:
			e.options.Log.Error("a batch does not continue; trying again", "batch", e.id, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

// wait waits for a turn, and reports whether it has begun: the batch may be cancelled or expire meanwhile. The caller ends one that has.
func (e *execution) wait(ctx context.Context, among *turns, b *record) (*turn, bool) {
	expired := time.NewTimer(time.Until(time.Unix(b.ExpiresAt, 0)))
	defer expired.Stop()
	asked := among.ask(b.Owner)
	select {
	case <-asked.begun:
		return asked, true
	case <-e.cancelled:
	case <-expired.C:
	case <-ctx.Done():
	}
	among.end(asked)
	return nil, false
}

// step does what follows from the status of the batch.
func (e *execution) step(ctx context.Context) (ended bool, err error) {
	b, err := e.storage.batch(e.id)
	if errors.Is(err, errNoRecord) || err == nil && b.Status.ended() {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	run, err := e.options.Runs.Find(ctx, e.id)
	switch {
	case err != nil:
		return false, err
	case run != nil && run.Status.Ended():
		return false, e.finish(ctx, b, run)
	case run != nil:
		return false, e.follow(ctx, b)
	case b.Status == Cancelling:
		return false, e.change(func(b *record) { b.move(Cancelled) })
	case time.Now().Unix() >= b.ExpiresAt:
		return false, e.change(func(b *record) { b.move(Expired) })
	case b.Status == Validating:
		return false, e.validate(ctx, b)
	}
	return false, e.start(ctx, b)
}

// change changes the record. A client may have cancelled the batch meanwhile.
func (e *execution) change(with func(*record)) error {
	_, err := e.storage.update(e.id, func(b *record) error { with(b); return nil })
	return err
}

// start starts the run, when it is the turn of the batch.
func (e *execution) start(ctx context.Context, b *record) error {
	if e.turn == nil {
		var begun bool
		if e.turn, begun = e.wait(ctx, e.running, b); !begun {
			return nil // The next step ends the batch.
		}
	}
	p, err := e.plan(b)
	if err != nil {
		return err
	}
	starts := false
	err = e.change(func(b *record) {
		starts = b.Status == InProgress
		b.Started = b.Started || starts
	})
	if err != nil || !starts {
		return err
	}
	return e.options.Runs.Start(ctx, p)
}

// follow waits until the run has closed. That of a batch that is cancelled is cancelled.
func (e *execution) follow(ctx context.Context, b *record) error {
	if e.turn == nil {
		e.turn = e.running.take(b.Owner)
	}
	if b.Status == Validating { // Somebody has started a run of this id.
		if err := e.change(func(b *record) { b.move(InProgress) }); err != nil {
			return err
		}
	}
	following, stop := context.WithCancel(ctx)
	defer stop()
	failed := make(chan error, 1)
	go func() {
		select {
		case <-e.cancelled:
			err := e.options.Runs.Cancel(following, e.id)
			if failed <- err; err != nil {
				stop() // It is tried again.
			}
		case <-following.Done():
			failed <- nil
		}
	}()
	err := e.options.Runs.Follow(following, e.id)
	stop()
	if cancelling := <-failed; cancelling != nil && ctx.Err() == nil {
		return cancelling
	}
	return err
}

// nameOf returns the name of the run for people.
func nameOf(b *record) string { return "Batch " + path.Base(b.Filename) }
