package worker

import (
	"context"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities"
	"github.com/gleitzeit/gleitzeit/internal/documents/reader"
	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// mcpProtocol is the protocol whose methods models may use as tools.
const mcpProtocol = "mcp/v1"

// toolbox gives models of one protocol the tools of another, so that neither handler knows the other.
type toolbox struct {
	protocol string
	methods  map[string]protocol.Method
	handler  protocol.Handler
}

// add sets the handler of the tools, if the spec is that of their protocol.
func (b *toolbox) add(spec protocol.Spec, handler protocol.Handler) {
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
		// Built-in tools only compute.
		return protocol.Tool{Method: full, Name: modelName(full), Description: m.Summary, Parameters: m.Parameters, Idempotent: true}, nil
	}
	describer, can := b.handler.(protocol.ToolDescriber)
	if !can {
		return protocol.Tool{}, protocol.Errorf(protocol.MethodNotSupported, "unknown tool %q", name)
	}
	request.Method, request.Timeout = full, 0
	tool, err := describer.DescribeTool(ctx, request)
	tool.Method, tool.Name = full, modelName(full)
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

// converterCaller returns what calls the methods of converters, which no workflow has checked.
func converterCaller(all []activities.Protocol) reader.Caller {
	serving := func(request protocol.Request) (protocol.Handler, error) {
		family, _, _ := strings.Cut(request.Method, "/")
		for _, p := range all {
			if name, _, _ := strings.Cut(p.Spec.Name, "/"); name == family {
				return p.Handler, checkParameters(p.Spec, request)
			}
		}
		return nil, protocol.Errorf(protocol.MethodNotSupported, "unknown method %q", request.Method)
	}
	return reader.Caller{
		Call: func(ctx context.Context, request protocol.Request) (protocol.Result, error) {
			handler, err := serving(request)
			if err != nil {
				return protocol.Result{}, err
			}
			return handler.Handle(ctx, request, func(string) {})
		},
		Identify: func(ctx context.Context, request protocol.Request) (value.Value, error) {
			handler, err := serving(request)
			identifier, is := handler.(protocol.Identifier)
			if err != nil || !is {
				return value.Value{}, err
			}
			return identifier.Identity(ctx, request)
		},
	}
}

// checkParameters checks the parameters of a method whose schema its protocol has.
func checkParameters(spec protocol.Spec, request protocol.Request) error {
	for _, m := range spec.Methods {
		if m.Name != request.Method {
			continue
		}
		schema, err := jsonschema.Compile(m.Parameters)
		if err != nil {
			return protocol.Errorf(protocol.InternalError, "the schema of %s: %v", m.Name, err)
		}
		if found := schema.Check("parameters", request.Parameters); found != "" {
			return protocol.Errorf(protocol.InvalidParams, "%s: %s", m.Name, found)
		}
	}
	return nil
}

const toolMark = "tool."

// methodOf returns the method of a tool as users name it: "add", "tool.add", "SERVER.add", "SERVER.tool.add", each with or
// without "mcp/" before it.
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

// longestName is the maximum number of characters of a tool's name for a model.
const longestName = 64

// modelName returns the name of a method's tool for a model: "add", or "SERVER_add". Model servers accept letters, digits, "_"
// and "-" only.
func modelName(method string) string {
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
