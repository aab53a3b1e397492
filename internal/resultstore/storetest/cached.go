package storetest

import (
	"fmt"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// cachedOf returns the record of the cached result of calls with the hash.
func cachedOf(hash, result string) resultstore.Record {
	value := protocol.RefOf([]byte(result))
	return resultstore.Record{
		Kind: resultstore.Cached, Key: resultstore.CallKey(hash),
		Workflow: "Example", Method: "llm/chat", Status: protocol.Completed, StartedAt: start, FinishedAt: start, Value: &value,
	}
}

// lookUp returns the query for the cached result of a call.
func lookUp(hash string) resultstore.Query {
	key := resultstore.CallKey(hash)
	return resultstore.Query{Run: key.Run, Execution: key.Execution, Kind: resultstore.Cached, Task: key.Task, Item: &key.Item}
}

func cachedCallsAreFound(t *testing.T, store resultstore.Store) {
	run, task := runOf("r", "e", 0), taskOf("sum", protocol.NoItem, 1)
	task.FromCache = true
	put(t, store, run, task, functionOf("b"))
	var many []resultstore.Record
	for i := range 300 {
		many = append(many, cachedOf(fmt.Sprintf("%064x", i), "one"))
	}
	put(t, store, many...)
	wants(t, store, lookUp(fmt.Sprintf("%064x", 17)), many[17])
	wants(t, store, lookUp(fmt.Sprintf("%064x", 300)))
	wants(t, store, lookUp(fmt.Sprintf("%063x", 1)))
	again := cachedOf(fmt.Sprintf("%064x", 17), "another")
	put(t, store, again)
	wants(t, store, lookUp(fmt.Sprintf("%064x", 17)), again)

	wants(t, store, resultstore.Query{}, run)
	wants(t, store, resultstore.Query{Run: "r"}, run, task)
	wants(t, store, resultstore.Query{Run: "python/v1", Execution: "functions"}, functionOf("b"))
}
