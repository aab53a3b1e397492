package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// noItems stands for the list that items come from.
var noItems = value.List()

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// fixture is a run that a test records as activities do.
type fixture struct {
	t       testing.TB
	store   resultstore.Store
	plan    *plan.Plan
	records []resultstore.Record
	values  [][]byte
}

func newFixture(t testing.TB, store resultstore.Store, p *plan.Plan) *fixture {
	return &fixture{t: t, store: store, plan: p}
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// keep stores a value.
func (f *fixture) keep(data []byte) *protocol.Ref {
	ref := protocol.RefOf(data)
	f.values = append(f.values, data)
	if len(f.values) >= 2000 {
		f.flush()
	}
	return &ref
}

func (f *fixture) flush() {
	f.t.Helper()
	f.must(f.store.Put(f.t.Context(), resultstore.Batch{Values: f.values}))
	f.must(f.store.Put(f.t.Context(), resultstore.Batch{Records: f.records}))
	f.values, f.records = nil, nil
}

func (f *fixture) record(record resultstore.Record) {
	record.Run, record.Execution = "r", "e"
	f.records = append(f.records, record)
	if len(f.records) >= 2000 {
		f.flush()
	}
}

// task records an attempt of a task, which began and ended so many seconds after the start of the run. An empty result is none.
func (f *fixture) task(id string, from, to float64, result string, change func(*resultstore.Record)) {
	f.item(id, protocol.NoItem, from, to, result, change)
}

func (f *fixture) item(id string, index int, from, to float64, result string, change func(*resultstore.Record)) {
	record := resultstore.Record{
		Kind: resultstore.Task, Key: resultstore.Key{Task: id, Item: index, Attempt: 1}, Status: protocol.Completed, Attempts: 1,
		StartedAt: noon.Add(time.Duration(from * float64(time.Second))), FinishedAt: noon.Add(time.Duration(to * float64(time.Second))),
	}
	if result != "" {
		record.Value = f.keep([]byte(result))
	}
	if change != nil {
		change(&record)
	}
	f.record(record)
}

// items records the list of the items of a task.
func (f *fixture) items(id string, all []value.Value, counts *protocol.Counts) {
	f.t.Helper()
	manifest := protocol.Manifest{Total: len(all)}
	for first := 0; first < len(all); first += protocol.MaxPageItems {
		part := all[first:min(first+protocol.MaxPageItems, len(all))]
		manifest.Pages = append(manifest.Pages, protocol.Page{Ref: *f.keep(value.List(part...).JSON()), First: first, Count: len(part)})
	}
	data, err := json.Marshal(manifest)
	f.must(err)
	list := f.keep(data)
	f.task(id, 0, 0, "", func(r *resultstore.Record) {
		r.Attempt, r.Status, r.Items, r.FinishedAt = 0, protocol.Running, list, time.Time{}
	})
	if counts != nil {
		f.task(id, 0, 60, "", func(r *resultstore.Record) { r.Items, r.Counts = list, counts })
	}
}

// run records the run itself, and returns its document.
func (f *fixture) run(status protocol.Status, outputs string) *view.Run {
	f.t.Helper()
	encoded, err := value.Encode(f.plan)
	f.must(err)
	record := resultstore.Record{Kind: resultstore.Run, Key: resultstore.Key{Item: protocol.NoItem}, Workflow: f.plan.Name, Status: status, StartedAt: noon, Plan: f.keep(encoded.JSON())}
	if status.Ended() {
		record.FinishedAt = noon.Add(time.Minute)
	}
	if outputs != "" {
		record.Value = f.keep([]byte(outputs))
	}
	f.record(record)
	f.flush()
	run, err := view.Read(f.t.Context(), f.store, "r", "")
	f.must(err)
	if run == nil {
		f.t.Fatal("the run is not recorded")
	}
	return run
}

// page returns the page of a run.
func (f *fixture) page(run *view.Run, items int) string {
	f.t.Helper()
	var text bytes.Buffer
	f.must(Write(f.t.Context(), f.store, run, Options{Items: items, Now: noon.Add(time.Hour), Version: "v1"}, &text))
	return text.String()
}

// markdownOf returns the Markdown of a run.
func (f *fixture) markdownOf(run *view.Run) string {
	f.t.Helper()
	var text strings.Builder
	f.must(WriteMarkdown(f.t.Context(), f.store, run, Options{Items: MaxItems, Now: noon.Add(time.Hour)}, &text))
	return text.String()
}
