package history

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

func TestSkips(t *testing.T) {
	p := &plan.Plan{Name: "Chain", Tasks: []plan.Task{
		{ID: "a", Method: "m"}, {ID: "b", Method: "m", After: []string{"a"}}, {ID: "c", Method: "m", After: []string{"b"}},
		{ID: "free", Method: "m"}, {ID: "always", Method: "m", After: []string{"a"}, RunIf: plan.RunIfAlways},
	}}
	failed := func(task string) Event {
		return Event{Task: task, Item: protocol.NoItem, Outcome: &protocol.Outcome{Status: protocol.Failed, Error: protocol.Errorf(protocol.TaskExecutionFailed, "no")}}
	}
	s := NewSkips(p)
	if got := s.After(Event{Task: "free", Item: protocol.NoItem, Outcome: &protocol.Outcome{Status: protocol.Completed}}); len(got) != 0 {
		t.Errorf("after a task that completed: %+v", got)
	}
	got := s.After(failed("a"))
	if len(got) != 2 || got[0].Task != "b" || got[1].Task != "c" || got[0].Outcome.Status != protocol.Skipped {
		t.Errorf("got %+v", got)
	}
	// Nothing is known without a plan, and once the run is being cancelled.
	cancelling := failed("a")
	cancelling.Cancelling = true
	for name, c := range map[string]struct {
		skips *Skips
		event Event
	}{"no plan": {NewSkips(nil), failed("a")}, "cancelling": {NewSkips(p), cancelling}, "an unknown task": {NewSkips(p), failed("x")}} {
		if got := c.skips.After(c.event); got != nil {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}
