package progress

import (
	"context"
	"os"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs/history"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// itemCounts is the progress of the items of a task.
type itemCounts struct {
	items   []value.Value
	values  bool // They are values, not files.
	counts  protocol.Counts
	earlier int             // Items that ended in an earlier process.
	hints   map[string]bool // Hint lines that were shown.
}

// readItems returns the counts of a task's items before any of them has ended.
func readItems(ctx context.Context, store resultstore.Store, run, task string) (*itemCounts, error) {
	items, err := view.ReadItems(ctx, store, run, task)
	if err != nil {
		return nil, err
	}
	values, err := view.HasValueItems(ctx, store, run, task)
	if err != nil {
		return nil, err
	}
	return &itemCounts{items: items, values: values, counts: protocol.Counts{Total: len(items)}, hints: map[string]bool{}}, nil
}

// add counts an item that has ended.
func (c *itemCounts) add(outcome *protocol.Outcome) {
	switch outcome.Status {
	case protocol.Completed:
		c.counts.Succeeded++
		if outcome.Cached {
			c.counts.Cached++
		}
	case protocol.Failed:
		c.counts.Failed++
	default:
		c.counts.Skipped++
	}
}

// itemEvent shows an event of an item: its end is counted, and only a failure or a warning has a line of its own.
func (p *Printer) itemEvent(ctx context.Context, event history.Event) error {
	fan, err := p.fan(ctx, event.Task)
	if err != nil {
		return err
	}
	if event.Outcome == nil {
		p.draw()
		return nil
	}
	item := itemOf(event, fan)
	if item.FailedAttempts, err = p.addPrinted(ctx, event, item.Error); err != nil {
		return err
	}
	fan.add(event.Outcome)
	switch {
	case event.At.Before(p.o.Began):
		fan.earlier++
	case event.Outcome.Status == protocol.Failed:
		p.itemLine(item, item.Line())
		if hint := item.HintLine(); hint != "" && !fan.hints[hint] {
			fan.hints[hint] = true
			p.line(hint)
		}
		p.showPrinted(item.Error, view.ItemLines)
	case event.Outcome.Status == protocol.Completed && item.Warning != "":
		p.itemLine(item, item.WarningLine())
	}
	if p.o.Line != nil {
		if item.Result, err = p.result(ctx, event); err != nil {
			return err
		}
		p.o.Screen.Clear() // Standard output may be the same terminal.
		p.o.Line(item)
	}
	p.draw()
	return nil
}

// itemLine shows a line about an item: on a terminal one that fits into a row.
func (p *Printer) itemLine(item *view.Item, line string) {
	if p.o.Screen.Terminal() {
		width, _ := p.o.Screen.size()
		folder, err := os.Getwd()
		if err != nil {
			folder = "" // Then paths are absolute.
		}
		line = item.ShortLine(width-1, folder)
	}
	p.line(line)
}

// fan returns the counts of a task's items. The first event of one of them starts the task.
func (p *Printer) fan(ctx context.Context, task string) (*itemCounts, error) {
	if known := p.fans[task]; known != nil {
		return known, nil
	}
	fan, err := readItems(ctx, p.o.Store, p.o.Run, task)
	if err != nil {
		return nil, err
	}
	p.fans[task] = fan
	p.running = append(p.running, task)
	return fan, nil
}

func itemOf(event history.Event, fan *itemCounts) *view.Item {
	o := event.Outcome
	item := &view.Item{Task: event.Task, Index: event.Item, Status: o.Status, Reason: o.Reason, Attempts: o.Attempts, Cached: o.Cached, Warning: o.Warning, Error: view.NewError(o.Error)}
	if event.Item < len(fan.items) {
		item.Item = fan.items[event.Item]
	}
	if !o.StartedAt.IsZero() {
		started := o.StartedAt
		item.StartedAt = &started
		item.Duration = duration(o)
	}
	return item
}

func taskOf(event history.Event) *view.Task {
	o := event.Outcome
	task := &view.Task{ID: event.Task, Method: event.Method, Status: o.Status, Attempts: o.Attempts, Cached: o.Cached, Warning: o.Warning, Items: o.Items, Error: view.NewError(o.Error), Result: o.Value.Inline}
	if o.Status == protocol.Skipped {
		task.Reason, task.Error = o.Reason, nil
	}
	if !o.StartedAt.IsZero() {
		started := o.StartedAt
		task.StartedAt = &started
		task.Duration = duration(o)
	}
	return task
}

func duration(o *protocol.Outcome) protocol.Seconds {
	return protocol.SecondsOf(o.FinishedAt.Sub(o.StartedAt).Round(time.Millisecond))
}
