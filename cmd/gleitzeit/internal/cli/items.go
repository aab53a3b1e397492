package cli

import (
	"context"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// fanProgress is how far the items of one task have come.
type fanProgress struct {
	items   []value.Value
	values  bool // They are values, not files.
	counts  protocol.Counts
	earlier int // Done in an earlier process.
}

// showItem takes account of one event of an item: its end is counted, and only a failure has a line of its own.
func (s *progress) showItem(ctx context.Context, event taskEvent) error {
	fan, err := s.fan(ctx, event.task)
	if err != nil {
		return err
	}
	if event.outcome == nil {
		s.draw()
		return nil
	}
	item := itemOf(event, fan)
	earlier := event.at.Before(s.began)
	if earlier {
		fan.earlier++
	}
	switch event.outcome.Status {
	case protocol.Completed:
		fan.counts.Succeeded++
		if event.outcome.Cached {
			fan.counts.Cached++
		}
		if item.Warning != "" && !earlier {
			s.line(item.WarningLine())
		}
	case protocol.Failed:
		fan.counts.Failed++
		if !earlier {
			s.line(item.Line())
		}
	default:
		fan.counts.Skipped++
	}
	if s.lines {
		if item.Result, err = s.result(ctx, event); err != nil {
			return err
		}
		s.clear() // Standard output may be the same terminal.
		s.program.writeJSON(s.program.Out, item)
	}
	s.draw()
	return nil
}

// fan begins to count the items of a task at its first event.
func (s *progress) fan(ctx context.Context, task string) (*fanProgress, error) {
	if known := s.fans[task]; known != nil {
		return known, nil
	}
	fan, err := fanOf(ctx, s.store, s.id, task)
	if err != nil {
		return nil, err
	}
	s.fans[task] = fan
	s.running = append(s.running, task)
	return fan, nil
}

// fanOf reads which items a task has; of none has anything been heard yet.
func fanOf(ctx context.Context, store resultstore.Store, run, task string) (*fanProgress, error) {
	items, err := view.ReadItems(ctx, store, run, task)
	if err != nil {
		return nil, err
	}
	values, err := view.HasValueItems(ctx, store, run, task)
	if err != nil {
		return nil, err
	}
	return &fanProgress{items: items, values: values, counts: protocol.Counts{Total: len(items)}}, nil
}

func itemOf(event taskEvent, fan *fanProgress) *view.Item {
	o := event.outcome
	item := &view.Item{Task: event.task, Index: event.item, Status: o.Status, Reason: o.Reason, Attempts: o.Attempts, Cached: o.Cached, Warning: o.Warning, Error: view.NewError(o.Error)}
	if event.item < len(fan.items) {
		item.Item = fan.items[event.item]
	}
	if !o.StartedAt.IsZero() {
		started := o.StartedAt
		item.StartedAt = &started
		item.Duration = protocol.SecondsOf(o.FinishedAt.Sub(started).Round(time.Millisecond))
	}
	return item
}
