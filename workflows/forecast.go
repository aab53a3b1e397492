package workflows

import (
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// Calls makes the requests of a run's activities without a run, to find out beforehand what it would do.
type Calls struct{ calls }

// NewCalls returns the Calls of a run. Progress has the results of the tasks that are known.
func NewCalls(p *plan.Plan, progress *plan.Progress, run protocol.RunInfo) *Calls {
	c := &Calls{calls{plan: p, progress: progress, run: run}}
	c.prepare()
	return c
}

// Values returns the values that the requests have by Ref alone.
func (c *Calls) Values() [][]byte { return valuesByRef(c.plan) }

// Decide returns the request for the condition of a task.
func (c *Calls) Decide(task int) protocol.DecideRequest { return c.decideRequest(&c.plan.Tasks[task]) }

// Expand returns the request for the items of a task.
func (c *Calls) Expand(task int) protocol.ExpandRequest { return c.expandRequest(&c.plan.Tasks[task]) }

// Group returns the call that groups the texts of a round of a task.
func (c *Calls) Group(task int, reduce protocol.Reduce) protocol.Call {
	call, _ := c.groupCall(&c.plan.Tasks[task], reduce)
	return call
}

// Task returns the call of a task without items.
func (c *Calls) Task(task int) protocol.Call {
	call, _ := c.call(&c.plan.Tasks[task], nil)
	return call
}

// Items returns the call of a page of the items of a task, or those of their steps.
func (c *Calls) Items(task int, listed *protocol.ExpandResponse, page protocol.Page) []protocol.Call {
	of := &c.plan.Tasks[task]
	call, items, _ := c.itemsCall(of, listed)
	items.Page, items.First, items.Count = page, page.First, page.Count
	call.Items = &items
	if !of.HasSteps() {
		return []protocol.Call{call}
	}
	steps, _ := c.stepCalls(of, &call)
	all := make([]protocol.Call, len(steps))
	for i := range steps {
		all[i] = steps[i].of(call, i)
		all[i].Items = &items
	}
	return all
}
