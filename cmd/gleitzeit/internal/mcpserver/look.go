package mcpserver

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// waits is how long follow_run waits where the call does not say: less than the minute after which many clients give up.
const waits = 30 * time.Second

func (s *Server) listWorkflows(*call) (*mcp.CallToolResult, error) {
	return answer(struct {
		Workflows []listing `json:"workflows"`
	}{s.flows()})
}

func (s *Server) readWorkflow(c *call) (*mcp.CallToolResult, error) {
	path, _ := c.given.text(argumentFile)
	in, err := s.sourceFile(path)
	if err != nil {
		return nil, err
	}
	return said(string(in.Text)), nil
}

func (s *Server) follow(c *call) (*mcp.CallToolResult, error) {
	wait := waits
	if given := c.given.object("wait"); given.Kind() == value.KindNumber {
		seconds, err := strconv.ParseFloat(given.Digits(), 64)
		if err != nil || seconds < 0 {
			return nil, protocol.Errorf(protocol.InvalidParams, "argument \"wait\" must be a number of seconds, not %s", given.Digits())
		}
		wait = protocol.Seconds(seconds).Duration()
	}
	ctx, done := context.WithTimeout(c.ctx, wait)
	defer done()
	id, _ := c.given.text(run.name)
	found, err := s.runs.Follow(ctx, id, c.tell())
	if err != nil {
		return nil, err
	}
	if found.Status == protocol.Running {
		return answer(documentOf(found), fmt.Sprintf("Run %s is still running; call follow_run again to wait for its end.", found.Run))
	}
	return ended(found)
}

func (s *Server) results(c *call) (*mcp.CallToolResult, error) {
	id, _ := c.given.text(run.name)
	found, err := s.runs.Find(c.ctx, id)
	if err != nil {
		return nil, err
	}
	name, one := c.given.text("task")
	if !one {
		return answer(found)
	}
	t := found.Task(name)
	switch {
	case t == nil:
		ids := make([]string, len(found.Tasks))
		for i := range found.Tasks {
			ids[i] = found.Tasks[i].ID
		}
		return nil, protocol.Errorf(protocol.InvalidParams, "run %s has no task %q; it has: %s", found.Run, name, strings.Join(ids, ", "))
	case t.Result == nil:
		return nil, protocol.Errorf(protocol.TaskExecutionFailed, "task %q has no result: %s", t.ID, t.Line())
	}
	return answer(t.Result)
}

// brief is what list_runs says of a run.
type brief struct {
	Run        string           `json:"run"`
	Workflow   string           `json:"workflow"`
	Status     protocol.Status  `json:"status"`
	StartedAt  time.Time        `json:"started_at,omitzero"`
	FinishedAt *time.Time       `json:"finished_at"`
	Duration   protocol.Seconds `json:"duration"`
	Error      *view.Error      `json:"error,omitempty"`
}

func (s *Server) list(c *call) (*mcp.CallToolResult, error) {
	const limit = 20
	q := Query{Limit: limit}
	q.Workflow, _ = c.given.text("workflow")
	status, _ := c.given.text("status")
	switch q.Status = protocol.Status(status); q.Status {
	case "", protocol.Running, protocol.Completed, protocol.Failed, protocol.Cancelled, protocol.TimedOut:
	default:
		return nil, protocol.Errorf(protocol.InvalidParams, "status %q is not one of running, completed, failed, cancelled, timed_out", status)
	}
	if given := c.given.object("limit"); given.Kind() == value.KindNumber {
		number, err := strconv.Atoi(given.Digits())
		if err != nil || number < 1 {
			return nil, protocol.Errorf(protocol.InvalidParams, "argument \"limit\" must be at least 1, not %s", given.Digits())
		}
		q.Limit = number
	}
	runs, err := s.runs.List(c.ctx, q)
	if err != nil {
		return nil, err
	}
	briefs := make([]brief, len(runs))
	for i, run := range runs {
		briefs[i] = brief{run.Run, run.Workflow, run.Status, run.StartedAt, run.FinishedAt, run.Duration, run.Error}
	}
	return answer(struct {
		Runs []brief `json:"runs"`
	}{briefs})
}

func (s *Server) cancel(c *call) (*mcp.CallToolResult, error) {
	id, _ := c.given.text(run.name)
	found, err := s.runs.Cancel(c.ctx, id)
	if err != nil {
		return nil, err
	}
	if found.Status == protocol.Running {
		return answer(documentOf(found), fmt.Sprintf("The cancellation of run %s is requested; it has not ended yet.", found.Run))
	}
	return answer(documentOf(found), closing(found))
}
