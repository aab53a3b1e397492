package worker

import (
	"context"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// mcpProtocol is whose methods models may use as tools.
const mcpProtocol = "mcp/v1"

// toolbox hands the tools of one protocol to the models of another, so that neither handler knows the other.
type toolbox struct {
	protocol string
	methods  map[string]protocol.Method
	handler  protocol.Handler
}

// take remembers the handler of the protocol whose tools these are.
func (b *toolbox) take(spec protocol.Spec, handler protocol.Handler) {
	if spec.Name != b.protocol {
		return
	}
	b.handler, b.methods = handler, map[string]protocol.Method{}
	for _, m := range spec.Methods {
		b.methods[m.Name] = m
	}
}

// Tool implements protocol.Toolbox.
func (b *toolbox) Tool(ctx context.Context, request protocol.Request, name string) (protocol.Tool, error) {
	full := methodOf(name)
	if m, known := b.methods[full]; known {
		// Those of the program itself only compute.
		return protocol.Tool{Method: full, Name: calledBy(full), Description: m.Summary, Parameters: m.Parameters, Idempotent: true}, nil
	}
	describer, can := b.handler.(protocol.ToolDescriber)
	if !can {
		return protocol.Tool{}, protocol.Errorf(protocol.MethodNotSupported, "there is no tool %q", name)
	}
	request.Method, request.Timeout = full, 0
	tool, err := describer.DescribeTool(ctx, request)
	tool.Method, tool.Name = full, calledBy(full)
	return tool, err
}

// Call implements protocol.Toolbox.
func (b *toolbox) Call(ctx context.Context, request protocol.Request) (protocol.Result, error) {
	if m, known := b.methods[request.Method]; known && !m.EnforcesTimeout && m.Timeout > 0 {
		limited, done := context.WithTimeout(ctx, m.Timeout)
		defer done()
		ctx = limited
	}
	return b.handler.Handle(ctx, request, func(string) {})
}

const toolMark = "tool."

// methodOf is the method that calls the tool which a user names: "add", "tool.add", "SERVER.add", "SERVER.tool.add", each
// perhaps with "mcp/" before it.
func methodOf(name string) string {
	name = strings.TrimPrefix(name, "mcp/")
	if strings.HasPrefix(name, toolMark) || strings.Contains(name, "."+toolMark) {
		return "mcp/" + name
	}
	if server, tool, named := strings.Cut(name, "."); named {
		return "mcp/" + server + "." + toolMark + tool
	}
	return "mcp/" + toolMark + name
}

// longestName is how many characters a tool's name may have for a model.
const longestName = 64

// calledBy is what a model calls the tool of a method: "add", or "SERVER_add". Models' servers take letters, digits, "_" and
// "-" alone.
func calledBy(method string) string {
	name := strings.TrimPrefix(method, "mcp/")
	server, tool, _ := strings.Cut(name, toolMark)
	name = strings.TrimSuffix(server, ".")
	if name != "" {
		name += "_"
	}
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-':
			return r
		}
		return '_'
	}, name+tool)
	return name[:min(len(name), longestName)]
}
