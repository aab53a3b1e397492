package workflows

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// calls makes the requests of a run's activities.
type calls struct {
	plan       *plan.Plan
	progress   *plan.Progress
	run        protocol.RunInfo
	within     *protocol.WithinRun         // Nil: the run is not part of another one.
	inputs     protocol.Payload            // Made once: the call of every task that refers to an input has it.
	itemInputs protocol.Payload            // The same for items that are values.
	scripts    map[string]protocol.Payload // By path. Never ranged over.
}

// prepare makes what all calls have.
func (c *calls) prepare() {
	c.scripts = map[string]protocol.Payload{}
	if c.within != nil {
		c.inputs, c.itemInputs = c.within.Inputs, c.within.Inputs
		if c.inputs.Ref != nil && c.inputs.Ref.Size > maxItemInline {
			c.itemInputs.Inline = nil
		}
		return
	}
	c.inputs, _ = protocol.NewCallPayload(c.plan.Inputs)
	c.itemInputs, _ = newItemPayload(c.plan.Inputs)
}

// call returns the input of the activity of a task, or of one of its items, and its approximate size in bytes.
func (c *calls) call(task *plan.Task, of *item) (protocol.Call, int64) {
	var parameters protocol.Payload
	size := int64(callSize)
	if of != nil {
		parameters = of.list.parameters
		size += maxItemInline
	} else {
		var data []byte
		parameters, data = protocol.NewCallPayload(task.Parameters)
		// A value by Ref is counted too: it was hashed, and the SDK reports a deadlock when a workflow task takes a second.
		size += int64(len(data))
	}
	call := protocol.Call{
		Format: protocol.FirstFormat, Run: c.runOf(task), Task: task.ID, Name: task.Name, Method: task.Method,
		Parameters: parameters, Reads: task.Reads, Bindings: c.bindings(task.Uses), Dependencies: task.Dependencies,
		Timeout: task.Timeout, Absence: task.Absence, Retry: task.Retry, Cache: task.Cache,
	}
	if call.Split = task.Split; call.Split != nil {
		call.Format = protocol.SplitFormat
		size += task.Split.Bytes()
	}
	if task.Retry.Selective() || task.Repeat != nil {
		call.Format = protocol.RetryFormat
	}
	if repeat := task.Repeat; repeat != nil {
		call.Repeat = &protocol.Repeat{
			Until: repeat.Until, Bindings: c.bindings(repeat.Uses), Max: repeat.Max, Delay: repeat.Delay, Backoff: repeat.Backoff, MaxDelay: repeat.MaxDelay,
		}
		for _, binding := range call.Repeat.Bindings {
			size += bindingSize(binding)
		}
	}
	if task.Priority != protocol.NormalPriority {
		call.Priority = int(task.Priority)
	}
	if of != nil {
		call.Reads, call.Within = of.reads(), of.within()
	}
	if of != nil && of.index != protocol.NoItem {
		call.Item = &of.index
		call.Bindings = append(call.Bindings, of.bindings(task.Uses)...)
	}
	if task.Source != nil {
		text, made := c.scripts[task.Source.Path]
		if !made {
			text, _ = protocol.NewCallPayload(value.String(task.Source.Text))
			c.scripts[task.Source.Path] = text
		}
		call.Source = &protocol.Source{Path: task.Source.Path, Text: text}
		size += int64(len(task.Source.Text))
	}
	for _, server := range c.plan.ToolServers {
		if slices.Contains(task.Servers, server.Name) {
			call.Servers = append(call.Servers, server)
			size += callSize
		}
	}
	for _, id := range task.Dependencies {
		if !uses(task.Uses, id) && c.progress.Has(c.taskID(id)) { // Not a step, which the activity reads.
			call.Bindings = append(call.Bindings, c.binding(plan.Use{Head: id, Task: c.taskID(id)}))
		}
	}
	for _, binding := range call.Bindings {
		size += bindingSize(binding)
	}
	if of != nil {
		c.useRefs(task, call.Bindings)
	}
	size += int64(len(call.Within))
	for _, place := range call.Reads {
		size += int64(len(place))
	}
	return call, size
}

// itemsCall returns the call of every item of a task, without the item, and what an item needs beside it.
func (c *calls) itemsCall(task *plan.Task, listed *protocol.ExpandResponse) (protocol.Call, protocol.Items, int64) {
	call, size := c.call(task, &item{newItemList(task, FanOut{}), protocol.NoItem})
	each := task.FanOut
	items := protocol.Items{
		Files: each.HasFiles(), Key: each.Key(), Models: each.Models, Folders: listed.Folders, Reads: each.Reads, When: task.When, WhenBindings: c.bindings(task.WhenUses),
	}
	if each.Reduces {
		items.When, items.WhenBindings = "", nil // The condition is that of the task.
	}
	if len(each.Models) > 0 {
		items.Total = listed.Total
	}
	return call, items, size
}

// stepCalls makes the call of the items one for each of their steps, and returns what they have beside it. The bindings are those of all
// steps.
func (c *calls) stepCalls(task *plan.Task, call *protocol.Call) ([]MapStep, int64) {
	steps := task.FanOut.Steps
	call.Format, call.Step = protocol.StepFormat, &protocol.Step{Chain: steps.Chain, Result: steps.Result}
	size := int64(callSize * len(steps.Chain))
	if len(steps.Outputs) > 0 {
		payload, _ := newItemPayload(outputsOf(steps))
		call.Step.Outputs = &payload
		size += maxItemInline
	}
	all := make([]MapStep, len(steps.Tasks))
	for i := range steps.Tasks {
		step := steps.Tasks[i]
		step.FanOut = task.FanOut
		own, bytes := c.call(&step, &item{newItemList(&step, FanOut{}), protocol.NoItem})
		size += bytes
		for _, binding := range own.Bindings {
			if !bound(call.Bindings, binding.Head) {
				call.Bindings = append(call.Bindings, binding)
			}
		}
		own.Run, own.Task, own.Bindings, own.Servers = protocol.RunInfo{}, "", nil, nil
		all[i] = MapStep{Call: own, Queue: step.Queue, When: step.When, Servers: step.Servers}
	}
	return all, size
}

// of returns the call of a step of items, of the call that all steps share.
func (m *MapStep) of(shared protocol.Call, index int) protocol.Call {
	call, step := m.Call, *shared.Step
	step.Index, step.When = index, m.When
	call.Format, call.Run, call.Task, call.Bindings, call.Step = shared.Format, shared.Run, shared.Task, shared.Bindings, &step
	for _, server := range shared.Servers {
		if slices.Contains(m.Servers, server.Name) {
			call.Servers = append(call.Servers, server)
		}
	}
	return call
}

// outputsOf returns the outputs of steps as one value.
func outputsOf(steps *plan.Steps) value.Value {
	fields := make([]value.Field, len(steps.Outputs))
	for i, output := range steps.Outputs {
		fields[i] = value.Field{Name: output.Name, Value: output.Value}
	}
	return value.Object(fields...)
}

// groupCall returns the call that groups the texts of a round of a task.
func (c *calls) groupCall(task *plan.Task, reduce protocol.Reduce) (protocol.Call, int64) {
	call, size := c.call(task, nil)
	call.Format = protocol.ReduceFormat
	reduce.GroupBy = task.FanOut.GroupBy
	size += int64(len(reduce.GroupBy))
	if reduce.Before == nil {
		var data []byte
		reduce.Input, data = protocol.NewCallPayload(*task.FanOut.Values)
		reduce.Bindings = c.bindings(task.FanOut.Uses)
		size += int64(len(data))
		for _, binding := range reduce.Bindings {
			size += bindingSize(binding)
		}
	}
	call.Reduce = &reduce
	return call, size
}

// useRefs replaces larger values, which are in the store, with their Refs: hundreds of items have them. The inputs are in the
// store for items that are values only.
func (c *calls) useRefs(task *plan.Task, bindings []protocol.Binding) {
	for i := range bindings {
		value := &bindings[i].Value
		switch {
		case value.Ref != nil && value.Inline != nil && value.Ref.Size > maxItemInline:
			value.Inline = nil
		case bindings[i].Head == headInputs && !task.FanOut.HasFiles():
			*value = c.itemInputs
		}
	}
}

// headInputs is the head of references to the inputs.
const headInputs = "inputs"

// bindings returns the values of the heads of references. The heads `run`, `env` and `secrets` need none.
func (c *calls) bindings(all []plan.Use) []protocol.Binding {
	var bindings []protocol.Binding
	for _, use := range all {
		switch {
		case use.Task != "":
			bindings = append(bindings, c.binding(use))
		case use.Head == headInputs:
			bindings = append(bindings, protocol.Binding{Head: use.Head, Value: c.inputs})
		}
	}
	return bindings
}

func (c *calls) binding(use plan.Use) protocol.Binding {
	outcome := c.progress.OutcomeOf(use.Task)
	return protocol.Binding{Head: use.Head, Task: use.Task, Status: outcome.Status, Error: outcome.Error, Reason: outcome.Reason, Value: outcome.Value}
}

// taskID returns the id of a task by that which its workflow gives it.
func (c *calls) taskID(id string) string {
	if c.within == nil {
		return id
	}
	return plan.TaskWithin(c.within.ID(), id)
}

// decideRequest asks whether the condition of a task holds.
func (c *calls) decideRequest(task *plan.Task) protocol.DecideRequest {
	return protocol.DecideRequest{Run: c.run, Task: task.ID, Method: task.Method, When: task.When, Bindings: c.bindings(task.WhenUses)}
}

// expandRequest asks for the items of a task.
func (c *calls) expandRequest(task *plan.Task) protocol.ExpandRequest {
	each, most := task.FanOut, 0
	if !c.plan.ItemsApart {
		most = plan.MaxItems
	}
	return protocol.ExpandRequest{
		Run: c.runOf(task), Task: task.ID, Method: task.Method, Directory: each.Directory, Files: each.Files,
		Values: each.Values, Rows: each.Rows, Pattern: each.Pattern, Exclude: each.Exclude, Omit: each.Omit, Reads: each.Reads, Bindings: c.bindings(each.Uses), Most: most,
		When: task.When, WhenBindings: c.bindings(task.WhenUses), Pages: c.plan.ItemsApart,
		Limit: each.Limit, Sample: each.Sample, Seed: each.Seed, Models: each.Models,
	}
}

// runOf returns what a task gets of its run. One in `finally` runs anew in every run.
func (c *calls) runOf(task *plan.Task) protocol.RunInfo {
	run := c.run
	if task.Finally {
		run.TakeOver = nil
	}
	return run
}

func uses(all []plan.Use, head string) bool {
	for _, use := range all {
		if use.Head == head {
			return true
		}
	}
	return false
}

// callSize is the approximate size of a call without its parameters and bindings, in bytes.
const callSize = 1 << 10

func bindingSize(binding protocol.Binding) int64 {
	size := int64(callSize)
	if binding.Error != nil {
		size += int64(len(binding.Error.Message))
	}
	size += int64(len(binding.Reason))
	switch {
	case binding.Value.Inline == nil:
		return size
	case binding.Value.Ref != nil:
		return size + binding.Value.Ref.Size
	}
	return size + protocol.MaxInline
}
