// Package storetest is the conformance suite of result stores. It must not know any store; guarantees of a single one are
// tested in its package.
package storetest

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// obligation is one part of the contract.
type obligation struct {
	name  string
	check func(t *testing.T, store resultstore.Store)
}

// obligations lists them all.
func obligations() []obligation {
	return []obligation{
		{"a record comes back as it was put", recordComesBack},
		{"a record replaces the one of an equal key", recordReplaces},
		{"records of different keys stay apart", keysStayApart},
		{"any text may be a key", anyTextIsAKey},
		{"a batch may be put any number of times", putIsIdempotent},
		{"a batch is kept whole or not at all", batchIsKeptWhole},
		{"a batch is seen whole or not at all", batchIsSeenWhole},
		{"an empty batch is nothing", emptyBatch},
		{"records of a run are in order", runIsInOrder},
		{"records of a run are chosen by kind and task", runIsFiltered},
		{"the newest execution is meant", newestExecution},
		{"of equally new executions the last put is meant", newestExecutionOfEqual},
		{"tasks of a run that is not recorded are found", tasksBeforeTheirRun},
		{"functions stay apart from runs", functionsStayApart},
		{"a cached call is found by its key alone", cachedCallsAreFound},
		{"chunks are found by their key alone and removed with their run", chunksBelongToTheirRun},
		{"rounds are found by their key alone and removed with their run", roundsBelongToTheirRun},
		{"steps of items are found by their key alone and removed with their run", stepsBelongToTheirRun},
		{"runs are in order", runsAreInOrder},
		{"runs are chosen by workflow and status", runsAreFiltered},
		{"no more than the limit is returned", limit},
		{"nothing found is an empty slice", nothingFound},
		{"values come back as they were put", valuesComeBack},
		{"a value put twice stays as it is", valuePutTwice},
		{"the largest value is kept and a larger one refused", largestValue},
		{"an unknown value is ErrNotFound", unknownValue},
		{"the store shares no memory with its callers", noSharedMemory},
		{"many put at once", manyPutAtOnce},
		{"runs are chosen by their start", runsAreChosenByStart},
		{"prune removes what is named and unused and nothing else", pruneRemovesWhatIsNamed},
		{"prune removes old calls and what they cached", pruneRemovesCalls},
		{"a large run is pruned", pruneLargeRun},
		{"a value that is put while prune runs stays", valuesPutDuringPrune},
		{"sizes are counted by kind", sizesByKind},
		{"the end of a context is returned as it is", endOfContext},
		{"close may be called twice and ends the use", closeEndsTheUse},
		{"what was put before close is kept or told to be lost", closeDuringPuts},
	}
}

// Run runs the suite. open returns a new, empty store at each call; the suite closes it.
func Run(t *testing.T, open func(t *testing.T) resultstore.Store) {
	for _, o := range obligations() {
		t.Run(strings.ReplaceAll(o.name, " ", "-"), func(t *testing.T) {
			store := open(t)
			t.Cleanup(func() {
				if err := store.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			o.check(t, store)
		})
	}
}

// start is the time at which the runs of the suite start, unless a test adds to it.
var start = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

// runOf returns the record of a run that started that many minutes after the start.
func runOf(run, execution string, minutes int) resultstore.Record {
	return resultstore.Record{
		Kind: resultstore.Run, Key: resultstore.Key{Run: run, Execution: execution, Item: protocol.NoItem},
		Workflow: "Example", Status: protocol.Running, StartedAt: start.Add(time.Duration(minutes) * time.Minute),
	}
}

// taskOf returns the record of a task of the run "r" in the execution "e".
func taskOf(task string, item, attempt int) resultstore.Record {
	return resultstore.Record{
		Kind: resultstore.Task, Key: resultstore.Key{Run: "r", Execution: "e", Task: task, Item: item, Attempt: attempt},
		Workflow: "Example", Method: "mcp/tool.add", Status: protocol.Completed, Attempts: attempt, StartedAt: start,
	}
}

// of returns the record for another run and execution.
func of(run, execution string, record resultstore.Record) resultstore.Record {
	record.Run, record.Execution = run, execution
	return record
}

func put(t *testing.T, store resultstore.Store, records ...resultstore.Record) {
	t.Helper()
	if err := store.Put(t.Context(), resultstore.Batch{Records: records}); err != nil {
		t.Fatalf("put: %v", err)
	}
}

// wants compares the result of the query with the records, field by field.
func wants(t *testing.T, store resultstore.Store, query resultstore.Query, want ...resultstore.Record) {
	t.Helper()
	found, err := store.Records(t.Context(), query)
	if err != nil {
		t.Fatalf("%+v: %v", query, err)
	}
	if got, wanted := lines(t, found), lines(t, want); !slices.Equal(got, wanted) {
		t.Errorf("%+v finds\n  %s\nwant\n  %s", query, strings.Join(got, "\n  "), strings.Join(wanted, "\n  "))
	}
}

func lines(t *testing.T, records []resultstore.Record) []string {
	t.Helper()
	all := make([]string, len(records))
	for i, record := range records {
		line, err := json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = string(line)
	}
	return all
}

// failed checks the code of an error, and that callers do not mistake it for another error.
func failed(t *testing.T, what string, err error, code protocol.Code) {
	t.Helper()
	known, ok := errors.AsType[*protocol.Error](err)
	if !ok || known.Code != code || errors.Is(err, resultstore.ErrNotFound) {
		t.Errorf("%s: %v; want an error of code %d", what, err, code)
	}
}
