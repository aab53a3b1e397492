package pool

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// inMemory is a server of which only the models in memory matter.
type inMemory struct {
	provider.Server
	mu     sync.Mutex
	models []string
}

func (m *inMemory) LoadedModels(context.Context) ([]string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.models), m.models != nil
}

func (m *inMemory) Close() {}

func memberOf(name string, limit int, models ...string) *Member {
	return NewMember(protocol.Server{URL: name, MaxConcurrent: limit}, name, &inMemory{models: models}, Limits{})
}

// rig serves calls in a bubble of its own time, and notes which were served where.
type rig struct {
	t      *testing.T
	pool   *Pool
	served []string // "a@x": the call a at the server x.
	calls  map[string]*Place
}

func newRig(t *testing.T, members ...*Member) *rig {
	return &rig{t: t, pool: New(members), calls: map[string]*Place{}}
}

// wants brings a call and does not wait for it.
func (r *rig) wants(name, model string, priority int) {
	go func() {
		m, err := r.pool.Acquire(r.t.Context(), &Waiter{Model: model, Priority: priority}, func(string) {})
		if err != nil {
			return // The test is over.
		}
		r.pool.mu.Lock()
		defer r.pool.mu.Unlock()
		r.served = append(r.served, name+"@"+m.URL)
		r.calls[name] = m
	}()
	synctest.Wait()
}

func (r *rig) ends(name string, err error) {
	r.t.Helper()
	m := r.take(name)
	r.pool.Release(m, err)
	synctest.Wait()
}

// take is the place of a call that is being served.
func (r *rig) take(name string) *Place {
	r.t.Helper()
	r.pool.mu.Lock()
	defer r.pool.mu.Unlock()
	m := r.calls[name]
	if m == nil {
		r.t.Fatalf("%s is not being served: %v", name, r.served)
	}
	delete(r.calls, name)
	return m
}

func (r *rig) want(order string) {
	r.t.Helper()
	r.pool.mu.Lock()
	defer r.pool.mu.Unlock()
	if got := strings.Join(r.served, " "); got != order {
		r.t.Errorf("served %s\nwant   %s", got, order)
	}
}

func TestLeastBusyServerIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, memberOf("x", 2), memberOf("y", 4))
		for i := range 6 {
			r.wants(fmt.Sprint(i), "m", 3)
		}
		r.want("0@x 1@y 2@y 3@x 4@y 5@y")
		r.wants("6", "m", 3)
		r.ends("4", nil)
		r.want("0@x 1@y 2@y 3@x 4@y 5@y 6@y")
	})
}

func TestUrgentCallsGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, memberOf("x", 1))
		r.wants("first", "m", 3)
		r.wants("low", "m", 5)
		r.wants("normal", "m", 3)
		r.wants("urgent", "other", 1) // Although another model is in memory.
		for _, name := range []string{"first", "urgent", "normal"} {
			time.Sleep(time.Second)
			r.ends(name, nil)
		}
		r.want("first@x urgent@x normal@x low@x")
	})
}

// Two models that take turns in the file do not take turns on the GPU.
func TestModelInMemoryGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, memberOf("x", 1))
		for _, name := range []string{"a1", "b1", "a2", "b2", "a3"} {
			r.wants(name, name[:1], 3)
		}
		for _, name := range []string{"a1", "a2", "a3", "b1"} {
			time.Sleep(time.Second)
			r.ends(name, nil)
		}
		r.want("a1@x a2@x a3@x b1@x b2@x")
	})
}

// A call for a model that would push out the one in use waits for those that come just after it, though there is room, and
// then takes it.
func TestCallsThatComeTogetherDoNotMixModels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, memberOf("x", 4))
		for _, name := range []string{"a1", "b1", "a2", "b2", "a3"} {
			r.wants(name, name[:1], 3)
		}
		r.want("a1@x a2@x a3@x")
		time.Sleep(settle)
		synctest.Wait()
		r.want("a1@x a2@x a3@x b1@x")
	})
}

// What the server says counts more: where both models fit, nobody waits for the other's sake.
func TestModelsThatFitBesideOneAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, memberOf("x", 1, "a", "b"))
		r.wants("a1", "a:latest", 3)
		time.Sleep(listAgain)
		r.wants("b1", "b:latest", 3) // The server is asked now.
		r.wants("a2", "a:latest", 3)
		r.ends("a1", nil)
		r.want("a1@x b1@x")
	})
}

// A call is passed over for a minute, and not longer.
func TestNobodyIsPassedOverForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, memberOf("x", 1))
		r.wants("a0", "a", 3)
		r.wants("b", "b", 3)
		began := time.Now()
		for i := 1; r.calls["b"] == nil; i++ {
			r.wants(fmt.Sprintf("a%d", i), "a", 3)
			time.Sleep(7 * time.Second)
			r.ends(fmt.Sprintf("a%d", i-1), nil)
			if i > 20 {
				t.Fatalf("b is never served: %v", r.served)
			}
		}
		if waited := time.Since(began); waited < maxPassed || waited > maxPassed+15*time.Second {
			t.Errorf("b was passed over for %s", waited)
		}
	})
}

func TestServerThatFailsIsSetAsideAndTriedAgain(t *testing.T) {
	away := protocol.Errorf(protocol.ProviderNotAvailable, "away")
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, memberOf("x", 4), memberOf("y", 4))
		r.wants("1", "m", 3)
		r.ends("1", away)
		for _, name := range []string{"2", "3", "4"} {
			r.wants(name, "m", 3)
		}
		r.want("1@x 2@y 3@y 4@y")
		time.Sleep(avoidFirst)
		r.wants("5", "m", 3) // It alone finds out.
		r.wants("6", "m", 3)
		r.want("1@x 2@y 3@y 4@y 5@x 6@y")
		r.ends("5", nil)
		r.wants("7", "m", 3)
		r.wants("8", "m", 3)
		r.want("1@x 2@y 3@y 4@y 5@x 6@y 7@x 8@x")
	})
	// The pause doubles, and has an end.
	synctest.Test(t, func(t *testing.T) {
		p := New([]*Member{memberOf("x", 4)})
		for _, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
			m, err := p.Acquire(t.Context(), &Waiter{Model: "m", Priority: 3}, func(string) {}) // Where there is no other, it is asked all the same.
			if err != nil {
				t.Fatal(err)
			}
			p.Release(m, away)
			if got := time.Until(m.avoidUntil); got != want*time.Second {
				t.Errorf("set aside for %s, not %d s", got, want)
			}
		}
	})
}

// Where all others are busy, a call waits until the server that was set aside may be tried again.
func TestServerThatIsSetAsideIsTriedAgainWithoutACause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, memberOf("x", 1), memberOf("y", 1))
		r.wants("1", "m", 3)
		r.ends("1", protocol.Errorf(protocol.ProviderTimeout, "silent"))
		r.wants("2", "m", 3)
		r.wants("3", "m", 3)
		r.want("1@x 2@y")
		time.Sleep(avoidFirst)
		synctest.Wait()
		r.want("1@x 2@y 3@x")
	})
}

func TestCallThatIsCancelledWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, memberOf("x", 1))
		r.wants("1", "m", 3)
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() {
			_, err := r.pool.Acquire(ctx, &Waiter{Model: "m", Priority: 3}, func(string) {})
			gone <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-gone; protocol.AsError(err, 0).Code != protocol.TaskCancelled {
			t.Error(err)
		}
		r.wants("2", "m", 3)
		r.ends("1", nil)
		r.want("1@x 2@x")
	})
}

// While an urgent call waits a moment for its model's sake, nobody less urgent takes the room that it waits for.
func TestNobodyOvertakesAnUrgentCallThatSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, memberOf("x", 2))
		r.wants("a1", "a", 3)
		r.wants("urgent", "b", 1)
		r.wants("low", "a", 5)
		r.want("a1@x")
		time.Sleep(settle)
		synctest.Wait()
		r.want("a1@x urgent@x")
	})
}

// A server that has failed is tried by one call, and not held to be tried by what was asked of it before.
func TestLongAnswersAreNoTrial(t *testing.T) {
	away := protocol.Errorf(protocol.ProviderTimeout, "silent")
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, memberOf("x", 4), memberOf("y", 1))
		r.wants("long", "m", 3)
		r.wants("long too", "m", 3)
		r.wants("fails", "m", 3)
		r.want("long@x long too@y fails@x")
		r.ends("fails", away)
		r.wants("next", "m", 3)
		r.want("long@x long too@y fails@x")
		time.Sleep(avoidFirst)
		synctest.Wait()
		r.want("long@x long too@y fails@x next@x")
		r.wants("another", "m", 3)
		r.want("long@x long too@y fails@x next@x")
		r.ends("next", nil)
		r.want("long@x long too@y fails@x next@x another@x")
	})
}

// Of calls that fail together one counts.
func TestFailuresTogetherAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := memberOf("x", 4)
		r := newRig(t, x, memberOf("y", 1))
		for _, name := range []string{"1", "2", "3"} {
			r.wants(name, "m", 3)
		}
		r.want("1@x 2@y 3@x")
		r.ends("1", provider.WithVerdict(protocol.Errorf(protocol.TaskExecutionFailed, "out of memory"), provider.ServerFault))
		r.ends("3", protocol.Errorf(protocol.ProviderNotAvailable, "away"))
		if x.failures != 1 || time.Until(x.avoidUntil) != avoidFirst {
			t.Errorf("%d failures, set aside for %s", x.failures, time.Until(x.avoidUntil))
		}
	})
}

// What is cancelled, or takes longer than it may, says nothing of the server.
func TestCancelledCallsSetNobodyAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := memberOf("x", 4)
		r := newRig(t, x, memberOf("y", 4))
		for i, code := range []protocol.Code{protocol.TaskCancelled, protocol.TaskTimeout, protocol.TaskExecutionFailed, protocol.InvalidParams} {
			name := fmt.Sprint(i)
			r.wants(name, "m", 3)
			r.ends(name, protocol.Errorf(code, "ended"))
			if x.failures != 0 || !x.avoidUntil.IsZero() {
				t.Errorf("after %s x has %d failures and is set aside until %s", code.Info().Name, x.failures, x.avoidUntil)
			}
		}
	})
}

// A server that is busy is left alone for a moment, and one that lacks a model is asked for others.
func TestBusyAndLackingServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, memberOf("x", 4), memberOf("y", 4))
		r.wants("1", "m", 3)
		r.ends("1", protocol.Errorf(protocol.ProviderOverloaded, "busy"))
		r.wants("2", "m", 3)
		r.ends("2", nil)
		r.want("1@x 2@y")
		time.Sleep(overloadedPause)
		r.wants("3", "m", 3)
		r.ends("3", provider.WithVerdict(protocol.Errorf(protocol.TaskValidationFailed, "no model m"), provider.ModelMissing))
		r.wants("4", "m", 3)
		r.ends("4", nil)
		r.wants("5", "other", 3)
		r.ends("5", nil)
		r.want("1@x 2@y 3@x 4@y 5@x")
		x := r.pool.Members[0]
		if r.pool.AddModel(x, "m"); len(x.missing) > 0 {
			t.Errorf("x lacks %v", x.missing)
		}
	})
}

// Servers that never say what is in memory are asked in the order of the calls.
func TestServersThatDoNotTellTheirModels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := memberOf("x", 1)
		x.lister = nil
		r := newRig(t, x)
		for _, name := range []string{"a1", "b1", "a2", "b2"} {
			r.wants(name, name[:1], 3)
		}
		for _, name := range []string{"a1", "b1", "a2"} {
			r.ends(name, nil)
		}
		r.want("a1@x b1@x a2@x b2@x")
	})
}
