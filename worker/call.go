package worker

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/workflows"
)

// unserved is how long a call outlives the process that made it: nobody else polls its queue.
const unserved = time.Minute

// Call starts the first task of a plan as an activity of its own: one call under the id, without a workflow.
func Call(ctx context.Context, c client.Client, id string, p *plan.Plan, o Options) (client.ActivityHandle, error) {
	task := &p.Tasks[0]
	call := protocol.Call{
		Format: protocol.CallFormat,
		Run: protocol.RunInfo{
			ID: id, Execution: id, Workflow: p.Name, StartedAt: time.Now().UTC(), Folder: p.Folder, FlowFolder: p.FlowFolder,
		},
		Task: task.ID, Name: task.Name, Method: task.Method, Parameters: protocol.Payload{Inline: &task.Parameters}, Reads: task.Reads,
		Timeout: task.Timeout, Retry: task.Retry, Servers: p.ToolServers,
	}
	if task.Source != nil {
		text := value.String(task.Source.Text)
		call.Source = &protocol.Source{Path: task.Source.Path, Text: protocol.Payload{Inline: &text}}
	}
	return c.ExecuteActivity(ctx, client.StartActivityOptions{
		ID: id, TaskQueue: o.Queue, Summary: p.Name,
		ScheduleToStartTimeout: unserved,
		StartToCloseTimeout:    workflows.LastResort(task.Timeout),
		HeartbeatTimeout:       localHeartbeat.Duration(),
		RetryPolicy:            workflows.RetryPolicy(task.Retry),
	}, task.Method, call)
}

// Await waits for the end of a call, across changes of the engine's holder. The error is for a call whose end is not
// known; what the call itself ended with is in its Outcome.
func Await(ctx context.Context, call client.ActivityHandle) (protocol.Outcome, error) {
	const pause = 100 * time.Millisecond
	for {
		var outcome protocol.Outcome
		err := call.Get(ctx, &outcome)
		if err == nil || ending(err, &outcome) {
			return outcome, nil
		}
		if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
			return outcome, err
		}
		select {
		case <-ctx.Done():
			return outcome, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// ending reads from an error how the call ended; false means that it is none of the call's.
func ending(err error, outcome *protocol.Outcome) bool {
	if app, is := errors.AsType[*temporal.ApplicationError](err); is {
		if !app.HasDetails() || app.Details(outcome) != nil || !outcome.Status.Ended() {
			*outcome = protocol.Outcome{Status: protocol.Failed, Error: protocol.Errorf(protocol.InternalError, "%s", app.Message())}
		}
		return true
	}
	if cancelled, is := errors.AsType[*temporal.CanceledError](err); is {
		if !cancelled.HasDetails() || cancelled.Details(outcome) != nil || !outcome.Status.Ended() {
			*outcome = protocol.Outcome{Status: protocol.Cancelled, Error: protocol.Errorf(protocol.TaskCancelled, "it was cancelled")}
		}
		return true
	}
	if timeout, is := errors.AsType[*temporal.TimeoutError](err); is {
		*outcome = protocol.Outcome{Status: protocol.Failed, Error: protocol.Errorf(protocol.WorkerLost, "its worker was lost (%s)", timeout.TimeoutType())}
		return true
	}
	return false
}
