package mcp

import (
	"encoding/json"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/activities/mcp/wire"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// textOf joins the text blocks of a response with line feeds.
func textOf(content []mcp.Content) string {
	var texts []string
	for _, block := range content {
		if text, is := block.(*mcp.TextContent); is {
			texts = append(texts, text.Text)
		}
	}
	return strings.Join(texts, "\n")
}

// resultOf returns the result of a tool's method: the fields that all tools have, and own fields of the tool, which replace those of
// the same name.
func resultOf(answer *mcp.CallToolResult, text string, own ...value.Field) (value.Value, error) {
	blocks := make([]value.Value, 0, len(answer.Content))
	for _, block := range answer.Content {
		v, err := encodeBlock(block)
		if err != nil {
			return value.Value{}, protocol.Errorf(protocol.TaskResultInvalid, "invalid response of the tool: a content block: %v", err)
		}
		blocks = append(blocks, v)
	}
	ofTool := value.Object(own...)
	result, known := ofTool.Get("result")
	if !known {
		exact, _ := answer.Meta[wire.ExactKey].(string)
		var err error
		if result, err = valueOf(answer.StructuredContent, exact, text); err != nil {
			return value.Value{}, protocol.Errorf(protocol.TaskResultInvalid, "invalid response of the tool: the structured content: %v", err)
		}
	}
	whole := value.Object(
		value.Field{Name: "response", Value: value.String(text)},
		value.Field{Name: "result", Value: result},
		value.Field{Name: "content", Value: value.List(blocks...)},
		value.Field{Name: "is_error", Value: value.Bool(answer.IsError)},
	)
	for _, field := range own {
		whole = whole.With(field.Name, field.Value)
	}
	return whole, nil
}

// outputMismatch says how a result does not match the schema that the tool gives for it; empty if it does, or there is none.
func (t tool) outputMismatch(answer *mcp.CallToolResult, result value.Value) string {
	if t.output == nil {
		return ""
	}
	if answer.StructuredContent == nil {
		return "the tool " + t.Name + " returned no structured content, although it has an outputSchema; its result is the text"
	}
	content, _ := result.Get("result")
	if found := t.output.Check("result", content); found != "" {
		return "the result of the tool " + t.Name + " does not match its outputSchema: " + found
	}
	return ""
}

// encodeBlock returns a block as JSON has it: as the server wrote it, if the SDK cannot decode it. A text is not copied: it is most of what there is, and the result has it already.
func encodeBlock(block mcp.Content) (value.Value, error) {
	if original, is := unknownBlock(block); is {
		return value.Parse([]byte(original))
	}
	text, is := block.(*mcp.TextContent)
	if !is || !utf8.ValidString(text.Text) {
		return value.Encode(block)
	}
	without := *text
	without.Text = "text"
	v, err := value.Encode(&without)
	return v.With("text", value.String(text.Text)), err
}

// unknownBlock returns a block that the SDK cannot decode, as the server wrote it.
func unknownBlock(block mcp.Content) (original string, is bool) {
	var meta mcp.Meta
	switch block := block.(type) {
	case *mcp.TextContent:
		meta = block.Meta
	case *mcp.ResourceLink:
		meta = block.Meta
	}
	original, is = meta[wire.BlockKey].(string)
	return original, is
}

// valueOf returns the structured content, if there is any; else the text parsed as JSON, if it is a list or an object; else
// the text. The SDK turned the numbers of the content into floats; exact is the content as the server wrote it, if known.
func valueOf(structured any, exact, text string) (value.Value, error) {
	if structured == nil {
		if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[") {
			if v, err := value.ParseText(text); err == nil {
				return v, nil
			}
		}
		return value.String(text), nil
	}
	// MCP asks servers to repeat the content in a text block, which has the digits too.
	for _, written := range []string{exact, text} {
		var decoded any
		if json.NewDecoder(strings.NewReader(written)).Decode(&decoded) == nil && reflect.DeepEqual(decoded, structured) {
			if v, err := value.ParseText(written); err == nil {
				return v, nil
			}
		}
	}
	return value.Encode(structured)
}
