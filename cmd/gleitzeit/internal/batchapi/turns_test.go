package batchapi

import (
	"slices"
	"strings"
	"testing"
)

func (t *turn) has() bool {
	select {
	case <-t.begun:
		return true
	default:
		return false
	}
}

// Owners take turns, however many batches one of them has, and the batches of one keep their order.
func TestOwnersTakeTurns(t *testing.T) {
	among := newTurns(2)
	var waiting []*turn
	for _, owner := range strings.Fields("a a a a a b b c") {
		waiting = append(waiting, among.ask(owner))
	}
	if !waiting[0].has() || !waiting[1].has() {
		t.Fatal("two turns are free, and have not begun")
	}
	given := waiting[2]
	waiting = slices.Delete(waiting, 2, 3)
	among.end(given) // It no longer waits.
	var order []string
	running := []*turn{waiting[0], waiting[1]}
	waiting = waiting[2:]
	for len(waiting) > 0 {
		among.end(running[0])
		running = running[1:]
		at := slices.IndexFunc(waiting, (*turn).has)
		if at < 0 {
			t.Fatalf("nobody has the turn after %q", order)
		}
		order, running = append(order, waiting[at].owner), append(running, waiting[at])
		waiting = slices.Delete(waiting, at, at+1)
		if slices.ContainsFunc(waiting, (*turn).has) {
			t.Fatalf("more than two have a turn after %q", order)
		}
	}
	if want := strings.Fields("b c a b a"); !slices.Equal(order, want) {
		t.Errorf("the order is %q, want %q", order, want)
	}
}

// A turn that is taken counts: nobody else begins before there are few enough.
func TestTakenTurnsCount(t *testing.T) {
	among := newTurns(1)
	one, two, waits := among.take(""), among.take(""), among.ask("")
	among.end(one)
	if waits.has() {
		t.Error("two have a turn")
	}
	among.end(two)
	if !waits.has() {
		t.Error("the turn is free, and has not begun")
	}
}
