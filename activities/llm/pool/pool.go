// Package pool distributes calls among equal servers, within the limits of each. It must not know what a call asks.
package pool

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Pool distributes calls among equal servers. The order of waiting calls is: higher priority first, then those whose model is
// in memory where there is a free slot, then first come, first served.
type Pool struct {
	Members []*Member
	Users   atomic.Int64 // Calls that have not ended, in flight or between two requests.
	// Patience is how long calls wait for a server that wants no request before a time; 0 = as long as it says.
	Patience time.Duration

	now func() time.Time

	mu      sync.Mutex
	waiting []*Waiter // In order of arrival.
	limited bool      // Whether a server limited requests when the reasons of waiting calls were last looked at.
	again   *time.Timer
}

// Member is one server of a pool. The fields from lister on are guarded by the pool.
type Member struct {
	protocol.Server
	Address string // Including user and password.
	Client  provider.Server
	lister  provider.ModelLister // The same server; nil if it does not list loaded models.

	places     []*Place              // Of the calls in flight.
	limit      int                   // Maximum number of calls in flight at present,
	most       int                   // and the most that the settings and the server allow.
	calm       int                   // Calls that succeeded since the limit was lowered or raised.
	slots      provider.SlotReporter // The same server; nil if it does not report its slots.
	slotsAt    time.Time             // When it is asked for them again.
	slotsPause time.Duration         // After which it was asked again.
	reserved   *Waiter               // A call that waits until it is the only one in flight.
	pause      pause                 // That the server asks for.
	lostAt     time.Time             // When it last lost the process of a model.
	losses     []loss                // The last calls that it lost.
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

// Waiter is a call that waits for a server.
type Waiter struct {
	Model    string
	Priority int
	Exclude  map[*Member]bool // Servers that must not be used.
	Alone    bool             // Whether no other call may be in flight at the server.

	arrived     time.Time
	values      context.Context
	passedSince time.Time     // Since when later calls have overtaken it because of their model; zero: none has.
	granted     chan *Place   // Nil: there is none, because of refusal.
	refusal     error         // Why no server may be asked.
	reason      string        // Why the call waits.
	news        chan struct{} // Has an element when the reason has changed.
}

// Place is a slot of a server that a call holds.
type Place struct {
	*Member
	Shared bool  // Whether another call had a slot of the member meanwhile.
	Tokens int64 // That the call used; set before the slot is released.

	model    string
	turn     int  // Of the member, when the slot was granted.
	alone    bool // Whether no other call gets a slot meanwhile.
	since    time.Time
	sent     int   // Requests that were sent.
	estimate int64 // Tokens that the call may use; 0 = not known yet.
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

// Limits are the limits of a server per minute; 0 = no limit.
type Limits struct{ Requests, Tokens int }

// NewMember makes a member of a pool, at an address that may have a user and a password.
func NewMember(server protocol.Server, address string, client provider.Server, limits Limits) *Member {
	m := &Member{
		Server: server, Address: address, Client: client, limit: server.MaxConcurrent, most: server.MaxConcurrent, rate: rate{Limits: limits},
		values: context.Background(), loaded: map[string]bool{}, missing: map[string]time.Time{}, contexts: map[string]int64{},
	}
	m.lister, _ = client.(provider.ModelLister)
	m.slots, _ = client.(provider.SlotReporter)
	return m
}

// New makes a pool. It owns its members.
func New(members []*Member) *Pool { return &Pool{Members: members, now: time.Now} }

// Close closes the idle connections of all servers.
func (p *Pool) Close() {
	for _, m := range p.Members {
		m.Client.Close()
	}
}

// Idle reports whether no call uses the pool.
func (p *Pool) Idle() bool { return p.Users.Load() == 0 }

// Except returns all servers but the one at an address; false if the pool does not have that one.
func (p *Pool) Except(name, address string) (map[*Member]bool, bool) {
	others := map[*Member]bool{}
	for _, m := range p.Members {
		if m.Provider != name || m.Address != address {
			others[m] = true
		}
	}
	return others, len(others) < len(p.Members)
}

// Acquire waits for a slot of a server, and calls waits with the reason if it has to, and if the reason changes. The slot is
// returned by Release.
func (p *Pool) Acquire(ctx context.Context, w *Waiter, waits func(reason string)) (*Place, error) {
	w.granted, w.news = make(chan *Place, 1), make(chan struct{}, 1)
	p.mu.Lock()
	w.arrived, w.values, w.reason = p.now(), context.WithoutCancel(ctx), forOthers
	p.waiting = append(p.waiting, w)
	p.dispatch()
	p.mu.Unlock()
	for {
		select {
		case at := <-w.granted:
			return at, w.refusal
		default:
		}
		p.mu.Lock()
		reason := w.reason
		select {
		case <-w.news: // It is this reason.
		default:
		}
		p.mu.Unlock()
		waits(reason)
		select {
		case at := <-w.granted:
			return at, w.refusal
		case <-w.news:
			continue
		case <-ctx.Done():
		}
		break
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := slices.Index(p.waiting, w); at >= 0 {
		p.waiting = slices.Delete(p.waiting, at, at+1)
		p.unreserve(w)
	} else if at := <-w.granted; at != nil {
		p.leave(at)
	}
	p.dispatch() // Others may have waited because of it.
	return nil, provider.Cancelled()
}

// Release returns a slot, and records how the call went.
func (p *Pool) Release(at *Place, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leave(at)
	m, now := at.Member, p.now()
	code := protocol.Code(0)
	if err != nil {
		code = protocol.AsError(err, protocol.TaskExecutionFailed).Code
	}
	m.rate.use(now, at.Tokens)
	if after := provider.RetryAfter(err); after > 0 && code == protocol.ProviderOverloaded {
		m.pause.extend(now, after, protocol.AsError(err, protocol.ProviderOverloaded).Message)
	}
	verdict := provider.VerdictOf(err)
	if verdict == provider.RunnerLost || verdict == provider.RunnerGone || verdict == provider.CutOff {
		m.lostAt = now
		m.lose(at, now)
	}
	switch {
	case verdict == provider.CacheFull:
		m.avoidUntil = now.Add(overloadedPause)
		if at.turn == m.turn {
			m.lower()
		}
	case code == protocol.ProviderNotAvailable, code == protocol.ProviderTimeout, verdict == provider.ServerFault:
		m.slotsAt, m.slotsPause = time.Time{}, 0 // It may be started anew.
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
		if err == nil {
			m.pause.relent(now)
		}
		m.raise()
	}
	if provider.VerdictOf(err) == provider.ModelMissing {
		m.missing[at.model] = now.Add(missingFor)
	}
	p.dispatch()
}

// fail records a failure: the server is avoided for a while.
func (m *Member) fail(now time.Time) {
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

func (p *Pool) leave(place *Place) {
	m := place.Member
	if place.turn == m.turn && m.probing > 0 {
		m.probing--
	}
	at := slices.Index(m.places, place)
	m.places = slices.Delete(m.places, at, at+1)
	if place.sent == 0 {
		m.rate.cancel(place.since)
	}
}

// calmCalls is how many calls succeed before a limit that was lowered is raised by one.
const calmCalls = 100

// lower halves the number of calls in flight: together they were too large for the server. Those of one failure count once.
func (m *Member) lower() {
	m.limit = max(1, min(m.limit, len(m.places)+1)/2)
	m.calm = 0
	m.turn++
}

// raise raises a limit that was lowered, after many calls that succeeded.
func (m *Member) raise() {
	if m.limit >= m.most {
		return
	}
	if m.calm++; m.calm >= calmCalls {
		m.limit++
		m.calm = 0
	}
}

// LimitOf is the maximum number of calls in flight to a server at present.
func (p *Pool) LimitOf(m *Member) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return m.limit
}

// AddModel records that a model was fetched.
func (p *Pool) AddModel(m *Member, model string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(m.missing, model)
	p.dispatch()
}

// MayReturn reports whether a server has answered before, or is expected to, and has been failing for less than absence.
func (p *Pool) MayReturn(m *Member, absence time.Duration, expected bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return (m.answered || expected) && (m.failed.IsZero() || p.now().Sub(m.failed) < absence)
}

// ContextOf is the size of the context that was raised for an earlier prompt; 0 if it was not. A model is loaded again for each
// size.
func (p *Pool) ContextOf(m *Member, model string) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return m.contexts[model]
}

// SetContext records a size of the context that was raised for a prompt.
func (p *Pool) SetContext(m *Member, model string, size int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m.contexts[model] = max(m.contexts[model], size)
}

// recovery is how long after the loss of a process a server may leave requests without an answer.
const recovery = 30 * time.Second

// Forgot reports whether the server lost the process of a model so shortly before the call got its slot, or since, that it may
// have forgotten the request: Ollama 0.17.4 sometimes does.
func (p *Pool) Forgot(at *Place) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !at.lostAt.IsZero() && at.since.Sub(at.lostAt) < recovery
}

// loss is the end of a call with the process of its model, or of an answer before it was complete.
type loss struct {
	at    time.Time
	place *Place
}

// together is how far apart the losses of calls with one process are.
const together = time.Second

func (m *Member) lose(place *Place, now time.Time) {
	m.losses = slices.DeleteFunc(m.losses, func(l loss) bool { return now.Sub(l.at) > time.Minute })
	m.losses = append(m.losses, loss{now, place})
}

// LostTogether reports whether the server lost other calls when it lost a request of one. The places are those of all requests of the
// call that were lost, the last one at the end.
func (p *Pool) LostTogether(places []*Place) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := places[len(places)-1]
	own := slices.IndexFunc(last.losses, func(l loss) bool { return l.place == last })
	return own >= 0 && slices.ContainsFunc(last.losses, func(l loss) bool {
		return !slices.Contains(places, l.place) && l.at.Sub(last.losses[own].at).Abs() < together
	})
}
