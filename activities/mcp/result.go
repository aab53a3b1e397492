package mcp

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// textOf joins the text blocks of an answer, a line each.
func textOf(answer *mcp.CallToolResult) string {
	var texts []string
	for _, block := range answer.Content {
		if text, is := block.(*mcp.TextContent); is {
			texts = append(texts, text.Text)
		}
	}
	return strings.Join(texts, "\n")
}

// resultOf is the result that every tool's method has.
func resultOf(answer *mcp.CallToolResult, text string) (protocol.Value, error) {
	blocks := make([]protocol.Value, 0, len(answer.Content))
	for _, block := range answer.Content {
		v, err := protocol.Encode(block)
		if err != nil {
			return protocol.Value{}, protocol.Errorf(protocol.TaskResultInvalid, "a block of the tool's answer: %v", err)
		}
		blocks = append(blocks, v)
	}
	result, err := valueOf(answer.StructuredContent, text)
	if err != nil {
		return protocol.Value{}, protocol.Errorf(protocol.TaskResultInvalid, "the structured content of the tool's answer: %v", err)
	}
	return protocol.OfObject(
		protocol.Field{Name: "response", Value: protocol.OfString(text)},
		protocol.Field{Name: "result", Value: result},
		protocol.Field{Name: "content", Value: protocol.OfList(blocks...)},
		protocol.Field{Name: "is_error", Value: protocol.OfBool(answer.IsError)},
	), nil
}

// valueOf is the structured content, else the value that the text is where that is a list or an object, else the text.
func valueOf(structured any, text string) (protocol.Value, error) {
	if structured == nil {
		if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[") {
			if v, err := protocol.ParseValue([]byte(text)); err == nil {
				return v, nil
			}
		}
		return protocol.OfString(text), nil
	}
	// The SDK has turned the numbers into floats. Servers are to say the same in a text block: that has the digits.
	var again any
	if err := json.NewDecoder(bytes.NewReader([]byte(text))).Decode(&again); err == nil && reflect.DeepEqual(again, structured) {
		if v, err := protocol.ParseValue([]byte(text)); err == nil {
			return v, nil
		}
	}
	return protocol.Encode(structured)
}
