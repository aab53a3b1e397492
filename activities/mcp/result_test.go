package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// TestResultOfAnyTool has a server answer in each of the ways that MCP allows.
func TestResultOfAnyTool(t *testing.T) {
	server := mcp.NewServer(&mcp.Implementation{Name: "test", Version: "v1"}, nil)
	answers := map[string]*mcp.CallToolResult{
		"structured": {StructuredContent: json.RawMessage(`{"n":1152921504606846977}`),
			Content: []mcp.Content{&mcp.TextContent{Text: ` {"n": 1152921504606846977}`}}},
		"otherwise": {StructuredContent: json.RawMessage(`{"n":5}`), Content: []mcp.Content{&mcp.TextContent{Text: `five`}}},
		"blocks": {Content: []mcp.Content{&mcp.TextContent{Text: "one"},
			&mcp.ImageContent{Data: []byte("png"), MIMEType: "image/png"}, &mcp.TextContent{Text: "two"}}},
		"list":     {Content: []mcp.Content{&mcp.TextContent{Text: "[1, 2.50]\n"}}},
		"number":   {Content: []mcp.Content{&mcp.TextContent{Text: "5"}}},
		"no JSON":  {Content: []mcp.Content{&mcp.TextContent{Text: "{5}"}}},
		"no block": {Content: []mcp.Content{}},
	}
	for name, answer := range answers {
		server.AddTool(&mcp.Tool{Name: name, InputSchema: json.RawMessage(`{"type":"object"}`)},
			func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) { return answer, nil })
	}
	here, there := inMemoryTransports()
	serving, err := server.Connect(t.Context(), there, nil)
	if err != nil {
		t.Fatal(err)
	}
	client, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "v1"}, nil).Connect(t.Context(), here, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(client.Close(), serving.Wait()); err != nil {
			t.Error(err)
		}
	})
	for name, want := range map[string]string{
		"structured": `{"response":" {\"n\": 1152921504606846977}","result":{"n":1152921504606846977},` +
			`"content":[{"type":"text","text":" {\"n\": 1152921504606846977}"}],"is_error":false}`,
		"otherwise": `{"response":"five","result":{"n":5},"content":[{"type":"text","text":"five"}],"is_error":false}`,
		"blocks": `{"response":"one\ntwo","result":"one\ntwo","content":[{"type":"text","text":"one"},` +
			`{"type":"image","mimeType":"image/png","data":"cG5n"},{"type":"text","text":"two"}],"is_error":false}`,
		"list":     `{"response":"[1, 2.50]\n","result":[1,2.50],"content":[{"type":"text","text":"[1, 2.50]\n"}],"is_error":false}`,
		"number":   `{"response":"5","result":"5","content":[{"type":"text","text":"5"}],"is_error":false}`,
		"no JSON":  `{"response":"{5}","result":"{5}","content":[{"type":"text","text":"{5}"}],"is_error":false}`,
		"no block": `{"response":"","result":"","content":[],"is_error":false}`,
	} {
		answer, err := client.CallTool(t.Context(), &mcp.CallToolParams{Name: name})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		result, err := resultOf(answer, textOf(answer.Content))
		if got := string(result.JSON()); err != nil || got != want {
			t.Errorf("%s\ngot  %s, %v\nwant %s", name, got, err, want)
		}
	}
}
