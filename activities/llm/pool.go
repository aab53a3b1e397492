package llm

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// pool distributes calls among equal servers. The order of waiting calls is: higher priority first, then those whose model is
// in memory where there is a free slot, then first come, first served.
type pool struct {
	members []*member
	now     func() time.Time

	users atomic.Int64 // Calls that have not ended, in flight or between two requests.

	mu      sync.Mutex
	waiting []*waiter // In order of arrival.
	again   *time.Timer
}

// member is one server of a pool. The fields after lister are guarded by the pool.
type member struct {
	protocol.Server
	address string // Including user and password.
	server  provider.Server
	lister  provider.ModelLister // The same server; nil if it does not list loaded models.

	places     []*place              // Of the calls in flight.
	limit      int                   // Maximum number of calls in flight at present,
	most       int                   // and the most that the settings and the server allow.
	calm       int                   // Calls that succeeded since the limit was lowered or raised.
	slots      provider.SlotReporter // The same server; nil if it does not report its slots.
	slotsKnown bool                  // Whether it was asked for them.
	reserved   *waiter               // A call that waits until it is the only one in flight.
	pausedTill time.Time             // When the server wants to be asked again.
	lostAt     time.Time             // When it last lost the process of a model.
	rate       rate                  // Requests and tokens of the last minute.
	values     context.Context       // Of the last call, without its end: has the key of the server.
	loaded     map[string]bool       // Models that are loaded or being loaded.
	newest     string                // The last one to be loaded.
	listedAt   time.Time             // When the server was last asked for them.
	listing    bool                  // Whether it is being asked.
	failures   int                   // Consecutive failures; those of calls in flight together count as one.
	turn       int                   // Number of failures that counted.
	probing    int                   // Calls in flight that got their slot after the last failure.
	answered   bool                  // Whether it has ever answered.
	failed     time.Time             // Time of the first of the consecutive failures.
	avoidUntil time.Time             // Until then other servers are preferred.
	missing    map[string]time.Time  // Models that it did not have, and until when to assume that.
	contexts   map[string]int64      // Sizes of the context that were raised for prompts, by model.
}

// waiter is a call that waits for a server.
type waiter struct {
	model       string
	priority    int
	exclude     map[*member]bool
	arrived     time.Time
	alone       bool // Whether no other call may be in flight at the server.
	values      context.Context
	passedSince time.Time // Since when later calls have overtaken it because of their model; zero: none has.
	granted     chan *place
}

// place is a slot of a server that a call holds.
type place struct {
	*member
	model  string
	turn   int   // Of the member, when the slot was granted.
	alone  bool  // Whether no other call gets a slot meanwhile.
	shared bool  // Whether another call had a slot of the member meanwhile.
	tokens int64 // That the call used.
	since  time.Time
}

const (
	// maxPassed is how long calls may be overtaken because another model is in memory.
	maxPassed = 60 * time.Second
	// settle is how long a call whose model would evict one that is in use waits for more calls of the latter.
	settle = 100 * time.Millisecond
	// avoidFirst and avoidLongest limit how long a server that failed is avoided; the time doubles with each failure.
	avoidFirst   = time.Second
	avoidLongest = 30 * time.Second
	// overloadedPause is how long an overloaded server is avoided.
	overloadedPause = 500 * time.Millisecond
	// missingFor is how long a server is avoided for a model that it does not have.
	missingFor = time.Minute
	// listAgain is the maximum age of the list of loaded models while calls wait for other models.
	listAgain = time.Second
)

func newMember(server protocol.Server) *member {
	return &member{Server: server, limit: server.MaxConcurrent, most: server.MaxConcurrent, values: context.Background(), loaded: map[string]bool{}, missing: map[string]time.Time{}, contexts: map[string]int64{}}
}

func newPool(members []*member) *pool { return &pool{members: members, now: time.Now} }

func (p *pool) close() {
	for _, m := range p.members {
		m.server.Close()
	}
}

func (p *pool) idle() bool { return p.users.Load() == 0 }

// except returns all servers but the one at an address; false if the pool does not have that one.
func (p *pool) except(at address) (map[*member]bool, bool) {
	others := map[*member]bool{}
	for _, m := range p.members {
		if m.Provider != at.provider || m.address != at.url {
			others[m] = true
		}
	}
	return others, len(others) < len(p.members)
}

// acquire waits for a slot of a server, and calls waits if it has to. The slot is returned by release.
func (p *pool) acquire(ctx context.Context, w *waiter, waits func()) (*place, error) {
	w.granted = make(chan *place, 1)
	p.mu.Lock()
	w.arrived, w.values = p.now(), context.WithoutCancel(ctx)
	p.waiting = append(p.waiting, w)
	p.dispatch()
	p.mu.Unlock()
	select {
	case at := <-w.granted:
		return at, nil
	default:
	}
	waits()
	select {
	case at := <-w.granted:
		return at, nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := slices.Index(p.waiting, w); at >= 0 {
		p.waiting = slices.Delete(p.waiting, at, at+1)
		p.unreserve(w)
	} else {
		p.leave(<-w.granted)
	}
	p.dispatch() // Others may have waited because of it.
	return nil, provider.Cancelled()
}

// release returns a slot, and records how the call went.
func (p *pool) release(at *place, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leave(at)
	m, now := at.member, p.now()
	code := protocol.Code(0)
	if err != nil {
		code = protocol.AsError(err, protocol.TaskExecutionFailed).Code
	}
	m.rate.use(now, at.tokens)
	if after := provider.RetryAfter(err); after > 0 {
		m.pausedTill = now.Add(after)
	}
	verdict := provider.VerdictOf(err)
	if verdict == provider.RunnerLost || verdict == provider.RunnerGone || verdict == provider.CutOff {
		m.lostAt = now
	}
	switch {
	case verdict == provider.CacheFull:
		m.avoidUntil = now.Add(overloadedPause)
		if at.turn == m.turn {
			m.lower()
		}
	case code == protocol.ProviderNotAvailable, code == protocol.ProviderTimeout, verdict == provider.ServerFault:
		if at.turn == m.turn {
			m.fail(now)
		}
	case code == protocol.ProviderOverloaded:
		m.avoidUntil = now.Add(overloadedPause)
	case code == protocol.TaskCancelled, code == protocol.TaskTimeout, verdict == provider.NotSent:
		// Says nothing of the server.
	default:
		m.failures, m.probing, m.avoidUntil = 0, 0, time.Time{}
		m.answered, m.failed = true, time.Time{}
		m.raise()
	}
	if provider.VerdictOf(err) == provider.ModelMissing {
		m.missing[at.model] = now.Add(missingFor)
	}
	p.dispatch()
}

// fail records a failure: the server is avoided for a while.
func (m *member) fail(now time.Time) {
	pause := avoidLongest
	if m.failures < 5 { // 2^5 s is longer than avoidLongest.
		pause = avoidFirst << m.failures
	}
	if m.failures == 0 {
		m.failed = now
	}
	m.failures++
	m.turn++
	m.probing, m.avoidUntil = 0, now.Add(pause)
}

func (p *pool) leave(place *place) {
	m := place.member
	if place.turn == m.turn && m.probing > 0 {
		m.probing--
	}
	at := slices.Index(m.places, place)
	m.places = slices.Delete(m.places, at, at+1)
}

// calmCalls is how many calls succeed before a limit that was lowered is raised by one.
const calmCalls = 100

// lower halves the number of calls in flight: together they were too large for the server. Those of one failure count once.
func (m *member) lower() {
	m.limit = max(1, min(m.limit, len(m.places)+1)/2)
	m.calm = 0
	m.turn++
}

// raise raises a limit that was lowered, after many calls that succeeded.
func (m *member) raise() {
	if m.limit >= m.most {
		return
	}
	if m.calm++; m.calm >= calmCalls {
		m.limit++
		m.calm = 0
	}
}

// limitOf is the maximum number of calls in flight to a server at present.
func (p *pool) limitOf(m *member) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return m.limit
}

// addModel records that a model was fetched.
func (p *pool) addModel(m *member, model string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(m.missing, model)
	p.dispatch()
}

// mayReturn reports whether a server has answered before, and has been failing for less than absence.
func (p *pool) mayReturn(m *member, absence time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return m.answered && (m.failed.IsZero() || p.now().Sub(m.failed) < absence)
}

// contextOf is the size of the context that was raised for an earlier prompt; 0 if it was not. A model is loaded again for each
// size.
func (p *pool) contextOf(m *member, model string) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return m.contexts[model]
}

func (p *pool) setContext(m *member, model string, size int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m.contexts[model] = max(m.contexts[model], size)
}

// recovery is how long after the loss of a process a server may leave requests without an answer.
const recovery = 30 * time.Second

// forgot reports whether the server lost the process of a model so shortly before the call got its slot, or since, that it may
// have forgotten the request: Ollama 0.17.4 sometimes does.
func (p *pool) forgot(at *place) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !at.lostAt.IsZero() && at.since.Sub(at.lostAt) < recovery
}
