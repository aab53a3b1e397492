package logs

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// watchedStore notes how many records a query has returned at most.
type watchedStore struct {
	resultstore.Store
	most int
}

func (s *watchedStore) Records(ctx context.Context, query resultstore.Query) ([]resultstore.Record, error) {
	found, err := s.Store.Records(ctx, query)
	s.most = max(s.most, len(found))
	return found, err
}

// manyItems returns a store with a run: a task `first`, and a task `batch` of so many items, of which every tenth has failed once. Items
// run in no order, four at a time.
func manyItems(t *testing.T, count int) *watchedStore {
	t.Helper()
	store := &watchedStore{Store: memory.New()}
	put := func(batch resultstore.Batch) { must(t, store.Put(t.Context(), batch)) }
	encoded, err := value.Encode(&plan.Plan{Name: "Docs", Tasks: []plan.Task{
		{ID: "first", Method: "llm/chat"}, {ID: "batch", Method: "llm/chat", FanOut: &plan.FanOut{}},
	}})
	must(t, err)
	planned := encoded.JSON()
	planRef := protocol.RefOf(planned)
	key := func(task string, item, attempt int) resultstore.Key {
		return resultstore.Key{Run: "r", Execution: "e", Task: task, Item: item, Attempt: attempt}
	}
	records := []resultstore.Record{
		{Kind: resultstore.Run, Key: key("", protocol.NoItem, 0), Status: protocol.Completed, StartedAt: noon, FinishedAt: noon.Add(time.Hour), Plan: &planRef},
	}
	var items []value.Value
	manifest := struct {
		Total int             `json:"total"`
		Pages []protocol.Page `json:"pages"`
	}{Total: count}
	values := [][]byte{planned}
	for i := range count {
		items = append(items, value.String(fmt.Sprintf("/f/%d.txt", i)))
	}
	for first := 0; first < count; first += protocol.MaxPageItems {
		part := items[first:min(first+protocol.MaxPageItems, count)]
		data := value.List(part...).JSON()
		manifest.Pages = append(manifest.Pages, protocol.Page{Ref: protocol.RefOf(data), First: first, Count: len(part)})
		values = append(values, data)
	}
	list, err := json.Marshal(manifest)
	must(t, err)
	listRef := protocol.RefOf(list)
	values = append(values, list)
	records = append(records,
		resultstore.Record{Kind: resultstore.Task, Key: key("first", protocol.NoItem, 1), Method: "llm/chat", Status: protocol.Completed, Attempts: 1, StartedAt: noon, FinishedAt: noon.Add(time.Minute)},
		resultstore.Record{Kind: resultstore.Task, Key: key("batch", protocol.NoItem, 0), Method: "llm/chat", Status: protocol.Running, StartedAt: noon, Items: &listRef},
	)
	for i := range count {
		at := noon.Add(time.Duration((i*7)%count/4) * 10 * time.Millisecond)
		number := 1
		if i%10 == 0 {
			records = append(records, resultstore.Record{
				Kind: resultstore.Task, Key: key("batch", i, 1), Method: "llm/chat", Status: protocol.Failed, Attempts: 1, StartedAt: at, FinishedAt: at.Add(5 * time.Millisecond),
				Error: protocol.Errorf(protocol.TaskExecutionFailed, "no"),
			})
			number = 2
		}
		data, err := json.Marshal(protocol.CallLog{StartedAt: at.Add(time.Duration(number) * 5 * time.Millisecond), Events: []protocol.LogEvent{{
			At: at.Add(time.Duration(number)*5*time.Millisecond + 1), Sent: &protocol.Sent{Model: "m", Messages: []protocol.SentMessage{{Role: "user", Text: fmt.Sprint("question ", i)}}},
		}}})
		must(t, err)
		ref := protocol.RefOf(data)
		values = append(values, data)
		records = append(records, resultstore.Record{
			Kind: resultstore.Task, Key: key("batch", i, number), Method: "llm/chat", Status: protocol.Completed, Attempts: number, StartedAt: at, FinishedAt: at.Add(35 * time.Millisecond), Log: &ref,
		})
	}
	put(resultstore.Batch{Records: records, Values: values})
	return store
}

func readerOf(t *testing.T, store resultstore.Store, only Selection) *reader {
	t.Helper()
	run, err := view.Read(t.Context(), store, "r", "")
	must(t, err)
	r := &reader{store: store, run: run, only: only}
	must(t, r.open(t.Context()))
	return r
}

// All events of many items come in the order of time, and no more than a window of records is read at once.
func TestManyItemsInTheOrderOfTime(t *testing.T) {
	const count = 1507
	store := manyItems(t, count)
	r := readerOf(t, store, Selection{})
	store.most = 0
	entries, err := r.index(t.Context())
	must(t, err)
	kinds, seen := map[string]int{}, make([]bool, count)
	last := time.Time{}
	must(t, r.each(t.Context(), entries, func(event *Event) error {
		if event.At.Before(last) {
			t.Fatalf("%+v comes after %s", event, last)
		}
		last = event.At
		kinds[event.Kind]++
		if event.Kind == sent {
			i := *event.Item
			if want := fmt.Sprint("question ", i); event.Sent.Messages[0].Text != want || event.Name != fmt.Sprintf("%d.txt", i) || seen[i] {
				t.Fatalf("item %d (seen before: %v): %+v", i, seen[i], event)
			}
			seen[i] = true
		}
		return nil
	}))
	failed := (count + 9) / 10
	// The task `first` starts and ends, and `batch` starts.
	want := map[string]int{started: count + failed + 2, sent: count, "completed": count + 1, "failed": failed}
	for kind, number := range want {
		if kinds[kind] != number {
			t.Errorf("%d events %q, want %d", kinds[kind], kind, number)
		}
	}
	if slices.Contains(seen, false) {
		t.Error("an item is missing")
	}
	if most := 2*window + 2; store.most > most { // Each may have two attempts.
		t.Errorf("%d records were read at once", store.most)
	}
}

func TestSelection(t *testing.T) {
	store := manyItems(t, 30)
	for _, c := range []struct {
		only Selection
		want string
	}{
		{Selection{Task: "first"}, "started completed"},
		{Selection{Task: "batch", Item: new(20)}, "started failed started sent completed"},
		{Selection{Task: "batch", Item: new(20), Attempt: 2}, "started sent completed"},
		{Selection{Attempt: 3}, ""},
	} {
		r := readerOf(t, store, c.only)
		entries, err := r.index(t.Context())
		must(t, err)
		var kinds []string
		must(t, r.each(t.Context(), entries, func(event *Event) error {
			kinds = append(kinds, event.Kind)
			return nil
		}))
		if got := strings.Join(kinds, " "); got != c.want {
			t.Errorf("%+v: %s, want %s", c.only, got, c.want)
		}
	}
}

// A pause before an attempt is not a part of it, also where the attempt has no log. Records of earlier versions have the start of a later
// attempt in their log alone.
func TestPausesAreNotPartOfAttempts(t *testing.T) {
	second := func(s float64) time.Time { return noon.Add(time.Duration(s * float64(time.Second))) }
	log, err := json.Marshal(protocol.CallLog{StartedAt: second(7)})
	must(t, err)
	of := protocol.RefOf(log)
	key := resultstore.Key{Run: "r", Execution: "e", Task: "a", Item: protocol.NoItem}
	attempt := func(number int, began time.Time, ended float64, log *protocol.Ref) resultstore.Record {
		record := resultstore.Record{Kind: resultstore.Task, Key: key, Status: protocol.Failed, Attempts: number, StartedAt: noon, AttemptAt: began, FinishedAt: second(ended), Log: log}
		record.Attempt = number
		return record
	}
	encoded, err := value.Encode(&plan.Plan{Name: "Pauses", Tasks: []plan.Task{{ID: "a", Method: "python/execute"}}})
	must(t, err)
	planRef := protocol.RefOf(encoded.JSON())
	store := memory.New()
	must(t, store.Put(t.Context(), resultstore.Batch{Values: [][]byte{log, encoded.JSON()}, Records: []resultstore.Record{
		{Kind: resultstore.Run, Key: resultstore.Key{Run: "r", Execution: "e", Item: protocol.NoItem}, Status: protocol.Failed, StartedAt: noon, FinishedAt: second(20), Plan: &planRef},
		attempt(1, time.Time{}, 1, nil), attempt(2, second(4), 4.5, nil), attempt(3, time.Time{}, 8, &of),
	}}))
	r := readerOf(t, store, Selection{})
	entries, err := r.index(t.Context())
	must(t, err)
	var got []string
	must(t, r.each(t.Context(), entries, func(event *Event) error {
		line := fmt.Sprint(event.Kind, " ", event.At.Sub(noon).Seconds())
		if event.Duration != nil {
			line += fmt.Sprint(" in ", *event.Duration)
		}
		got = append(got, line)
		return nil
	}))
	if want := "started 0, failed 1 in 1, started 4, failed 4.5 in 0.5, started 7, failed 8 in 1"; strings.Join(got, ", ") != want {
		t.Errorf("%s, want %s", strings.Join(got, ", "), want)
	}
}

// Output that was shown while the script ran is not shown again at its end.
func TestWhatWasShownLiveIsNotRepeated(t *testing.T) {
	var text strings.Builder
	f := newFollower(&reader{}, &printer{out: &text, format: asText}, nil)
	f.live["a"] = &written{number: 1, shown: protocol.Unprinted{Output: len("one\ntwo\n")}}
	for _, event := range []Event{
		{At: noon, Task: "a", Kind: started},
		{At: noon, Task: "a", Kind: output, Stream: stdout, Text: "one\n"},
		{At: noon, Task: "a", Kind: output, Stream: stderr, Text: "warning\n"},
		{At: noon, Task: "a", Kind: output, Stream: stdout, Text: "two\nthree\n"},
	} {
		must(t, f.print(&event))
	}
	if got := text.String(); strings.Contains(got, "one") || strings.Contains(got, "two") || strings.Contains(got, "started") || !strings.Contains(got, "stderr: warning\n") || !strings.Contains(got, "stdout: three\n") {
		t.Error(got)
	}
}

// A request whose server was not there is not told as one that it had, and the line feed after a text on one line is not shown.
func TestLinesAreTrue(t *testing.T) {
	log, err := json.Marshal(protocol.CallLog{Events: []protocol.LogEvent{
		{At: noon, Sent: &protocol.Sent{Server: "http://one", Model: "m"}}, {At: noon, Sent: &protocol.Sent{Server: "http://two", Model: "m"}},
	}})
	must(t, err)
	ref, answer := protocol.RefOf(log), []byte(`{"output":"done\n"}`)
	result := protocol.RefOf(answer)
	store := memory.New()
	must(t, store.Put(t.Context(), resultstore.Batch{Values: [][]byte{log, answer}}))
	r, p := &reader{store: store, run: &view.Run{Run: "r"}}, printer{format: asText}
	text := func(record resultstore.Record) (lines string) {
		record.StartedAt, record.FinishedAt = noon, noon
		events, err := r.eventsOf(t.Context(), &record, entry{at: noon.UnixNano()}, "")
		must(t, err)
		for i := range events {
			lines += p.text(&events[i])
		}
		return lines
	}
	key := resultstore.Key{Run: "r", Task: "a", Item: protocol.NoItem}
	failed := text(resultstore.Record{Key: key, Status: protocol.Failed, Log: &ref, Error: protocol.Errorf(protocol.ProviderNotAvailable, "connection refused")})
	if !strings.Contains(failed, "a  sent to m at http://one\n") || !strings.Contains(failed, "a  tried to send to m at http://two\n") {
		t.Error(failed)
	}
	failed = text(resultstore.Record{Key: key, Status: protocol.Failed, Log: &ref, Error: protocol.Errorf(protocol.ProviderTimeout, "timed out")})
	if strings.Contains(failed, "tried") {
		t.Error(failed)
	}
	if done := text(resultstore.Record{Key: key, Status: protocol.Completed, Value: &result, Method: "notify/command"}); !strings.HasSuffix(done, `: {"output":"done\n"}`+"\n") && !strings.HasSuffix(done, ": done\n") {
		t.Error(done)
	}
	if done := p.text(&Event{At: noon, Task: "a", Kind: "completed", Text: "done\n"}); !strings.HasSuffix(done, "a  completed: done\n") {
		t.Error(done)
	}
}

// A terminal shows control characters and does not obey them.
func TestTextSteersNoTerminal(t *testing.T) {
	p := printer{format: asText}
	got := p.text(&Event{At: noon, Task: "a", Kind: output, Stream: stdout, Text: "x\x1b[2J\nab\rcd\n"})
	if strings.ContainsAny(got, "\x1b\r") || !strings.Contains(got, `| x\x1b[2J`) || !strings.Contains(got, "| cd\n") {
		t.Errorf("%q", got)
	}
}

// A document without events, and one with some, is JSON.
func TestDocuments(t *testing.T) {
	for count := range 3 {
		var text strings.Builder
		p := printer{out: &text, format: asJSON, run: "r"}
		for range count {
			must(t, p.print(&Event{At: noon, Task: "a", Kind: started}))
		}
		must(t, p.end())
		var document struct {
			Run    string
			Events []Event
		}
		must(t, json.Unmarshal([]byte(text.String()), &document))
		if document.Run != "r" || len(document.Events) != count {
			t.Errorf("%d events: %s", count, text.String())
		}
	}
}
