package storetest

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// functionOf returns the record of a function of the protocol python/v1.
func functionOf(name string) resultstore.Record {
	value := protocol.RefOf([]byte(name))
	return resultstore.Record{
		Kind: resultstore.Function, Key: resultstore.Key{Run: "python/v1", Execution: "functions", Task: name, Item: protocol.NoItem},
		Method: "python/register", Status: protocol.Completed, StartedAt: start, Value: &value,
	}
}

func functionsStayApart(t *testing.T, store resultstore.Store) {
	run, task := runOf("r", "e", 0), taskOf("sum", protocol.NoItem, 1)
	put(t, store, functionOf("b"), run, task, functionOf("a.b-c"), functionOf("B"))
	query := resultstore.Query{Run: "python/v1", Execution: "functions", Kind: resultstore.Function}
	wants(t, store, query, functionOf("B"), functionOf("a.b-c"), functionOf("b"))
	wants(t, store, resultstore.Query{}, run)
	wants(t, store, resultstore.Query{Run: "r"}, run, task)
	wants(t, store, resultstore.Query{Run: "r", Kind: resultstore.Function})
	query.Kind = resultstore.Task
	wants(t, store, query)

	again := functionOf("b")
	other := protocol.RefOf([]byte("another one"))
	again.Value = &other
	put(t, store, again)
	query.Kind, query.Task = resultstore.Function, "b"
	wants(t, store, query, again)
	query.Task = "c"
	wants(t, store, query)
}
