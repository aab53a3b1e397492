package cli

import (
	"context"
	"fmt"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/mcpserver"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// steps counts how far a run has come.
type steps struct {
	host  *host
	run   string
	tell  func(mcpserver.Step)
	total int
	ended int
	fans  map[string]*fanProgress // Of tasks that run once an item and have not ended, by id.
	told  float64
}

func newSteps(h *host, run string, tell func(mcpserver.Step)) *steps {
	s := &steps{host: h, run: run, tell: tell, fans: map[string]*fanProgress{}}
	if hosted := h.hosts(run); hosted != nil {
		s.total = hosted.total
	}
	return s
}

// leastStep is how much of a task's items must have ended before that is told.
const leastStep = 0.01

func (s *steps) take(ctx context.Context, event taskEvent) error {
	if event.outcome == nil {
		return nil
	}
	fan := s.fans[event.task]
	if fan == nil && (event.item != protocol.NoItem || event.outcome.Items != nil) {
		var err error
		if fan, err = fanOf(ctx, s.host.session.store, s.run, event.task); err != nil {
			return err
		}
		s.fans[event.task] = fan
	}
	if event.item == protocol.NoItem {
		task := taskOf(event)
		task.Values = fan != nil && fan.values
		s.ended++
		delete(s.fans, event.task)
		s.say(task.Line(), 0)
		return nil
	}
	switch event.outcome.Status {
	case protocol.Completed:
		fan.counts.Succeeded++
	case protocol.Failed:
		fan.counts.Failed++
	default:
		fan.counts.Skipped++
	}
	s.say(fmt.Sprintf("%s  %s", event.task, view.ItemCounts(fan.counts, fan.values, false)), leastStep)
	return nil
}

// say tells of progress that is larger than what was last told, and by least.
func (s *steps) say(text string, least float64) {
	done := float64(s.ended)
	for _, fan := range s.fans {
		if fan.counts.Total > 0 {
			done += float64(fan.counts.Succeeded+fan.counts.Failed+fan.counts.Skipped) / float64(fan.counts.Total)
		}
	}
	if done <= s.told || done < s.told+least {
		return
	}
	s.told = done
	s.tell(mcpserver.Step{Text: view.Printable(text), Done: done, Total: s.total})
}
