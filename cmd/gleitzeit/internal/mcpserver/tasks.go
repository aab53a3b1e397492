package mcpserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/mcptask"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

const (
	// extensionVersion is the first version of MCP in which tasks are an extension, on whose use the server decides.
	extensionVersion = "2026-07-28"
	// taskDelay is how long such a call waits for its run before it returns a task.
	taskDelay = time.Second
	// pollInterval is how often clients are to ask for a task.
	pollInterval = time.Second
	// maxListedTasks is the maximum number of tasks in a list.
	maxListedTasks = 100
)

// resultForm makes the result of a tool from the run that it has executed.
type resultForm func(run *view.Run) (*mcp.CallToolResult, error)

// taskWish is whether the client of a call wants, or allows, a task instead of the result.
type taskWish int

const (
	noTask taskWish = iota
	wantsTask
	allowsTask
)

// wishOf reads what a client says about tasks in the metadata of a call.
func wishOf(meta mcp.Meta) taskWish {
	if isExtension(meta) {
		var capabilities struct{ Extensions map[string]json.RawMessage }
		text, err := json.Marshal(meta[mcp.MetaKeyClientCapabilities])
		if err == nil && json.Unmarshal(text, &capabilities) == nil && capabilities.Extensions[mcptask.Extension] != nil {
			return allowsTask
		}
		return noTask
	}
	if _, is := meta[mcptask.Key]; is {
		return wantsTask
	}
	return noTask
}

// isExtension reports whether a request with the metadata is of a version in which tasks are an extension.
func isExtension(meta mcp.Meta) bool {
	version, _ := meta[mcp.MetaKeyProtocolVersion].(string)
	return version >= extensionVersion
}

// execute runs a plan for a call and returns the result in the form, or a task, whose id is that of the run.
func (s *Server) execute(c *call, p *plan.Plan, another bool, form resultForm) (*mcp.CallToolResult, error) {
	wish := wishOf(c.request.Params.Meta)
	if wish == noTask {
		run, err := s.runs.Run(c.ctx, p, another, s.observer(c))
		if err != nil {
			return nil, err
		}
		return form(run)
	}
	id, err := s.runs.Submit(c.ctx, p)
	if err != nil {
		return nil, err
	}
	s.tasks.Store(id, form)
	wait := time.Duration(0)
	if wish == allowsTask {
		wait = taskDelay
	}
	run, err := s.look(c.ctx, id, wait)
	if err != nil {
		return nil, err
	}
	if wish == allowsTask && run.Status.Ended() {
		return form(run)
	}
	created := taskDocument(run, wish == allowsTask)
	if wish == allowsTask {
		created["resultType"] = "task"
	}
	return &mcp.CallToolResult{Meta: mcp.Meta{mcptask.Key: created}}, nil
}

// look returns a run as it is after at most the time. A run whose process is gone is resumed.
func (s *Server) look(ctx context.Context, id string, wait time.Duration) (*view.Run, error) {
	ctx, done := context.WithTimeout(ctx, wait)
	defer done()
	return s.runs.Follow(ctx, id, Observer{Wait: func() func() { return func() {} }, Step: func(Step) {}})
}

// form returns the form of the result of a task. A server that has not created the task itself does not know its tool.
func (s *Server) form(id string) resultForm {
	if form, known := s.tasks.Load(id); known {
		return form.(resultForm)
	}
	return runResult
}

// document is a JSON object.
type document = map[string]any

// taskDocument returns a run as a task.
func taskDocument(run *view.Run, extension bool) document {
	updated := run.StartedAt
	ended := 0
	for i := range run.Tasks {
		if run.Tasks[i].Status.Ended() {
			ended++
		}
	}
	message := fmt.Sprintf("%d of %d tasks ended", ended, len(run.Tasks))
	if len(run.Tasks) == 0 { // In a list.
		message = fmt.Sprintf("run %s %s", run.Run, run.Status)
	}
	if run.FinishedAt != nil {
		updated = *run.FinishedAt
		message = fmt.Sprintf("run %s %s", run.Run, run.Status)
	}
	task := document{
		"taskId": run.Run, "status": taskStatus(run, extension), "statusMessage": message,
		"createdAt": run.StartedAt.UTC().Format(time.RFC3339Nano), "lastUpdatedAt": updated.UTC().Format(time.RFC3339Nano),
	}
	ttl, interval := "ttl", "pollInterval"
	if extension {
		ttl, interval = "ttlMs", "pollIntervalMs"
	}
	task[ttl], task[interval] = nil, pollInterval.Milliseconds() // The settings decide how long a run is kept.
	return task
}

// taskStatus returns the status of a run as that of a task. In the extension a task whose result is an error is completed.
func taskStatus(run *view.Run, extension bool) mcptask.Status {
	switch {
	case !run.Status.Ended():
		return mcptask.Working
	case run.Status == protocol.Cancelled:
		return mcptask.Cancelled
	case run.Status == protocol.Completed || extension:
		return mcptask.Completed
	}
	return mcptask.Failed
}

// taskParams are the parameters of a request about tasks.
type taskParams struct {
	mcp.ParamsBase
	ID     string `json:"taskId"`
	Cursor string `json:"cursor"`
}

// jsonResult is a result of a form that the SDK does not know.
type jsonResult struct {
	mcp.ResultBase
	value any
}

// MarshalJSON implements json.Marshaler.
func (r *jsonResult) MarshalJSON() ([]byte, error) { return json.Marshal(r.value) }

// addTaskMethods adds the methods of tasks, and what the SDK leaves out of the results of other methods.
func (s *Server) addTaskMethods() error {
	for method, handle := range map[string]func(ctx context.Context, p *taskParams) (any, error){
		mcptask.MethodGet: s.getTask, mcptask.MethodResult: s.resultOfTask, mcptask.MethodCancel: s.cancelTask,
		mcptask.MethodList: s.listTasks, mcptask.MethodUpdate: s.updateTask,
	} {
		err := mcp.AddReceivingCustomMethod(s.mcp, method, func(ctx context.Context, _ *mcp.ServerSession, p *taskParams) (*jsonResult, error) {
			if p == nil {
				p = &taskParams{}
			}
			ctx, done := s.withCause(ctx)
			defer done()
			answer, err := handle(ctx, p)
			if err != nil {
				return nil, taskError(err)
			}
			return &jsonResult{value: answer}, nil
		})
		if err != nil {
			return err
		}
	}
	s.mcp.AddReceivingMiddleware(withTasks)
	return nil
}

// taskError returns the error of a request about tasks.
func taskError(err error) error {
	if sent, is := errors.AsType[*jsonrpc.Error](err); is {
		return sent
	}
	code := int64(jsonrpc.CodeInternalError)
	known := protocol.AsError(err, protocol.InternalError)
	if known.Code == protocol.InvalidParams || known.Code == protocol.WorkflowNotFound {
		code = jsonrpc.CodeInvalidParams
	}
	return &jsonrpc.Error{Code: code, Message: known.Error()}
}

func invalidTask(format string, args ...any) error {
	return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: fmt.Sprintf(format, args...)}
}

// task returns the run of a task as it is now, with what is wrong with the request about it.
func (s *Server) task(ctx context.Context, p *taskParams) (*view.Run, error) {
	run, err := s.runs.Find(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	if run.Run != p.ID { // Part of an id, or @latest.
		return nil, invalidTask("unknown task %q", p.ID)
	}
	return run, nil
}

func (s *Server) getTask(ctx context.Context, p *taskParams) (any, error) {
	if _, err := s.task(ctx, p); err != nil {
		return nil, err
	}
	run, err := s.look(ctx, p.ID, 0)
	if err != nil {
		return nil, err
	}
	extension := isExtension(p.Meta)
	task := taskDocument(run, extension)
	if !extension {
		return task, nil
	}
	task["resultType"] = "complete"
	if task["status"] == mcptask.Completed {
		if task["result"], err = s.form(run.Run)(run); err != nil {
			return nil, err
		}
	}
	return task, nil
}

// resultOfTask waits for the end of a task and returns its result.
func (s *Server) resultOfTask(ctx context.Context, p *taskParams) (any, error) {
	if _, err := s.task(ctx, p); err != nil {
		return nil, err
	}
	run, err := s.runs.Follow(ctx, p.ID, Observer{Wait: s.calls.wait, Step: func(Step) {}})
	if err != nil {
		return nil, err
	}
	if !run.Status.Ended() {
		return nil, context.Cause(ctx) // The client does not read it.
	}
	result, err := s.form(run.Run)(run)
	if err != nil {
		return nil, err
	}
	result.Meta = mcp.Meta{mcptask.RelatedKey: document{"taskId": run.Run}}
	return result, nil
}

func (s *Server) cancelTask(ctx context.Context, p *taskParams) (any, error) {
	run, err := s.task(ctx, p)
	if err != nil {
		return nil, err
	}
	extension := isExtension(p.Meta)
	if run.Status.Ended() && !extension {
		return nil, invalidTask("the task %q cannot be cancelled: run %s %s", p.ID, run.Run, run.Status)
	}
	if !run.Status.Ended() {
		if run, err = s.runs.Cancel(ctx, p.ID); err != nil {
			return nil, err
		}
	}
	if extension {
		return document{"resultType": "complete"}, nil
	}
	return taskDocument(run, false), nil
}

// listTasks lists the newest runs.
func (s *Server) listTasks(ctx context.Context, p *taskParams) (any, error) {
	if p.Cursor != "" {
		return nil, invalidTask("invalid cursor: the list has one page")
	}
	runs, err := s.runs.List(ctx, Query{Limit: maxListedTasks})
	if err != nil {
		return nil, err
	}
	tasks := make([]document, len(runs))
	for i, run := range runs {
		tasks[i] = taskDocument(run, false)
	}
	return document{"tasks": tasks}, nil
}

// updateTask acknowledges input for a task. No task asks for any.
func (s *Server) updateTask(ctx context.Context, p *taskParams) (any, error) {
	if _, err := s.task(ctx, p); err != nil {
		return nil, err
	}
	return document{"resultType": "complete"}, nil
}

// withTasks returns a handler whose results have what is about tasks: the capability, the execution of tools, the task of a call.
func withTasks(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, request mcp.Request) (mcp.Result, error) {
		result, err := next(ctx, method, request)
		if err != nil {
			return result, err
		}
		switch result := result.(type) {
		case *mcp.InitializeResult:
			return changedResult(result, func(of value.Value) value.Value {
				capabilities, _ := of.Get("capabilities")
				return of.With("capabilities", capabilities.With("tasks", legacyCapability))
			})
		case *mcp.ListToolsResult:
			return changedResult(result, func(of value.Value) value.Value {
				tools, _ := of.Get("tools")
				listed := make([]value.Value, len(tools.Elements()))
				for i, tool := range tools.Elements() {
					listed[i] = withExecution(tool)
				}
				return of.With("tools", value.List(listed...))
			})
		case *mcp.CallToolResult:
			task, is := result.Meta[mcptask.Key].(document)
			call, _ := request.(*mcp.CallToolRequest)
			switch {
			case !is && call != nil && call.Params != nil && wishOf(call.Params.Meta) == wantsTask:
				return nil, noTaskError(call.Params.Name, result)
			case !is:
				return result, nil
			case task["resultType"] != nil:
				return &jsonResult{value: task}, nil
			}
			return &jsonResult{value: document{"task": task}}, nil
		}
		return result, nil
	}
}

// noTaskError returns the error for a client that asked for a task and would not expect the result of a tool.
func noTaskError(tool string, result *mcp.CallToolResult) error {
	var texts []string
	for _, block := range result.Content {
		if text, is := block.(*mcp.TextContent); is {
			texts = append(texts, text.Text)
		}
	}
	return invalidTask("the call of %s has no task: %s", tool, strings.Join(texts, "\n"))
}

// legacyCapability is the capability of a server of 2025-11-25.
var legacyCapability = value.Object(
	value.Field{Name: "list", Value: value.Object()}, value.Field{Name: "cancel", Value: value.Object()},
	value.Field{Name: "requests", Value: value.Object(value.Field{Name: "tools", Value: value.Object(value.Field{Name: "call", Value: value.Object()})})},
)

// withExecution returns a tool with its execution, which is its only metadata.
func withExecution(tool value.Value) value.Value {
	meta, _ := tool.Get("_meta")
	execution, is := meta.Get(mcptask.Key)
	if !is {
		return tool
	}
	fields := slices.DeleteFunc(slices.Clone(tool.Fields()), func(field value.Field) bool { return field.Name == "_meta" })
	return value.Object(append(fields, value.Field{Name: "execution", Value: execution})...)
}

// changedResult returns a result as change makes it, in the order that it had.
func changedResult(result mcp.Result, change func(value.Value) value.Value) (mcp.Result, error) {
	text, err := json.Marshal(result)
	if err != nil {
		return nil, err
	}
	of, err := value.Parse(text)
	if err != nil {
		return nil, err
	}
	return &jsonResult{value: change(of)}, nil
}
