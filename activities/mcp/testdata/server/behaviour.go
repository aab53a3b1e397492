package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// addTool adds a tool to the server, unless only another one is wanted.
type addTool func(name string, annotations *mcp.ToolAnnotations, schema string, answer mcp.ToolHandler)

// addTimeout adds tools that have arguments of the name `timeout`, and answer with their arguments.
func addTimeout(add addTool) {
	arguments := func(_ context.Context, request *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return said(string(request.Params.Arguments)), nil
	}
	add("shell", nil, `{"type": "object", "properties": {"command": {"type": "string"}, "timeout": {"type": "integer"}}, "additionalProperties": false}`, arguments)
	add("fetch", nil, `{"type": "object", "properties": {"timeout": {"type": "object"}}, "required": ["timeout"]}`, arguments)
}

// addProgress adds a tool that reports progress after each step of its work, and then answers.
func addProgress(add addTool) {
	add("index", nil, `{"type": "object", "properties": {"steps": {"type": "integer"}, "pause": {"type": "number"}}}`,
		func(ctx context.Context, request *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			var arguments struct {
				Steps int
				Pause float64
			}
			if err := json.Unmarshal(request.Params.Arguments, &arguments); err != nil {
				return nil, err
			}
			for i := range arguments.Steps {
				select {
				case <-time.After(time.Duration(arguments.Pause * float64(time.Second))): // The work.
				case <-ctx.Done():
					return nil, ctx.Err()
				}
				if err := request.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: request.Params.GetProgressToken(), Progress: float64(i + 1)}); err != nil {
					return nil, err
				}
			}
			return said("indexed"), nil
		})
}

// addOutput adds a tool with an outputSchema, which answers with the content of its arguments, whether it matches or not.
func addOutput(server *mcp.Server) {
	server.AddTool(&mcp.Tool{
		Name: "measure", InputSchema: json.RawMessage(`{"type": "object"}`),
		OutputSchema: json.RawMessage(`{"type": "object", "properties": {"celsius": {"type": "number"}}, "required": ["celsius"], "additionalProperties": false}`),
	}, func(_ context.Context, request *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		var arguments struct{ Content json.RawMessage }
		if err := json.Unmarshal(request.Params.Arguments, &arguments); err != nil {
			return nil, err
		}
		result := said("21.5 degrees")
		if arguments.Content != nil {
			result.StructuredContent = arguments.Content
		}
		return result, nil
	})
}

// forgetSessions makes a server of an older version, which forgets the session of each call of a tool, and then answers with the
// status and the body, in which ID stands for the id of the request.
func forgetSessions(next http.Handler, status int, body string) http.Handler {
	var mu sync.Mutex
	forgotten := map[string]bool{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Mcp-Method") != "" {
			http.NotFound(w, r)
			return
		}
		session := r.Header.Get("Mcp-Session-Id")
		read, err := io.ReadAll(r.Body)
		if err != nil {
			panic(err)
		}
		var message struct {
			ID     json.RawMessage
			Method string
		}
		_ = json.Unmarshal(read, &message) // Not of a GET.
		r.Body = io.NopCloser(bytes.NewReader(read))
		mu.Lock()
		known := session == "" || !forgotten[session]
		if message.Method == "tools/call" {
			forgotten[session] = true
		}
		mu.Unlock()
		if known {
			next.ServeHTTP(w, r)
			return
		}
		note("forgotten", message.Method)
		if strings.HasPrefix(body, "{") {
			w.Header().Set("Content-Type", "application/json")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, strings.ReplaceAll(body, "ID", string(message.ID))) // The client may be gone.
	})
}

// addTasks adds a tool whose calls are tasks, as the extension of 2026-07-28 has them. The arguments say how the task goes on: the
// statuses that it has one after another. The note "tasks" has what was asked of it.
func addTasks(server *mcp.Server) error {
	var mu sync.Mutex
	tasks := map[string][]string{}
	server.AddTool(&mcp.Tool{Name: "background", InputSchema: json.RawMessage(`{"type": "object"}`)},
		func(_ context.Context, request *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			var arguments struct{ Statuses []string }
			if err := json.Unmarshal(request.Params.Arguments, &arguments); err != nil {
				return nil, err
			}
			mu.Lock()
			defer mu.Unlock()
			id := fmt.Sprintf("task-%d", len(tasks))
			tasks[id] = arguments.Statuses
			return &mcp.CallToolResult{Meta: mcp.Meta{"id": id}}, nil
		})
	server.AddReceivingMiddleware(func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, request mcp.Request) (mcp.Result, error) {
			result, err := next(ctx, method, request)
			if called, is := result.(*mcp.CallToolResult); err == nil && is && called.Meta["id"] != nil {
				return &anyResult{Value: map[string]any{"resultType": "task", "taskId": called.Meta["id"], "status": "working", "ttlMs": nil, "pollIntervalMs": 20}}, err
			}
			return result, err
		}
	})
	for _, method := range []string{"tasks/get", "tasks/cancel"} {
		err := mcp.AddReceivingCustomMethod(server, method, func(_ context.Context, _ *mcp.ServerSession, params *struct {
			mcp.ParamsBase
			ID string `json:"taskId"`
		}) (*anyResult, error) {
			note("tasks", method)
			mu.Lock()
			defer mu.Unlock()
			statuses := tasks[params.ID]
			if len(statuses) == 0 {
				return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "no task " + params.ID}
			}
			if len(statuses) > 1 {
				tasks[params.ID] = statuses[1:]
			}
			answer := map[string]any{"resultType": "complete", "taskId": params.ID, "status": statuses[0], "statusMessage": "it is " + statuses[0], "pollIntervalMs": 20}
			switch statuses[0] {
			case "completed":
				answer["result"] = map[string]any{"content": []any{map[string]any{"type": "text", "text": "numbers"}}, "structuredContent": json.RawMessage(`{"big":1152921504606846977}`)}
			case "refused":
				answer["status"], answer["result"] = "completed", map[string]any{"content": []any{map[string]any{"type": "text", "text": "no tea"}}, "isError": true}
			case "failed":
				answer["error"] = map[string]any{"code": -32603, "message": "out of tea"}
			}
			return &anyResult{Value: answer}, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// anyResult is a result of any form.
type anyResult struct {
	mcp.ResultBase
	Value any
}

// MarshalJSON implements json.Marshaler.
func (r *anyResult) MarshalJSON() ([]byte, error) { return json.Marshal(r.Value) }
