package llm

import (
	"cmp"
	"context"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// sendFunc sends one request of a call to a server. It reports whether the server had begun to answer: then the request is not
// sent to another server.
type sendFunc func(ctx context.Context, m *member, w *watchdog) (begun bool, err error)

const (
	// firstPause and longestPause are the pauses between two requests to overloaded servers; they double each time.
	firstPause   = 250 * time.Millisecond
	longestPause = 4 * time.Second
)

// send sends a request until a server has answered, or none can: to an overloaded server again later, to another server if the
// first is unreachable, fails, or does not have the model. A missing model is fetched if that is set, and a server that has
// answered before and is gone is waited for. Between requests a call holds no server: while its tools run, others are served.
func (c *call) send(ctx context.Context, made sendFunc) error {
	search := &search{tried: maps.Clone(c.excluded)}
	again := backoff{first: firstPause, longest: longestPause}
	var busy time.Duration // Time spent waiting for overloaded servers.
	for {
		m, begun, err := c.sendOnce(ctx, search.tried, made)
		if err == nil || ctx.Err() != nil || m == nil || begun {
			return err
		}
		if protocol.AsError(err, protocol.TaskExecutionFailed).Code == protocol.ProviderOverloaded {
			if busy >= c.handler.options.Patience {
				return err
			}
			pause := again.next()
			busy += pause
			if !c.pause(ctx, "asking again soon: ", err, pause) {
				return provider.Cancelled()
			}
			continue
		}
		if !search.record(m, err, c.pool.mayReturn(m, c.handler.options.Absence)) {
			return err
		}
		switch {
		case len(search.tried) < len(c.pool.members):
			continue
		case search.missingAt != nil && c.question.pull && !search.fetched:
			if err := c.fetch(ctx, search.missingAt); err != nil {
				return err
			}
			c.pool.addModel(search.missingAt, provider.WithTag(c.model))
			search.fetched = true
		case search.goneErr != nil && search.waited() < c.handler.options.Absence:
			if !c.pause(ctx, "waiting for the server: ", search.goneErr, again.next()) {
				return provider.Cancelled()
			}
		default:
			return search.finalError(err)
		}
		search.reset(c.excluded)
	}
}

// search is the state of finding a server for one request.
type search struct {
	tried      map[*member]bool // Since the last round; and those that must not be used.
	missingAt  *member          // A server that does not have the model,
	missingErr error            // and its error.
	goneErr    error            // Error of a server that is gone and may return.
	since      time.Time        // When the first one was found to be gone.
	fetched    bool             // Whether the model was fetched.
}

// record records a failure, and reports whether another server or a later try may succeed.
func (s *search) record(m *member, err error, mayReturn bool) bool {
	code := protocol.AsError(err, protocol.TaskExecutionFailed).Code
	switch verdict := provider.VerdictOf(err); {
	case verdict == provider.ModelMissing:
		s.missingAt, s.missingErr = m, err
	case verdict == provider.NotListening && mayReturn:
		if s.goneErr = err; s.since.IsZero() {
			s.since = time.Now()
		}
	case verdict != provider.ServerFault && code != protocol.ProviderNotAvailable && code != protocol.ProviderTimeout:
		return false
	}
	if s.tried == nil {
		s.tried = map[*member]bool{}
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

func (s *search) reset(spared map[*member]bool) {
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

// sendOnce waits for a slot of a server and sends the request to it. The server is nil if the request was not sent.
func (c *call) sendOnce(ctx context.Context, tried map[*member]bool, made sendFunc) (m *member, begun bool, err error) {
	priority := cmp.Or(c.request.Priority, protocol.NormalPriority)
	w := &waiter{model: provider.WithTag(c.model), priority: priority, exclude: tried}
	place, err := c.pool.acquire(ctx, w, func() { c.progress("waiting for another call to finish") })
	if err != nil {
		return nil, false, err
	}
	said := error(provider.Cancelled()) // Says nothing of the server as long as it was not called.
	defer func() { c.pool.release(place, said) }()
	if c.question == nil {
		// Only now, so that waiting calls hold no files in memory.
		if c.question, err = readQuestion(c); err != nil {
			return nil, false, err
		}
	}
	left, spent := c.timeLeft, c.timeSpent
	said = c.withTimeout(ctx, c.question.idle, func(ctx context.Context, w *watchdog) (err error) {
		begun, err = made(ctx, place.member, w)
		return err
	})
	if provider.VerdictOf(said) == provider.NotListening {
		c.timeLeft, c.timeSpent = left, spent // The model was not running.
	}
	return place.member, begun, said
}

// withTimeout runs a part of the call within the remaining time of the call. If idle is not 0, a server that is silent for
// longer ends it.
func (c *call) withTimeout(ctx context.Context, idle time.Duration, part func(context.Context, *watchdog) error) error {
	limited, watch := newWatchdog(ctx, timeLimits{total: c.request.Timeout, left: c.timeLeft, idle: idle, server: c.backend.Title})
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
func (c *call) fetch(ctx context.Context, m *member) error {
	limited, watch := newWatchdog(ctx, timeLimits{idle: c.question.idle, server: c.backend.Title})
	defer watch.stop()
	puller, can := m.server.(provider.Puller)
	if !can {
		return protocol.Errorf(protocol.TaskValidationFailed, "the server at %s cannot fetch the model %q", m.URL, c.model)
	}
	return puller.Pull(limited, c.model, func(text string) {
		watch.reset()
		c.progress(text)
	})
}
