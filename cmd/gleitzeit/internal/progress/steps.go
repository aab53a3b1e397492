package progress

import (
	"context"
	"fmt"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs/history"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Step is the progress of a run.
type Step struct {
	Text  string  // The task that has just ended, on one line.
	Done  float64 // Number of tasks that have ended; each item is a part of its task. It grows from step to step.
	Total int     // Number of tasks; 0 if it is not known.
}

// Steps reports the progress of a run, for a client that shows a number and a line.
type Steps struct {
	Run    string
	Store  resultstore.Store
	Total  int // Number of tasks; 0 if it is not known.
	Report func(Step)
	Ask    func(ctx context.Context, task string) // Called when a task waits for a person; ctx ends when it was answered. Nil: nobody is asked.

	asking   map[string]context.CancelFunc
	ended    int
	fans     map[string]*itemCounts // Of fanned-out tasks that have not ended, by id.
	reported float64
}

// leastStep is the share of a task's items that must have ended before that is reported.
const leastStep = 0.01

// Event counts the end of a task or an item. The error is the store's.
func (s *Steps) Event(ctx context.Context, event history.Event) error {
	if event.Asked != nil && s.Ask != nil {
		s.ask(ctx, event.Task)
	}
	if event.Outcome == nil {
		return nil
	}
	if answered := s.asking[event.Task]; answered != nil && event.Item == protocol.NoItem {
		answered()
	}
	fan := s.fans[event.Task]
	if fan == nil && (event.Item != protocol.NoItem || event.Outcome.Items != nil) {
		var err error
		if fan, err = readItems(ctx, s.Store, s.Run, event.Task); err != nil {
			return err
		}
		if s.fans == nil {
			s.fans = map[string]*itemCounts{}
		}
		s.fans[event.Task] = fan
	}
	if event.Item != protocol.NoItem {
		if err := fan.grow(ctx, s.Store, s.Run, event); err != nil {
			return err
		}
	}
	if event.Item == protocol.NoItem {
		task := taskOf(event)
		task.Values = fan != nil && fan.list.Values
		s.ended++
		delete(s.fans, event.Task)
		s.report(task.Line(), 0)
		return nil
	}
	fan.add(event.Item, event.Outcome, event.At)
	s.report(fmt.Sprintf("%s  %s", event.Task, fan.list.Counts(fan.counts)), leastStep)
	return nil
}

// report reports a step that is larger than the last one by least.
func (s *Steps) report(text string, least float64) {
	done := float64(s.ended)
	for _, fan := range s.fans {
		if fan.counts.Total > 0 {
			done += float64(fan.counts.Succeeded+fan.counts.Failed+fan.counts.Skipped) / float64(fan.counts.Total)
		}
	}
	if done <= s.reported || done < s.reported+least {
		return
	}
	s.reported = done
	s.Report(Step{Text: value.VisibleLines(text), Done: done, Total: s.Total})
}

func (s *Steps) ask(ctx context.Context, task string) {
	if s.asking == nil {
		s.asking = map[string]context.CancelFunc{}
	}
	waiting, answered := context.WithCancel(ctx)
	s.asking[task] = answered
	go func() {
		defer answered()
		s.Ask(waiting, task)
	}()
}
