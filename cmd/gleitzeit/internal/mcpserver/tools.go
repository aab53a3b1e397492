package mcpserver

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// tool is one that every server has.
type tool struct {
	name, title, description string
	takes                    []argument
	hints                    mcp.ToolAnnotations
	handle                   func(c *call) (*mcp.CallToolResult, error)
}

// call is one call of a tool.
type call struct {
	ctx     context.Context // Ends with ErrCalledOff where the client cancels the call.
	given   arguments
	request *mcp.CallToolRequest
}

func yes() *bool { t := true; return &t }

func no() *bool { f := false; return &f }

// The arguments that several tools take.
var (
	file    = argument{name: argumentFile, schema: `{"type": "string", "description": "The workflow's file: a path as list_workflows gives it."}`}
	anyFile = argument{name: argumentFile, schema: `{"type": "string", "description": "The workflow's file: a path as list_workflows gives it, or any other."}`}
	text    = argument{name: argumentText, schema: `{"type": "string", "description": "The workflow itself, as YAML, instead of a file."}`}
	inputs  = argument{name: "inputs", schema: `{"type": "object", "description": "The workflow's inputs by name, each of the type that the workflow declares."}`}
	run     = argument{name: "run", required: true, schema: `{"type": "string", "description": "The id of the run, or @latest for the newest."}`}
)

// tools lists those that every server has.
func (s *Server) tools() []tool {
	named := []argument{file, {name: argumentText, schema: text.schema, hidden: true}, inputs}
	if s.options.Any {
		named = []argument{anyFile, text, inputs}
	}
	reads := mcp.ToolAnnotations{ReadOnlyHint: true, IdempotentHint: true, OpenWorldHint: no()}
	return []tool{
		{"list_workflows", "List workflows",
			"List the workflow files that can be run here: name, description, the JSON Schema of the inputs, and the problems of those that have any.",
			nil, reads, s.listWorkflows},
		{"read_workflow", "Read a workflow", "Return the YAML text of a workflow file.",
			[]argument{{name: argumentFile, required: true, schema: file.schema}}, reads, s.readWorkflow},
		{"validate_workflow", "Validate a workflow",
			"Check a workflow, given as a file or as YAML text, and return every problem in it with its line and column. Nothing is started.",
			[]argument{file, text, inputs}, reads, s.validate},
		{"run_workflow", "Run a workflow",
			"Run a workflow, wait until it has ended, and return its outputs. Cancelling the call cancels the run. For one that takes longer than a minute use submit_workflow and follow_run. " +
				"An open run of the same workflow with the same inputs whose process has died is resumed.",
			append(slices.Clone(named), argument{name: "new", schema: `{"type": "boolean", "description": "Start another run, even if an equal one is open."}`}),
			mcp.ToolAnnotations{DestructiveHint: yes(), OpenWorldHint: yes()}, s.run},
		{"submit_workflow", "Submit a workflow",
			"Start a run of a workflow and return its id at once. follow_run waits for its end, cancel_run cancels it.",
			named, mcp.ToolAnnotations{DestructiveHint: yes(), OpenWorldHint: yes()}, s.submit},
		{"follow_run", "Follow a run",
			"Wait until a run has ended or the time is over, and return its status, its outputs and each task. Cancelling the call does not cancel the run. A run whose process has died is resumed.",
			[]argument{run, {name: "wait", schema: `{"type": "number", "minimum": 0, "default": 30, "description": "Maximum number of seconds to wait for the end; 0 does not wait."}`}},
			mcp.ToolAnnotations{IdempotentHint: true, DestructiveHint: no(), OpenWorldHint: no()}, s.follow},
		{"run_results", "Results of a run", "Return the results of all tasks of a run, or of one of them.",
			[]argument{run, {name: "task", schema: `{"type": "string", "description": "The id or name of one task (default all tasks)."}`}}, reads, s.results},
		{"list_runs", "List runs", "List runs, newest first.",
			[]argument{
				{name: "workflow", schema: `{"type": "string", "description": "Name of the workflow whose runs are listed."}`},
				{name: "status", schema: `{"type": "string", "enum": ["running", "completed", "failed", "cancelled", "timed_out"], "description": "Status of the runs listed."}`},
				{name: "limit", schema: `{"type": "integer", "minimum": 1, "default": 20, "description": "Maximum number of runs."}`},
			}, reads, s.list},
		{"cancel_run", "Cancel a run", "Cancel a run: nothing more starts, running tasks are cancelled, finished work is kept.",
			[]argument{run}, mcp.ToolAnnotations{DestructiveHint: yes(), IdempotentHint: true, OpenWorldHint: no()}, s.cancel},
	}
}

// add offers a tool to clients.
func (s *Server) add(t tool) {
	t.hints.Title = t.title
	s.fixed[t.name] = true
	s.mcp.AddTool(&mcp.Tool{
		Name: t.name, Title: t.title, Description: t.description, InputSchema: json.RawMessage(schemaOf(t.takes).JSON()), Annotations: &t.hints,
	}, func(ctx context.Context, request *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		given, err := parseArguments(request.Params.Arguments, t.takes)
		if err != nil {
			return failure(err), nil
		}
		return s.answered(ctx, request, given, t.handle)
	})
}

// answered turns what a handler returns into the answer of a call.
func (s *Server) answered(ctx context.Context, request *mcp.CallToolRequest, given arguments, handle func(*call) (*mcp.CallToolResult, error)) (*mcp.CallToolResult, error) {
	ctx, done := s.withCause(ctx)
	defer done()
	result, err := handle(&call{ctx, given, request})
	if err == nil {
		return result, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx) // Nobody reads it.
	}
	return failure(err), nil
}

// compiled is the plan of the workflow that a call names, or why there is none.
func (s *Server) compiled(c *call) (*plan.Plan, *mcp.CallToolResult, error) {
	in, err := s.source(c.given, true)
	if err != nil {
		return nil, nil, err
	}
	planned, found := interpreter.CompileWith(in, c.given.object(inputs.name))
	if planned == nil {
		return nil, refusal(found), nil
	}
	return planned, nil, nil
}

func (s *Server) validate(c *call) (*mcp.CallToolResult, error) {
	in, err := s.source(c.given, false)
	if err != nil {
		return nil, err
	}
	compile := func() (*plan.Plan, string) {
		planned, found := interpreter.CompileWith(in, c.given.object(inputs.name))
		return planned, listed(found)
	}
	if given, _ := c.given.Get(inputs.name); given.IsNull() {
		compile = func() (*plan.Plan, string) {
			described, found := interpreter.Describe(in)
			if described == nil {
				return nil, listed(found)
			}
			return described.Plan, listed(found)
		}
	}
	planned, found := compile()
	if planned == nil {
		result := said("The workflow has problems:\n" + found)
		result.IsError = true
		return result, nil
	}
	tasks := "1 task"
	if len(planned.Tasks) != 1 {
		tasks = fmt.Sprintf("%d tasks", len(planned.Tasks))
	}
	text := fmt.Sprintf("The workflow %q is ok: %s.", planned.Name, tasks)
	return said(strings.TrimSpace(text + "\n" + found)), nil
}

func (s *Server) run(c *call) (*mcp.CallToolResult, error) {
	planned, refused, err := s.compiled(c)
	if planned == nil {
		return refused, err
	}
	run, err := s.runs.Run(c.ctx, planned, c.given.truth("new"), c.tell())
	if err != nil {
		return nil, err
	}
	return ended(run)
}

func (s *Server) submit(c *call) (*mcp.CallToolResult, error) {
	planned, refused, err := s.compiled(c)
	if planned == nil {
		return refused, err
	}
	run, err := s.runs.Submit(c.ctx, planned)
	if err != nil {
		return nil, err
	}
	return answer(struct {
		Run      string `json:"run"`
		Workflow string `json:"workflow"`
	}{run, planned.Name}, "Run "+run+" has started; follow_run waits for its end.")
}

// workflowTool is the handler of the tool that a workflow has. The file is read anew: what counts is what is there now.
func (s *Server) workflowTool(f *flow) mcp.ToolHandler {
	return func(ctx context.Context, request *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		given, err := parseObject(request.Params.Arguments)
		if err != nil {
			return failure(err), nil
		}
		return s.answered(ctx, request, arguments{given}, func(c *call) (*mcp.CallToolResult, error) {
			in, err := s.sourceFile(f.path)
			if err != nil {
				return nil, err
			}
			planned, found := interpreter.CompileWith(in, given)
			if planned == nil {
				return refusal(found), nil
			}
			run, err := s.runs.Run(c.ctx, planned, false, c.tell())
			if err != nil {
				return nil, err
			}
			if run.Status != protocol.Completed {
				return ended(run)
			}
			return answer(run.Outcome(), closing(run))
		})
	}
}
