package llm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm/pool"
	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// sendFunc sends one request of a call to a server. It reports whether the server had begun to answer, in which case the request is
// only sent again if the answer was lost, and the tokens that it used.
type sendFunc func(ctx context.Context, m *pool.Member, w *watchdog) (begun bool, tokens int64, err error)

const (
	// firstPause and longestPause are the pauses between two requests to overloaded servers; they double each time.
	firstPause   = 250 * time.Millisecond
	longestPause = 4 * time.Second
)

// send sends a request until a server has answered, or none can: to an overloaded server again later, to another server if the
// first is unreachable, fails, or does not have the model. A missing model is fetched if that is set, and a server that has
// answered before, or is expected to, and is gone is waited for. Between requests a call holds no server: while its tools run, others are served.
func (c *call) send(ctx context.Context, made sendFunc) error {
	search := &search{tried: maps.Clone(c.excluded)}
	again := backoff{first: firstPause, longest: longestPause}
	for {
		sent, err := c.sendOnce(ctx, search, made)
		if err == nil || ctx.Err() != nil || sent.place == nil {
			return err
		}
		m, verdict := sent.place.Member, provider.VerdictOf(err)
		switch {
		case verdict == provider.CutOff:
			if !c.pause(ctx, "sending the request again: ", err, again.next()) {
				return provider.Cancelled()
			}
			search.cut = append(search.cut, sent.place)
			if failure := search.cutOff(err, sent.place.Shared, c.pool.LostTogether(search.cut)); failure != nil {
				return failure
			}
			continue
		case verdict == provider.RunnerLost:
			if failure := search.strike(err, sent.place.Shared); failure != nil {
				return c.namingImages(failure)
			}
			if !c.pause(ctx, "sending the request again: ", err, again.next()) {
				return provider.Cancelled()
			}
			continue
		case verdict == provider.RunnerGone && search.mayWait(c.absence(err)):
			if !c.pause(ctx, "waiting for the server: ", err, again.next()) {
				return provider.Cancelled()
			}
			continue
		case verdict == provider.CacheFull && sent.place.Shared:
			if !c.pause(ctx, fmt.Sprintf("at most %d calls at once from now on: ", c.pool.LimitOf(m)), err, again.next()) {
				return provider.Cancelled()
			}
			continue
		case sent.begun && verdict != provider.CacheFull:
			return err
		case verdict == provider.Loading:
		case provider.RetryAfter(err) > 0 && isOverloaded(err):
			if !search.mayAskAgain(provider.RetryAfter(err), c.handler.options.Absence) {
				return err
			}
			c.discard() // The pool lets it wait, if no other server may be asked.
			continue
		case isOverloaded(err):
			pause, ok := search.whenOverloaded(&again, c.handler.options.Patience)
			if !ok {
				return err
			}
			if !c.pause(ctx, "asking again soon: ", err, pause) {
				return provider.Cancelled()
			}
			continue
		}
		if !search.record(m, err, verdict == provider.Loading || c.pool.MayReturn(m, c.absence(err), c.request.Expected)) {
			return err
		}
		switch {
		case len(search.tried) < len(c.pool.Members):
			continue
		case search.missingAt != nil && c.question.pull && !search.fetched:
			if err := c.fetch(ctx, search.missingAt); err != nil {
				return err
			}
			c.pool.AddModel(search.missingAt, provider.WithTag(c.model))
			search.fetched = true
		case search.goneErr != nil && search.mayWait(c.absenceBeside(search)):
			if !c.pause(ctx, "waiting for the server: ", search.goneErr, again.next()) {
				return provider.Cancelled()
			}
		default:
			return search.finalError(err)
		}
		search.reset(c.excluded)
	}
}

// absence is how long the call waits for a server that is gone. A call that somebody waits for may set a short time for one at which nobody
// listens; one that is loading the model, or starts its process anew, is there.
func (c *call) absence(gone error) time.Duration {
	usual, own := c.handler.options.Absence, c.request.Absence
	if own > 0 && provider.VerdictOf(gone) == provider.NotListening {
		return own
	}
	return max(usual, own)
}

// absenceBeside is absence where other servers have been asked. If one of them lacks the model, that is not hidden for longer than usual.
func (c *call) absenceBeside(search *search) time.Duration {
	if search.missingErr != nil {
		return min(c.handler.options.Absence, c.absence(search.goneErr))
	}
	return c.absence(search.goneErr)
}

func isOverloaded(err error) bool {
	return protocol.AsError(err, protocol.TaskExecutionFailed).Code == protocol.ProviderOverloaded
}

// search is the state of finding a server for one request.
type search struct {
	tried      map[*pool.Member]bool // Since the last round; and those that must not be used.
	missingAt  *pool.Member          // A server that does not have the model,
	missingErr error                 // and its error.
	goneErr    error                 // Error of a server that is gone and may return.
	since      time.Time             // When the first one was found to be gone.
	fetched    bool                  // Whether the model was fetched.

	busy        time.Duration // Time spent waiting for overloaded servers.
	told        time.Duration // The same, where the servers said how long.
	sharedLoss  int           // How often a server lost the request while it worked on others as well,
	aloneLosses int           // and while it worked on nothing else.
	cutOffs     int           // How often an answer was cut off, and no other,
	cut         []*pool.Place // and the slots of all that were cut off.
}

const (
	// maxLosses is how often a server may lose the process of the model, or the answer, while it works on the request.
	maxLosses = 3
	// maxShared is how often it may be lost together with others; after that the request is sent when no other is in flight. So
	// the others are not lost with one that ends the process of the model each time.
	maxShared = 2
)

// strike counts a loss. A loss together with others counts once: any of them may be the cause. The error is that of the request
// if it was lost too often.
func (s *search) strike(err error, shared bool) error {
	if shared {
		s.sharedLoss++
	} else {
		s.aloneLosses++
	}
	if min(s.sharedLoss, 1)+s.aloneLosses < maxLosses {
		return nil
	}
	if provider.VerdictOf(err) == provider.CutOff {
		return err
	}
	failure := protocol.AsError(err, protocol.ProviderNotAvailable)
	return protocol.Errorf(protocol.TaskExecutionFailed, "the process of the model ended %d times while it worked on this call: %s", maxLosses, failure.Message).
		WithHint("an image or a text of the call may be the cause, or the model needs more memory: see the log of the server")
}

// cutOff counts an answer that was cut off. Together with losses of other calls it is one: the process of the model ended. Otherwise the
// server or a proxy ended this answer, and may do so each time: it is asked for once more.
func (s *search) cutOff(err error, shared, together bool) error {
	if together {
		return s.strike(err, shared)
	}
	if s.cutOffs++; s.cutOffs > 1 {
		return err
	}
	return nil
}

// alone reports whether the request is sent when no other is in flight.
func (s *search) alone() bool {
	return s.sharedLoss >= maxShared || s.aloneLosses > 0 && s.sharedLoss > 0
}

// mayWait reports whether a server that is gone is still waited for.
func (s *search) mayWait(absence time.Duration) bool {
	if s.since.IsZero() {
		s.since = time.Now()
	}
	return s.waited() < absence
}

// mayAskAgain reports whether the request is sent again although a server asked for a pause. One that is longer than the patience is
// not waited for: another server may be asked.
func (s *search) mayAskAgain(after, patience time.Duration) bool {
	const rounds = 4
	if after > patience {
		after = patience / rounds
	}
	s.told += after
	return s.told <= patience
}

// whenOverloaded returns how long to wait for a server that is overloaded; false if that was long enough.
func (s *search) whenOverloaded(again *backoff, patience time.Duration) (pause time.Duration, ok bool) {
	if s.busy >= patience {
		return 0, false
	}
	pause = again.next()
	s.busy += pause
	return pause, true
}

// record records a failure, and reports whether another server or a later try may succeed.
func (s *search) record(m *pool.Member, err error, mayReturn bool) bool {
	code := protocol.AsError(err, protocol.TaskExecutionFailed).Code
	switch verdict := provider.VerdictOf(err); {
	case verdict == provider.ModelMissing:
		s.missingAt, s.missingErr = m, err
	case (verdict == provider.NotListening || verdict == provider.Loading) && mayReturn:
		if s.goneErr = err; s.since.IsZero() {
			s.since = time.Now()
		}
	case verdict != provider.ServerFault && code != protocol.ProviderNotAvailable && code != protocol.ProviderTimeout:
		return false
	}
	if s.tried == nil {
		s.tried = map[*pool.Member]bool{}
	}
	s.tried[m] = true
	return true
}

func (s *search) waited() time.Duration { return time.Since(s.since) }

// finalError is the error of the request: preferably that a server is gone, which may pass, or that the model is missing.
func (s *search) finalError(last error) error {
	switch {
	case s.goneErr != nil:
		return s.goneErr
	case s.missingErr != nil:
		return s.missingErr
	}
	return last
}

func (s *search) reset(spared map[*pool.Member]bool) {
	s.tried, s.missingAt, s.missingErr, s.goneErr = maps.Clone(spared), nil, nil, nil
}

// backoff makes growing pauses of random length, so that calls that were rejected together do not return together.
type backoff struct{ first, longest time.Duration }

func (p *backoff) next() time.Duration {
	pause := p.first
	p.first = min(2*p.first, p.longest)
	return jitter(pause)
}

// pause reports why the call waits, and waits; it returns false if the call has ended. A waiting call holds no files in memory.
func (c *call) pause(ctx context.Context, why string, err error, pause time.Duration) bool {
	c.progress(why + protocol.AsError(err, protocol.TaskExecutionFailed).Message)
	c.discard()
	return sleep(ctx, pause)
}

// jitter shortens a pause by up to half.
func jitter(pause time.Duration) time.Duration {
	return pause - time.Duration(rand.Int64N(int64(pause)/2))
}

func sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// sent is a request that was sent.
type sent struct {
	place *pool.Place // Nil if it was not sent.
	begun bool        // Whether the server had begun to answer.
}

// sendOnce waits for a slot of a server and sends the request to it.
func (c *call) sendOnce(ctx context.Context, search *search, made sendFunc) (s sent, err error) {
	priority := cmp.Or(c.request.Priority, protocol.NormalPriority)
	w := &pool.Waiter{Model: provider.WithTag(c.model), Priority: priority, Exclude: search.tried, Alone: search.alone()}
	// Text files are read only when there is a slot, so that waiting calls do not hold them in memory. Everything else is read before: no
	// server waits for it.
	if c.question == nil {
		if c.request.Method != Transcribe {
			err = c.files.prepare(ctx)
		}
		if err == nil && len(c.files.paths()) == 0 {
			c.question, err = readQuestion(ctx, c)
		}
		if err != nil {
			return s, err
		}
	}
	waited := false
	place, err := c.pool.Acquire(ctx, w, func(reason string) {
		waited = true
		c.progress(reason)
	})
	if err != nil {
		return s, err
	}
	if waited { // What follows is work.
		c.progress("asking " + c.model)
	}
	said := error(provider.Cancelled()) // Says nothing of the server as long as it was not called.
	defer func() { c.pool.Release(place, said) }()
	if c.question == nil {
		if c.question, err = readQuestion(ctx, c); err != nil {
			return s, err
		}
	}
	left, spent := c.timeLeft, c.timeSpent
	s.place = place
	c.pool.Estimate(place, c.question.Estimate())
	said = c.withLimits(ctx, timeLimits{idle: c.question.idle, queued: queuedAt(place.Member)}, func(ctx context.Context, w *watchdog) (err error) {
		s.begun, place.Tokens, err = made(provider.WithObserver(ctx, c.observer(place, w)), place.Member, w)
		return err
	})
	if failure, is := errors.AsType[*protocol.Error](said); is && failure.Code == protocol.ProviderTimeout && c.pool.Forgot(place) {
		said = provider.WithVerdict(failure, provider.RunnerGone)
	}
	switch provider.VerdictOf(said) {
	case provider.NotListening, provider.Loading, provider.RunnerGone:
		c.timeLeft, c.timeSpent = left, spent // The model was not running.
	}
	return s, said
}

// observer counts the requests of a slot. One that has to wait because of the limits of the server is not silence of the server.
func (c *call) observer(place *pool.Place, w *watchdog) provider.Observer {
	return provider.Observer{WithoutStreams: w.expectWhole, Sending: func(ctx context.Context) error {
		return c.pool.Send(place, func(wait time.Duration) error {
			w.pause()
			defer w.restart()
			if c.progress("waiting for the limit of the provider per minute"); !sleep(ctx, wait) {
				return ctx.Err()
			}
			return nil
		})
	}}
}

// queuedAt returns a function that asks whether the server works on other requests; nil if it does not say.
func queuedAt(m *pool.Member) func(context.Context) bool {
	if reporter, is := m.Client.(provider.QueueReporter); is {
		return reporter.Busy
	}
	return nil
}

// withTimeout runs a part of the call within the remaining time of the call. If idle is not 0, a server that is silent for
// longer ends it.
func (c *call) withTimeout(ctx context.Context, idle time.Duration, part func(context.Context, *watchdog) error) error {
	return c.withLimits(ctx, timeLimits{idle: idle}, part)
}

func (c *call) withLimits(ctx context.Context, limits timeLimits, part func(context.Context, *watchdog) error) error {
	limits.total, limits.left, limits.server = c.request.Timeout, c.timeLeft, c.backend.Title
	limited, watch := newWatchdog(ctx, limits)
	defer watch.stop()
	began := time.Now()
	err := part(limited, watch)
	spent := time.Since(began)
	c.timeSpent += spent
	if c.timeLeft > 0 {
		c.timeLeft = max(c.timeLeft-spent, time.Nanosecond)
	}
	return err
}

// fetch fetches the model. It does not count as time of the model: only silence ends it.
func (c *call) fetch(ctx context.Context, m *pool.Member) error {
	limited, watch := newWatchdog(ctx, timeLimits{idle: c.question.idle, server: c.backend.Title})
	defer watch.stop()
	puller, can := m.Client.(provider.Puller)
	if !can {
		return protocol.Errorf(protocol.TaskValidationFailed, "the server at %s cannot fetch the model %q", m.URL, c.model)
	}
	return puller.Pull(limited, c.model, func(text string) {
		watch.reset()
		c.progress(text)
	})
}
