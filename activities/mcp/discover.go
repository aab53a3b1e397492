package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Discover asks the servers that these methods need for their tools, and describes mcp/v1 with them: every tool is a method
// with the schema of its arguments, and there are no others. Servers and folder are those of a workflow.
func (h *Handler) Discover(ctx context.Context, methods []string, servers []protocol.ToolServer, folder string) (protocol.Spec, error) {
	request := protocol.Request{Servers: servers, Folder: folder}
	var needed []*server
	every := false
	for _, name := range methods {
		target, is := parse(name)
		_, builtin := h.builtins[target.tool]
		switch {
		case !is, target.server == "" && (target.verb != verbTool || builtin):
			continue
		case target.server == "":
			every = true
			continue
		}
		s, err := h.server(request, target.server)
		if err != nil {
			return protocol.Spec{}, err
		}
		if !slices.Contains(needed, s) {
			needed = append(needed, s)
		}
	}
	if every {
		var err error
		if needed, err = h.reachable(request); err != nil {
			return protocol.Spec{}, err
		}
	}
	spec := Spec()
	spec.Methods = slices.DeleteFunc(spec.Methods, func(m protocol.Method) bool {
		target, _ := parse(m.Name)
		return target.verb == verbTool && m.IsPattern()
	})
	having := map[string][]*server{}
	var bare []protocol.Method
	for _, s := range needed {
		spec.Servers = append(spec.Servers, s.Name)
		offered, err := h.offered(ctx, s)
		if err != nil {
			return protocol.Spec{}, err
		}
		for _, m := range offered {
			target, _ := parse(m.Name)
			if _, builtin := h.builtins[target.tool]; every && !builtin {
				if having[target.tool] == nil {
					m := m
					m.Name = method(target.tool)
					bare = append(bare, m)
				}
				having[target.tool] = append(having[target.tool], s)
			}
			spec.Methods = append(spec.Methods, m)
		}
	}
	for _, m := range bare {
		target, _ := parse(m.Name)
		if several := having[target.tool]; len(several) > 1 {
			m.Unavailable = fmt.Sprintf("several MCP servers have a tool %q: %s; name one: %s%s.tool.%s", target.tool, names(several), family, several[0].Name, target.tool)
		}
		spec.Methods = append(spec.Methods, m)
	}
	return spec, nil
}

// offered are the tools of a server as methods.
func (h *Handler) offered(ctx context.Context, s *server) (methods []protocol.Method, err error) {
	_, err = call{handler: h}.ask(ctx, s, func(ctx context.Context, _ *server, l *link, _ call) (value.Value, error) {
		tools, err := l.catalog(ctx, false)
		if err != nil {
			return value.Value{}, err
		}
		methods = nil
		for _, t := range tools {
			m := protocol.Method{
				Name: family + s.Name + "." + toolPrefix + t.Name, Summary: t.Description,
				Result: json.RawMessage(anyResult), EnforcesTimeout: true, IsServerTool: true,
			}
			if t.arguments != nil {
				if m.Parameters, err = json.Marshal(t.InputSchema); err != nil {
					return value.Value{}, invalid("the schema of a tool", err)
				}
			}
			methods = append(methods, m)
		}
		return value.Value{}, nil
	})
	return methods, err
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
