package batchapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/requestfile"
)

const (
	// maxRunning is how many batches are validated, or have a run, at once. The others wait in the order in which they came.
	maxRunning = 4
	// maxProblems is how many errors of lines a batch has.
	maxProblems = 500
	// firstPause and longestPause are the pauses after which a step of a batch is tried again.
	firstPause   = 250 * time.Millisecond
	longestPause = 30 * time.Second
	// sweepEvery is how often expired files are removed.
	sweepEvery = time.Minute
)

// batches takes batches from one status to the next. Each step is recorded before the next one begins, and may be done again: a batch whose
// process was killed continues with the step that is recorded.
type batches struct {
	options Options
	storage *storage
	living  context.Context // Ends with the server.
	running chan struct{}   // Holds something for each batch that is validated, or has a run.
	working sync.WaitGroup

	mu        sync.Mutex
	cancelled map[string]chan struct{} // By the id of an open batch: closed when a client has cancelled it.
}

func newBatches(living context.Context, o Options, kept *storage) *batches {
	return &batches{options: o, storage: kept, living: living, running: make(chan struct{}, maxRunning), cancelled: map[string]chan struct{}{}}
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
	s.working.Go(func() {
		e := &execution{batches: s, id: b.ID, cancelled: cancelled}
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
}

// run does step after step. One that fails because of this machine, such as a full disk, is tried again.
func (e *execution) run(ctx context.Context) {
	leave := e.enter(ctx)
	defer leave()
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

// enter waits until few enough batches are running, or the batch is to end. leave is called in the end.
func (e *execution) enter(ctx context.Context) (leave func()) {
	nothing := func() {}
	b, err := e.storage.batch(e.id)
	if err != nil {
		return nothing
	}
	expired := time.NewTimer(time.Until(time.Unix(b.ExpiresAt, 0)))
	defer expired.Stop()
	select {
	case e.running <- struct{}{}:
		return func() { <-e.running }
	case <-e.cancelled:
	case <-expired.C:
	case <-ctx.Done():
	}
	return nothing
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
	}
	return false, e.start(ctx, b)
}

// change changes the record. A client may have cancelled the batch meanwhile.
func (e *execution) change(with func(*record)) error {
	_, err := e.storage.update(e.id, func(b *record) error { with(b); return nil })
	return err
}

// start validates the requests, and starts the run.
func (e *execution) start(ctx context.Context, b *record) error {
	summary, found, model, err := e.validate(ctx, b)
	if err != nil {
		return err
	}
	if len(found.Data) > 0 {
		return e.change(func(b *record) {
			b.Errors = found
			if b.Status == Validating {
				b.move(Failed)
			}
		})
	}
	p, err := e.plan(b)
	if err != nil {
		return err
	}
	started := false
	if err := e.change(func(b *record) {
		if started = b.Status == Validating || b.Status == InProgress; started && b.Status == Validating {
			b.Counts.Total, b.Model = summary.Requests, model
			b.move(InProgress)
		}
	}); err != nil || !started {
		return err
	}
	return e.options.Runs.Start(ctx, p)
}

// validate checks all lines as a whole, as the API does.
func (e *execution) validate(ctx context.Context, b *record) (requestfile.Summary, *problems, string, error) {
	found := &problems{Object: "list", Data: []problem{}}
	from, err := os.Open(e.storage.path(contentFolder, b.Content))
	if err != nil {
		return requestfile.Summary{}, nil, "", err
	}
	defer func() { _ = from.Close() }() // It was only read.
	more := 0
	summary, err := requestfile.Check(interruptible{ctx, from}, requestfile.Options{Uniform: true, Endpoint: b.Endpoint}, e.options.MaxRequests, func(p requestfile.Problem) {
		if len(found.Data) >= maxProblems {
			more++
			return
		}
		found.add(p)
	})
	for _, p := range summary.File {
		found.add(p)
	}
	if more > 0 {
		found.add(requestfile.Problem{Code: requestfile.InvalidRequest, Message: fmt.Sprintf("%d more errors are not listed", more)})
	}
	return summary, found, summary.Model, err
}

// interruptible is a file that is no longer read when the server stops.
type interruptible struct {
	ctx  context.Context
	from *os.File
}

// Read implements io.Reader.
func (r interruptible) Read(into []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(into)
}

// follow waits until the run has closed. That of a batch that is cancelled is cancelled.
func (e *execution) follow(ctx context.Context, b *record) error {
	if b.Status == Validating { // The server was killed, or somebody has started a run of this id.
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

// finish writes the files with the results, and ends the batch as its run has ended.
func (e *execution) finish(ctx context.Context, b *record, run *view.Run) error {
	if b.OutputFile == "" { // The ids are recorded first: files that are written again have the same.
		err := e.change(func(b *record) {
			b.OutputFile, b.ErrorFile = newID(filePrefix), newID(filePrefix)
			b.observe(run)
			if b.Status != Cancelling {
				b.move(Finalizing)
			}
		})
		if err != nil {
			return err
		}
		if b, err = e.storage.batch(e.id); err != nil {
			return err
		}
	}
	answers, others, err := e.writeResults(ctx, b, run)
	if err != nil {
		return err
	}
	return e.change(func(b *record) {
		if answers == 0 {
			b.OutputFile = ""
		}
		if others == 0 {
			b.ErrorFile = ""
		}
		b.Counts.Completed, b.Counts.Failed, b.Counts.Total = answers, others, max(b.Counts.Total, answers+others)
		b.use(run)
		switch {
		case b.Status == Cancelling || run.Status == protocol.Cancelled:
			b.move(Cancelled)
		case run.Status == protocol.TimedOut:
			b.move(Expired)
		case answers+others == 0:
			b.failAs(run)
		default:
			b.move(Completed)
		}
	})
}

// writeResults stores the output file and the error file, those that have a line.
func (e *execution) writeResults(ctx context.Context, b *record, run *view.Run) (answers, others int, err error) {
	output, err := e.storage.newTemporary()
	if err != nil {
		return 0, 0, err
	}
	defer output.discard()
	failures, err := e.storage.newTemporary()
	if err != nil {
		return 0, 0, err
	}
	defer failures.discard()
	if answers, others, err = e.options.Runs.WriteResponses(ctx, run, output, failures); err != nil {
		return 0, 0, err
	}
	for _, part := range []struct {
		id, name string
		lines    int
		from     *temporary
	}{{b.OutputFile, "output", answers, output}, {b.ErrorFile, "error", others, failures}} {
		if part.lines == 0 {
			continue
		}
		f := &file{ID: part.id, CreatedAt: time.Now().Unix(), Filename: fmt.Sprintf("%s_%s.jsonl", b.ID, part.name), Purpose: ofOutput, Owner: b.Owner}
		if b.Keep > 0 {
			f.ExpiresAt = f.CreatedAt + b.Keep
		}
		if err := part.from.finish(f); err != nil {
			return 0, 0, err
		}
		if err := e.storage.add(f, part.from.file.Name()); err != nil {
			return 0, 0, err
		}
	}
	return answers, others, nil
}

// sweep removes files that have expired, and what is older than the retention, until the server stops.
func (s *batches) sweep() {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		if err := s.removeOld(); err != nil {
			s.options.Log.Error("cannot remove expired files of the Batch API", "error", err)
		}
		select {
		case <-s.living.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *batches) removeOld() error {
	var failed error
	old := func(at int64) bool {
		return s.options.Retention > 0 && time.Since(time.Unix(at, 0)) > s.options.Retention
	}
	for _, id := range s.storage.ids(filesFolder) {
		f, err := s.storage.file(id)
		if err == nil && (f.expired() || old(f.CreatedAt)) {
			err = s.storage.remove(id)
		}
		failed = errors.Join(failed, ignoreMissing(err))
	}
	for _, id := range s.storage.ids(batchesFolder) {
		b, err := s.storage.batch(id)
		if err == nil && b.Status.ended() && old(time.Unix(0, b.Moved).Unix()) {
			err = s.storage.forget(id)
		}
		failed = errors.Join(failed, ignoreMissing(err))
	}
	return failed
}

// nameOf returns the name of the run for people.
func nameOf(b *record) string { return "Batch " + path.Base(b.Filename) }
