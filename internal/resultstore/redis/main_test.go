package redis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// writerURL in the environment makes this binary a process that puts into that store; see child.
const (
	writerURL  = "GLEITZEIT_TEST_STORE"
	writerName = "GLEITZEIT_TEST_WRITER"
	writerPuts = "GLEITZEIT_TEST_PUTS"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(writerURL); url != "" {
		puts, err := strconv.Atoi(os.Getenv(writerPuts))
		if err == nil {
			err = child(url, os.Getenv(writerName), puts)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child puts batches from four goroutines, and prints each one's item when Put has returned. It ends with the first
// error.
func child(url, name string, puts int) error {
	store, err := Open(context.Background(), url)
	if err != nil {
		return err
	}
	outcomes := make(chan error, 4)
	for first := range 4 {
		go func() {
			for item := first; item < puts; item += 4 {
				if err := store.Put(context.Background(), batchOf(name, item)); err != nil {
					outcomes <- err
					return
				}
				if _, err := fmt.Println(item); err != nil {
					outcomes <- err
					return
				}
			}
			outcomes <- nil
		}()
	}
	for range 4 {
		err = errors.Join(err, <-outcomes)
	}
	return errors.Join(err, store.Close())
}

// startWriter starts a process that puts into the store, and returns it with what it prints.
func startWriter(t *testing.T, url, name string, puts int, environment ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program)
	command.Env = append(os.Environ(), writerURL+"="+url, writerName+"="+name, writerPuts+"="+strconv.Itoa(puts))
	command.Env = append(command.Env, environment...)
	printed, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return command, bufio.NewScanner(printed)
}

// batchOf is an item's record with a value of its own, in a run named like its writer.
func batchOf(run string, item int) resultstore.Batch {
	value := fmt.Appendf(nil, `{"writer":%q,"item":%d}`, run, item)
	ref := protocol.RefOf(value)
	return resultstore.Batch{
		Records: []resultstore.Record{{
			Kind: resultstore.Task, Key: resultstore.Key{Run: run, Execution: "e", Task: "files", Item: item, Attempt: 1},
			Workflow: "Example", Method: "python/execute", Status: protocol.Completed, StartedAt: time.Unix(1_800_000_000, 0).UTC(), Value: &ref,
		}},
		Values: [][]byte{value},
	}
}

// holds demands that the store has the batches of these items.
func holds(t *testing.T, store *Store, run string, items []int) {
	t.Helper()
	found, err := store.Records(t.Context(), resultstore.Query{Run: run})
	if err != nil {
		t.Fatal(err)
	}
	kept := map[int]bool{}
	for _, record := range found {
		kept[record.Item] = true
	}
	for _, item := range items {
		want := batchOf(run, item)
		data, err := store.Value(t.Context(), protocol.RefOf(want.Values[0]))
		if err != nil || string(data) != string(want.Values[0]) {
			t.Errorf("%s: the value of item %d: %q, %v", run, item, data, err)
		}
		if !kept[item] {
			t.Errorf("%s: the record of item %d is lost", run, item)
		}
	}
}

func opened(t testing.TB, url string) *Store {
	t.Helper()
	store, err := Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// refused demands an error of the store with these very words.
func refused(t *testing.T, err error, kind protocol.ErrorKind, message, hint string) {
	t.Helper()
	known, ok := errors.AsType[*protocol.Error](err)
	if !ok || known.Code != protocol.PersistenceFailed || known.Kind != kind || known.Message != message || known.Hint != hint {
		t.Errorf("got  %#v\nwant %s error %q with hint %q", err, kind, message, hint)
	}
}
