package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/mcp/wire"
	"github.com/gleitzeit/gleitzeit/internal/mcptask"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const (
	// methodCallTask is the name under which the SDK sends a call with a task: it knows its own parameters of tools/call only.
	methodCallTask = "gleitzeit/tools/call"
	methodCallTool = "tools/call"
	// taskGrace is how long a server keeps the result of a task beyond the timeout of the call.
	taskGrace = 10 * time.Minute
	// cancelTimeout is the time limit for cancelling a task.
	cancelTimeout = 2 * time.Second
	// maxPollFailures is how often in a row a task may be asked for without success.
	maxPollFailures = 5
)

// callTaskParams are the parameters of a call of a tool that is to be a task, as 2025-11-25 has them.
type callTaskParams struct {
	mcp.ParamsBase
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"`
	Task      struct {
		TTL int64 `json:"ttl,omitempty"` // In milliseconds.
	} `json:"task"`
}

// SetProgressToken implements what trackProgress needs.
func (p *callTaskParams) SetProgressToken(token any) {
	if p.Meta == nil {
		p.Meta = mcp.Meta{}
	}
	p.Meta["progressToken"] = token
}

// taskParams name a task.
type taskParams struct {
	mcp.ParamsBase
	ID string `json:"taskId"`
}

// taskAnswer is the answer to a request about a task, not decoded.
type taskAnswer struct {
	mcp.ResultBase
	text json.RawMessage
}

// UnmarshalJSON implements json.Unmarshaler.
func (a *taskAnswer) UnmarshalJSON(text []byte) error {
	a.text = append(json.RawMessage(nil), text...)
	return nil
}

// addTasks adds the methods of tasks to a client.
func addTasks(client *mcp.Client) error {
	if err := mcp.AddSendingCustomMethod[*callTaskParams, *mcp.CallToolResult](client, methodCallTask); err != nil {
		return err
	}
	for _, method := range []string{mcptask.MethodGet, mcptask.MethodResult, mcptask.MethodCancel} {
		if err := mcp.AddSendingCustomMethod[*taskParams, *taskAnswer](client, method); err != nil {
			return err
		}
	}
	client.AddSendingMiddleware(func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, request mcp.Request) (mcp.Result, error) {
			if method == methodCallTask {
				method = methodCallTool
			}
			return next(ctx, method, request)
		}
	})
	return nil
}

// taskIDKey is the key in the context of a request about a task for the task's id, which HTTP has in a header.
type taskIDKey struct{}

// requiresTask reports whether a tool can be called as a task only.
func requiresTask(described *mcp.Tool) bool {
	var execution mcptask.Execution
	return mcptask.FromMeta(described.Meta, &execution) && execution.TaskSupport == mcptask.Required
}

// sendTaskCall calls a tool as a task.
func (c call) sendTaskCall(ctx context.Context, conn *connection, arguments json.RawMessage) (*mcp.CallToolResult, error) {
	params := &callTaskParams{Name: c.target.tool, Arguments: arguments}
	if end, is := ctx.Deadline(); is {
		params.Task.TTL = (time.Until(end) + taskGrace).Milliseconds()
	}
	forget := conn.trackProgress(params, c.progress)
	defer forget()
	return mcp.CallCustomMethod[*callTaskParams, *mcp.CallToolResult](ctx, conn.session, methodCallTask, params)
}

// awaitTask asks for a task until it has ended, and returns its result. If the call ends before, the task is cancelled.
func (c call) awaitTask(ctx context.Context, s *server, task *mcptask.Task) (*mcp.CallToolResult, error) {
	for failures := 0; ; {
		if c.progress != nil && task.Message != "" {
			c.progress(s.known.calls.String(task.Message))
		}
		switch {
		case task.Status.Ended():
			return c.taskResult(ctx, s, task)
		case task.Status == mcptask.InputRequired:
			c.cancelTask(ctx, s, task)
			return nil, protocol.Errorf(protocol.TaskExecutionFailed, "the tool %s wants input from a person while it runs, which is not supported", c.target.tool)
		}
		select {
		case <-time.After(task.Interval()):
		case <-ctx.Done():
			c.cancelTask(ctx, s, task)
			return nil, contextError(ctx)
		}
		next, err := c.getTask(ctx, s, task)
		switch {
		case ctx.Err() != nil:
			c.cancelTask(ctx, s, task)
			return nil, contextError(ctx)
		case err == nil:
			failures = 0
			if next.UpdatedAt == task.UpdatedAt && next.Message == task.Message {
				next.Message = "" // It has been reported.
			}
			next.Type = task.Type
			task = next
		case protocol.AsError(err, protocol.InternalError).Kind != protocol.Transient:
			return nil, err
		default: // A server that restarts may know the task when it is back.
			if failures++; failures == maxPollFailures {
				return nil, err
			}
		}
	}
}

func (c call) getTask(ctx context.Context, s *server, task *mcptask.Task) (*mcptask.Task, error) {
	text, err := c.askTask(ctx, s, mcptask.MethodGet, task)
	if sent := serverError(err); err != nil && sent != nil {
		return nil, s.known.error(protocol.Errorf(protocol.TaskExecutionFailed, "the MCP server %q does not return the task of the tool %s: %s", s.Name, c.target.tool, sent.Message).
			WithHint("the tool may have completed its work; a server that was restarted forgets its tasks, unless it stores them"))
	}
	if err != nil {
		return nil, err
	}
	next := &mcptask.Task{}
	if err := json.Unmarshal(text, next); err != nil || next.Status == "" {
		return nil, invalidResponse("a task", fmt.Errorf("it has no status"))
	}
	next.ID = task.ID
	return next, nil
}

// askTask sends a request about a task. The error is that of the server, if it sent one.
func (c call) askTask(ctx context.Context, s *server, method string, task *mcptask.Task) (text json.RawMessage, err error) {
	ctx = context.WithValue(ctx, taskIDKey{}, task.ID)
	var refused error
	err = s.withConnection(ctx, c.request.Secrets, func(ctx context.Context, conn *connection) (bool, error) {
		answer, err := mcp.CallCustomMethod[*taskParams, *taskAnswer](ctx, conn.session, method, &taskParams{ID: task.ID})
		if err == nil {
			text = answer.text
		} else if !lost(err) {
			refused, err = err, nil
		}
		return true, err
	})
	if err == nil {
		err = refused
	}
	return text, err
}

// taskResult returns the result of a task that has ended.
func (c call) taskResult(ctx context.Context, s *server, task *mcptask.Task) (*mcp.CallToolResult, error) {
	switch {
	case task.Status == mcptask.Cancelled:
		reason := ""
		if task.Message != "" {
			reason = ": " + task.Message
		}
		return nil, s.known.error(protocol.Errorf(protocol.TaskExecutionFailed, "the MCP server %q cancelled the task of the tool %s%s", s.Name, c.target.tool, reason))
	case task.Result != nil:
		return decodeResult(task.Result)
	case task.Error != nil:
		failure := &jsonrpc.Error{}
		if err := json.Unmarshal(task.Error, failure); err != nil {
			return nil, invalidResponse("the error of a task", err)
		}
		return nil, s.known.error(s.requestError(failure))
	case task.Type != "":
		return nil, invalidResponse("a task", fmt.Errorf("it is %s and has no result", task.Status))
	}
	text, err := c.askTask(ctx, s, mcptask.MethodResult, task)
	if err != nil {
		if ctx.Err() != nil {
			return nil, contextError(ctx)
		}
		return nil, s.known.error(s.requestError(err))
	}
	return decodeResult(text)
}

// decodeResult decodes the result of a tool that is within another message.
func decodeResult(text json.RawMessage) (*mcp.CallToolResult, error) {
	exact, err := wire.CallResult(text)
	if err != nil {
		return nil, invalidResponse("the result of a task", err)
	}
	decoded := &mcp.CallToolResult{}
	if err := json.Unmarshal(exact, decoded); err != nil {
		return nil, invalidResponse("the result of a task", err)
	}
	return decoded, nil
}

// cancelTask cancels a task whose call has ended.
func (c call) cancelTask(ctx context.Context, s *server, task *mcptask.Task) {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
	defer done()
	if _, err := c.askTask(ctx, s, mcptask.MethodCancel, task); err != nil {
		s.log.Warn("cannot cancel the task of a tool", "tool", c.target.tool, "error", s.known.calls.String(err.Error()))
	}
}
