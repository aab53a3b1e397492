package sqlite

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// writerFile in the environment makes this binary a process that puts into that file; see child.
const (
	writerFile = "GLEITZEIT_TEST_STORE"
	writerName = "GLEITZEIT_TEST_WRITER"
	writerPuts = "GLEITZEIT_TEST_PUTS"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(writerFile); path != "" {
		puts, err := strconv.Atoi(os.Getenv(writerPuts))
		if err == nil {
			err = child(path, os.Getenv(writerName), puts)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child puts batches from four goroutines, and prints each one's item when Put has returned.
func child(path, name string, puts int) error {
	store, err := Open(context.Background(), path)
	if err != nil {
		return err
	}
	outcomes := make(chan error)
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

// startWriter starts a process that puts into the file, and returns it with what it prints.
func startWriter(t *testing.T, path, name string, puts int) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program)
	command.Env = append(os.Environ(), writerFile+"="+path, writerName+"="+name, writerPuts+"="+strconv.Itoa(puts))
	command.Stderr = os.Stderr
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

// opened opens a store on a new file.
func opened(t testing.TB) *Store {
	t.Helper()
	return openedAt(t, filepath.Join(t.TempDir(), "results.db"))
}

func openedAt(t testing.TB, path string) *Store {
	t.Helper()
	store, err := Open(t.Context(), path)
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

// raw is the file as any other program would use it.
func raw(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", source(path, "_pragma=busy_timeout(10000)"))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func execute(t testing.TB, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// refused demands an error of the store with these very words.
func refused(t *testing.T, err error, kind protocol.ErrorKind, message, hint string) {
	t.Helper()
	known, ok := errors.AsType[*protocol.Error](err)
	if !ok || known.Code != protocol.PersistenceFailed || known.Kind != kind || known.Message != message || known.Hint != hint {
		t.Errorf("got  %#v\nwant %s error %q with hint %q", err, kind, message, hint)
	}
}
