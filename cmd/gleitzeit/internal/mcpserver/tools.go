package mcpserver

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/mcptask"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// tool is a tool that every server has.
type tool struct {
	name, title, description string
	parameters               []parameter
	annotations              mcp.ToolAnnotations
	handle                   handler
}

// runWorkflow is the name of the tool that runs any workflow.
const runWorkflow = "run_workflow"

// optionalTask is the metadata of a tool whose calls can be tasks.
func optionalTask() mcp.Meta {
	return mcp.Meta{mcptask.Key: mcptask.Execution{TaskSupport: mcptask.Optional}}
}

// handler handles a call of a tool.
type handler func(s *Server, c *call) (*mcp.CallToolResult, error)

// call is a call of a tool.
type call struct {
	ctx     context.Context // Ends with the cause ErrCallCancelled if the client cancels the call.
	args    arguments
	request *mcp.CallToolRequest
}

// The parameters that several tools have.
var (
	fileParameter    = parameter{name: argumentFile, schema: `{"type": "string", "description": "The workflow's file: a path as list_workflows gives it."}`}
	anyFileParameter = parameter{name: argumentFile, schema: `{"type": "string", "description": "The workflow's file: a path as list_workflows gives it, or any other."}`}
	textParameter    = parameter{name: argumentText, schema: `{"type": "string", "description": "The workflow itself, as YAML, instead of a file."}`}
	inputsParameter  = parameter{name: "inputs", schema: `{"type": "object", "description": "The workflow's inputs by name, each of the type that the workflow declares."}`}
	runParameter     = parameter{name: "run", required: true, schema: `{"type": "string", "description": "The id of the run, or @latest for the newest."}`}
)

// tools returns the tools that every server has. anyWorkflow is Options.Any.
func tools(anyWorkflow bool) []tool {
	workflow := []parameter{fileParameter, {name: argumentText, schema: textParameter.schema, hidden: true}, inputsParameter}
	if anyWorkflow {
		workflow = []parameter{anyFileParameter, textParameter, inputsParameter}
	}
	readOnly := mcp.ToolAnnotations{ReadOnlyHint: true, IdempotentHint: true, OpenWorldHint: new(false)}
	return []tool{
		{"list_workflows", "List workflows",
			"List the workflow files that can be run here: name, description, the JSON Schema of the inputs, and the problems of those that have any.",
			nil, readOnly, (*Server).listWorkflows},
		{"read_workflow", "Read a workflow", "Return the YAML text of a workflow file.",
			[]parameter{{name: argumentFile, required: true, schema: fileParameter.schema}}, readOnly, (*Server).readWorkflow},
		{"validate_workflow", "Validate a workflow",
			"Check a workflow, given as a file or as YAML text, and return every problem in it with its line and column. Nothing is started.",
			[]parameter{fileParameter, textParameter, inputsParameter}, readOnly, (*Server).validate},
		{runWorkflow, "Run a workflow",
			"Run a workflow, wait until it has ended, and return its outputs. Cancelling the call cancels the run. For one that takes longer than a minute use submit_workflow and follow_run. " +
				"An open run of the same workflow with the same inputs whose process has died is resumed.",
			append(slices.Clone(workflow), parameter{name: "new", schema: `{"type": "boolean", "description": "Start another run, even if an equal one is open."}`}),
			mcp.ToolAnnotations{DestructiveHint: new(true), OpenWorldHint: new(true)}, (*Server).run},
		{"submit_workflow", "Submit a workflow",
			"Start a run of a workflow and return its id at once. follow_run waits for its end, cancel_run cancels it.",
			workflow, mcp.ToolAnnotations{DestructiveHint: new(true), OpenWorldHint: new(true)}, (*Server).submit},
		{"follow_run", "Follow a run",
			"Wait until a run has ended or the time is over, and return its status, its outputs and each task. Cancelling the call does not cancel the run. A run whose process has died is resumed.",
			[]parameter{runParameter, {name: "wait", schema: `{"type": "number", "minimum": 0, "default": 30, "description": "Maximum number of seconds to wait for the end; 0 does not wait."}`}},
			mcp.ToolAnnotations{IdempotentHint: true, DestructiveHint: new(false), OpenWorldHint: new(false)}, (*Server).follow},
		{"run_results", "Results of a run", "Return the results of all tasks of a run, or of one of them.",
			[]parameter{runParameter, {name: "task", schema: `{"type": "string", "description": "The id or name of one task (default all tasks)."}`}}, readOnly, (*Server).results},
		{"list_runs", "List runs", "List runs, newest first.",
			[]parameter{
				{name: "workflow", schema: `{"type": "string", "description": "Name of the workflow whose runs are listed."}`},
				{name: "status", schema: `{"type": "string", "enum": ["running", "completed", "failed", "cancelled", "timed_out"], "description": "Status of the runs listed."}`},
				{name: "limit", schema: `{"type": "integer", "minimum": 1, "default": 20, "description": "Maximum number of runs."}`},
			}, readOnly, (*Server).list},
		{"cancel_run", "Cancel a run", "Cancel a run: nothing more starts, running tasks are cancelled, finished work is kept.",
			[]parameter{runParameter}, mcp.ToolAnnotations{DestructiveHint: new(true), IdempotentHint: true, OpenWorldHint: new(false)}, (*Server).cancel},
	}
}

// addTool adds a tool that every server has.
func (s *Server) addTool(t tool) {
	t.annotations.Title = t.title
	described := &mcp.Tool{
		Name: t.name, Title: t.title, Description: t.description, InputSchema: json.RawMessage(inputSchema(t.parameters).JSON()), Annotations: &t.annotations,
	}
	if t.name == runWorkflow {
		described.Meta = optionalTask()
	}
	s.mcp.AddTool(described, func(ctx context.Context, request *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if t.name != runWorkflow && wishOf(request.Params.Meta) == wantsTask {
			return nil, &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: "calls of " + t.name + " cannot be tasks"}
		}
		args, err := parseArguments(request.Params.Arguments, t.parameters)
		if err != nil {
			return errorResult(err), nil
		}
		return s.handle(ctx, request, args, t.handle)
	})
}

// workflowHandler handles calls of a workflow's tool. It reads the file again, because it may have changed.
func (s *Server) workflowHandler(f *workflowFile) mcp.ToolHandler {
	return func(ctx context.Context, request *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		args, err := parseObject(request.Params.Arguments)
		if err != nil {
			return errorResult(err), nil
		}
		return s.handle(ctx, request, arguments{args}, func(s *Server, c *call) (*mcp.CallToolResult, error) {
			return s.runFile(c, f.path)
		})
	}
}

// handle calls a handler and makes a result of its error.
func (s *Server) handle(ctx context.Context, request *mcp.CallToolRequest, args arguments, handle handler) (*mcp.CallToolResult, error) {
	ctx, done := s.withCause(ctx)
	defer done()
	result, err := handle(s, &call{ctx, args, request})
	if err == nil {
		return result, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx) // The client does not read it.
	}
	return errorResult(err), nil
}

// observer returns the observer of the run for which a call waits.
func (s *Server) observer(c *call) Observer {
	return Observer{s.calls.wait, c.progressReporter(), s.asker(c)}
}

// progressReporter returns a function that sends the progress of a run to the client, if the call asks for progress.
func (c *call) progressReporter() func(Step) {
	token := c.request.Params.GetProgressToken()
	if token == nil {
		return func(Step) {}
	}
	return func(step Step) {
		// An error is ignored: a client that cannot be notified gets the result of the call.
		_ = c.request.Session.NotifyProgress(c.ctx, &mcp.ProgressNotificationParams{
			ProgressToken: token, Message: step.Text, Progress: step.Done, Total: float64(step.Total),
		})
	}
}
