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

// builtin is a tool that needs no server of the user.
type builtin struct {
	name       string
	summary    string
	parameters string // JSON Schema, for workflows and for MCP clients alike.
	result     string // JSON Schema of the method's result.

	// answer returns the text block of the response.
	answer func(arguments value.Value) (string, error)
	// fields returns the fields of the method's result that only this tool has, or has otherwise than all tools.
	fields func(arguments value.Value, text string) ([]value.Field, error)
}

func builtins() []builtin {
	return []builtin{echo(), add(), multiply(), concat()}
}

// inMemoryTransports returns the two ends of an in-memory transport without the SDK's limit of 16 MiB per message: a text of
// 5 MiB may take six bytes per character in JSON.
func inMemoryTransports() (client, server mcp.Transport) {
	requests, requestWriter := io.Pipe()
	responses, responseWriter := io.Pipe()
	return &mcp.IOTransport{Reader: responses, Writer: requestWriter, MaxLineLength: -1},
		&mcp.IOTransport{Reader: requests, Writer: responseWriter, MaxLineLength: -1}
}

// dialBuiltin starts the server inside this process.
func dialBuiltin(ctx context.Context, _ *server) (*connection, error) {
	server := mcp.NewServer(&mcp.Implementation{Name: "gleitzeit", Version: "v1"}, nil)
	for _, b := range builtins() {
		server.AddTool(&mcp.Tool{
			Name: b.name, Description: b.summary, InputSchema: json.RawMessage(b.parameters),
			Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true},
		}, b.serve)
	}
	clientEnd, serverEnd := inMemoryTransports()
	serving, err := server.Connect(context.Background(), serverEnd, nil)
	if err != nil {
		return nil, fmt.Errorf("the built-in MCP server: %w", err)
	}
	conn, err := open(ctx, clientEnd, handshake{limit: defaultTimeout}, &known{})
	if err != nil {
		return nil, fmt.Errorf("the built-in MCP server: %w", errors.Join(err, serving.Close()))
	}
	conn.finish = func() { _ = serving.Wait() } // It ends when its client does.
	return conn, nil
}

// serve handles a call of the tool for the SDK's server.
func (b builtin) serve(_ context.Context, request *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	arguments, err := value.Parse(request.Params.Arguments)
	if err != nil {
		return failure(err), nil
	}
	return b.call(arguments), nil
}

// call calls the tool. The handler does so itself: in a message to the server and back, a large text would be copied ten times.
func (b builtin) call(arguments value.Value) *mcp.CallToolResult {
	text, err := b.answer(arguments)
	if err != nil {
		return failure(err)
	}
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}
}

// failure returns an error as MCP wants it: in the result, where a model can read it.
func failure(err error) *mcp.CallToolResult {
	return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: err.Error()}}}
}

// argument returns a field of an object, null if there is none.
func argument(arguments value.Value, name string) value.Value {
	v, _ := arguments.Get(name)
	return v
}

// asText returns a string unchanged, and any other value as compact JSON.
func asText(v value.Value) string {
	if v.Kind() == value.KindString {
		return v.Text()
	}
	return string(v.JSON())
}

func echo() builtin {
	return builtin{
		name:    "echo",
		summary: "Return a message",
		parameters: `{
  "type": "object",
  "properties": {"message": {"description": "Any value; a value that is not a string is returned as JSON"}},
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
			message := argument(arguments, "message")
			fields := []value.Field{
				{Name: "echoed", Value: message},
				{Name: "length", Value: value.Int(int64(utf8.RuneCountInString(text)))},
			}
			if message.Kind() == value.KindList || message.Kind() == value.KindObject {
				fields = append(fields, value.Field{Name: "result", Value: message}) // Not what its text says once more.
			}
			return fields, nil
		},
	}
}

func concat() builtin {
	return builtin{
		name:    "concat",
		summary: "Join strings",
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
    "count": {"type": "integer", "description": "Number of strings"},
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
