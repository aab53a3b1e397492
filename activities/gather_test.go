package activities

import (
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
)

func gathering(outcomes ...protocol.Outcome) protocol.GatherRequest {
	g := protocol.GatherRequest{
		Run: protocol.RunInfo{ID: "r", Execution: "e"}, Task: "batch", Method: "test/do", Status: protocol.Completed,
		Counts: protocol.Counts{Total: len(outcomes), Succeeded: 1, Failed: 1, Skipped: 1}, Outcomes: outcomes,
	}
	for i := range outcomes {
		g.Paths = append(g.Paths, "/f/"+string(rune('a'+i)))
	}
	return g
}

func TestTheResultOfABatch(t *testing.T) {
	store := memory.New()
	data := []byte(`{"big":1152921504606846976}`)
	ref := protocol.RefOf(data)
	if err := store.Put(t.Context(), resultstore.Batch{Values: [][]byte{data}}); err != nil {
		t.Fatal(err)
	}
	began := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	g := gathering(
		protocol.Outcome{Status: protocol.Completed, Value: protocol.Payload{Ref: &ref}, StartedAt: began, FinishedAt: began.Add(1500 * time.Millisecond)},
		protocol.Outcome{Status: protocol.Failed, Error: protocol.Errorf(protocol.TaskExecutionFailed, "broken").WithHint("mend it"), StartedAt: began, FinishedAt: began.Add(time.Second)},
		protocol.Outcome{Status: protocol.Cancelled, Error: protocol.Errorf(protocol.TaskCancelled, "it had not started")},
	)
	got, err := withStore(store).Gather(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"total":3,"succeeded":1,"failed":1,"skipped":1,"results":[` +
		`{"item":"/f/a","index":0,"status":"completed","result":{"big":1152921504606846976},"error":null,"duration":1.5},` +
		`{"item":"/f/b","index":1,"status":"failed","result":null,"error":{"code":-29002,"name":"TASK_EXECUTION_FAILED","message":"broken","hint":"mend it","retryable":true},"duration":1},` +
		`{"item":"/f/c","index":2,"status":"skipped","result":null,"error":{"code":-29004,"name":"TASK_CANCELLED","message":"it had not started","retryable":false},"duration":0,"reason":"it had not started"}]}`
	if text := string(got.Outcome.Value.Inline.JSON()); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	if got.Kind != protocol.GatheredKind || got.Task != "batch" || got.Outcome.Status != protocol.Completed || *got.Outcome.Items != g.Counts {
		t.Errorf("%+v", got)
	}
	records, err := store.Records(t.Context(), resultstore.Query{Run: "r", Task: "batch"})
	if err != nil || len(records) != 2 || records[0].Item != protocol.NoItem || *records[0].Counts != g.Counts || records[1].Item != 2 || records[1].Status != protocol.Cancelled {
		t.Errorf("%+v, %v", records, err)
	}
	kept, err := store.Value(t.Context(), *records[0].Value)
	if err != nil || string(kept) != want {
		t.Errorf("kept %s, %v", kept, err)
	}
}

func TestAResultThatIsGoneFailsTheBatch(t *testing.T) {
	ref := protocol.RefOf([]byte("1"))
	got, err := withStore(memory.New()).Gather(t.Context(), gathering(protocol.Outcome{Status: protocol.Completed, Value: protocol.Payload{Ref: &ref}, FinishedAt: time.Now()}))
	if err != nil || got.Outcome.Status != protocol.Failed || got.Outcome.Error.Code != protocol.PersistenceFailed {
		t.Errorf("%+v, %v", got, err)
	}
}
