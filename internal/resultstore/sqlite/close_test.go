package sqlite

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// TestCloseWhileValuesAreRead closes while values are unpacked: each reader is given its value or told of the end.
func TestCloseWhileValuesAreRead(t *testing.T) {
	value := bytes.Repeat([]byte("a value that is worth packing "), 100_000)
	ref := protocol.RefOf(value)
	store := opened(t)
	if err := store.Put(t.Context(), resultstore.Batch{Values: [][]byte{value}}); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	ended := make(chan error)
	for range 8 {
		go func() {
			for {
				data, err := store.Value(t.Context(), ref)
				if err != nil {
					ended <- err
					return
				}
				if !bytes.Equal(data, value) {
					ended <- fmt.Errorf("%d bytes of %d", len(data), len(value))
					return
				}
				select {
				case read <- struct{}{}:
				default:
				}
			}
		}()
	}
	for range 8 {
		<-read
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
	for range 8 {
		refused(t, <-ended, protocol.Transient, fmt.Sprintf("the result store %q is closed", store.path), "")
	}
}

// TestNothingRunsAfterClose looks for goroutines of the store and of its database, after Close and after an Open that
// failed.
func TestNothingRunsAfterClose(t *testing.T) {
	s := opened(t)
	if err := s.Put(t.Context(), batchOf("r", 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Records(t.Context(), resultstore.Query{}); err != nil {
		t.Fatal(err)
	}
	if running := ofStores(); !strings.Contains(running, "(*Store).serve") {
		t.Fatalf("the writer is not among the goroutines:\n%s", running)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "all goroutines have ended after close", func() bool { return ofStores() == "" })

	if err := os.WriteFile(s.path, []byte(strings.Repeat("this is a text. ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), s.path); err == nil {
		t.Fatal("a text was opened as a store")
	}
	until(t, "all goroutines have ended after an open that failed", func() bool { return ofStores() == "" })
}

// ofStores are the goroutines that run for a store.
func ofStores() string {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	var running []string
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(stack, "sqlite.(*Store)") || strings.Contains(stack, "database/sql.(*DB)") {
			running = append(running, stack)
		}
	}
	return strings.Join(running, "\n\n")
}
