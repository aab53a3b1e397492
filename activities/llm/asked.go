package llm

import (
	"context"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// request is one request of a call to a server. It tells whether the server had begun to answer, for then another one is not
// asked; what came before is not lost by that.
type request func(ctx context.Context, m *member, w *watch) (begun bool, err error)

const (
	// firstPause and longestPause are between two questions to servers that have too much to do: doubled with each.
	firstPause   = 250 * time.Millisecond
	longestPause = 4 * time.Second
)

// asked makes a request until a server has answered, or none can: of one that has too much to do later again, of another
// one where the first is away, fails or lacks the model. Where one that has answered before is gone, its return is waited
// for. A model that all lack is fetched where that is wanted. Between requests a call has no server: while its tools are at
// work, others are served.
func (c *call) asked(ctx context.Context, made request) error {
	tried := map[*member]bool{}
	maps.Copy(tried, c.spared)
	var busy, absent time.Duration // What was waited for each.
	var away *protocol.Error // Of the servers that were tried, one that may return is gone.
	pause, fetched := firstPause, false
	again := func(why string, waited *time.Duration) bool {
		c.progress(why)
		shorter := jitter(pause)
		pause, *waited = min(2*pause, longestPause), *waited+shorter
		return sleep(ctx, shorter)
	}
	for {
		m, begun, err := c.held(ctx, tried, made)
		if err == nil || ctx.Err() != nil || m == nil || begun {
			return err
		}
		failure := protocol.AsError(err, protocol.TaskExecutionFailed)
		judged := verdictOf(err)
		switch {
		case failure.Code == protocol.ProviderOverloaded:
			if busy >= c.handler.options.Patience {
				return err
			}
			if !again("asks again soon: "+failure.Message, &busy) {
				return cancelled()
			}
			continue
		case judged == lacking, judged == breaking, failure.Code == protocol.ProviderNotAvailable, failure.Code == protocol.ProviderTimeout:
			tried[m] = true
		default:
			return err
		}
		if judged == gone && c.pool.mayReturn(m, c.handler.options.Absence) {
			away = failure
		}
		switch {
		case len(tried) < len(c.pool.members):
			continue
		case away != nil && absent < c.handler.options.Absence:
			if !again("waits for its return: "+away.Message, &absent) {
				return cancelled()
			}
			away = nil
		case judged == lacking && c.question.pull && !fetched:
			if err := c.fetch(ctx, m); err != nil {
				return err
			}
			c.pool.gotModel(m, tagged(c.model))
			fetched = true
		default:
			return err
		}
		clear(tried)
		maps.Copy(tried, c.spared)
	}
}

// jitter shortens a pause by up to half, so that calls that were refused together do not come again together.
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
func (c *call) held(ctx context.Context, tried map[*member]bool, made request) (m *member, begun bool, err error) {
	priority := otherwise(c.request.Priority, protocol.NormalPriority)
	w := &waiter{model: tagged(c.model), priority: priority, avoid: tried}
	place, err := c.pool.acquire(ctx, w, func() { c.progress("waits for another call to end") })
	if err != nil {
		return nil, false, err
	}
	said := error(cancelled()) // Of the server nothing is known as long as it was not asked.
	defer func() { c.pool.release(place, said) }()
	if c.question == nil {
		// Now, so that no call that waits holds files in memory.
		if c.question, err = c.ask(); err != nil {
			return nil, false, err
		}
	}
	said = c.within(ctx, c.question.idle, func(ctx context.Context, w *watch) (err error) {
		begun, err = made(ctx, place.member, w)
		return err
	})
	return place.member, begun, said
}

// within gives a part of the call what is left of its time. What is silent for longer than idle, if that is not 0, is ended.
func (c *call) within(ctx context.Context, idle time.Duration, part func(context.Context, *watch) error) error {
	limited, watch := watchOver(ctx, times{total: c.request.Timeout, left: c.left, idle: idle, whom: serverName(c.provider)})
	defer watch.stop()
	began := time.Now()
	err := part(limited, watch)
	spent := time.Since(began)
	c.spent += spent
	if c.left > 0 {
		c.left = max(c.left-spent, time.Nanosecond)
	}
	return err
}

// fetch is not the model's time: only silence ends it.
func (c *call) fetch(ctx context.Context, m *member) error {
	limited, watch := watchOver(ctx, times{idle: c.question.idle, whom: serverName(c.provider)})
	defer watch.stop()
	return m.backend.pull(limited, c.model, func(text string) {
		watch.heard()
		c.progress(text)
	})
}
