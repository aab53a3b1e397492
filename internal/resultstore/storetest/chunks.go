package storetest

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// chunkOf returns the record of an answer about a chunk.
func chunkOf(of resultstore.Record, hash, result string) resultstore.Record {
	value := protocol.RefOf([]byte(result))
	of.Kind, of.Key, of.Attempts, of.Value = resultstore.Chunk, resultstore.ChunkKey(of.Key, hash), 0, &value
	return of
}

func chunksBelongToTheirRun(t *testing.T, store resultstore.Store) {
	run, task, item := runOf("r", "e", 0), taskOf("a", protocol.NoItem, 1), taskOf("b", 0, 1)
	ofTask, ofItem, other := chunkOf(task, "h1", "one"), chunkOf(item, "h1", "two"), chunkOf(task, "h2", "three")
	putValues(t, store, []byte("one"), []byte("two"), []byte("three"), []byte("four"))
	put(t, store, run, task, item, ofTask, ofItem, other)
	found := func(of resultstore.Record) resultstore.Query {
		return resultstore.Query{Run: of.Run, Execution: of.Execution, Kind: resultstore.Chunk, Task: of.Task, Item: &of.Item}
	}
	wants(t, store, found(ofTask), ofTask)
	wants(t, store, found(ofItem), ofItem)
	wants(t, store, found(other), other)
	wants(t, store, found(chunkOf(task, "h3", "one")))
	again := chunkOf(task, "h1", "four") // The list of chunks changes when one is split again.
	put(t, store, again)
	wants(t, store, found(ofTask), again)

	whole := protocol.NoItem
	wants(t, store, resultstore.Query{Run: "r", Item: &whole}, run, task)
	wants(t, store, resultstore.Query{Run: "r", Kind: resultstore.Task}, task, item)
	wants(t, store, resultstore.Query{Run: "r", Task: "a"}, task)
	wants(t, store, resultstore.Query{Run: "r", Task: "b", Item: &item.Item}, item)
	wants(t, store, resultstore.Query{}, run)

	// Those of a call belong to no run, as its task does.
	call := of("call", "call", taskOf("call", protocol.NoItem, 1))
	put(t, store, call, chunkOf(call, "h1", "one"))
	named := resultstore.PruneRequest{Executions: []resultstore.Execution{{Run: "r", Execution: "e"}}, Unused: later()}
	prune(t, store, named, resultstore.Pruned{Runs: count(1), Tasks: count(7), Values: count(4)})
	wants(t, store, found(ofItem))
	wants(t, store, resultstore.Query{Run: "r"})
	wants(t, store, resultstore.Query{Run: "call"})
	wantsNoValue(t, store, []byte("two"))
}

// roundsBelongToTheirRun: only a query for rounds finds them, in their order, and they go with their run.
func roundsBelongToTheirRun(t *testing.T, store resultstore.Store) {
	run, task := runOf("r", "e", 0), taskOf("a", protocol.NoItem, 3)
	var rounds []resultstore.Record
	for attempt := 1; attempt <= 2; attempt++ {
		round := taskOf("a", protocol.NoItem, attempt)
		round.Kind, round.Key, round.Rounds = resultstore.Round, resultstore.RoundKey(round.Key), attempt
		rounds = append(rounds, round)
	}
	put(t, store, run, task, rounds[1], rounds[0])
	found := resultstore.Query{Run: "r", Execution: "e", Kind: resultstore.Round, Task: rounds[0].Task, Item: &rounds[0].Item}
	wants(t, store, found, rounds[0], rounds[1])
	whole := protocol.NoItem
	wants(t, store, resultstore.Query{Run: "r", Item: &whole}, run, task)
	wants(t, store, resultstore.Query{Run: "r", Kind: resultstore.Task}, task)
	wants(t, store, resultstore.Query{Run: "r", Task: "a"}, task)
	named := resultstore.PruneRequest{Executions: []resultstore.Execution{{Run: "r", Execution: "e"}}, Unused: later()}
	if _, err := store.Prune(t.Context(), named); err != nil {
		t.Fatal(err)
	}
	wants(t, store, found)
}

// stepsBelongToTheirRun: only a query for a step finds its records, those of several items in their order, and they go with their run.
func stepsBelongToTheirRun(t *testing.T, store resultstore.Store) {
	run := runOf("r", "e", 0)
	var items, steps []resultstore.Record
	for item := range 4 {
		of := taskOf("a", item, 1)
		items = append(items, of)
		of.Kind, of.Key = resultstore.Step, resultstore.StepKey(of.Key, "s")
		steps = append(steps, of)
	}
	put(t, store, append(append([]resultstore.Record{run}, items...), steps...)...)
	first, last := 1, 2
	found := resultstore.Query{Run: "r", Execution: "e", Kind: resultstore.Step, Task: steps[0].Task, Item: &first, Last: &last}
	wants(t, store, found, steps[1:3]...)
	wants(t, store, resultstore.Query{Run: "r", Kind: resultstore.Task}, items...)
	wants(t, store, resultstore.Query{Run: "r", Task: "a"}, items...)
	named := resultstore.PruneRequest{Executions: []resultstore.Execution{{Run: "r", Execution: "e"}}, Unused: later()}
	if _, err := store.Prune(t.Context(), named); err != nil {
		t.Fatal(err)
	}
	wants(t, store, found)
}
