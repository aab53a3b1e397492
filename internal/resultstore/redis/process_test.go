package redis

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/redistest"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

func TestManyProcessesAtOnce(t *testing.T) {
	server := redistest.Start(t)
	const writers, puts = 4, 100
	outcomes := make(chan error)
	for i := range writers {
		command, printed := startWriter(t, server.URL("", 0), fmt.Sprint("w", i), puts)
		go func() {
			for printed.Scan() {
			}
			outcomes <- command.Wait()
		}()
	}
	for range writers {
		if err := <-outcomes; err != nil {
			t.Error("a writer failed:", err)
		}
	}
	store := opened(t, server.URL("", 0))
	for i := range writers {
		run := fmt.Sprint("w", i)
		found, err := store.Records(t.Context(), resultstore.Query{Run: run})
		if err != nil || len(found) != puts {
			t.Errorf("%d records of %s, %v; want %d", len(found), run, err, puts)
		}
	}
}

// TestAKilledServerLosesNothingThatWasPut kills the server while a process puts, starts it again, and looks for all
// that the process was told is kept.
func TestAKilledServerLosesNothingThatWasPut(t *testing.T) {
	server := redistest.Start(t)
	for _, killedAfter := range []int{1, 7, 40} {
		writer := fmt.Sprint("killed after ", killedAfter)
		command, printed := startWriter(t, server.URL("", 0), writer, 1_000_000)
		var items []int
		for printed.Scan() {
			item, err := strconv.Atoi(printed.Text())
			if err != nil {
				t.Fatal(err)
			}
			items = append(items, item)
			if len(items) == killedAfter {
				server.Kill()
			}
		}
		if err := command.Wait(); err == nil {
			t.Fatalf("the writer ended well after %d puts, and the server was gone", len(items))
		}
		server.Again()
		holds(t, opened(t, server.URL("", 0)), writer, items)
	}
}

// TestAKilledWriterLosesNothingThatWasPut kills the process that puts instead.
func TestAKilledWriterLosesNothingThatWasPut(t *testing.T) {
	server := redistest.Start(t)
	command, printed := startWriter(t, server.URL("", 0), "killed", 1_000_000)
	var items []int
	for printed.Scan() {
		item, err := strconv.Atoi(printed.Text())
		if err != nil {
			t.Fatal(err)
		}
		if items = append(items, item); len(items) == 20 {
			if err := command.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := command.Wait(); err == nil {
		t.Fatal("the writer ended before it was killed")
	}
	holds(t, opened(t, server.URL("", 0)), "killed", items)
}
