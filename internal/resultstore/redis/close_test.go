package redis

import (
	"context"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/redistest"
)

// TestNothingRunsAfterClose looks for goroutines of the store: after Close, after an Open that failed, and after a call
// that was let go of because its server hangs.
func TestNothingRunsAfterClose(t *testing.T) {
	server := redistest.Start(t)
	store := opened(t, server.URL("", 0))
	if err := store.Put(t.Context(), batchOf("r", 0)); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	untilQuiet(t, "after close")

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Open(ctx, "redis://"+listener.Addr().String()); err == nil {
		t.Fatal("a server that says nothing was opened")
	}
	untilQuiet(t, "after an open that failed")
}

// untilQuiet waits until no goroutine runs for a store.
func untilQuiet(t *testing.T, when string) {
	t.Helper()
	late := time.NewTimer(dialTimeout + answerTimeout)
	defer late.Stop()
	ticks := time.NewTicker(5 * time.Millisecond)
	defer ticks.Stop()
	for {
		stacks := make([]byte, 1<<20)
		running := string(stacks[:runtime.Stack(stacks, true)])
		if !strings.Contains(running, "internal/resultstore/redis.ask") {
			return
		}
		select {
		case <-ticks.C:
		case <-late.C:
			t.Fatalf("%s there is still\n%s", when, running)
		}
	}
}
