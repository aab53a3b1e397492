package mcp

import (
	"context"
	"encoding/json"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

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

// DescribeTool implements protocol.ToolDescriber.
func (h *Handler) DescribeTool(ctx context.Context, request protocol.Request) (protocol.Tool, error) {
	target, is := parse(request.Method)
	if !is || target.verb != verbTool {
		return protocol.Tool{}, protocol.Errorf(protocol.MethodNotSupported, "%s is no tool", request.Method).
			WithHint("a tool is named as its server has it: `add`, or `SERVER.add`")
	}
	c := call{handler: h, request: request, target: target, progress: func(string) {}}
	owner, err := c.owner(ctx)
	if err != nil {
		return protocol.Tool{}, err
	}
	var described protocol.Tool
	_, err = c.ask(ctx, owner, func(ctx context.Context, s *server, l *link, _ call) (value.Value, error) {
		found, all, err := l.find(ctx, target.tool)
		if err != nil {
			return value.Value{}, err
		}
		if found.Tool == nil {
			return value.Value{}, noTool(s, target.tool, all)
		}
		schema, err := json.Marshal(found.InputSchema)
		if err != nil {
			return value.Value{}, protocol.Errorf(protocol.TaskResultInvalid, "the schema of the tool %s: %v", target.tool, err)
		}
		described = protocol.Tool{Description: found.Description, Parameters: schema, Idempotent: found.harmless}
		return value.Value{}, nil
	})
	return described, err
}

// unsure says that it cannot be known which server has a tool.
func (c call) unsure(s *server, err error) error {
	failure := protocol.AsError(err, protocol.ProviderNotAvailable)
	if failure.Code == protocol.TaskCancelled || failure.Hint != "" {
		return failure
	}
	return failure.WithHint("%s names no server, so that each is asked for its tools; %sSERVER.tool.%s asks one", c.request.Method, family, c.target.tool)
}
