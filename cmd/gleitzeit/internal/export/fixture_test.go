package export

import (
	"context"
	"encoding/json"
	"fmt"
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

// answers are texts that break out of a format that is not careful.
var answers = []string{
	"Blue.", "=HYPERLINK(\"http://evil\")", "+1+cmd|' /C calc'!A0", "-5", "-5 apples", "@SUM(A1)", "\tx", "＝1", "1e5", "", "two\nlines", "a \"quoted\" word, and a comma",
	"# not a heading of the report", "line\n===", "line\n---", "## /f/0.txt\n\nfake", "```\nnever closed", "~~~\nnever closed\n", "- a\n- ```\n  code", "> ## quoted",
	"<!-- hides the rest", "<script>alert(1)</script>", "</details>", "[x]: http://evil\nsee [x]", "1. one\n2. two", "**bold", "`tick", "a|b|c\n-|-|-\n1|2|3", "***", "& < > \\ ' é 日本",
	"> quote\n> more", "text\n\n    indented", "* a\n\n  # in a list",
}

// fixture is a run in a store with a task of whose items the test knows everything.
type fixture struct {
	store   resultstore.Store
	entries []value.Value // Of the items that ended, in their order.
}

// source is the list of items and their records.
type source struct {
	items   []value.Value
	records []resultstore.Record
	values  [][]byte
	counts  *protocol.Counts // Of a task that has ended.
	rows    *protocol.Rows   // The items are the rows of this table.
	models  []string         // Each is asked about each file.
	folder  string           // Of the run.
}

func (s *source) add(t *testing.T, item value.Value, result string, change func(*resultstore.Record)) {
	t.Helper()
	record := resultstore.Record{
		Kind: resultstore.Task, Key: resultstore.Key{Run: "r", Execution: "e", Task: "batch", Item: len(s.items), Attempt: 1},
		Status: protocol.Completed, Attempts: 1, StartedAt: noon, FinishedAt: noon.Add(1695 * time.Millisecond),
	}
	if result != "" {
		ref := protocol.RefOf([]byte(result))
		record.Value, s.values = &ref, append(s.values, []byte(result))
	}
	if change != nil {
		change(&record)
	}
	s.items, s.records = append(s.items, item), append(s.records, record)
}

// put stores the run with the list of items in pages of a size; 0 stores it as one value.
func (s *source) put(t *testing.T, store resultstore.Store, size int) {
	t.Helper()
	encoded, err := value.Encode(&plan.Plan{Name: "Docs", Folder: s.folder, Tasks: []plan.Task{{ID: "batch", Method: "llm/chat", FanOut: &plan.FanOut{Rows: s.rows, Models: s.models}, Retry: &protocol.Retry{MaxAttempts: 2}}}})
	if err != nil {
		t.Fatal(err)
	}
	list := value.List(s.items...).JSON()
	if size > 0 {
		manifest := struct {
			Total int             `json:"total"`
			Pages []protocol.Page `json:"pages"`
		}{Total: len(s.items)}
		for first := 0; first < len(s.items); first += size {
			part := s.items[first:min(first+size, len(s.items))]
			data := value.List(part...).JSON()
			manifest.Pages = append(manifest.Pages, protocol.Page{Ref: protocol.RefOf(data), First: first, Count: len(part)})
			s.values = append(s.values, data)
		}
		if list, err = json.Marshal(manifest); err != nil {
			t.Fatal(err)
		}
	}
	planRef, listRef := protocol.RefOf(encoded.JSON()), protocol.RefOf(list)
	s.values = append(s.values, encoded.JSON(), list)
	key := resultstore.Key{Run: "r", Execution: "e", Item: protocol.NoItem}
	ofTask := key
	ofTask.Task = "batch"
	s.records = append(s.records,
		resultstore.Record{Kind: resultstore.Run, Key: key, Workflow: "Docs", Status: protocol.Running, StartedAt: noon, Plan: &planRef},
		resultstore.Record{Kind: resultstore.Task, Key: ofTask, Status: protocol.Running, Items: &listRef, StartedAt: noon})
	if s.counts != nil {
		ofTask.Attempt = 1
		s.records = append(s.records, resultstore.Record{Kind: resultstore.Task, Key: ofTask, Status: protocol.Completed, Items: &listRef, StartedAt: noon, Counts: s.counts})
	}
	for from := 0; from < len(s.values); from += 2000 {
		if err := store.Put(t.Context(), resultstore.Batch{Values: s.values[from:min(from+2000, len(s.values))]}); err != nil {
			t.Fatal(err)
		}
	}
	for from := 0; from < len(s.records); from += 2000 {
		if err := store.Put(t.Context(), resultstore.Batch{Records: s.records[from:min(from+2000, len(s.records))]}); err != nil {
			t.Fatal(err)
		}
	}
}

// newFixture has an item for each of the answers, and some that did not complete.
func newFixture(t *testing.T, pageSize int) *fixture {
	t.Helper()
	s := &source{}
	var entries []string
	file := func(i int) value.Value { return value.String(fmt.Sprintf("/f/%d_a.txt", i)) }
	entry := func(i int, rest string) {
		entries = append(entries, fmt.Sprintf(`{"item":%s,"index":%d,%s}`, file(i).JSON(), i, rest))
	}
	for i, answer := range answers {
		result := fmt.Sprintf(`{"response":%s,"model":"m","parsed":{"n":%d,"half":%s,"big":9007199254740993,"ok":%v,"mixed":%s}}`,
			value.String(answer).JSON(), i, []string{"0.5", "2"}[i%2], i%2 == 0, []string{"1", `"one"`, `{"a":[1]}`, "null"}[i%4])
		s.add(t, file(i), result, nil)
		entry(i, `"status":"completed","result":`+result+`,"error":null,"duration":1.695`)
	}
	at := len(s.items)
	s.add(t, file(at), "", func(r *resultstore.Record) {
		r.Status, r.Error = protocol.Failed, protocol.Errorf(protocol.TaskExecutionFailed, "cannot read \"/f/%d_a.txt\": =broken", at).WithHint("mend it")
	})
	failure := func(text string) string {
		return fmt.Sprintf(`{"code":-29002,"name":"TASK_EXECUTION_FAILED","message":%s,"hint":"mend it","retryable":true}`, value.String(text).JSON())
	}
	entry(at, `"status":"failed","result":null,"error":`+failure(fmt.Sprintf("cannot read \"/f/%d_a.txt\": =broken", at))+`,"duration":1.695`)
	at++
	s.add(t, file(at), `{"response":"cut","warning":"the answer was cut off"}`, func(r *resultstore.Record) { r.Warning = "the answer was cut off" })
	entry(at, `"status":"completed","result":{"response":"cut","warning":"the answer was cut off"},"error":null,"duration":1.695`)
	at++
	s.add(t, file(at), "", func(r *resultstore.Record) {
		r.Status, r.Error, r.Reason, r.Attempt = protocol.Cancelled, nil, "the run was cancelled", 1<<20
	})
	entry(at, `"status":"skipped","result":null,"error":null,"duration":1.695,"reason":"the run was cancelled"`)
	at++
	s.add(t, file(at), `{"response":7,"parsed":{"late":"=1"}}`, func(r *resultstore.Record) { r.Attempt, r.Attempts, r.Warning = 2, 2, "half of it" })
	first := s.records[len(s.records)-1]
	first.Attempt, first.Attempts, first.Status, first.Value, first.Warning = 1, 1, protocol.Failed, nil, ""
	first.Error = protocol.Errorf(protocol.TaskExecutionFailed, "once").WithHint("mend it")
	s.records = append(s.records, first)
	entry(at, `"status":"completed","result":{"response":7,"parsed":{"late":"=1"}},"error":null,"duration":1.695,"warning":"half of it","failed_attempts":[{"attempt":1,"finished_at":"2026-01-02T12:00:01.695Z","error":`+failure("once")+`}]`)
	s.counts = &protocol.Counts{Total: len(s.items), Succeeded: len(s.items) - 2, Failed: 1, Skipped: 1}
	f := &fixture{store: memory.New()}
	for _, text := range entries {
		parsed, err := value.Parse([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		f.entries = append(f.entries, parsed)
	}
	s.put(t, f.store, pageSize)
	return f
}

// records are the items of a run that has ended.
func (f *fixture) records(t *testing.T) *Records {
	t.Helper()
	records, err := OpenRecords(t.Context(), f.store, "r", "batch", false)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// about is the document of the run.
func (f *fixture) about(t *testing.T) *view.Batch {
	t.Helper()
	run, err := view.Read(t.Context(), f.store, "r", "")
	if err != nil {
		t.Fatal(err)
	}
	return run.Batch("batch")
}

// itemsList are items that are in memory, of no table.
type itemsList []Item

func (itemsList) Table() *protocol.Table { return nil }

func (l itemsList) Each(_ context.Context, pass func(Item) error) error {
	for _, item := range l {
		if err := pass(item); err != nil {
			return err
		}
	}
	return nil
}
