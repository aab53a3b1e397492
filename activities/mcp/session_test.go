package mcp_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

func TestOneSessionServesAllCalls(t *testing.T) {
	b := withTest(t)
	for range 100 {
		b.call("mcp/test.tool.strict", `{"n": 1}`)
	}
	if started := b.noted("started"); len(started) != 1 {
		t.Errorf("%d processes were started", len(started))
	}
}

func TestAServerStartsWhenItIsNeeded(t *testing.T) {
	b := withTest(t)
	b.call("mcp/tool.echo", `{"message": 1}`)
	b.call("mcp/builtin.tools/list", `{}`)
	if started := b.noted("started"); len(started) != 0 {
		t.Errorf("%d processes were started", len(started))
	}
}

// TestKilledInMidCall: a tool that can be called twice is; any other is not, and the next call has a new session.
func TestKilledInMidCall(t *testing.T) {
	for _, tool := range []string{"die_idempotent", "die_read_only"} {
		t.Run(tool, func(t *testing.T) {
			b := withTest(t)
			if got := response(b.call("mcp/test.tool."+tool, `{}`)); got != "alive" {
				t.Error(got)
			}
			if started, calls := b.noted("started"), b.noted("calls"); len(started) != 2 || len(calls) != 2 {
				t.Errorf("%d processes and %d calls", len(started), len(calls))
			}
		})
	}
	for _, tool := range []string{"die_plain", "die_destructive"} {
		t.Run(tool, func(t *testing.T) {
			b := withTest(t)
			got := b.fails(request(t, "mcp/test.tool."+tool, `{}`))
			wantError(t, got, protocol.ProviderNotAvailable, protocol.TaskFault, `the MCP server "test" exited during the call`, "something terrible happened",
				"the tool may have completed its work; it is not marked as idempotent or read-only")
			if calls := b.noted("calls"); len(calls) != 1 {
				t.Errorf("%d calls", len(calls))
			}
			if got := response(b.call("mcp/test.tool."+tool, `{}`)); got != "alive" {
				t.Error(got)
			}
			if started := b.noted("started"); len(started) != 2 {
				t.Errorf("%d processes were started", len(started))
			}
		})
	}
	t.Run("again and again", func(t *testing.T) {
		b := withTest(t)
		got := b.fails(request(t, "mcp/test.tool.die_always", `{}`))
		wantError(t, got, protocol.ProviderNotAvailable, protocol.Transient, `the MCP server "test" exited during the call`)
		if calls := b.noted("calls"); len(calls) != 2 {
			t.Errorf("%d calls", len(calls))
		}
	})
}

// TestKilledBetweenCalls: nothing was under way, and so no call is the worse for it.
func TestKilledBetweenCalls(t *testing.T) {
	b := withTest(t)
	for i := range 3 {
		b.call("mcp/test.tool.strict", `{"n": 1}`)
		started := b.noted("started")
		if len(started) != i+1 {
			t.Fatalf("%d processes were started", len(started))
		}
		pid, err := strconv.Atoi(started[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the server is gone", func() bool { return syscall.Kill(pid, 0) != nil })
	}
}

func TestACancelledCallIsCancelledOnTheServer(t *testing.T) {
	b := withTest(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := b.handler.Handle(ctx, request(t, "mcp/test.tool.wait", `{}`), nil)
		ended <- err
	}()
	eventually(t, "the call has arrived", func() bool { return len(b.noted("calls")) == 1 })
	cancel()
	wantError(t, protocol.AsError(<-ended, 0), protocol.TaskCancelled, protocol.Permanent)
	eventually(t, "the server hears of it", func() bool { return strings.Join(b.noted("calls"), " ") == "wait cancelled" })
	b.call("mcp/test.tool.strict", `{"n": 1}`)
	if started := b.noted("started"); len(started) != 1 {
		t.Errorf("the session did not survive: %d processes", len(started))
	}
}

func TestTimeouts(t *testing.T) {
	b := withTest(t)
	late := request(t, "mcp/test.tool.wait", `{}`)
	late.Timeout = 300 * time.Millisecond
	wantError(t, b.fails(late), protocol.TaskTimeout, protocol.TaskFault,
		`the tool "wait" of the MCP server "test" did not answer within 300ms, the timeout of the task`, "increase `timeout` of the task")
	eventually(t, "the server hears of it", func() bool { return strings.Join(b.noted("calls"), " ") == "wait cancelled" })

	// Without one of the task, that of the server counts.
	notes := t.TempDir()
	server := described(t, "test", notes)
	server.Timeout = 3
	b = withServer(t, notes, server)
	began := time.Now()
	wantError(t, b.fails(request(t, "mcp/test.tool.wait", `{}`)), protocol.TaskTimeout, protocol.TaskFault,
		`the tool "wait" of the MCP server "test" did not answer within 3s, the timeout of the server`, "increase `timeout` of the server")
	if took := time.Since(began); took < 3*time.Second || took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

// TestAFullServer: calls beyond max_concurrent wait, which does not count.
func TestAFullServer(t *testing.T) {
	notes := t.TempDir()
	server := described(t, "test", notes)
	server.MaxConcurrent = 1
	b := withServer(t, notes, server)
	first, cancel := context.WithCancel(t.Context())
	var both sync.WaitGroup
	both.Go(func() { _, _ = b.handler.Handle(first, request(t, "mcp/test.tool.wait", `{}`), nil) })
	eventually(t, "the call has arrived", func() bool { return len(b.noted("calls")) == 1 })
	waiting := request(t, "mcp/test.tool.strict", `{"n": 1}`)
	waiting.Timeout = 500 * time.Millisecond
	answered := make(chan error, 1)
	both.Go(func() {
		_, err := b.handler.Handle(t.Context(), waiting, nil)
		answered <- err
	})
	select {
	case err := <-answered:
		t.Errorf("it did not wait: %v", err)
	case <-time.After(2 * waiting.Timeout):
	}
	cancel()
	if err := <-answered; err != nil {
		t.Error(err)
	}
	both.Wait()
}

func TestThirtyTwoAtOnce(t *testing.T) {
	notes := t.TempDir()
	server := described(t, "test", notes)
	server.MaxConcurrent = 32
	b := withServer(t, notes, server)
	var calls sync.WaitGroup
	for range 32 {
		calls.Go(func() {
			result, err := b.handler.Handle(t.Context(), request(t, "mcp/test.tool.together", `{"text": "32"}`), nil)
			if err != nil || response(result.Value) != "together" {
				t.Errorf("%s, %v", response(result.Value), err)
			}
		})
	}
	calls.Wait()
	if started := b.noted("started"); len(started) != 1 {
		t.Errorf("%d processes were started", len(started))
	}
}

func TestProgress(t *testing.T) {
	b := withTest(t)
	var reported []string
	_, err := b.handler.Handle(t.Context(), request(t, "mcp/test.tool.steps", `{}`), recordProgress(t, b.notes, &reported))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"1 of 3: step [secrets.PASSWORD]", "2 of 3: step [secrets.PASSWORD]", "3 of 3: step [secrets.PASSWORD]"}
	if fmt.Sprint(reported) != fmt.Sprint(want) {
		t.Errorf("got %q", reported)
	}
}

// TestTimeoutOnProgress: progress resets the timeout of the server if its settings say so, and never that of the task.
func TestTimeoutOnProgress(t *testing.T) {
	t.Parallel()
	notes := t.TempDir()
	keep, reset := described(t, "keep", notes), described(t, "reset", notes)
	keep.Timeout, reset.Timeout, reset.TimeoutOnProgress = 2, 2, protocol.ResetTimeout
	b := withServer(t, notes, keep, reset)
	const longer = `{"steps": 5, "pause": 0.6}` // Than the timeout of both, without a silence of that length.
	if got := response(b.call("mcp/reset.tool.index", longer)); got != "indexed" {
		t.Errorf("got %q", got)
	}
	wantError(t, b.fails(request(t, "mcp/keep.tool.index", longer)), protocol.TaskTimeout, protocol.TaskFault, `the tool "index" of the MCP server "keep" did not answer within 2s`)
	silent := b.fails(request(t, "mcp/reset.tool.index", `{"steps": 1, "pause": 600}`))
	wantError(t, silent, protocol.TaskTimeout, protocol.TaskFault, `the tool "index" of the MCP server "reset" sent neither an answer nor progress for 2s, the timeout of the server`)
	limited := request(t, "mcp/reset.tool.index", longer)
	limited.Timeout = time.Second
	wantError(t, b.fails(limited), protocol.TaskTimeout, protocol.TaskFault, "did not answer within 1s, the timeout of the task")
	stopped, cancel := context.WithCancel(t.Context())
	_, err := b.handler.Handle(stopped, request(t, "mcp/reset.tool.index", longer), func(string) { cancel() })
	wantError(t, protocol.AsError(err, 0), protocol.TaskCancelled, protocol.Permanent)
}

// TestAStubbornServer: one that ends neither by itself nor when it is asked to is killed with what it has started.
func TestAStubbornServer(t *testing.T) {
	b := withTest(t, "-stubborn")
	b.call("mcp/test.tool.strict", `{"n": 1}`)
	if started := b.noted("started"); len(started) != 2 {
		t.Fatalf("started are %v", started)
	}
	began := time.Now()
	if err := b.handler.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %s", took)
	}
	b.wantNoProcesses()
	wantError(t, b.fails(request(t, "mcp/test.tool.strict", `{"n": 1}`)), protocol.ProviderNotAvailable, protocol.Transient, "is closed")
}

// TestWhatAServerLeavesBehind: where its first program is killed, those that it has started go too.
func TestWhatAServerLeavesBehind(t *testing.T) {
	b := withTest(t, "-stubborn")
	b.call("mcp/test.tool.strict", `{"n": 1}`)
	pid, err := strconv.Atoi(b.noted("started")[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	b.wantNoProcesses()
}
