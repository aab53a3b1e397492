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
		attempts = append(attempts, history.Attempt{Activity: fmt.Sprintf("batch[%d]", i), Number: 2, Failure: fmt.Sprint("overloaded by ", i)})
	}
	p.Attempts(t.Context(), attempts)
	p.Attempts(t.Context(), attempts)
	for i := range total {
		event := itemEnded(i, now, protocol.Failed, 0)
		event.Outcome.Error = protocol.Errorf(protocol.TaskExecutionFailed, "no %d", i%2)
		if i%3 == 0 {
			event = itemEnded(i, now, protocol.Completed, 0)
			event.Outcome.Warning = fmt.Sprintf("the answer was cut off after %d tokens", i)
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

// A failure that no retry could have avoided, and a warning, are told once, however many items have it.
func TestOneFailureOfManyItems(t *testing.T) {
	now := time.Now()
	p, shown := batchPrinter(storedItems(t, 20), Options{Began: now})
	missing := protocol.Errorf(protocol.ProviderNotAvailable, "model \"llama9\" is not there").WithKind(protocol.Permanent).WithHint("use llama3.2")
	for i := range 20 {
		event := itemEnded(i, now, protocol.Failed, 0)
		event.Outcome.Error = missing
		switch {
		case i == 7:
			event.Outcome.Error = protocol.Errorf(protocol.InvalidParams, "no text")
		case i > 13:
			event = itemEnded(i, now, protocol.Completed, 0)
			event.Outcome.Warning = "the answer was cut off"
		}
		events(t, p, event)
	}
	events(t, p, ended("batch", now, protocol.Outcome{Status: protocol.Completed, Items: &protocol.Counts{Total: 20, Succeeded: 6, Failed: 14}}))
	for text, times := range map[string]int{
		"✗ batch[": 2, "llama9": 1, "  use llama3.2\n": 1, "no text": 1, "! batch[": 1,
		"✗ batch  12 more failed: `gleitzeit batch show run-1 --failed` lists all\n! batch  5 more with a warning": 1,
	} {
		if got := strings.Count(shown.String(), text); got != times {
			t.Errorf("%q is shown %d times:\n%s", text, got, shown)
		}
	}
}

// A cause that all items meet is told once while they are retried, and not again in the line of their task.
func TestOneCauseOfManyItems(t *testing.T) {
	now := time.Now()
	p, shown := batchPrinter(storedItems(t, 3), Options{Began: now})
	for number := range int32(2) {
		var attempts []history.Attempt
		for i := range 3 {
			attempts = append(attempts, history.Attempt{Activity: fmt.Sprintf("batch[%d]", i), Number: 2 + number, Failure: "the server is away"})
		}
		p.Attempts(t.Context(), append(attempts, history.Attempt{Activity: "other", Number: 2 + number, Failure: "the server is away"}))
	}
	for i := range 3 {
		events(t, p, itemEnded(i, now, protocol.Failed, 0))
	}
	failure := protocol.Errorf(protocol.ProviderNotAvailable, "all of 3 files failed")
	events(t, p, ended("batch", now, protocol.Outcome{Status: protocol.Failed, Error: failure, Items: &protocol.Counts{Total: 3, Failed: 3}}))
	for text, times := range map[string]int{
		"↻ batch[0]  retrying: the server is away\n": 1, "↻ batch[": 1, "↻ other  retrying: the server is away\n": 2,
		"✗ batch[": 1, "✗ batch  2 more failed: `gleitzeit batch show run-1 --failed` lists all\n↻ batch  5 more attempts failed\n✗ batch  llm/chat  failed  1.00 s  0 of 3 files, 3 failed\n": 1,
	} {
		if got := strings.Count(shown.String(), text); got != times {
			t.Errorf("%q is shown %d times:\n%s", text, got, shown)
		}
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
