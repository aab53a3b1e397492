package plan

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// WorkflowMethod is the method of tasks that run a workflow.
const WorkflowMethod = "workflow"

// Workflow is a workflow that tasks run. The inputs in its plan have no meaning: each task has its own.
type Workflow struct {
	File   string           `json:"file"` // Absolute.
	Inputs []protocol.Input `json:"inputs,omitempty"`
	Plan   Plan             `json:"plan"`
}

// WorkflowOf returns the workflow that a task runs; nil if it calls a method.
func (p *Plan) WorkflowOf(task *Task) *Workflow {
	if task.Workflow == "" {
		return nil
	}
	for i := range p.Workflows {
		if p.Workflows[i].File == task.Workflow {
			return &p.Workflows[i]
		}
	}
	return nil
}

// TaskWithin returns the id of a task of the workflow that another task runs.
func TaskWithin(task, id string) string { return task + "/" + id }

// Under returns the plan as a task runs it: the ids of its tasks follow that of the task. References in it keep their heads.
func (p *Plan) Under(task string) *Plan {
	under := func(ids []string) []string {
		all := slices.Clone(ids)
		for i := range all {
			all[i] = TaskWithin(task, all[i])
		}
		return all
	}
	uses := func(given []Use) []Use {
		all := slices.Clone(given)
		for i := range all {
			if all[i].Task != "" {
				all[i].Task = TaskWithin(task, all[i].Task)
			}
		}
		return all
	}
	within := *p
	within.Tasks = slices.Clone(p.Tasks)
	for i := range within.Tasks {
		t := &within.Tasks[i]
		if t.Name == t.ID {
			t.Name = TaskWithin(task, t.Name)
		}
		t.ID, t.After = TaskWithin(task, t.ID), under(t.After)
		t.Uses, t.WhenUses = uses(t.Uses), uses(t.WhenUses)
		if t.FanOut != nil {
			each := *t.FanOut
			each.Uses = uses(each.Uses)
			if each.Steps != nil {
				steps := *each.Steps
				steps.Tasks = slices.Clone(steps.Tasks)
				for n := range steps.Tasks {
					steps.Tasks[n].Uses = uses(steps.Tasks[n].Uses)
				}
				each.Steps = &steps
			}
			t.FanOut = &each
		}
		if t.Repeat != nil {
			repeat := *t.Repeat
			repeat.Uses = uses(repeat.Uses)
			t.Repeat = &repeat
		}
	}
	within.Outputs = slices.Clone(p.Outputs)
	for i := range within.Outputs {
		within.Outputs[i].Uses = uses(within.Outputs[i].Uses)
	}
	return &within
}

// ListedTask is a task of a plan, or of a workflow within it.
type ListedTask struct {
	Task
	Within string // The id of the task that runs the workflow of this one; empty for a task of the plan itself.
}

// MaxNestedItems is the maximum number of items of a task that runs a workflow for each: the tasks of all of them are part of the run.
const MaxNestedItems = 1000

// All lists the tasks of the plan, each followed by those of the workflow that it runs. Ids are as in records. Tasks of workflows that
// run for each item are not among them: how many there are is not in the plan.
func (p *Plan) All() []ListedTask { return p.AllOf(func(string) []int { return nil }) }

// AllOf is All with the tasks of the workflows of items, which it gets for each task that has some.
func (p *Plan) AllOf(items func(task string) []int) []ListedTask { return p.all("", items) }

func (p *Plan) all(within string, items func(task string) []int) []ListedTask {
	all := make([]ListedTask, 0, len(p.Tasks))
	for i := range p.Tasks {
		task := &p.Tasks[i]
		all = append(all, ListedTask{*task, within})
		of := p.WorkflowOf(task)
		switch {
		case of == nil:
		case task.FanOut == nil:
			all = append(all, of.Plan.Under(task.ID).all(task.ID, items)...)
		default:
			for _, item := range items(task.ID) {
				all = append(all, of.Plan.Under(protocol.FormatActivityID(task.ID, item)).all(task.ID, items)...)
			}
		}
	}
	return all
}
