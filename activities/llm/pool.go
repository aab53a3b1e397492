package llm

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// pool shares out calls among servers that can serve the same ones. Of calls that wait, the more urgent goes first, then
// one whose model is in memory where there is room, then the one that came first.
type pool struct {
	members []*member
	now     func() time.Time

	mu      sync.Mutex
	waiting []*waiter // In the order of their coming.
	again   *time.Timer
}

// member is one server of a pool. What follows its backend is guarded by the pool.
type member struct {
	protocol.Endpoint
	address string // User and password included.
	backend backend

	inFlight int
	models   []string             // Of the calls in flight, each as often as it is.
	loaded   map[string]bool      // Models that are, or are being, brought into memory.
	newest   string               // Of them, the one that came last.
	looked   time.Time            // When the server was last asked which they are.
	looking  bool                 // It is being asked.
	failures int                  // Of its last calls, one after another.
	aside    time.Time            // Until when others are asked instead, where there are others.
	lacks    map[string]time.Time // Models that it has said it lacks, and until when it is believed.
}

// waiter is a call that wants a server.
type waiter struct {
	model    string
	priority int
	avoid    map[*member]bool
	came     time.Time
	passed   time.Time // Since when later calls have been served before it for the sake of their model; zero: none has.
	granted  chan *member
}

const (
	// longestPassed is how long calls may be passed over because another model is in memory.
	longestPassed = 60 * time.Second
	// settle is how long a call whose model would push out one that is being used waits for more calls of the latter.
	settle = 100 * time.Millisecond
	// asideFirst and asideLongest bound how long a server that failed is set aside: doubled with each failure.
	asideFirst   = time.Second
	asideLongest = 30 * time.Second
	// busyAside is the same for one that has too much to do.
	busyAside = 500 * time.Millisecond
	// lackFor is how long a server that lacks a model is not asked for it, where others may have it.
	lackFor = time.Minute
	// lookAgain is how old what is known of the models in memory may be while calls wait for others.
	lookAgain = time.Second
)

func newPool(members []*member) *pool { return &pool{members: members, now: time.Now} }

func (p *pool) close() {
	for _, m := range p.members {
		m.backend.close()
	}
}

func (p *pool) idle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiting) == 0 && !slices.ContainsFunc(p.members, func(m *member) bool { return m.inFlight > 0 })
}

// othersThan is all servers but the one at an address; false where that is none of the pool's.
func (p *pool) othersThan(at address) (map[*member]bool, bool) {
	others := map[*member]bool{}
	for _, m := range p.members {
		if m.Provider != at.provider || m.address != at.url {
			others[m] = true
		}
	}
	return others, len(others) < len(p.members)
}

// acquire waits for room at a server, and says so by waits. The server is given back by release.
func (p *pool) acquire(ctx context.Context, w *waiter, waits func()) (*member, error) {
	w.granted = make(chan *member, 1)
	p.mu.Lock()
	w.came = p.now()
	p.waiting = append(p.waiting, w)
	p.dispatch()
	p.mu.Unlock()
	select {
	case m := <-w.granted:
		return m, nil
	default:
	}
	waits()
	select {
	case m := <-w.granted:
		return m, nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := slices.Index(p.waiting, w); at >= 0 {
		p.waiting = slices.Delete(p.waiting, at, at+1)
	} else {
		p.leave(<-w.granted, w.model)
	}
	p.dispatch() // Others may have waited behind it.
	return nil, cancelled()
}

// release gives a server back, and takes account of how the call went.
func (p *pool) release(m *member, model string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leave(m, model)
	now := p.now()
	code := protocol.Code(0)
	if err != nil {
		code = protocol.AsError(err, protocol.TaskExecutionFailed).Code
	}
	switch code {
	case protocol.ProviderNotAvailable, protocol.ProviderTimeout:
		pause := asideLongest
		if m.failures < 5 { // 2^5 s is more than the longest.
			pause = asideFirst << m.failures
		}
		m.failures++
		m.aside = now.Add(pause)
	case protocol.ProviderOverloaded:
		m.aside = now.Add(busyAside)
	case protocol.TaskCancelled, protocol.TaskTimeout:
		// It says nothing of the server.
	default:
		m.failures, m.aside = 0, time.Time{}
	}
	if isLack(err) {
		m.lacks[model] = now.Add(lackFor)
	}
	p.dispatch()
}

func (p *pool) leave(m *member, model string) {
	m.inFlight--
	at := slices.Index(m.models, model)
	m.models = slices.Delete(m.models, at, at+1)
}
