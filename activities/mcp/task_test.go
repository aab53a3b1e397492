package mcp_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// TestTasks: a server of 2026-07-28 answers with a task, which is asked for until it has ended.
func TestTasks(t *testing.T) {
	b := withTest(t)
	call := func(statuses string) protocol.Request {
		return request(t, "mcp/test.tool.background", `{"statuses": `+statuses+`}`)
	}
	var reported []string
	result, err := b.handler.Handle(t.Context(), call(`["working", "working", "completed"]`), func(message string) { reported = append(reported, message) })
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := result.Value.Get("result"); string(got.JSON()) != `{"big":1152921504606846977}` || response(result.Value) != "numbers" {
		t.Errorf("the result is %s", result.Value.JSON())
	}
	if fmt.Sprint(reported) != "[it is working it is completed]" {
		t.Errorf("the progress is %q", reported)
	}
	wantError(t, b.fails(call(`["working", "refused"]`)), protocol.TaskExecutionFailed, protocol.TaskFault, "the tool background failed: no tea")
	wantError(t, b.fails(call(`["failed"]`)), protocol.TaskExecutionFailed, protocol.TaskFault, `the MCP server "test" failed: out of tea (-32603)`)
	wantError(t, b.fails(call(`["working", "cancelled"]`)), protocol.TaskExecutionFailed, protocol.TaskFault, `the MCP server "test" cancelled the task of the tool background: it is cancelled`)
	wantError(t, b.fails(call(`[]`)), protocol.TaskExecutionFailed, protocol.TaskFault, `the MCP server "test" does not return the task of the tool background: no task`)
	if slices.Contains(b.noted("tasks"), "tasks/cancel") {
		t.Error("a task that has ended is cancelled")
	}
	wantError(t, b.fails(call(`["input_required"]`)), protocol.TaskExecutionFailed, protocol.TaskFault, "the tool background wants input from a person while it runs")
	late := call(`["working"]`)
	late.Timeout = 200 * time.Millisecond
	wantError(t, b.fails(late), protocol.TaskTimeout, protocol.TaskFault)
	stopped, cancel := context.WithCancel(t.Context())
	_, err = b.handler.Handle(stopped, call(`["working"]`), func(string) { cancel() })
	wantError(t, protocol.AsError(err, 0), protocol.TaskCancelled, protocol.Permanent)
	eventually(t, "three tasks are cancelled", func() bool {
		cancelled := 0
		for _, note := range b.noted("tasks") {
			if note == "tasks/cancel" {
				cancelled++
			}
		}
		return cancelled == 3
	})
}
