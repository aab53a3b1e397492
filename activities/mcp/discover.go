package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Discover lists the tools of the servers that the methods need, and describes mcp/v1 with them: every tool is a method with
// the schema of its arguments, and there are no other methods for tools. Servers and folder are those of a workflow.
func (h *Handler) Discover(ctx context.Context, methods []string, servers []protocol.ToolServer, folder string) (protocol.Spec, error) {
	request := protocol.Request{Servers: servers, Folder: folder}
	var needed []*server
	all := false
	for _, name := range methods {
		target, is := parseMethod(name)
		_, builtin := h.builtins[target.tool]
		switch {
		case !is, target.server == "" && (target.verb != verbTool || builtin):
			continue
		case target.server == "":
			all = true
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
	if all {
		var err error
		if needed, err = h.candidates(request); err != nil {
			return protocol.Spec{}, err
		}
	}
	spec := Spec()
	spec.Methods = slices.DeleteFunc(spec.Methods, func(m protocol.Method) bool {
		target, _ := parseMethod(m.Name)
		return target.verb == verbTool && m.IsPattern()
	})
	owners := map[string][]*server{}
	var unqualified []protocol.Method
	for _, s := range needed {
		spec.Servers = append(spec.Servers, s.Name)
		offered, err := h.toolMethods(ctx, s)
		if err != nil {
			return protocol.Spec{}, err
		}
		for _, m := range offered {
			target, _ := parseMethod(m.Name)
			if _, builtin := h.builtins[target.tool]; all && !builtin {
				short := m
				short.Name = method(target.tool)
				switch at := slices.IndexFunc(unqualified, func(m protocol.Method) bool { return m.Name == short.Name }); {
				case at < 0:
					unqualified = append(unqualified, short)
				case unqualified[at].Unavailable != "":
					unqualified[at] = short // A call goes to the server whose tool can be read.
				}
				if m.Unavailable == "" {
					owners[target.tool] = append(owners[target.tool], s)
				}
			}
			spec.Methods = append(spec.Methods, m)
		}
	}
	for _, m := range unqualified {
		target, _ := parseMethod(m.Name)
		if several := owners[target.tool]; len(several) > 1 {
			m.Unavailable = fmt.Sprintf("several MCP servers have a tool %q: %s; name one: %s%s.tool.%s", target.tool, names(several), family, several[0].Name, target.tool)
		}
		spec.Methods = append(spec.Methods, m)
	}
	return spec, nil
}

// toolMethods returns the tools of a server as methods.
func (h *Handler) toolMethods(ctx context.Context, s *server) (methods []protocol.Method, err error) {
	_, err = call{handler: h}.query(ctx, s, func(ctx context.Context, _ *server, conn *connection, _ call) (value.Value, error) {
		list, err := conn.listTools(ctx, false)
		if err != nil {
			return value.Value{}, err
		}
		methods = nil
		for _, t := range list.tools {
			m := protocol.Method{
				Name: family + s.Name + "." + toolPrefix + t.Name, Summary: t.Description,
				Result: json.RawMessage(anyResult), EnforcesTimeout: true, IsServerTool: true,
			}
			if t.arguments != nil {
				if m.Parameters, err = json.Marshal(t.InputSchema); err != nil {
					return value.Value{}, invalidResponse("the schema of a tool", err)
				}
			}
			methods = append(methods, m)
		}
		for _, name := range slices.Sorted(maps.Keys(list.unreadable)) {
			if !slices.ContainsFunc(list.tools, func(t tool) bool { return t.Name == name }) {
				methods = append(methods, protocol.Method{
					Name: family + s.Name + "." + toolPrefix + name, Result: json.RawMessage(anyResult), EnforcesTimeout: true, IsServerTool: true,
					Unavailable: conn.known.calls.String(list.unreadable[name].Message),
				})
			}
		}
		return value.Value{}, nil
	})
	return methods, err
}

// DescribeTool implements protocol.ToolDescriber.
func (h *Handler) DescribeTool(ctx context.Context, request protocol.Request) (protocol.Tool, error) {
	target, is := parseMethod(request.Method)
	if !is || target.verb != verbTool {
		return protocol.Tool{}, protocol.Errorf(protocol.MethodNotSupported, "%q is not a tool", request.Method).
			WithHint("write the name of a tool as `add` or `SERVER.add`")
	}
	c := call{handler: h, request: request, target: target, progress: func(string) {}}
	owner, err := c.toolServer(ctx)
	if err != nil {
		return protocol.Tool{}, err
	}
	var described protocol.Tool
	_, err = c.query(ctx, owner, func(ctx context.Context, s *server, conn *connection, _ call) (value.Value, error) {
		found, all, err := conn.findTool(ctx, target.tool)
		if err != nil {
			return value.Value{}, err
		}
		if found.Tool == nil {
			return value.Value{}, unknownTool(s, target.tool, all)
		}
		schema, err := json.Marshal(found.InputSchema)
		if err != nil {
			return value.Value{}, protocol.Errorf(protocol.TaskResultInvalid, "invalid schema of the tool %s: %v", target.tool, err)
		}
		described = protocol.Tool{Description: found.Description, Parameters: schema, Idempotent: found.repeatable}
		return value.Value{}, nil
	})
	return described, err
}
