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

// Unavailable is a server whose tools cannot be listed, or that cannot be used.
type Unavailable struct {
	First int // The number of the first method that needs it.
	Error *protocol.Error
}

// Discover lists the tools of the servers that the methods need, and describes mcp/v1 with them: every tool is a method with
// the schema of its arguments, and there are no other methods for tools, except those of servers that are not available.
// Servers and folder are those of a workflow.
func (h *Handler) Discover(ctx context.Context, methods []string, servers []protocol.ToolServer, folder string) (protocol.Spec, []Unavailable) {
	request := protocol.Request{Servers: servers, Folder: folder}
	var needed []*server
	var first []int // Of the needed servers.
	var unavailable []Unavailable
	all := -1 // The first method that needs all servers.
	refused := map[string]bool{}
	for number, name := range methods {
		target, is := parseMethod(name)
		_, builtin := h.builtins[target.tool]
		switch {
		case !is, target.server == "" && (target.verb != verbTool || builtin):
			continue
		case target.server == "":
			if all < 0 {
				all = number
			}
			continue
		}
		s, err := h.server(request, target.server)
		switch {
		case err == nil && !slices.Contains(needed, s):
			needed, first = append(needed, s), append(first, number)
		case err != nil && !refused[target.server]:
			refused[target.server] = true
			unavailable = append(unavailable, Unavailable{number, protocol.AsError(err, protocol.ConfigurationError)})
		}
	}
	if all >= 0 {
		candidates, err := h.candidates(request)
		if err != nil && len(refused) == 0 {
			unavailable = append(unavailable, Unavailable{all, protocol.AsError(err, protocol.ConfigurationError)})
		}
		for _, s := range candidates {
			if at := slices.Index(needed, s); at < 0 {
				needed, first = append(needed, s), append(first, all)
			} else {
				first[at] = min(first[at], all)
			}
		}
	}
	spec := Spec()
	spec.Methods = slices.DeleteFunc(spec.Methods, func(m protocol.Method) bool {
		target, _ := parseMethod(m.Name)
		return target.verb == verbTool && m.IsPattern()
	})
	owners := map[string][]*server{}
	var unqualified []protocol.Method
	offered := make([][]protocol.Method, len(needed))
	failures := askServers(needed, func(number int, s *server) (err error) {
		offered[number], err = h.toolMethods(ctx, s)
		return err
	})
	for i, s := range needed {
		spec.Servers = append(spec.Servers, s.Name)
		if failures[i] != nil {
			unavailable = append(unavailable, Unavailable{first[i], protocol.AsError(failures[i], protocol.ProviderNotAvailable)})
			continue
		}
		for _, m := range offered[i] {
			target, _ := parseMethod(m.Name)
			if _, builtin := h.builtins[target.tool]; all >= 0 && !builtin {
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
	for _, name := range methods {
		target, is := parseMethod(name)
		at := slices.IndexFunc(needed, func(s *server) bool { return s.Name == target.server })
		if !is || target.verb != verbTool || len(unavailable) == 0 || slices.ContainsFunc(spec.Methods, func(m protocol.Method) bool { return m.Name == name }) {
			continue
		}
		if target.server == "" || at < 0 || failures[at] != nil { // A server that is not available may have the tool.
			spec.Methods = append(spec.Methods, protocol.Method{Name: name, Result: json.RawMessage(anyResult), EnforcesTimeout: true, IsServerTool: true})
		}
	}
	return spec, unavailable
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
