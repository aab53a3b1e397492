package pool

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// overloaded is the error of a server that wants no request for a time.
func overloaded(after time.Duration) error {
	return provider.Response{Server: "x", Status: http.StatusTooManyRequests, Said: "quota", After: after}.Overloaded()
}

// waiter waits for a slot, and records why.
type waiter struct {
	mu sync.Mutex
	is waiting
}

// waiting is how far a waiter is.
type waiting struct {
	reasons []string
	err     error
	ended   bool
}

func (w *waiter) now() waiting {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.is
}

func (w *waiter) set(change func(*waiting)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.is)
}

func (r *rig) waits() *waiter {
	w := &waiter{}
	go func() {
		at, err := r.pool.Acquire(r.t.Context(), &Waiter{Model: "m", Priority: 3}, func(reason string) {
			w.set(func(is *waiting) { is.reasons = append(is.reasons, reason) })
		})
		w.set(func(is *waiting) { is.err, is.ended = err, true })
		if err == nil {
			r.pool.mu.Lock()
			defer r.pool.mu.Unlock()
			r.calls["waiter"] = at
		}
	}()
	synctest.Wait()
	return w
}

// A server that wants no request for a day fails the calls that wait and new ones, and says when it wants to be asked again. It is
// asked again after an hour.
func TestLongPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, memberOf("x", 1))
		r.pool.Patience = 10 * time.Minute
		r.wants("1", "m", 3)
		before := r.waits()
		again := time.Now().Add(24 * time.Hour).Local().Format(time.DateTime)
		r.ends("1", overloaded(24*time.Hour))
		after := r.waits()
		for _, w := range []*waiter{before, after} {
			got := protocol.AsError(w.now().err, 0)
			if !w.now().ended || got.Code != protocol.ProviderOverloaded || got.Message != "x is overloaded: quota; it asks for no request before "+again {
				t.Errorf("%t, %v", w.now().ended, w.now().err)
			}
		}
		time.Sleep(longestPause - r.pool.Patience)
		if w := r.waits(); w.now().ended || !strings.HasSuffix(w.now().reasons[0], ": the server asks for it") {
			t.Errorf("%v", w.now())
		}
		time.Sleep(r.pool.Patience)
		synctest.Wait()
		r.ends("waiter", nil)
	})
}

// A pause that is shorter than the patience is waited for, and the call says until when. A later, shorter one does not end it.
func TestPauseThatIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, memberOf("x", 3))
		r.pool.Patience = 10 * time.Minute
		began := time.Now()
		r.wants("1", "m", 3)
		r.wants("2", "m", 3)
		r.wants("3", "m", 3)
		w := r.waits()
		until := began.Add(30 * time.Second).Local().Format(time.TimeOnly)
		r.ends("1", overloaded(30*time.Second))
		r.ends("2", overloaded(time.Second))
		r.ends("3", nil)
		time.Sleep(30*time.Second - time.Nanosecond)
		synctest.Wait()
		if got := strings.Join(w.now().reasons, "; "); w.now().ended || got != "waiting for another call to finish; waiting until "+until+": the server asks for it" {
			t.Errorf("%t, %s", w.now().ended, got)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if !w.now().ended || w.now().err != nil {
			t.Errorf("%v", w.now())
		}
	})
}

// A call that the server answers meanwhile ends a long pause.
func TestPauseThatAnAnswerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, memberOf("x", 2))
		r.wants("1", "m", 3)
		r.wants("2", "m", 3)
		r.ends("1", overloaded(24*time.Hour))
		w := r.waits()
		r.ends("2", nil)
		time.Sleep(overloadedPause)
		synctest.Wait()
		if !w.now().ended || w.now().err != nil {
			t.Errorf("%v", w.now())
		}
	})
}

// A pause of one server does not keep calls from another one.
func TestPauseOfOneOfTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, memberOf("x", 1), memberOf("y", 1))
		r.pool.Patience = 10 * time.Minute
		r.wants("1", "m", 3)
		r.ends("1", overloaded(24*time.Hour))
		r.wants("2", "m", 3)
		w := r.waits()
		r.ends("2", nil)
		if r.want("1@x 2@y"); !w.now().ended || w.now().err != nil || w.now().reasons[0] != "waiting for another call to finish" {
			t.Errorf("%v", w.now())
		}
	})
}

func limitedRig(t *testing.T, limits Limits) *rig {
	return newRig(t, NewMember(protocol.Server{URL: "x", MaxConcurrent: 4}, "x", &inMemory{}, limits))
}

func (r *rig) sends(name string) {
	r.t.Helper()
	if err := r.pool.Send(r.calls[name], func(wait time.Duration) error { time.Sleep(wait); return nil }); err != nil {
		r.t.Error(err)
	}
}

// Requests count, not slots: one that is not used counts nothing, and a slot in which several are sent waits for the limit.
func TestRequestsOfASlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limitedRig(t, Limits{Requests: 2})
		for _, name := range []string{"1", "2", "3"} {
			r.wants(name, "m", 3)
			r.ends(name, provider.CannotSend(protocol.Errorf(protocol.InvalidParams, "no")))
		}
		r.wants("4", "m", 3)
		began := time.Now()
		r.sends("4")
		r.sends("4")
		if waited := time.Since(began); waited != 0 {
			t.Errorf("waited for %s", waited)
		}
		r.sends("4")
		if waited := time.Since(began); waited != time.Minute {
			t.Errorf("waited for %s", waited)
		}
		r.ends("4", nil)
	})
}

// Tokens of calls in flight count with their estimates, also of a server that does not count.
func TestTokensInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limitedRig(t, Limits{Tokens: 100})
		r.wants("1", "m", 3)
		r.wants("2", "m", 3)
		r.want("1@x") // The other one waits until it is known how much the first may use.
		r.pool.Estimate(r.calls["1"], 60)
		synctest.Wait()
		r.want("1@x 2@x")
		r.pool.Estimate(r.calls["2"], 60)
		r.wants("3", "m", 3)
		r.want("1@x 2@x")
		r.calls["1"].Tokens = 10
		r.ends("1", nil)
		r.want("1@x 2@x 3@x")
		r.pool.Estimate(r.calls["3"], 60)
		r.calls["2"].Tokens = 90
		r.ends("2", nil)
		r.calls["3"].Tokens = 60
		r.wants("4", "m", 3)
		r.ends("3", nil)
		r.want("1@x 2@x 3@x")
		time.Sleep(time.Minute)
		synctest.Wait()
		r.want("1@x 2@x 3@x 4@x")
	})
}

// slots is a server that reports its slots when it has loaded its model.
type slots struct {
	inMemory
	number int
	asked  int
}

func (s *slots) Slots(context.Context) (int, bool) {
	s.asked++
	return s.number, s.number > 0
}

// A server that is loading its model is asked for its slots again, and so is one that was started anew.
func TestSlotsAreReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &slots{}
		m := NewMember(protocol.Server{URL: "x", MaxConcurrent: 4}, "x", server, Limits{})
		r := newRig(t, m)
		call := func(err error) {
			r.wants("1", "m", 3)
			r.ends("1", err)
		}
		call(nil)
		server.number = 1
		call(nil)
		if server.asked != 1 || r.pool.LimitOf(m) != 4 {
			t.Errorf("asked %d times, limit %d", server.asked, r.pool.LimitOf(m))
		}
		time.Sleep(slotsFirst)
		call(nil)
		call(nil)
		if server.asked != 2 || r.pool.LimitOf(m) != 1 {
			t.Errorf("asked %d times, limit %d", server.asked, r.pool.LimitOf(m))
		}
		server.number = 3
		call(protocol.Errorf(protocol.ProviderNotAvailable, "gone"))
		call(nil)
		if server.asked != 3 || r.pool.LimitOf(m) != 3 {
			t.Errorf("asked %d times, limit %d", server.asked, r.pool.LimitOf(m))
		}
	})
}
