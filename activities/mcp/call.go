package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/mcptask"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// call is a call of a method.
type call struct {
	handler    *Handler
	request    protocol.Request
	target     target
	parameters value.Value // An object.
	progress   protocol.Progress
	warnings   *warnings
}

func (c call) run(ctx context.Context) (value.Value, error) {
	if ctx.Err() != nil {
		return value.Value{}, contextError(ctx)
	}
	if c.target.verb == verbTool {
		return c.tool(ctx)
	}
	about := serverMethods[c.target.verb]
	if err := checkArguments(about.arguments, c.request.Method, c.parameters); err != nil {
		return value.Value{}, err
	}
	if c.target.server != "" {
		s, err := c.handler.server(c.request, c.target.server)
		if err != nil {
			return value.Value{}, err
		}
		return c.query(ctx, s, about.query)
	}
	servers, err := c.handler.candidates(c.request)
	if err != nil {
		return value.Value{}, err
	}
	if about.join != nil {
		return c.queryAll(ctx, servers, about)
	}
	if len(servers) != 2 {
		return value.Value{}, protocol.Errorf(protocol.InvalidParams, "%s names no server, and this worker has %d: %s", c.request.Method, len(servers), names(servers)).
			WithHint("write %sSERVER.%s", family, c.target.verb)
	}
	return c.query(ctx, servers[1], about.query) // The server that is not built in: the built-in one has neither resources nor prompts.
}

// tool calls a tool: on the server that the method names, else on the built-in server, else on the only server that has it.
func (c call) tool(ctx context.Context) (value.Value, error) {
	s, err := c.toolServer(ctx)
	if err != nil {
		return value.Value{}, err
	}
	return c.callTool(ctx, s)
}

// timeLimit returns the timeout of the call on a server: that of the task, or that of the server if the task has none.
func (c call) timeLimit(s *server) timeLimit {
	l := timeLimit{server: s.Name, tool: c.target.tool, limit: s.limit}
	if c.request.Timeout > 0 {
		l.limit, l.ofTask = c.request.Timeout, true
	}
	return l
}

// withTimeout applies the timeout of the call.
func (c call) withTimeout(ctx context.Context, s *server) (context.Context, context.CancelFunc) {
	l := c.timeLimit(s)
	return context.WithTimeoutCause(ctx, l.limit, l)
}

// awaitStart waits until the server has started, unless the task has a timeout, which includes that. The start has the
// timeout of the server for itself: a server that does not start fails with the error of the start, not with that of a call.
func (c call) awaitStart(ctx context.Context, s *server) error {
	if c.request.Timeout > 0 {
		return nil
	}
	_, err := s.connect(ctx)
	return err
}

// withToolTimeout is withTimeout for a call of a tool: progress resets the server's timeout, if its settings want that. The
// returned call reports progress that does so.
func (c call) withToolTimeout(ctx context.Context, s *server) (context.Context, call, func()) {
	if c.request.Timeout > 0 || s.TimeoutOnProgress != protocol.ResetTimeout {
		ctx, stop := c.withTimeout(ctx, s)
		return ctx, c, stop
	}
	ctx, end := context.WithCancelCause(ctx)
	passed := c.timeLimit(s)
	passed.progress = true
	timer := time.AfterFunc(s.limit, func() { end(passed) })
	report := c.progress
	c.progress = func(message string) {
		timer.Reset(s.limit)
		report(message)
	}
	return ctx, c, func() {
		timer.Stop()
		end(nil)
	}
}

// query runs a query on a server. A query can be repeated.
func (c call) query(ctx context.Context, s *server, question query) (answer value.Value, err error) {
	err = s.withSlot(ctx, func(ctx context.Context) error {
		if err := c.awaitStart(ctx, s); err != nil {
			return err
		}
		ctx, stop := c.withTimeout(ctx, s) // The wait for the slot does not count.
		defer stop()
		return s.withConnection(ctx, c.request.Secrets, func(ctx context.Context, conn *connection) (bool, error) {
			answer, err = question(ctx, s, conn, c)
			answer = conn.known.settings.Value(answer)
			return true, conn.known.error(err)
		})
	})
	return answer, err
}

// callTool calls the tool on a server.
func (c call) callTool(ctx context.Context, s *server) (result value.Value, err error) {
	err = s.withSlot(ctx, func(ctx context.Context) error {
		if err := c.awaitStart(ctx, s); err != nil {
			return err
		}
		ctx, c, stop := c.withToolTimeout(ctx, s)
		defer stop()
		var called tool
		var answer *mcp.CallToolResult
		err := s.withConnection(ctx, c.request.Secrets, func(ctx context.Context, conn *connection) (bool, error) {
			tool, all, err := conn.findTool(ctx, c.target.tool)
			if err != nil {
				return true, err
			}
			if tool.Tool == nil {
				return true, unknownTool(s, c.target.tool, all)
			}
			if err := checkArguments(tool.arguments, c.request.Method, c.parameters); err != nil {
				return true, timeoutHint(err, tool.arguments, c.parameters)
			}
			called = tool
			answer, err = c.sendCall(ctx, s, conn, tool)
			return tool.repeatable, err
		})
		if err != nil {
			return err
		}
		var task mcptask.Task
		if mcptask.FromMeta(answer.Meta, &task) {
			if answer, err = c.awaitTask(ctx, s, &task); err != nil {
				return err
			}
		}
		result, err = c.toolResult(s, called, answer)
		return s.known.error(err)
	})
	return result, c.sizeError(err)
}

// leastLimit is the smallest limit of the SDKs for one message to a server: 10 MiB of the one for TypeScript. That for Go has
// 16 MiB.
const leastLimit = 10 << 20

// sizeError adds to the error of a lost connection that the arguments may be why it was lost. They would be every time.
func (c call) sizeError(err error) error {
	failure, is := errors.AsType[*protocol.Error](err)
	if !is || failure.Code != protocol.ProviderNotAvailable {
		return err
	}
	if size := len(c.parameters.JSON()); size > leastLimit {
		return failure.WithKind(protocol.TaskFault).WithHint("the arguments have %d MiB; many servers read at most 10 MiB or 16 MiB in one message: "+
			"pass less, or the path of a file", size>>20)
	}
	return err
}

// builtin returns the built-in tool that the call is for.
func (c call) builtin(s *server) (b builtin, is bool) {
	if s.Name != protocol.BuiltinServer {
		return b, false
	}
	b, is = c.handler.builtins[c.target.tool]
	return b, is
}

// sendCall sends the call. The answer is the result, or a task that will have it.
func (c call) sendCall(ctx context.Context, s *server, conn *connection, tool tool) (*mcp.CallToolResult, error) {
	if b, is := c.builtin(s); is {
		return b.call(c.parameters), nil
	}
	arguments := json.RawMessage(c.parameters.JSON())
	if c.request.Sent != nil {
		c.request.Sent(protocol.Sent{Server: s.Name, Tool: c.target.tool, Messages: []protocol.SentMessage{protocol.SentMessageOf("arguments", arguments)}})
	}
	if requiresTask(tool.Tool) {
		return c.sendTaskCall(ctx, conn, arguments)
	}
	params := &mcp.CallToolParams{Name: c.target.tool, Arguments: arguments}
	forget := conn.trackProgress(params, c.progress)
	defer forget()
	return conn.session.CallTool(ctx, params)
}

// toolResult returns the method's result.
func (c call) toolResult(s *server, tool tool, answer *mcp.CallToolResult) (value.Value, error) {
	text := textOf(answer.Content)
	value.MakeRoom(len(text)) // The messages that brought it.
	if answer.IsError {
		return value.Value{}, protocol.Errorf(protocol.TaskExecutionFailed, "the tool %s failed: %s", c.target.tool, failureText(answer, text))
	}
	var own []value.Field
	if b, is := c.builtin(s); is {
		var err error
		if own, err = b.fields(c.parameters, text); err != nil {
			return value.Value{}, protocol.Errorf(protocol.TaskResultInvalid, "invalid response of the tool %s: %v", b.name, err)
		}
	}
	result, err := resultOf(answer, text, own...)
	if err != nil {
		return value.Value{}, err
	}
	if mismatch := tool.outputMismatch(answer, result); mismatch != "" {
		c.warnings.add(s.known.calls.String(mismatch))
	}
	return s.known.settings.Value(result), nil
}

// failureText returns the reason that a tool gives for its failure: its text, else its structured content.
func failureText(answer *mcp.CallToolResult, text string) string {
	if trimmed := strings.TrimSpace(text); trimmed != "" {
		return trimmed
	}
	if answer.StructuredContent != nil {
		if content, err := value.Encode(answer.StructuredContent); err == nil {
			return string(content.JSON())
		}
	}
	return "no reason given"
}

// unknownTool returns the error of a call of a tool that the server does not have.
func unknownTool(s *server, name string, tools []tool) error {
	const most = 30
	var all []string
	for _, t := range tools {
		all = append(all, t.Name)
	}
	failure := protocol.Errorf(protocol.MethodNotSupported, "the MCP server %q has no tool %q", s.Name, name)
	switch {
	case len(all) == 0:
		return failure.WithHint("the server has no tools")
	case len(all) > most:
		all = append(all[:most], "…")
	}
	return failure.WithHint("its tools: %s", strings.Join(all, ", "))
}

// maxNesting is the maximum nesting depth of parameters. The SDK ends the session when a message is deeper than 1000.
const maxNesting = 990

// deeperThan reports whether lists and objects are nested more than limit levels deep.
func deeperThan(v value.Value, limit int) bool {
	if v.Kind() != value.KindList && v.Kind() != value.KindObject {
		return false
	}
	if limit == 0 {
		return true
	}
	for _, element := range v.Elements() {
		if deeperThan(element, limit-1) {
			return true
		}
	}
	for _, field := range v.Fields() {
		if deeperThan(field.Value, limit-1) {
			return true
		}
	}
	return false
}

// checkArguments returns INVALID_PARAMS with every place where the parameters do not match the schema, which may be nil. The
// interpreter checks the parameters in the file; the values of references are known only now.
func checkArguments(schema *jsonschema.Schema, method string, parameters value.Value) error {
	if deeperThan(parameters, maxNesting) {
		return protocol.Errorf(protocol.InvalidParams, "%s: parameters: lists and objects are nested more than %d levels deep", method, maxNesting)
	}
	if schema == nil {
		return nil
	}
	if found := schema.Check("parameters", parameters); found != "" {
		return protocol.Errorf(protocol.InvalidParams, "%s: %s", method, found)
	}
	return nil
}

// timeoutHint adds a hint to the error of arguments with a `timeout` that the tool does not have.
func timeoutHint(err error, schema *jsonschema.Schema, arguments value.Value) error {
	failure, is := errors.AsType[*protocol.Error](err)
	if _, given := arguments.Get("timeout"); !is || !given || schema == nil || schema.Properties["timeout"] != nil {
		return err
	}
	return failure.WithHint("the tool has no argument `timeout`; the timeout of the task is `timeout` beside `parameters`")
}
