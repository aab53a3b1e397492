package progress

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs/history"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// countedStore counts the values that are read.
type countedStore struct {
	resultstore.Store
	read int
}

func (s *countedStore) Value(ctx context.Context, ref protocol.Ref) ([]byte, error) {
	s.read++
	return s.Store.Value(ctx, ref)
}

// storedItems puts a run of a task with so many items, in pages, into a store.
func storedItems(t *testing.T, total int, models ...string) *countedStore {
	t.Helper()
	var batch resultstore.Batch
	put := func(data []byte) *protocol.Ref {
		ref := protocol.RefOf(data)
		batch.Values = append(batch.Values, data)
		return &ref
	}
	manifest := protocol.Manifest{Total: total}
	for first := 0; first < total; first += protocol.MaxPageItems {
		count := min(protocol.MaxPageItems, total-first)
		items := make([]value.Value, count)
		for i := range items {
			items[i] = value.String(fmt.Sprintf("/f/%d.txt", first+i))
		}
		manifest.Pages = append(manifest.Pages, protocol.Page{Ref: *put(value.List(items...).JSON()), First: first, Count: count})
	}
	list, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	planned, err := value.Encode(&plan.Plan{Name: "Batch f", Tasks: []plan.Task{{ID: "batch", Method: "llm/chat", FanOut: &plan.FanOut{Models: models}}}})
	if err != nil {
		t.Fatal(err)
	}
	key := resultstore.Key{Run: "run-1", Execution: "e", Item: protocol.NoItem}
	run := resultstore.Record{Kind: resultstore.Run, Key: key, Status: protocol.Running, Plan: put(planned.JSON())}
	key.Task = "batch"
	batch.Records = []resultstore.Record{run, {Kind: resultstore.Task, Key: key, Status: protocol.Running, Items: put(list)}}
	store := &countedStore{Store: memory.New()}
	if err := store.Put(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	return store
}

// batchPrinter returns a printer of the run of storedItems, and what it has shown.
func batchPrinter(store resultstore.Store, o Options) (*Printer, *bytes.Buffer) {
	shown := &bytes.Buffer{}
	o.Run, o.Store, o.Screen, o.Plan = "run-1", store, NewScreen(shown), &plan.Plan{Tasks: []plan.Task{{ID: "batch", Method: "llm/chat"}}}
	return New(o), shown
}

// itemEnded is the end of an item at a moment, after which so many tokens were written.
func itemEnded(item int, at time.Time, status protocol.Status, tokens int64) history.Event {
	outcome := protocol.Outcome{Status: status, Usage: protocol.Usage{TokensUsed: tokens}, StartedAt: at.Add(-time.Second), FinishedAt: at}
	if status == protocol.Failed {
		outcome.Error = protocol.Errorf(protocol.TaskValidationFailed, "no text")
	}
	return history.Event{Task: "batch", Item: item, Method: "llm/chat", At: at, Outcome: &outcome}
}

// TestItemsAreReadPageByPage: of a long list only the page of an item that is shown is read, and none is kept beside it.
func TestItemsAreReadPageByPage(t *testing.T) {
	store := storedItems(t, 20*protocol.MaxPageItems)
	began := time.Now()
	p, shown := batchPrinter(store, Options{Began: began})
	for i := range 20 * protocol.MaxPageItems {
		status := protocol.Completed
		if i == 7*protocol.MaxPageItems+3 {
			status = protocol.Failed
		}
		events(t, p, itemEnded(i, began.Add(time.Duration(i)*time.Millisecond), status, 1))
	}
	want(t, shown, "✗ batch[3503]  /f/3503.txt  failed  1.00 s  no text\n")
	if fan := p.fans["batch"]; fan.counts != (protocol.Counts{Total: 10000, Succeeded: 9999, Failed: 1}) || len(fan.rate.samples) > 40 {
		t.Errorf("counts %+v, %d samples", fan.counts, len(fan.rate.samples))
	}
	if store.read != 3 { // The manifest, the plan, and one page.
		t.Errorf("%d values were read", store.read)
	}
}

// TestRates: a rate is that of the last half minute, or of the last items where they take long, and falls while nothing ends.
func TestRates(t *testing.T) {
	began := time.Now()
	var r rate
	r.begin(began)
	if _, _, known := r.perSecond(began); known {
		t.Error("a rate is known before anything has ended")
	}
	at := began
	for range 400 { // Four a second, with 100 tokens each.
		at = at.Add(250 * time.Millisecond)
		r.add(at, 100)
	}
	near := func(got, want float64) bool { return got > want*0.9 && got < want*1.1 }
	if items, tokens, known := r.perSecond(at); !known || !near(items, 4) || !near(tokens, 400) {
		t.Errorf("%g items and %g tokens a second, %v", items, tokens, known)
	}
	for range 80 { // It becomes slower: two a second.
		at = at.Add(500 * time.Millisecond)
		r.add(at, 100)
	}
	if items, _, _ := r.perSecond(at); !near(items, 2) {
		t.Errorf("%g items a second after 40 s with two", items)
	}
	if items, _, _ := r.perSecond(at.Add(time.Minute)); items > 1 {
		t.Errorf("%g items a second when none has ended for a minute", items)
	}
	for range 20 { // Each takes two minutes.
		at = at.Add(2 * time.Minute)
		r.add(at, 0)
	}
	if items, _, _ := r.perSecond(at); !near(items*120, 1) || len(r.samples) > rateItems+2 {
		t.Errorf("%g items in two minutes, of %d samples", items*120, len(r.samples))
	}
	r.add(at.Add(-time.Hour), 0) // Another machine's clock.
	if r.now.at != at {
		t.Error("time went back")
	}
}

// TestTheStatusLineFits: with every count large, a wait and other tasks, the line has at most the columns of the terminal, and what is
// needed most: the counts and the time that is left.
func TestTheStatusLineFits(t *testing.T) {
	began := time.Now()
	p, _ := batchPrinter(storedItems(t, 100000), Options{Began: began})
	events(t, p, history.Event{Task: "batch", Item: 0, At: began})
	at := began
	for i := range 1200 {
		at = at.Add(50 * time.Millisecond)
		events(t, p, itemEnded(i, at, protocol.Completed, 40))
	}
	p.running = append(p.running, "another_task")
	for width, line := range map[int]string{
		120: "batch: 1200 of 100000 files  20/s  800 tokens/s  1h 22m left  and 1 more  1m0s",
		79:  "batch: 1200 of 100000 files  20/s  800 tokens/s  1h 22m left  and 1 more  1m0s",
		60:  "batch: 1200 of 100000 files  20/s  800 tokens/s  1h 22m left",
		39:  "batch: 1200/100000  20/s  1h 22m left",
		30:  "batch: 1200/100000  1h 22m left"[:30],
	} {
		if got := p.status(width, at); got != line {
			t.Errorf("at %d columns:\n%s\nnot\n%s", width, got, line)
		}
	}
	p.waits = map[string]string{"batch": "waiting for the server: connection refused, 数え直す, and more text than fits into a line"}
	p.fans["batch"].counts.Failed, p.fans["batch"].counts.Skipped, p.fans["batch"].counts.Cached = 12345, 12345, 12345
	for width := 1; width < 200; width++ {
		got := p.status(width, at)
		if columns := runewidth.StringWidth(got); columns > width || strings.Contains(got, "\n") {
			t.Fatalf("at %d columns, %d: %s", width, columns, got)
		}
		if width > 60 && !strings.Contains(got, "waiting for") {
			t.Errorf("at %d columns the line does not say why nothing happens: %s", width, got)
		}
	}
}

// TestTheTableHasARowForEachModel, and fits.
func TestTheTableHasARowForEachModel(t *testing.T) {
	began := time.Now()
	p, _ := batchPrinter(storedItems(t, 200, "llama3.2", "qwen3:8b"), Options{Began: began, Table: true})
	events(t, p, history.Event{Task: "batch", Item: 0, At: began})
	at := began
	for i := range 40 {
		at = at.Add(time.Second)
		status := protocol.Completed
		if i == 9 {
			status = protocol.Failed
		}
		events(t, p, itemEnded(i, at, status, 30))
	}
	events(t, p, history.Event{Task: "batch", Item: 100, At: at}) // The second model begins.
	for i := range 2 {
		at = at.Add(time.Second)
		events(t, p, itemEnded(100+i, at, protocol.Completed, 9))
	}
	got := strings.Join(p.table(79, at), "\n")
	if want := strings.Join([]string{
		"TASK        DONE    FAILED  RATE   TOKENS/S  LEFT",
		"batch       42/200  1       1.0/s  29        2m 38s",
		"  llama3.2  40/100  1       0.9/s  28        1m 4s",
		"  qwen3:8b  2/100   0       1.0/s  9.0       1m 38s",
	}, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := strings.Join(p.table(39, at), "\n"), strings.Join([]string{
		"TASK        DONE    FAILED  LEFT",
		"batch       42/200  1       2m 38s",
		"  llama3.2  40/100  1       1m 4s",
		"  qwen3:8b  2/100   0       1m 38s",
	}, "\n"); got != want {
		t.Errorf("at 39 columns\n%s\nwant\n%s", got, want)
	}
	for width := 10; width < 80; width++ {
		for _, row := range p.table(width, at) {
			if runewidth.StringWidth(row) > width {
				t.Fatalf("a row is wider than %d: %s", width, row)
			}
		}
	}
}

// TestProgressWithoutATerminal: a line now and then for people, a document for programs, and none before there is something to say.
func TestProgressWithoutATerminal(t *testing.T) {
	began := time.Now()
	run := func(o Options) string {
		o.Began = began
		p, shown := batchPrinter(storedItems(t, 100), o)
		events(t, p, history.Event{Task: "batch", Item: 0, At: began})
		at := began
		p.noteItems(at)
		for i := range 40 {
			at = at.Add(500 * time.Millisecond)
			events(t, p, itemEnded(i, at, protocol.Completed, 50))
			p.noteItems(at)
		}
		return shown.String()
	}
	if got, want := run(Options{}), "· batch  20 of 100 files  2.0/s  100 tokens/s  40s left\n· batch  40 of 100 files  2.0/s  100 tokens/s  30s left\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	table := "TASK   DONE    FAILED  RATE   TOKENS/S  LEFT\nbatch  20/100  0       2.0/s  100       40s\n"
	if got := run(Options{Table: true}); !strings.HasPrefix(got, table) {
		t.Errorf("got\n%s\nwant\n%s", got, table)
	}
	var documents []string
	shown := run(Options{Items: func(document any) {
		line, err := json.Marshal(document)
		if err != nil {
			t.Error(err)
		}
		documents = append(documents, string(line))
	}})
	const first = `{"notice":"progress","run":"run-1","task":"batch","total":100,"succeeded":20,"failed":0,"skipped":0,"items_per_second":2,"tokens_per_second":100,"seconds_left":40}`
	if shown != "" || len(documents) != 2 || documents[0] != first {
		t.Errorf("shown %q, documents\n%s", shown, strings.Join(documents, "\n"))
	}
}

func TestTimesThatAreLeft(t *testing.T) {
	for seconds, want := range map[int]string{0: "0s", 59: "59s", 61: "1m 1s", 600: "10m", 3600: "1h 0m", 25500: "7h 5m", 273600: "3d 4h"} {
		if got := leftText(time.Duration(seconds) * time.Second); got != want {
			t.Errorf("%d s: %s, not %s", seconds, got, want)
		}
	}
	for perSecond, want := range map[float64]string{1234.4: "1234/s", 43: "43/s", 4.1: "4.1/s", 0.1: "6.0/min", 0.001: "3.6/h"} {
		if got := itemsRate(perSecond); got != want {
			t.Errorf("%g: %s, not %s", perSecond, got, want)
		}
	}
}
