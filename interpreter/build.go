package interpreter

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/interpreter/rules"
)

// build makes the plan of a workflow without mistakes.
func build(in Input, checked *rules.Context) *plan.Plan {
	flow := checked.Flow
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
		Inputs:      value.Object(checked.Inputs...),
		Tasks:       make([]plan.Task, 0, len(checked.Tasks)),
		MaxParallel: plan.DefaultMaxParallel,
	}
	if flow.MaxParallel != nil {
		p.MaxParallel, _ = definition.Count(flow.MaxParallel)
	}
	if flow.Priority != nil {
		p.Priority = plan.Priority(checked.PriorityKey())
	}
	p.Wait = flow.Wait != nil && flow.Wait.Truth
	if flow.Timeout != nil {
		p.Timeout, _ = definition.Duration(flow.Timeout)
	}
	p.FailFast = flow.FailFast != nil && flow.FailFast.Truth
	p.ToolServers = checked.ToolServers()
	for _, task := range checked.Tasks {
		built := buildTask(checked, task)
		if each, reads := checked.EachOf(task); each != nil {
			each.Uses = uses(checked, task.EachTexts)
			slices.Sort(reads)
			each.Reads = slices.Compact(reads)
			built.FanOut = each
		}
		p.Tasks = append(p.Tasks, built)
	}
	for i, output := range flow.Outputs {
		p.Outputs = append(p.Outputs, plan.Output{
			Name: output.Name, Value: output.Value.Value(), Uses: uses(checked, checked.Outputs[i]),
		})
	}
	p.Format = plan.FormatFor(p)
	return p
}

func buildTask(checked *rules.Context, task *rules.Task) plan.Task {
	var handed []string
	if task.Method.NeedsDependencies {
		handed = ids(checked, checked.Named(task))
	}
	return plan.Task{
		ID:           task.ID,
		Name:         task.Name,
		Description:  written(task.Description),
		Tags:         allWritten(task.Tags),
		Metadata:     valueOf(task.Metadata),
		Method:       task.Method.Name,
		Parameters:   task.MethodParameters(),
		Reads:        checked.Reads(task),
		Source:       task.Source,
		After:        ids(checked, task.Waits),
		Dependencies: handed,
		Uses:         uses(checked, task.Texts),
		Priority:     plan.Priority(checked.PriorityOf(task)),
		Timeout:      task.AttemptTimeout(),
		Retry:        checked.RetryPolicy(task),

		When:            task.Condition(),
		WhenUses:        uses(checked, task.WhenTexts),
		RunIf:           task.RunCondition(),
		ContinueOnError: task.ContinueOnError != nil && task.ContinueOnError.Truth,
		Queue:           written(task.Queue),
		Servers:         checked.ServersOf(task),
		Cache:           task.Cache != nil && task.Cache.Truth,
	}
}

func written(n *definition.Node) string {
	if n == nil {
		return ""
	}
	return n.Written
}

// valueOf is the value that stands in the file; of a key that is absent, nil.
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

func ids(checked *rules.Context, tasks []int) []string {
	var all []string
	for _, task := range tasks {
		all = append(all, checked.Tasks[task].ID)
	}
	return all
}

func uses(checked *rules.Context, texts rules.Texts) []plan.Use {
	var all []plan.Use
	for _, use := range checked.Uses(texts) {
		entry := plan.Use{Head: use.Head}
		if use.Task >= 0 {
			entry.Task = checked.Tasks[use.Task].ID
		}
		all = append(all, entry)
	}
	return all
}
