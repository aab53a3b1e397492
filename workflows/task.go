package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

const (
	// defaultHeartbeat is for clusters, where a network may falter for a while.
	defaultHeartbeat = 30 * time.Second
	// maxSlotWait: the timeout of an attempt is kept by the activity, because waiting for a slot does not count.
	// Temporal's own is the last resort against an activity that never comes back.
	maxSlotWait = 7 * 24 * time.Hour
	// retryPause comes after a lost worker. What a task's own retry waits, its error carries.
	retryPause = 100 * time.Millisecond
)

// schedule starts the activity of a task, or of one of its items.
func (r *run) schedule(ctx workflow.Context, task *plan.Task, of *item) workflow.Future {
	call, size := r.call(task, of)
	r.sent += size
	heartbeat := r.start.Settings.Heartbeat.Duration()
	if heartbeat <= 0 {
		heartbeat = defaultHeartbeat
	}
	index, summary := protocol.NoItem, task.Name
	if of != nil {
		index, summary = of.index, of.summary()
	}
	options := workflow.ActivityOptions{
		ActivityID:          protocol.FormatActivityID(task.ID, index),
		Summary:             summary,
		StartToCloseTimeout: LastResort(task.Timeout),
		HeartbeatTimeout:    heartbeat,
		WaitForCancellation: true,
		Priority:            temporal.Priority{PriorityKey: int(task.Priority)},
		RetryPolicy:         RetryPolicy(task.Retry),
	}
	if !r.start.Settings.OwnQueue {
		options.TaskQueue = task.Queue // Empty is the run's own.
	}
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), task.Method, call)
}

// LastResort is Temporal's timeout of one attempt at a task that has a timeout of its own.
func LastResort(timeout protocol.Seconds) time.Duration { return timeout.Duration() + maxSlotWait }

// RetryPolicy lets Temporal schedule a task again as often as it may fail or lose its worker.
func RetryPolicy(retry *protocol.Retry) *temporal.RetryPolicy {
	return &temporal.RetryPolicy{
		InitialInterval:    retryPause,
		BackoffCoefficient: 1,
		MaximumAttempts:    int32(retry.Attempts(protocol.Transient)+protocol.MaxLostWorkers) + 1,
	}
}

// call makes what the activity of a task, or of one of its items, gets, and says about how large it is in bytes.
func (r *run) call(task *plan.Task, of *item) (protocol.Call, int64) {
	var parameters protocol.Payload
	size := int64(callSize)
	if of != nil {
		parameters = of.fan.parameters
		size += itemInline
	} else {
		var data []byte
		parameters, data = protocol.NewCallPayload(task.Parameters)
		// What travels by Ref is counted too: it was hashed, and a workflow task that takes a second is a deadlock to the SDK.
		size += int64(len(data))
	}
	call := protocol.Call{
		Format: protocol.CallFormat, Run: r.info, Task: task.ID, Name: task.Name, Method: task.Method,
		Parameters: parameters, Reads: task.Reads, Bindings: r.bindings(task.Uses), Dependencies: task.Dependencies,
		Timeout: task.Timeout, Retry: task.Retry, Cache: task.Cache,
	}
	if task.Priority != protocol.NormalPriority {
		call.Priority = int(task.Priority)
	}
	if of != nil {
		call.Item = &of.index
		call.Reads = of.reads(task)
		call.Bindings = append(call.Bindings, of.bindings(task.Uses)...)
	}
	if task.Source != nil {
		text, made := r.scripts[task.Source.Path]
		if !made {
			text, _ = protocol.NewCallPayload(value.String(task.Source.Text))
			r.scripts[task.Source.Path] = text
		}
		call.Source = &protocol.Source{Path: task.Source.Path, Text: text}
		size += int64(len(task.Source.Text))
	}
	for _, server := range r.plan.ToolServers {
		if slices.Contains(task.Servers, server.Name) {
			call.Servers = append(call.Servers, server)
			size += callSize
		}
	}
	for _, id := range task.Dependencies {
		if !uses(task.Uses, id) {
			call.Bindings = append(call.Bindings, r.binding(plan.Use{Head: id, Task: id}))
		}
	}
	for _, binding := range call.Bindings {
		size += bindingSize(binding)
	}
	if of != nil {
		r.lighten(task, call.Bindings)
	}
	for _, place := range call.Reads {
		size += int64(len(place))
	}
	return call, size
}

// headInputs is the head of references to the inputs.
const headInputs = "inputs"

// bindings gives the heads of references their values. The heads `run`, `env` and `secrets` need none.
func (r *run) bindings(all []plan.Use) []protocol.Binding {
	var bindings []protocol.Binding
	for _, use := range all {
		switch {
		case use.Task != "":
			bindings = append(bindings, r.binding(use))
		case use.Head == headInputs:
			bindings = append(bindings, protocol.Binding{Head: use.Head, Value: r.inputs})
		}
	}
	return bindings
}

func (r *run) binding(use plan.Use) protocol.Binding {
	outcome := r.progress.OutcomeOf(use.Task)
	return protocol.Binding{Head: use.Head, Task: use.Task, Status: outcome.Status, Error: outcome.Error, Reason: outcome.Reason, Value: outcome.Value}
}

// outcome reads how a task's activity ended. It is called when the future is ready.
func (r *run) outcome(ctx workflow.Context, s started) protocol.Outcome {
	var outcome protocol.Outcome
	err := s.future.Get(ctx, &outcome)
	if err == nil {
		return outcome
	}
	if outcome, reported := reportedOutcome(err); reported {
		return outcome
	}
	// The activity reported nothing: what the error says is completed with what the run knows.
	outcome, known := OutcomeOf(err)
	switch {
	case !known:
		return failed(protocol.Errorf(protocol.InternalError, "%s", err))
	case outcome.Status == protocol.Cancelled:
		outcome.Error.Message += r.because()
	case r.stopped != nil && outcome.Error.Code == protocol.WorkerLost:
		// Its worker was gone when the run was stopped: Temporal does not schedule it again.
		outcome = cancelledWithoutWorker()
		outcome.Error.Message += r.because()
	}
	return outcome
}

func uses(all []plan.Use, head string) bool {
	for _, use := range all {
		if use.Head == head {
			return true
		}
	}
	return false
}

// callSize is about what a call takes beside its parameters and bindings, in bytes.
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
