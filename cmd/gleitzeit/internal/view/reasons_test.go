package view

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// readStore counts the records that are read.
type readStore struct {
	resultstore.Store
	records int
}

func (s *readStore) Records(ctx context.Context, query resultstore.Query) ([]resultstore.Record, error) {
	found, err := s.Store.Records(ctx, query)
	s.records += len(found)
	return found, err
}

// storedFailures puts a run of many items into a store that has ended: of 1,800, every second failed with one of three texts, and
// others have a warning.
func storedFailures(t *testing.T, summarized bool) *readStore {
	t.Helper()
	const total = 1800
	encoded, err := value.Encode(&plan.Plan{Name: "Docs", Folder: "/start", FlowFolder: "/f", Tasks: []plan.Task{{ID: "batch", Method: "llm/chat", FanOut: &plan.FanOut{}}}})
	if err != nil {
		t.Fatal(err)
	}
	var batch resultstore.Batch
	put := func(data []byte) *protocol.Ref {
		ref := protocol.RefOf(data)
		batch.Values = append(batch.Values, data)
		return &ref
	}
	var summary resultstore.Summary
	manifest := protocol.Manifest{Total: total}
	var page []value.Value
	for i := range total {
		item := value.String(fmt.Sprintf("/f/letter%d.txt", i))
		page = append(page, item)
		if len(page) == 100 {
			manifest.Pages = append(manifest.Pages, protocol.Page{Ref: *put(value.List(page...).JSON()), First: i - 99, Count: 100})
			page = nil
		}
		record := resultstore.Record{
			Kind: resultstore.Task, Key: resultstore.Key{Run: "r", Execution: "e", Task: "batch", Item: i, Attempt: 1}, Status: protocol.Completed, StartedAt: noon, FinishedAt: noon.Add(time.Second),
		}
		switch {
		case i%2 == 0:
			record.Status = protocol.Failed
			record.Error = protocol.Errorf(protocol.InvalidParams, "file %q is not text: byte %d", item.Text(), 19+i/2%3).WithHint("convert it")
		case i%3 == 0:
			record.Warning = "the answer was cut off"
		}
		batch.Records = append(batch.Records, record)
		outcome := record.Outcome()
		if err := summary.Add(i, &outcome, func() (value.Value, error) { return item, nil }); err != nil {
			t.Fatal(err)
		}
	}
	list, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	whole := resultstore.Record{
		Kind: resultstore.Task, Key: resultstore.Key{Run: "r", Execution: "e", Task: "batch", Item: protocol.NoItem, Attempt: 1}, Status: protocol.Completed, StartedAt: noon, FinishedAt: noon,
		Items: put(list), Counts: &protocol.Counts{Total: total, Succeeded: 900, Failed: 900},
	}
	if summarized {
		data, err := json.Marshal(summary)
		if err != nil {
			t.Fatal(err)
		}
		whole.Summary = put(data)
	}
	batch.Records = append(batch.Records, whole, resultstore.Record{
		Kind: resultstore.Run, Key: resultstore.Key{Run: "r", Execution: "e", Item: protocol.NoItem}, Workflow: "Docs", Status: protocol.Completed, StartedAt: noon, FinishedAt: noon, Plan: put(encoded.JSON()),
	})
	store := memory.New()
	if err := store.Put(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	return &readStore{Store: store}
}

// The records of the items of a task that has ended are not read to say why some failed, and nothing else is said than by those who
// read all of them.
func TestASummaryIsReadInsteadOfTheItems(t *testing.T) {
	documents := map[bool]string{}
	for _, summarized := range []bool{true, false} {
		store := storedFailures(t, summarized)
		run, err := Read(t.Context(), store, "r", "")
		if err != nil {
			t.Fatal(err)
		}
		if most := map[bool]int{true: 2, false: 1802}[summarized]; store.records != most {
			t.Errorf("with a summary (%v), %d records were read, not %d", summarized, store.records, most)
		}
		const tree = "r  Docs  completed  0.00 s\n  ✓ batch  llm/chat  completed  0.00 s  900 of 1800 files, 900 failed\n" +
			"    300 × file \"…\" is not text: byte 19, for example letter0.txt\n      convert it\n" +
			"    300 × file \"…\" is not text: byte 20, for example letter2.txt\n" +
			"    300 × file \"…\" is not text: byte 21, for example letter4.txt\n" +
			"    `gleitzeit batch show r --failed` lists all 900\n" +
			"    ! 300 files with a warning: see the results\n      300 × the answer was cut off, for example letter3.txt\n"
		want(t, "tree", run.Tree(), tree)
		data, err := json.Marshal(run)
		if err != nil {
			t.Fatal(err)
		}
		documents[summarized] = string(data)
	}
	if documents[true] != documents[false] {
		t.Errorf("with a summary\n%s\nwithout\n%s", documents[true], documents[false])
	}
	const failures = `"failures":[{"count":300,"message":"file \"…\" is not text: byte 19","hint":"convert it","example":"/f/letter0.txt","index":0},`
	if !strings.Contains(documents[true], failures) || !strings.Contains(documents[true], `"warning_reasons":[{"count":300,`) {
		t.Errorf("%s", documents[true])
	}
}
