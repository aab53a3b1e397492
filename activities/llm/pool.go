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

// pool shares out calls among servers that can serve the same ones. Of calls that wait, the more urgent goes first, then
// one whose model is in memory where there is room, then the one that came first.
type pool struct {
	members []*member
	now     func() time.Time

	users atomic.Int64 // Calls that have not ended; between two requests they are not in flight.

	mu      sync.Mutex
	waiting []*waiter // In the order of their coming.
	again   *time.Timer
}

// member is one server of a pool. What follows lister is guarded by the pool.
type member struct {
	protocol.Server
	address string // User and password included.
	server  provider.Server
	lister  provider.ModelLister // The same server; nil where it never says which models are in memory: none is preferred, and none pushed out.

	inFlight int
	models   []string             // Of the calls in flight, each as often as it is.
	loaded   map[string]bool      // Models that are, or are being, brought into memory.
	newest   string               // Of them, the one that came last.
	listedAt   time.Time            // When the server was last asked which they are.
	listing  bool                 // It is being asked.
	failures int                  // Of its last calls, one after another; of those in flight together, one counts.
	turn     int                  // It grows with each failure that counts.
	probing  int                  // Calls in flight that were granted after the last failure.
	answered bool                 // It has, at least once.
	failed   time.Time            // When the first of its last failures was.
	avoidUntil    time.Time            // Until when others are asked instead, where there are others.
	missing    map[string]time.Time // Models that it has said it lacks, and until when it is believed.
}

// waiter is a call that wants a server.
type waiter struct {
	model    string
	priority int
	exclude    map[*member]bool
	arrived     time.Time
	passedSince   time.Time // Since when later calls have been served before it for the sake of their model; zero: none has.
	granted  chan *place
}

// place is room for a call at a server.
type place struct {
	*member
	model string
	turn  int // Of the member, when it was granted.
}

const (
	// longestPassed is how long calls may be passed over because another model is in memory.
	maxPassed = 60 * time.Second
	// settle is how long a call whose model would push out one that is being used waits for more calls of the latter.
	settle = 100 * time.Millisecond
	// asideFirst and asideLongest bound how long a server that failed is set aside: doubled with each failure.
	avoidFirst   = time.Second
	avoidLongest = 30 * time.Second
	// busyAside is the same for one that has too much to do.
	overloadedPause = 500 * time.Millisecond
	// lackFor is how long a server that lacks a model is not asked for it, where others may have it.
	missingFor = time.Minute
	// lookAgain is how old what is known of the models in memory may be while calls wait for others.
	listAgain = time.Second
)

func newMember(server protocol.Server) *member {
	return &member{Server: server, loaded: map[string]bool{}, missing: map[string]time.Time{}}
}

func newPool(members []*member) *pool { return &pool{members: members, now: time.Now} }

func (p *pool) close() {
	for _, m := range p.members {
		m.server.Close()
	}
}

func (p *pool) idle() bool { return p.users.Load() == 0 }

// othersThan is all servers but the one at an address; false where that is none of the pool's.
func (p *pool) except(at address) (map[*member]bool, bool) {
	others := map[*member]bool{}
	for _, m := range p.members {
		if m.Provider != at.provider || m.address != at.url {
			others[m] = true
		}
	}
	return others, len(others) < len(p.members)
}

// acquire waits for room at a server, and says so by waits. The server is given back by release.
func (p *pool) acquire(ctx context.Context, w *waiter, waits func()) (*place, error) {
	w.granted = make(chan *place, 1)
	p.mu.Lock()
	w.arrived = p.now()
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
	} else {
		p.leave(<-w.granted)
	}
	p.dispatch() // Others may have waited behind it.
	return nil, provider.Cancelled()
}

// release gives a server back, and takes account of how the call went.
func (p *pool) release(at *place, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leave(at)
	m, now := at.member, p.now()
	code := protocol.Code(0)
	if err != nil {
		code = protocol.AsError(err, protocol.TaskExecutionFailed).Code
	}
	switch {
	case code == protocol.ProviderNotAvailable, code == protocol.ProviderTimeout, provider.VerdictOf(err) == provider.ServerFault:
		if at.turn == m.turn {
			m.fail(now)
		}
	case code == protocol.ProviderOverloaded:
		m.avoidUntil = now.Add(overloadedPause)
	case code == protocol.TaskCancelled, code == protocol.TaskTimeout, provider.VerdictOf(err) == provider.NotSent:
		// It says nothing of the server.
	default:
		m.failures, m.probing, m.avoidUntil = 0, 0, time.Time{}
		m.answered, m.failed = true, time.Time{}
	}
	if provider.VerdictOf(err) == provider.ModelMissing {
		m.missing[at.model] = now.Add(missingFor)
	}
	p.dispatch()
}

// fail sets a server aside.
func (m *member) fail(now time.Time) {
	pause := avoidLongest
	if m.failures < 5 { // 2^5 s is more than the longest.
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
	m.inFlight--
	if place.turn == m.turn && m.probing > 0 {
		m.probing--
	}
	at := slices.Index(m.models, place.model)
	m.models = slices.Delete(m.models, at, at+1)
}

// gotModel is for a model that was fetched.
func (p *pool) addModel(m *member, model string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(m.missing, model)
	p.dispatch()
}

// mayReturn tells whether a server has answered before, and has been failing for less than so long.
func (p *pool) mayReturn(m *member, absence time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return m.answered && (m.failed.IsZero() || p.now().Sub(m.failed) < absence)
}
