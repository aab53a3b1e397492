package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// randomText returns text that hardly compresses, another for each seed.
func randomText(seed, size int) []byte {
	text, state := make([]byte, size), uint64(seed)*2654435761+88172645463325252
	for i := range text {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		text[i] = 'A' + byte(state>>24)%64
	}
	return text
}

func fillWithRuns(t *testing.T, s *Store, runs int) (executions []resultstore.Execution) {
	t.Helper()
	for i := range runs {
		value := randomText(i, 100_000)
		batch := batchOf(fmt.Sprint("run", i), 0)
		ref := protocol.RefOf(value)
		batch.Records[0].Value = &ref
		batch.Values = [][]byte{value}
		run := batch.Records[0]
		run.Kind, run.Task, run.Item, run.Attempt = resultstore.Run, "", protocol.NoItem, 0
		batch.Records = append(batch.Records, run)
		if err := s.Put(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		executions = append(executions, run.Of())
	}
	return executions
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// TestPruneReturnsSpaceToTheDisk also for a file of version 1, which has neither incremental vacuum nor times of values, and of
// version 2.
func TestPruneReturnsSpaceToTheDisk(t *testing.T) {
	const runs = 60
	steps := map[int][]string{
		1: {"PRAGMA journal_mode = wal", schema, "DROP TABLE pieces", "DROP TABLE puts", "PRAGMA user_version = 1"},
		2: {"PRAGMA journal_mode = wal", schema, "DROP TABLE pieces", "PRAGMA user_version = 2"},
		3: nil,
	}
	for former, statements := range steps {
		path := filepath.Join(t.TempDir(), "results.db")
		for _, statement := range statements {
			execute(t, raw(t, path), statement)
		}
		first := openedAt(t, path)
		executions := fillWithRuns(t, first, runs)
		if former == 1 {
			execute(t, raw(t, path), "DELETE FROM puts")
		}
		before := fileSize(t, path)
		reader := openedAt(t, path) // Another process of the home.
		for _, part := range [][]resultstore.Execution{executions[:runs/2], executions[runs/2 : runs-1]} {
			request := resultstore.PruneRequest{Executions: part, Unused: time.Now().Add(time.Minute)}
			pruned, err := first.Prune(t.Context(), request)
			if err != nil || pruned.Runs.Count != int64(len(part)) || pruned.Values.Count != int64(len(part)) {
				t.Fatalf("version %d: %+v, %v", former, pruned, err)
			}
		}
		if after := fileSize(t, path); after > before/4 {
			t.Errorf("version %d: the file has %d bytes after prune and had %d", former, after, before)
		}
		last := randomText(runs-1, 100_000)
		data, err := reader.Value(t.Context(), protocol.RefOf(last))
		if err != nil || string(data) != string(last) {
			t.Errorf("version %d: the value that stays: %d bytes, %v", former, len(data), err)
		}
	}
}

// TestValuesOfAnEarlierVersionCountAsJustPut: when they were last put is not known.
func TestValuesOfAnEarlierVersionCountAsJustPut(t *testing.T) {
	s := opened(t)
	fillWithRuns(t, s, 1)
	execute(t, raw(t, s.path), "DELETE FROM puts")
	request := resultstore.PruneRequest{Executions: []resultstore.Execution{{Run: "run0", Execution: "e"}}, Unused: time.Now()}
	pruned, err := s.Prune(t.Context(), request)
	if err != nil || pruned.Runs.Count != 1 || pruned.Values.Count != 0 {
		t.Errorf("%+v, %v", pruned, err)
	}
	if _, err := s.Value(t.Context(), protocol.RefOf(randomText(0, 100_000))); err != nil {
		t.Error(err)
	}
}

// TestWritersDoNotWaitForPrune measures how long a put takes while much is pruned.
func TestWritersDoNotWaitForPrune(t *testing.T) {
	s := opened(t)
	executions := fillWithRuns(t, s, 300)
	pruned := make(chan error, 1)
	go func() {
		_, err := s.Prune(t.Context(), resultstore.PruneRequest{Executions: executions, Unused: time.Now().Add(time.Minute)})
		pruned <- err
	}()
	longest := time.Duration(0)
	for item := 0; ; item++ {
		began := time.Now()
		if err := s.Put(t.Context(), batchOf("writer", item)); err != nil {
			t.Fatal(err)
		}
		longest = max(longest, time.Since(began))
		select {
		case err := <-pruned:
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("the longest of %d puts took %s", item, longest)
			if longest > 2*time.Second {
				t.Errorf("a put took %s while others were pruned", longest)
			}
			return
		default:
		}
	}
}
