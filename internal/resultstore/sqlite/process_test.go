package sqlite

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

func TestManyProcessesAtOnce(t *testing.T) {
	// The file is not there yet: they make it, too, at once.
	path := filepath.Join(t.TempDir(), "new", "results.db")
	const writers, puts = 4, 100
	outcomes := make(chan error)
	for i := range writers {
		command, printed := startWriter(t, path, fmt.Sprint("w", i), puts)
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
	store := openedAt(t, path)
	for i := range writers {
		run := fmt.Sprint("w", i)
		found, err := store.Records(t.Context(), resultstore.Query{Run: run})
		if err != nil || len(found) != puts {
			t.Errorf("%d records of %s, %v; want %d", len(found), run, err, puts)
		}
	}
}

func TestKillLosesNothingThatWasPut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.db")
	for _, killedAfter := range []int{1, 7, 40} {
		writer := fmt.Sprint("killed after ", killedAfter)
		command, printed := startWriter(t, path, writer, 1_000_000)
		var items []int
		for printed.Scan() {
			item, err := strconv.Atoi(printed.Text())
			if err != nil {
				t.Fatal(err)
			}
			items = append(items, item)
			if len(items) == killedAfter {
				if err := command.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := command.Wait(); err == nil {
			t.Fatalf("the writer ended after %d puts before it was killed", len(items))
		}
		store := openedAt(t, path)
		for _, item := range items {
			want := batchOf(writer, item)
			data, err := store.Value(t.Context(), protocol.RefOf(want.Values[0]))
			if err != nil || string(data) != string(want.Values[0]) {
				t.Errorf("%s: the value of item %d: %q, %v", writer, item, data, err)
			}
		}
		found, err := store.Records(t.Context(), resultstore.Query{Run: writer})
		if err != nil {
			t.Fatal(err)
		}
		kept := map[int]bool{}
		for _, record := range found {
			kept[record.Item] = true
		}
		for _, item := range items {
			if !kept[item] {
				t.Errorf("%s: the record of item %d is lost", writer, item)
			}
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
