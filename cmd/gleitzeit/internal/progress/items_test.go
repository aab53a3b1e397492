package progress

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs/history"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// After some lines about items of one task, the others are counted in one line; the JSON lines have all of them.
func TestLinesAboutItemsAreBounded(t *testing.T) {
	const total = 900
	documents := 0
	now := time.Now()
	p, shown := batchPrinter(storedItems(t, total), Options{Began: now, Line: func(any) { documents++ }})
	var attempts []history.Attempt
	for i := range total {
		attempts = append(attempts, history.Attempt{Activity: fmt.Sprintf("batch[%d]", i), Number: 2, Failure: "overloaded"})
	}
	p.Attempts(t.Context(), attempts)
	p.Attempts(t.Context(), attempts)
	for i := range total {
		event := itemEnded(i, now, protocol.Failed, 0)
		if i%3 == 0 {
			event = itemEnded(i, now, protocol.Completed, 0)
			event.Outcome.Warning = "the answer was cut off"
		}
		events(t, p, event)
	}
	if documents != total {
		t.Errorf("%d JSON lines", documents)
	}
	whole := ended("batch", now, protocol.Outcome{Status: protocol.Completed, Items: &protocol.Counts{Total: total, Succeeded: 300, Failed: 600}})
	p.o.Line = nil
	events(t, p, whole)
	for mark, want := range map[string]int{"✗ batch[": maxLines, "! batch[": maxLines, "↻ batch[": maxLines} {
		if got := strings.Count(shown.String(), mark); got != want {
			t.Errorf("%d lines begin with %q", got, mark)
		}
	}
	const rest = "✗ batch  590 more failed: `gleitzeit batch show run-1 --failed` lists all\n! batch  290 more with a warning: `gleitzeit batch show run-1` lists the warnings\n" +
		"↻ batch  890 more attempts failed\n✓ batch  llm/chat  completed  1.00 s  300 of 900 files, 600 failed\n"
	if !strings.HasSuffix(shown.String(), rest) {
		t.Errorf("%s", shown)
	}
}

// A task whose lines are left out is not read for them.
func TestItemsWithoutALineAreNotRead(t *testing.T) {
	store := storedItems(t, 20*protocol.MaxPageItems)
	now := time.Now()
	p, _ := batchPrinter(store, Options{Began: now})
	for i := range 20 * protocol.MaxPageItems {
		if err := p.Event(context.Background(), itemEnded(i, now, protocol.Failed, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if store.read != 3 { // The manifest, the plan, and one page.
		t.Errorf("%d values were read", store.read)
	}
}
