package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// builtin is one of the tools that need no server of the user's.
type builtin struct {
	name       string
	summary    string
	parameters string // JSON Schema, for workflows and for MCP clients alike.
	result     string // JSON Schema of the method's result.

	// answer is the server's half: the text block that answers the arguments.
	answer func(arguments value.Value) (string, error)
	// fields is the client's half: what the method's result has beyond that of any tool, read from the text block, for
	// the SDK would turn numbers of structured content into floats.
	fields func(arguments value.Value, text string) ([]value.Field, error)
}

func builtins() []builtin {
	return []builtin{echo(), add(), multiply(), concat()}
}

// pipes are the SDK's in-memory transport without its limit of 16 MiB a message: a text of 5 MiB may take six bytes a
// character on its way.
func pipes() (here, there mcp.Transport) {
	ask, asked := io.Pipe()
	answer, answered := io.Pipe()
	return &mcp.IOTransport{Reader: answer, Writer: asked, MaxLineLength: -1},
		&mcp.IOTransport{Reader: ask, Writer: answered, MaxLineLength: -1}
}

// dialBuiltin starts the server inside this process.
func dialBuiltin(ctx context.Context, _ *server) (*link, error) {
	inside := mcp.NewServer(&mcp.Implementation{Name: "gleitzeit", Version: "v1"}, nil)
	for _, b := range builtins() {
		inside.AddTool(&mcp.Tool{
			Name: b.name, Description: b.summary, InputSchema: json.RawMessage(b.parameters),
			Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true},
		}, b.serve)
	}
	here, there := pipes()
	serving, err := inside.Connect(context.Background(), there, nil)
	if err != nil {
		return nil, fmt.Errorf("the built-in MCP server: %w", err)
	}
	l, err := open(ctx, here, hidden{})
	if err != nil {
		return nil, fmt.Errorf("the built-in MCP server: %w", errors.Join(err, serving.Close()))
	}
	l.finish = func() { _ = serving.Wait() } // It ends as its client does.
	return l, nil
}

// serve makes the tool a handler of the SDK's server.
func (b builtin) serve(_ context.Context, request *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	arguments, err := value.Parse(request.Params.Arguments)
	if err != nil {
		return failure(err), nil
	}
	text, err := b.answer(arguments)
	if err != nil {
		return failure(err), nil
	}
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil
}

// failure tells of an error as MCP wants it: in the result, where a model can read it.
func failure(err error) *mcp.CallToolResult {
	return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: err.Error()}}}
}

// argument is a field of an object, null where there is none.
func argument(arguments value.Value, name string) value.Value {
	v, _ := arguments.Get(name)
	return v
}

// asText is a value as it goes into text: a string as it is, anything else as compact JSON.
func asText(v value.Value) string {
	if v.Kind() == value.KindString {
		return v.Text()
	}
	return string(v.JSON())
}

func echo() builtin {
	return builtin{
		name:    "echo",
		summary: "Give a message back",
		parameters: `{
  "type": "object",
  "properties": {"message": {"description": "Any value; what is no text is given back as JSON"}},
  "required": ["message"],
  "additionalProperties": false
}`,
		result: `{
  "type": "object",
  "properties": {
    "response": {"type": "string"},
    "echoed": {"description": "The message with its type"},
    "length": {"type": "integer", "description": "Characters of the response"},
    "result": {},
    "content": {"type": "array"},
    "is_error": {"const": false}
  },
  "required": ["response", "echoed", "length"]
}`,
		answer: func(arguments value.Value) (string, error) { return asText(argument(arguments, "message")), nil },
		fields: func(arguments value.Value, text string) ([]value.Field, error) {
			echoed := value.String(text)
			if argument(arguments, "message").Kind() != value.KindString {
				var err error
				if echoed, err = value.Parse([]byte(text)); err != nil {
					return nil, err
				}
			}
			return []value.Field{
				{Name: "echoed", Value: echoed},
				{Name: "length", Value: value.Int(int64(utf8.RuneCountInString(text)))},
			}, nil
		},
	}
}

func concat() builtin {
	return builtin{
		name:    "concat",
		summary: "Join texts",
		parameters: `{
  "type": "object",
  "properties": {
    "strings": {"type": "array", "items": {"type": "string"}},
    "separator": {"type": "string", "default": ""}
  },
  "required": ["strings"],
  "additionalProperties": false
}`,
		result: `{
  "type": "object",
  "properties": {
    "response": {"type": "string"},
    "joined": {"type": "string"},
    "count": {"type": "integer", "description": "How many texts were joined"},
    "result": {},
    "content": {"type": "array"},
    "is_error": {"const": false}
  },
  "required": ["response", "joined", "count"]
}`,
		answer: func(arguments value.Value) (string, error) {
			var parts []string
			for _, part := range argument(arguments, "strings").Elements() {
				parts = append(parts, part.Text())
			}
			return strings.Join(parts, argument(arguments, "separator").Text()), nil
		},
		fields: func(arguments value.Value, text string) ([]value.Field, error) {
			return []value.Field{
				{Name: "joined", Value: value.String(text)},
				{Name: "count", Value: value.Int(int64(len(argument(arguments, "strings").Elements())))},
			}, nil
		},
	}
}
