package home

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func TestTurnIsExclusive(t *testing.T) {
	h := testHome(t)
	turn, err := h.TakeTurn(t.Context(), "a/b")
	must(t, err)
	if turn.Last != (Started{}) {
		t.Errorf("before any start the last one is %+v", turn.Last)
	}
	other, err := h.TakeTurn(t.Context(), "another")
	must(t, err)
	must(t, other.Done())
	short, cancel := context.WithTimeout(t.Context(), 2*turnPoll)
	defer cancel()
	if _, err := h.TakeTurn(short, "a/b"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second turn at once: %v", err)
	}
	last := Started{Run: "r", Execution: "e", StartedAt: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)}
	must(t, turn.Started(last))
	must(t, turn.Done())
	again, err := h.TakeTurn(t.Context(), "a/b")
	must(t, err)
	if again.Last != last {
		t.Errorf("the last start is %+v, want %+v", again.Last, last)
	}
	must(t, again.Done())
}

func TestTurnsUnderContention(t *testing.T) {
	h := testHome(t)
	var holders sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 5 {
				turn, err := h.TakeTurn(t.Context(), "a")
				if err != nil {
					t.Error(err)
					return
				}
				if !holders.TryLock() {
					t.Error("two have the turn")
				} else {
					holders.Unlock()
				}
				if err := turn.Done(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

func TestOldTurnsAreRemoved(t *testing.T) {
	h := testHome(t)
	for _, name := range []string{"old", "held", "new"} {
		turn, err := h.TakeTurn(t.Context(), name)
		must(t, err)
		must(t, turn.Started(Started{Run: name}))
		if name != "held" {
			must(t, turn.Done())
		}
	}
	long := time.Now().Add(-turnsKept - time.Minute)
	for _, name := range []string{"old.json", "held.json"} {
		must(t, os.Chtimes(filepath.Join(h.turns(), name), long, long))
	}
	turn, err := h.TakeTurn(t.Context(), "new")
	must(t, err)
	must(t, turn.Done())
	left, err := filepath.Glob(filepath.Join(h.turns(), "*"))
	must(t, err)
	var names []string
	for _, path := range left {
		names = append(names, filepath.Base(path))
	}
	if got, want := len(names), 4; got != want {
		t.Errorf("%v are left, want those of held and of new", names)
	}
}

// A process that was killed while it wrote leaves half a record.
func TestHalfARecordOfATurn(t *testing.T) {
	h := testHome(t)
	turn, err := h.TakeTurn(t.Context(), "a")
	must(t, err)
	must(t, os.WriteFile(turn.record, []byte(`{"run":"r`), 0o600))
	must(t, turn.Done())
	turn, err = h.TakeTurn(t.Context(), "a")
	must(t, err)
	if turn.Last != (Started{}) {
		t.Errorf("the last start is %+v", turn.Last)
	}
	must(t, turn.Done())
}
