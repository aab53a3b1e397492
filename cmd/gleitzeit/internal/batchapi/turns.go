package batchapi

import (
	"slices"
	"sync"
)

// turns lets a few batches at once do something. The others wait: their owners take turns, and the batches of one owner keep their order.
type turns struct {
	mu      sync.Mutex
	free    int
	waiting []*turn
	count   int64
	last    map[string]int64 // By owner: which of all turns was the latest of that owner.
}

// turn is the turn of a batch.
type turn struct {
	owner string
	begun chan struct{} // Closed when it has begun.
}

func newTurns(most int) *turns { return &turns{free: most, last: map[string]int64{}} }

// ask returns a turn, which begins at once or when others have ended. It is returned by end, whether it has begun or not.
func (t *turns) ask(owner string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	asked := &turn{owner, make(chan struct{})}
	t.waiting = append(t.waiting, asked)
	t.next()
	return asked
}

// take begins a turn at once, also over the limit: that of a batch whose run exists.
func (t *turns) take(owner string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	taken := &turn{owner, make(chan struct{})}
	t.begin(taken)
	return taken
}

// end ends a turn, or the waiting for it.
func (t *turns) end(ended *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at := slices.Index(t.waiting, ended); at >= 0 {
		t.waiting = slices.Delete(t.waiting, at, at+1)
		return
	}
	t.free++
	t.next()
}

// next begins turns as long as some are free. The caller holds mu.
func (t *turns) next() {
	for t.free > 0 && len(t.waiting) > 0 {
		first := 0
		for i, other := range t.waiting { // Of equal ones the first stays.
			if t.last[other.owner] < t.last[t.waiting[first].owner] {
				first = i
			}
		}
		chosen := t.waiting[first]
		t.waiting = slices.Delete(t.waiting, first, first+1)
		t.begin(chosen)
	}
}

func (t *turns) begin(chosen *turn) {
	t.free--
	t.count++
	t.last[chosen.owner] = t.count
	close(chosen.begun)
}
