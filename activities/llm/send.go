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

// request is one request of a call to a server. It tells whether the server had begun to answer, for then another one is not
// asked; what came before is not lost by that.
type sendFunc func(ctx context.Context, m *member, w *watchdog) (begun bool, err error)

const (
	// firstPause and longestPause are between two questions to servers that have too much to do: doubled with each.
	firstPause   = 250 * time.Millisecond
	longestPause = 4 * time.Second
)

// asked makes a request until a server has answered, or none can: of one that has too much to do later again, of another
// one where the first is away, fails or lacks the model. A model that is lacking is fetched where that is wanted, and where a
// server that has answered before is gone, its return is waited for. Between requests a call has no server: while its tools
// are at work, others are served.
func (c *call) send(ctx context.Context, made sendFunc) error {
	search := &search{tried: maps.Clone(c.excluded)}
	again := backoff{first: firstPause, longest: longestPause}
	var busy time.Duration // What was waited for servers that have too much to do.
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
			c.pool.addModel(search.missingAt, withTag(c.model))
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

// search is how far a request has come in finding a server.
type search struct {
	tried   map[*member]bool // Since all were tried last; and those that are not meant.
	missingAt   *member          // One of them that lacks the model,
	missingErr error            // and what it said.
	goneErr    error            // One of them is gone that may return.
	since   time.Time        // When the first was gone.
	fetched bool             // The model was fetched.
}

// fails takes account of a failure; false means that it is final.
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

// failure is what the request fails with: rather that somebody is away, which may pass, or that the model is lacking.
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

// pauses grow, and are of random length, so that calls that were refused together do not come again together.
type backoff struct{ first, longest time.Duration }

func (p *backoff) next() time.Duration {
	pause := p.first
	p.first = min(2*p.first, p.longest)
	return jitter(pause)
}

// rest tells why and waits; false means that the call is over. No call holds files in memory meanwhile.
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

// held waits for room at a server, and makes the request of it. The server is nil where none was asked.
func (c *call) sendOnce(ctx context.Context, tried map[*member]bool, made sendFunc) (m *member, begun bool, err error) {
	priority := cmp.Or(c.request.Priority, protocol.NormalPriority)
	w := &waiter{model: withTag(c.model), priority: priority, exclude: tried}
	place, err := c.pool.acquire(ctx, w, func() { c.progress("waiting for another call to finish") })
	if err != nil {
		return nil, false, err
	}
	said := error(provider.Cancelled()) // Of the server nothing is known as long as it was not asked.
	defer func() { c.pool.release(place, said) }()
	if c.question == nil {
		// Now, so that no call that waits holds files in memory.
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
		c.timeLeft, c.timeSpent = left, spent // It was no time of a model.
	}
	return place.member, begun, said
}

// within gives a part of the call what is left of its time. What is silent for longer than idle, if that is not 0, is ended.
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

// fetch is not the model's time: only silence ends it.
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
