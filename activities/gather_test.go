package activities

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
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
		protocol.Outcome{Status: protocol.Completed, Value: protocol.Payload{Ref: &ref}, StartedAt: began, FinishedAt: began.Add(1695 * time.Millisecond)},
		protocol.Outcome{Status: protocol.Failed, Error: protocol.Errorf(protocol.TaskExecutionFailed, "broken").WithHint("mend it"), StartedAt: began, FinishedAt: began.Add(time.Second)},
		protocol.Outcome{Status: protocol.Cancelled, Error: protocol.Errorf(protocol.TaskCancelled, "it had not started")},
	)
	got, err := withStore(store).Gather(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"total":3,"succeeded":1,"failed":1,"skipped":1,"results":[` +
		`{"item":"/f/a","index":0,"status":"completed","result":{"big":1152921504606846976},"error":null,"duration":1.695},` +
		`{"item":"/f/b","index":1,"status":"failed","result":null,"error":{"code":-29002,"name":"TASK_EXECUTION_FAILED","message":"broken","hint":"mend it","retryable":true},"duration":1},` +
		`{"item":"/f/c","index":2,"status":"skipped","result":null,"error":{"code":-29004,"name":"TASK_CANCELLED","message":"it had not started","retryable":false},"duration":0,"reason":"it had not started"}]}`
	if text := string(got.Outcome.Value.Inline.JSON()); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	var fields []string
	for _, field := range got.Outcome.Value.Inline.Fields() {
		fields = append(fields, field.Name)
	}
	if !slices.Equal(fields, reference.ItemsFields()) {
		t.Errorf("references know the fields %q, and the result has %q", reference.ItemsFields(), fields)
	}
	results, _ := got.Outcome.Value.Inline.Get("results")
	for _, entry := range results.Elements() {
		for _, field := range entry.Fields() {
			if !slices.Contains(reference.EntryFields(), field.Name) {
				t.Errorf("references do not know the field %q of an item", field.Name)
			}
		}
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

// The record of a task with many items says why they failed, so that nobody has to read their records.
func TestTheSummaryOfManyItems(t *testing.T) {
	for _, total := range []int{maxResultItems, maxResultItems + 100} {
		store := memory.New()
		var pages pager
		batch := resultstore.Batch{}
		began := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
		request := protocol.GatherRequest{
			Run: protocol.RunInfo{ID: "r", Execution: "e", StartedAt: began}, Task: "batch", Method: "test/do", Status: protocol.Completed, Recorded: true, Reason: "it had not started",
			Counts: protocol.Counts{Total: total, Succeeded: total - 30, Failed: 29, Skipped: 1},
		}
		for i := range total {
			name := fmt.Sprintf("/f/letter%d.txt", i)
			pages.add(value.String(name), nil)
			outcome := protocol.Outcome{Status: protocol.Completed, StartedAt: began, FinishedAt: began.Add(time.Second)}
			switch {
			case i == total-1:
				continue
			case i%10 == 0 && i < 290:
				outcome.Status, outcome.Error = protocol.Failed, protocol.Errorf(protocol.InvalidParams, "cannot read %q", name)
			case i%10 == 1 && i < 100:
				outcome.Warning = "the answer was cut off"
			case i < 5:
				outcome.Cached, outcome.FinishedAt = true, began.Add(-time.Hour)
			}
			batch.Records = append(batch.Records, taskRecord(request.Run, "batch", "test/do", i, 1, outcome))
		}
		if err := pages.end(); err != nil {
			t.Fatal(err)
		}
		list := protocol.RefOf(pages.values[len(pages.values)-1])
		request.Items, batch.Values = &list, pages.values
		if err := store.Put(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		a := withStore(store)
		a.itemLists = &itemLists{results: a.results}
		if _, err := a.Gather(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		whole := protocol.NoItem
		records, err := store.Records(t.Context(), resultstore.Query{Run: "r", Task: "batch", Item: &whole})
		if err != nil || len(records) != 1 {
			t.Fatalf("%+v, %v", records, err)
		}
		if total <= maxResultItems {
			if records[0].Summary != nil {
				t.Errorf("%d items have a summary", total)
			}
			continue
		}
		summary, err := resultstore.LoadSummary(t.Context(), store, *records[0].Summary)
		if err != nil || len(summary.Failures) != 1 || summary.Failures[0].Count != 29 || summary.Failures[0].Message != `cannot read "…"` || summary.Failures[0].Example.Text() != "/f/letter0.txt" ||
			summary.Warned != 10 || len(summary.Warnings) != 1 || summary.TakenOver != 3 {
			t.Errorf("%+v, %v", summary, err)
		}
	}
}
