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
	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// compile returns the plan of the workflow that a call names, or a result with its diagnostics.
func (s *Server) compile(c *call) (*plan.Plan, *mcp.CallToolResult, error) {
	in, err := s.library.find(c.args, true)
	if err != nil {
		return nil, nil, err
	}
	compiled, diagnostics := interpreter.CompileWith(in, c.args.value(inputsParameter.name))
	if compiled == nil {
		return nil, diagnosticsResult(diagnostics), nil
	}
	return compiled, nil, nil
}

func (s *Server) validate(c *call) (*mcp.CallToolResult, error) {
	in, err := s.library.find(c.args, false)
	if err != nil {
		return nil, err
	}
	compile := func() (*plan.Plan, string) {
		compiled, diagnostics := interpreter.CompileWith(in, c.args.value(inputsParameter.name))
		return compiled, diagnosticLines(diagnostics)
	}
	if c.args.value(inputsParameter.name).IsNull() {
		compile = func() (*plan.Plan, string) {
			workflow, diagnostics := interpreter.Describe(in)
			if workflow == nil {
				return nil, diagnosticLines(diagnostics)
			}
			return workflow.Plan, diagnosticLines(diagnostics)
		}
	}
	compiled, problems := compile()
	if compiled == nil {
		result := textResult("The workflow has problems:\n" + problems)
		result.IsError = true
		return result, nil
	}
	tasks := "1 task"
	if len(compiled.Tasks) != 1 {
		tasks = fmt.Sprintf("%d tasks", len(compiled.Tasks))
	}
	text := fmt.Sprintf("The workflow %q is ok: %s.", compiled.Name, tasks)
	return textResult(strings.TrimSpace(text + "\n" + problems)), nil
}

func (s *Server) run(c *call) (*mcp.CallToolResult, error) {
	compiled, invalid, err := s.compile(c)
	if compiled == nil {
		return invalid, err
	}
	return s.execute(c, compiled, c.args.boolean("new"), runResult)
}

func (s *Server) submit(c *call) (*mcp.CallToolResult, error) {
	compiled, invalid, err := s.compile(c)
	if compiled == nil {
		return invalid, err
	}
	run, err := s.runs.Submit(c.ctx, compiled)
	if err != nil {
		return nil, err
	}
	return structuredResult(struct {
		Run      string `json:"run"`
		Workflow string `json:"workflow"`
	}{run, compiled.Name}, "Run "+run+" has started; follow_run waits for its end.")
}

// runFile runs the workflow of a file with the arguments of the call as its inputs.
func (s *Server) runFile(c *call, path string) (*mcp.CallToolResult, error) {
	in, err := s.library.readFile(path)
	if err != nil {
		return nil, err
	}
	compiled, diagnostics := interpreter.CompileWith(in, c.args.Value)
	if compiled == nil {
		return diagnosticsResult(diagnostics), nil
	}
	return s.execute(c, compiled, false, workflowResult)
}

// workflowResult returns the result of a workflow's tool.
func workflowResult(run *view.Run) (*mcp.CallToolResult, error) {
	if run.Status != protocol.Completed {
		return runResult(run)
	}
	return structuredResult(run.Outcome(), summary(run))
}

func (s *Server) listWorkflows(*call) (*mcp.CallToolResult, error) {
	return structuredResult(struct {
		Workflows []listing `json:"workflows"`
	}{s.catalog.refresh()})
}

func (s *Server) readWorkflow(c *call) (*mcp.CallToolResult, error) {
	path, _ := c.args.text(argumentFile)
	in, err := s.library.readFile(path)
	if err != nil {
		return nil, err
	}
	return textResult(string(in.Text)), nil
}

// defaultWait is how long follow_run waits by default: less than the minute after which many clients cancel a call.
const defaultWait = 30 * time.Second

func (s *Server) follow(c *call) (*mcp.CallToolResult, error) {
	wait := defaultWait
	if given := c.args.value("wait"); given.Kind() == value.KindNumber {
		seconds, err := strconv.ParseFloat(given.Digits(), 64)
		if err != nil || seconds < 0 {
			return nil, protocol.Errorf(protocol.InvalidParams, "argument \"wait\" must be a number of seconds, not %s", given.Digits())
		}
		wait = protocol.Seconds(seconds).Duration()
	}
	ctx, done := context.WithTimeout(c.ctx, wait)
	defer done()
	id, _ := c.args.text(runParameter.name)
	o := s.observer(c)
	if wait == 0 {
		o.Wait = func() func() { return func() {} }
	}
	found, err := s.runs.Follow(ctx, id, o)
	if err != nil {
		return nil, err
	}
	if found.Status == protocol.Running {
		return structuredResult(newRunDocument(found), fmt.Sprintf("Run %s is still running; call follow_run again to wait for its end.%s", found.Run, waitsFor(found)))
	}
	return runResult(found)
}

// waitsFor says which tasks of a run wait for people.
func waitsFor(run *view.Run) string {
	var text strings.Builder
	for i := range run.Tasks {
		if t := &run.Tasks[i]; t.Approval != nil {
			fmt.Fprintf(&text, "\n\nTask %s waits for a person to decide:\n%s", t.ID, t.Approval.Text("  "))
		}
	}
	return text.String()
}

func (s *Server) results(c *call) (*mcp.CallToolResult, error) {
	id, _ := c.args.text(runParameter.name)
	found, err := s.runs.Find(c.ctx, id)
	if err != nil {
		return nil, err
	}
	name, one := c.args.text("task")
	if !one {
		return structuredResult(found)
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
		code := protocol.TaskExecutionFailed
		if t.Error != nil {
			code = t.Error.Code
		}
		return nil, protocol.Errorf(code, "task %q has no result: %s", t.ID, t.Line())
	}
	return structuredResult(t.Result)
}

// listedRun is an entry in the result of list_runs.
type listedRun struct {
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
	q.Workflow, _ = c.args.text("workflow")
	status, _ := c.args.text("status")
	switch q.Status = protocol.Status(status); q.Status {
	case "", protocol.Running, protocol.Completed, protocol.Failed, protocol.Cancelled, protocol.TimedOut:
	default:
		return nil, protocol.Errorf(protocol.InvalidParams, "status %q is not one of running, completed, failed, cancelled, timed_out", status)
	}
	if given := c.args.value("limit"); given.Kind() == value.KindNumber {
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
	listed := make([]listedRun, len(runs))
	for i, run := range runs {
		listed[i] = listedRun{run.Run, run.Workflow, run.Status, run.StartedAt, run.FinishedAt, run.Duration, run.Error}
	}
	return structuredResult(struct {
		Runs []listedRun `json:"runs"`
	}{listed})
}

func (s *Server) cancel(c *call) (*mcp.CallToolResult, error) {
	id, _ := c.args.text(runParameter.name)
	found, err := s.runs.Cancel(c.ctx, id)
	if err != nil {
		return nil, err
	}
	if found.Status == protocol.Running {
		return structuredResult(newRunDocument(found), fmt.Sprintf("The cancellation of run %s is requested; it has not ended yet.", found.Run))
	}
	return structuredResult(newRunDocument(found), summary(found))
}
