package resolve

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// addSteps adds the steps of the items of tasks, behind all tasks: they are checked as tasks are.
func addSteps(w *Workflow) {
	for _, task := range slices.Clone(w.Tasks) {
		for _, step := range task.Task.Steps[:min(len(task.Task.Steps), 2*definition.MaxSteps)] { // Of more, the rule of steps says that they are too many.
			part := &Task{Task: step, Number: len(w.Tasks), Parent: task}
			task.Parts, w.Tasks = append(task.Parts, part), append(w.Tasks, part)
		}
		for _, output := range task.Task.Outputs {
			task.OutputTexts = append(task.OutputTexts, TextsOf(output.Value, nil)...)
		}
	}
}

// inheritKeys gives a step what its task says for all of its steps. `cache` is for those that can be cached.
func (t *Task) inheritKeys() {
	if t.Parent == nil {
		return
	}
	with, from := *t.Task, t.Parent.Task
	with.Retry = mergeRetry(with.Retry, from.Retry)
	if with.Queue == nil {
		with.Queue = from.Queue
	}
	if with.Priority == nil {
		with.Priority = from.Priority
	}
	if with.Timeout == nil && t.TimeoutParameter() == nil {
		with.Timeout = from.Timeout
	}
	if with.Cache == nil && !t.Method.NoCache {
		with.Cache = from.Cache
	}
	t.Task = &with
}

// itemTexts returns the texts with references of the task, and of the steps of its items.
func (t *Task) itemTexts() Texts {
	all := slices.Concat(t.Texts, t.OutputTexts)
	for _, step := range t.Task.Steps {
		all = slices.Concat(all, TextsOf(step.Parameters, nil), TextsOf(step.When, nil))
	}
	return all
}

// each returns the items of the task, or those of whose steps it is one; nil if there are none.
func (t *Task) each() *definition.FanOut {
	if t.Parent != nil {
		return t.Parent.Each
	}
	return t.Each
}

// UsesStep reports whether the task is a step that refers to another one of the same items.
func (t *Task) UsesStep(names *Names) bool {
	if t.Parent == nil {
		return false
	}
	return slices.ContainsFunc(names.Uses(slices.Concat(TextsOf(t.Parameters, t.Method.Code(t.Parameters)), TextsOf(t.When, nil))), func(use Use) bool {
		return use.Task >= 0 && names.tasks[use.Task].Parent == t.Parent
	})
}

// waitForSteps lets a task wait for the tasks that the steps of its items need.
func waitForSteps(w *Workflow, task *Task) {
	if len(task.Parts) == 0 {
		return
	}
	all := task.Waits
	add := func(others ...int) {
		for _, other := range others {
			if other >= 0 && other != task.Number && w.Tasks[other].Parent == nil {
				all = append(all, other)
			}
		}
	}
	for _, part := range task.Parts {
		add(part.Waits...)
	}
	for _, use := range w.Names.Uses(task.OutputTexts) {
		add(use.Task)
	}
	slices.Sort(all)
	task.Waits = slices.Compact(all)
}

// Order returns the steps of a task's items in the order in which they run: after those that they wait for, else as in the file. Those
// of a circular dependency, which a rule reports, are left out.
func (t *Task) Order() []*Task {
	var order []*Task
	placed := map[int]bool{}
	for range t.Parts {
		at := slices.IndexFunc(t.Parts, func(part *Task) bool {
			return !placed[part.Number] && !slices.ContainsFunc(t.Parts, func(other *Task) bool {
				return !placed[other.Number] && slices.Contains(part.Waits, other.Number)
			})
		})
		if at < 0 {
			break
		}
		placed[t.Parts[at].Number] = true
		order = append(order, t.Parts[at])
	}
	return order
}

// StepPlan returns what the steps of the task's items have to know of each other, in the order given; the last step of the file has the
// result of the item.
func (t *Task) StepPlan(order []*Task) *plan.Steps {
	steps := &plan.Steps{}
	var models []string
	for i, part := range order {
		step := protocol.ChainStep{
			ID: part.ID, Name: part.Name, Done: part.RunIf != nil && part.RunIf.Written != definition.RunIfs()[0], Continue: part.ContinueOnError != nil && part.ContinueOnError.Truth,
		}
		for _, other := range order[:i] {
			if slices.Contains(part.Waits, other.Number) {
				step.After = append(step.After, other.ID)
			}
		}
		if part == t.Parts[len(t.Parts)-1] {
			steps.Result = i
		}
		steps.Chain = append(steps.Chain, step)
		if slices.Contains(part.Method.Properties, parameterModel) {
			models = append(models, part.model())
		}
	}
	slices.Sort(models)
	steps.ByModel = len(slices.Compact(models)) > 1
	return steps
}

// model returns the text of the parameter model; empty if there is none.
func (t *Task) model() string {
	if t.Parameters == nil {
		return ""
	}
	if n := t.Parameters.Get(parameterModel); n != nil && n.Kind != value.KindNull {
		return n.Written
	}
	return ""
}
