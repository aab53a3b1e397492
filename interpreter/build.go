package interpreter

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// build makes the plan of a workflow without errors.
func build(in Input, from *resolve.Workflow) *plan.Plan {
	flow := from.Definition
	p := &plan.Plan{
		Name:        written(flow.Name),
		ID:          written(flow.ID),
		Description: written(flow.Description),
		Version:     written(flow.Version),
		Tags:        allWritten(flow.Tags),
		Metadata:    valueOf(flow.Metadata),
		File:        in.Path,
		Folder:      in.Folder,
		FlowFolder:  in.FlowFolder,
		Inputs:      value.Object(from.InputValues()...),
		Tasks:       make([]plan.Task, 0, len(from.Tasks)),
		MaxParallel: plan.DefaultMaxParallel,
	}
	if flow.MaxParallel != nil {
		p.MaxParallel, _ = definition.Count(flow.MaxParallel)
	}
	if flow.Priority != nil {
		p.Priority = plan.Priority(from.PriorityKey())
	}
	p.Wait = flow.Wait != nil && flow.Wait.Truth
	if flow.Timeout != nil {
		p.Timeout, _ = definition.Duration(flow.Timeout)
	}
	p.FailFast = flow.FailFast != nil && flow.FailFast.Truth
	p.ToolServers = from.ToolServers()
	for _, task := range from.Tasks {
		if task.Parent != nil {
			continue
		}
		var steps *plan.Steps
		built := plan.Task{}
		if len(task.Parts) > 0 {
			built, steps = buildSteps(from, task)
		} else {
			built = buildTask(from, task)
		}
		if task.Nested != nil {
			addNested(p, task.Nested)
		}
		if task.Each != nil {
			fanOut := task.Items.FanOut
			fanOut.Uses = uses(from, task.EachTexts)
			fanOut.Reads = slices.Compact(slices.Sorted(slices.Values(task.Items.Reads)))
			if fanOut.Values == nil {
				fanOut.Omit = in.Omit
			}
			fanOut.Steps = steps
			built.FanOut = &fanOut
		}
		p.Tasks = append(p.Tasks, built)
	}
	for i, output := range flow.Outputs {
		p.Outputs = append(p.Outputs, plan.Output{
			Name: output.Name, Value: output.Value.Value(), Uses: uses(from, from.Outputs[i]),
		})
	}
	p.SkipsPassOn = slices.ContainsFunc(p.Tasks, func(t plan.Task) bool { return t.When != "" && (t.FanOut == nil || t.FanOut.Reduces) })
	if slices.ContainsFunc(p.Tasks, func(t plan.Task) bool { return t.Finally || t.RunIf == plan.RunIfAlways }) ||
		slices.ContainsFunc(p.Workflows, func(w plan.Workflow) bool { return w.Plan.CleanUpTimeout > 0 }) {
		p.CleanUpTimeout = from.CleanUpTimeout()
	}
	p.ItemsApart = slices.ContainsFunc(p.Tasks, func(t plan.Task) bool { return t.FanOut != nil })
	p.Format = plan.FormatFor(p)
	return p
}

func buildTask(from *resolve.Workflow, task *resolve.Task) plan.Task {
	repeat := task.RepeatPlan()
	if repeat != nil {
		repeat.Uses = uses(from, task.UntilTexts)
	}
	var handed, servers []string
	method, workflow, waits := plan.WorkflowMethod, "", false
	if task.Nested != nil {
		workflow = task.Nested.Place
	} else {
		method, waits, servers = task.Method.Name, task.Method.Waits, from.Catalog.ServersOf(task)
		if task.Method.NeedsDependencies {
			handed = ids(from, from.Names.Dependencies(task))
		}
	}
	return plan.Task{
		ID:           task.ID,
		Name:         task.Name,
		Description:  written(task.Description),
		Tags:         allWritten(task.Tags),
		Metadata:     valueOf(task.Metadata),
		Method:       method,
		Workflow:     workflow,
		Parameters:   task.MethodParameters(),
		Reads:        task.Reads(),
		Source:       task.Source,
		After:        ids(from, task.Waits),
		Dependencies: handed,
		Uses:         uses(from, task.Texts),
		Priority:     plan.Priority(from.PriorityOf(task)),
		Timeout:      task.AttemptTimeout(),
		Retry:        from.RetryPolicy(task),

		When:            task.Condition(),
		WhenUses:        uses(from, task.WhenTexts),
		RunIf:           task.RunCondition(),
		ContinueOnError: task.ContinueOnError != nil && task.ContinueOnError.Truth,
		Waits:           waits,
		Finally:         task.Finally,
		Repeat:          repeat,
		Queue:           written(task.Queue),
		Servers:         servers,
		Split:           task.SplitPlan(),
		Cache:           task.Cache != nil && task.Cache.Truth && repeat == nil,
	}
}

// buildSteps builds a task whose items have steps. It has what each of them needs of other tasks.
func buildSteps(from *resolve.Workflow, task *resolve.Task) (plan.Task, *plan.Steps) {
	built := plan.Task{
		ID: task.ID, Name: task.Name, Description: written(task.Description), Tags: allWritten(task.Tags), Metadata: valueOf(task.Metadata),
		Method: plan.StepsMethod, Parameters: value.Object(), After: ids(from, task.Waits), Priority: plan.Priority(from.PriorityOf(task)),
		When: task.Condition(), WhenUses: uses(from, task.WhenTexts), RunIf: task.RunCondition(),
		ContinueOnError: task.ContinueOnError != nil && task.ContinueOnError.Truth, Finally: task.Finally,
	}
	order := task.Order()
	steps := task.StepPlan(order)
	need := func(all []plan.Use) []plan.Use {
		all = slices.DeleteFunc(all, func(use plan.Use) bool {
			return slices.ContainsFunc(order, func(step *resolve.Task) bool { return use.Task != "" && step.ID == use.Task })
		})
		for _, use := range all {
			if !slices.Contains(built.Uses, use) {
				built.Uses = append(built.Uses, use)
			}
		}
		return all
	}
	for _, part := range order {
		step := buildTask(from, part)
		step.After, step.RunIf, step.ContinueOnError = nil, "", false // In the chain.
		step.Uses, step.WhenUses = need(step.Uses), nil
		need(uses(from, part.WhenTexts))
		for _, server := range step.Servers {
			if !slices.Contains(built.Servers, server) {
				built.Servers = append(built.Servers, server)
			}
		}
		steps.Tasks = append(steps.Tasks, step)
	}
	for _, output := range task.Outputs {
		steps.Outputs = append(steps.Outputs, plan.Output{Name: output.Name, Value: output.Value.Value()})
	}
	need(uses(from, task.OutputTexts))
	return built, steps
}

func written(n *definition.Node) string {
	if n == nil {
		return ""
	}
	return n.Written
}

// valueOf is the value of a key; nil where it is absent.
func valueOf(n *definition.Node) *value.Value {
	if n == nil {
		return nil
	}
	v := n.Value()
	return &v
}

func allWritten(nodes []*definition.Node) []string {
	var all []string
	for _, n := range nodes {
		all = append(all, n.Written)
	}
	return all
}

func ids(from *resolve.Workflow, tasks []int) []string {
	var all []string
	for _, task := range tasks {
		all = append(all, from.Tasks[task].ID)
	}
	return all
}

func uses(from *resolve.Workflow, texts resolve.Texts) []plan.Use {
	var all []plan.Use
	for _, use := range from.Names.Uses(texts) {
		entry := plan.Use{Head: use.Head}
		if use.Task >= 0 {
			entry.Task = from.Tasks[use.Task].ID
		}
		all = append(all, entry)
	}
	return all
}
