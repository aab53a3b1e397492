package runs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/workflows"
)

// callOutlives is how long a call outlives the process that made it: nobody else polls its queue.
const callOutlives = time.Minute

// Call is one call of a method, without a workflow.
type Call struct {
	session *Session
	service *Service
	handle  client.ActivityHandle
}

// StartCall calls the method of the only task of a plan, here and now, as an activity of its own. The caller closes it.
func StartCall(ctx context.Context, e *Executor, p *plan.Plan) (*Call, error) {
	id, err := newID("call")
	if err != nil {
		return nil, err
	}
	service, err := e.Serve(ServiceOptions{Queue: id})
	if err != nil {
		return nil, err
	}
	task := &p.Tasks[0]
	handle, err := e.session.client.ExecuteActivity(ctx, client.StartActivityOptions{
		ID: id, TaskQueue: id, Summary: view.WebUISummary(p),
		ScheduleToStartTimeout: callOutlives,
		ScheduleToCloseTimeout: workflows.ScheduleToCloseTimeout(task.Retry),
		StartToCloseTimeout:    workflows.StartToCloseTimeout(task.Timeout),
		HeartbeatTimeout:       localHeartbeat.Duration(),
		RetryPolicy:            workflows.RetryPolicy(task.Retry),
	}, task.Method, callOf(id, p))
	if err != nil {
		if problem := e.session.Problem(); problem != nil {
			err = problem
		}
		return nil, e.session.failed(err, "cannot start the call")
	}
	return &Call{e.session, service, handle}, nil
}

// callOf returns what the activity of a call gets.
func callOf(id string, p *plan.Plan) protocol.Call {
	task := &p.Tasks[0]
	call := protocol.Call{
		Format: protocol.FirstFormat,
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
	return call
}

// Await waits for the end of the call, across changes of the engine's holder. The error is for a call whose end is not
// known; what the call itself ended with is in its Outcome.
func (c *Call) Await(ctx context.Context) (protocol.Outcome, error) {
	const pause = 100 * time.Millisecond
	for {
		var outcome protocol.Outcome
		err := c.handle.Get(ctx, &outcome)
		if err == nil {
			return outcome, nil
		}
		if outcome, known := workflows.OutcomeOf(err); known {
			return outcome, nil
		}
		if isNotFound(err) {
			return outcome, errors.Join(c.session.Problem(), fmt.Errorf("cannot find out how the call ended: %w", err))
		}
		select {
		case <-ctx.Done():
			return outcome, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// Result returns the value of an outcome.
func (c *Call) Result(ctx context.Context, outcome protocol.Outcome) (value.Value, error) {
	result, err := resultstore.Load(ctx, c.session.store, outcome.Value)
	if err != nil {
		return value.Value{}, fmt.Errorf("cannot read the result: %w", err)
	}
	return result, nil
}

// Cancel requests the cancellation of the call.
func (c *Call) Cancel(ctx context.Context) error {
	ctx, done := context.WithTimeout(ctx, cancelTimeout)
	defer done()
	if err := c.handle.Cancel(ctx, client.CancelActivityOptions{}); err != nil {
		return c.session.failed(err, "cannot cancel the call")
	}
	return nil
}

// Close ends what the call's protocol keeps running.
func (c *Call) Close() error { return c.service.executor.Close() }
