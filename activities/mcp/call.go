package mcp

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// call is one call of a method.
type call struct {
	handler    *Handler
	request    protocol.Request
	target     target
	parameters value.Value // An object.
	progress   protocol.Progress
}

func (c call) perform(ctx context.Context) (value.Value, error) {
	if ctx.Err() != nil {
		return value.Value{}, over(ctx)
	}
	if c.target.verb == verbTool {
		return c.tool(ctx)
	}
	about := listings[c.target.verb]
	if err := checkArguments(about.arguments, c.request.Method, c.parameters); err != nil {
		return value.Value{}, err
	}
	if c.target.server != "" {
		s, err := c.handler.server(c.request, c.target.server)
		if err != nil {
			return value.Value{}, err
		}
		return c.ask(ctx, s, about.ask)
	}
	servers, err := c.handler.reachable(c.request)
	if err != nil {
		return value.Value{}, err
	}
	if about.join != nil {
		return c.askAll(ctx, servers, about)
	}
	if len(servers) != 2 {
		return value.Value{}, protocol.Errorf(protocol.InvalidParams, "%s names no server, and this worker knows %d: %s", c.request.Method, len(servers), names(servers)).
			WithHint("write %sSERVER.%s", family, c.target.verb)
	}
	return c.ask(ctx, servers[1], about.ask) // The one beside the built-in server, which has neither resources nor prompts.
}

// tool calls a tool: of the server that the method names, else the built-in one of the name, else that of the only server
// that has it.
func (c call) tool(ctx context.Context) (value.Value, error) {
	s, err := c.owner(ctx)
	if err != nil {
		return value.Value{}, err
	}
	return c.callTool(ctx, s)
}

// within bounds an attempt by the task's timeout, else by that of a server.
func (c call) within(ctx context.Context, otherwise time.Duration) (context.Context, context.CancelFunc) {
	if c.request.Timeout > 0 {
		otherwise = c.request.Timeout
	}
	return context.WithTimeoutCause(ctx, otherwise, errTimeout)
}

// ask has a server answer a question, which does no harm if it is asked twice.
func (c call) ask(ctx context.Context, s *server, question question) (answer value.Value, err error) {
	err = s.turn(ctx, func(ctx context.Context) error {
		ctx, stop := c.within(ctx, s.limit) // Waiting for the turn did not count.
		defer stop()
		return s.use(ctx, func(ctx context.Context, l *link) (bool, error) {
			answer, err = question(ctx, s, l, c)
			answer = l.hide.value(answer)
			return true, l.hide.error(err)
		})
	})
	return answer, err
}

func (c call) askAll(ctx context.Context, servers []*server, about listing) (value.Value, error) {
	var answers []value.Value
	for _, s := range servers {
		answer, err := c.ask(ctx, s, about.ask)
		if err != nil {
			return value.Value{}, err
		}
		answers = append(answers, answer)
	}
	return about.join(answers), nil
}

// callTool calls the tool of one server.
func (c call) callTool(ctx context.Context, s *server) (result value.Value, err error) {
	err = s.turn(ctx, func(ctx context.Context) error {
		ctx, stop := c.within(ctx, s.limit)
		defer stop()
		return s.use(ctx, func(ctx context.Context, l *link) (bool, error) {
			tool, all, err := l.find(ctx, c.target.tool)
			if err != nil {
				return true, err
			}
			if tool.Tool == nil {
				return true, noTool(s, c.target.tool, all)
			}
			if err := checkArguments(tool.arguments, c.request.Method, c.parameters); err != nil {
				return true, err
			}
			result, err = c.send(ctx, s, l)
			return tool.harmless, err
		})
	})
	return result, err
}

// send makes the call itself.
func (c call) send(ctx context.Context, s *server, l *link) (value.Value, error) {
	params := &mcp.CallToolParams{Name: c.target.tool, Arguments: json.RawMessage(c.parameters.JSON())}
	forget := l.follow(params, c.progress)
	defer forget()
	answer, err := l.session.CallTool(ctx, params)
	if err != nil {
		return value.Value{}, err
	}
	text := textOf(answer.Content)
	if answer.IsError {
		return value.Value{}, l.hide.error(protocol.Errorf(protocol.TaskExecutionFailed, "the tool %s failed: %s", c.target.tool, failureText(answer, text)))
	}
	result, err := resultOf(answer, text)
	if err != nil {
		return value.Value{}, l.hide.error(err)
	}
	if b, is := c.handler.builtins[c.target.tool]; is && s.Name == protocol.BuiltinServer {
		own, err := b.fields(c.parameters, text)
		if err != nil {
			return value.Value{}, protocol.Errorf(protocol.TaskResultInvalid, "the answer of the tool %s: %v", b.name, err)
		}
		for _, field := range own {
			result = result.With(field.Name, field.Value)
		}
	}
	return l.hide.value(result), nil
}

// failureText is what a tool says of its failure: its text, else whatever it says.
func failureText(answer *mcp.CallToolResult, text string) string {
	if said := strings.TrimSpace(text); said != "" {
		return said
	}
	if answer.StructuredContent != nil {
		if said, err := value.Encode(answer.StructuredContent); err == nil {
			return string(said.JSON())
		}
	}
	return "it does not say why"
}

// noTool is the error of a call of a tool that the server does not have.
func noTool(s *server, name string, tools []tool) error {
	const most = 30
	var all []string
	for _, t := range tools {
		all = append(all, t.Name)
	}
	failure := protocol.Errorf(protocol.MethodNotSupported, "the MCP server %q has no tool %q", s.Name, name)
	switch {
	case len(all) == 0:
		return failure.WithHint("it has none")
	case len(all) > most:
		all = append(all[:most], "…")
	}
	return failure.WithHint("its tools are %s", strings.Join(all, ", "))
}

// owner is the server whose tool is meant.
func (c call) owner(ctx context.Context) (*server, error) {
	if c.target.server != "" {
		return c.handler.server(c.request, c.target.server)
	}
	if _, is := c.handler.builtins[c.target.tool]; is {
		return c.handler.servers[0], nil
	}
	servers, err := c.handler.reachable(c.request)
	if err != nil {
		return nil, err
	}
	limited, stop := c.within(ctx, defaultTimeout)
	defer stop()
	var having []*server
	for _, s := range servers {
		has := false
		err := s.turn(limited, func(ctx context.Context) error {
			return s.use(ctx, func(ctx context.Context, l *link) (bool, error) {
				found, _, err := l.find(ctx, c.target.tool)
				has = found.Tool != nil
				return true, err
			})
		})
		if err != nil {
			return nil, c.unsure(s, err)
		}
		if has {
			having = append(having, s)
		}
	}
	switch len(having) {
	case 0:
		return nil, protocol.Errorf(protocol.MethodNotSupported, "no MCP server has a tool %q", c.target.tool).
			WithHint("mcp/tools/list lists the tools of %s", names(servers))
	case 1:
		return having[0], nil
	}
	return nil, protocol.Errorf(protocol.InvalidParams, "several MCP servers have a tool %q: %s", c.target.tool, names(having)).
		WithHint("name one: %s%s.tool.%s", family, having[0].Name, c.target.tool)
}

// unsure says that it cannot be known which server has a tool.
func (c call) unsure(s *server, err error) error {
	failure := protocol.AsError(err, protocol.ProviderNotAvailable)
	if failure.Code == protocol.TaskCancelled || failure.Hint != "" {
		return failure
	}
	return failure.WithHint("%s names no server, so that each is asked for its tools; %sSERVER.tool.%s asks one", c.request.Method, family, c.target.tool)
}

// maxNesting is how deep parameters may lie in one another. The SDK ends the session over a message deeper than 1000.
const maxNesting = 990

// deeper tells whether lists and objects lie more than limit deep in one another.
func deeper(v value.Value, limit int) bool {
	if v.Kind() != value.KindList && v.Kind() != value.KindObject {
		return false
	}
	if limit == 0 {
		return true
	}
	for _, element := range v.Elements() {
		if deeper(element, limit-1) {
			return true
		}
	}
	for _, field := range v.Fields() {
		if deeper(field.Value, limit-1) {
			return true
		}
	}
	return false
}

// checkArguments returns an INVALID_PARAMS that names every place where a tool is not called as its schema, which may be
// nil, wants. The interpreter checks what a workflow's file says; what references lead to is known only now.
func checkArguments(schema *jsonschema.Schema, method string, parameters value.Value) error {
	if deeper(parameters, maxNesting) {
		return protocol.Errorf(protocol.InvalidParams, "%s: parameters: lists and objects lie more than %d deep", method, maxNesting)
	}
	if schema == nil {
		return nil
	}
	if found := schema.Check("parameters", parameters); found != "" {
		return protocol.Errorf(protocol.InvalidParams, "%s: %s", method, found)
	}
	return nil
}
