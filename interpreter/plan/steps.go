package plan

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// StepsMethod stands for the method of a task whose items have steps. It makes no call itself.
const StepsMethod = "steps"

// Steps are what is done for each item, one after the other.
type Steps struct {
	Tasks   []Task               `json:"tasks"` // In the order in which they run. Uses and After are of other tasks of the plan alone.
	Chain   []protocol.ChainStep `json:"chain"` // What the steps have to know of each other, in the same order.
	Result  int                  `json:"result"`
	Outputs []Output             `json:"outputs,omitempty"`  // The result of the item, instead of that of the step Result.
	ByModel bool                 `json:"by_model,omitempty"` // They use different models.
}

// HasSteps reports whether the items of the task have steps.
func (t *Task) HasSteps() bool { return t.FanOut != nil && t.FanOut.Steps != nil }

// Callers returns the tasks and the steps that call methods, in the order of the plan, then those of workflows that tasks run.
func (p *Plan) Callers() []*Task {
	all := make([]*Task, 0, len(p.Tasks))
	for i := range p.Tasks {
		if p.Tasks[i].Workflow != "" {
			continue
		}
		if !p.Tasks[i].HasSteps() {
			all = append(all, &p.Tasks[i])
			continue
		}
		steps := p.Tasks[i].FanOut.Steps.Tasks
		for n := range steps {
			all = append(all, &steps[n])
		}
	}
	for i := range p.Workflows {
		all = append(all, p.Workflows[i].Plan.Callers()...)
	}
	return all
}

// Queues lists the queues that tasks and steps name, each once, in the file's order.
func (p *Plan) Queues() []string {
	var all []string
	for _, task := range p.Callers() {
		if queue := task.Queue; queue != "" && !slices.Contains(all, queue) {
			all = append(all, queue)
		}
	}
	return all
}
