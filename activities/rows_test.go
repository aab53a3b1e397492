package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// expandRows lists the rows of the table, and returns each item on a line, with why it is invalid; or "!" and the error.
func expandRows(t *testing.T, folder string, request protocol.ExpandRequest) (shown string, pages int) {
	t.Helper()
	store := memory.New()
	a, err := New(Options{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	request.Run = protocol.RunInfo{ID: "r", Execution: "e", FlowFolder: folder, Folder: folder}
	request.Task, request.Pages = "t", true
	response, err := a.Expand(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if response.Error != nil {
		return "! " + strings.ReplaceAll(response.Error.Message, folder, "F"), 0
	}
	manifest, err := resultstore.LoadManifest(t.Context(), store, *response.Ref)
	if err != nil {
		t.Fatal(err)
	}
	whole := protocol.NoItem
	records, err := store.Records(t.Context(), resultstore.Query{Run: "r", Kind: resultstore.Task, Task: "t", Item: &whole})
	if err != nil || len(records) != 1 || len(records[0].Pages) != len(manifest.Pages) {
		t.Fatalf("%v, %v", records, err)
	}
	var text strings.Builder
	for _, page := range manifest.Pages {
		stored, err := a.load(t.Context(), page)
		if err != nil || len(stored.Items) > protocol.MaxPageItems {
			t.Fatal(err, len(stored.Items))
		}
		for i, item := range stored.Items {
			text.Write(item.JSON())
			for _, refused := range invalidOf(stored.Invalid, page.First+i, page.First+i+1) {
				fmt.Fprintf(&text, " ! %s", refused.Error.Message)
			}
			text.WriteByte('\n')
		}
	}
	return text.String(), len(manifest.Pages)
}

func TestRowsAreItems(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("q.csv", "id,q\n1,a\n2\n3,c\n,d\n5,e\n")
	write("twice.csv", "id,q\n1,a\n2,b\n1\n1,c\n2,d\n")
	write("lines.jsonl", "{\"id\":1}\n\n{\n{\"q\":2}\n")
	write("other.txt", "id\n")
	write("linked.csv", "id\n")
	if err := os.Symlink(t.TempDir(), filepath.Join(folder, "out")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		about string
		ask   protocol.ExpandRequest
		want  string
	}{
		{"all, the invalid ones too", protocol.ExpandRequest{Rows: &protocol.Rows{File: "q.csv"}}, `{"id":"1","q":"a"}
{"id":"2"} ! line 3: the row has 1 cell, and the header 2
{"id":"3","q":"c"}
{"id":"","q":"d"}
{"id":"5","q":"e"}
`},
		{"with a key", protocol.ExpandRequest{Rows: &protocol.Rows{File: "q.csv", Key: "id"}, Limit: 4}, `{"id":"1","q":"a"}
{"id":"2"} ! line 3: the row has 1 cell, and the header 2
{"id":"3","q":"c"}
{"id":"","q":"d"} ! line 5: the row has no id, which is the key
`},
		{"a sample", protocol.ExpandRequest{Rows: &protocol.Rows{File: "q.csv", Key: "id"}, Sample: 2, Seed: 1}, "{\"id\":\"3\",\"q\":\"c\"}\n{\"id\":\"5\",\"q\":\"e\"}\n"},
		{"a key twice", protocol.ExpandRequest{Rows: &protocol.Rows{File: "twice.csv", Key: "id"}}, `! cannot read the rows of "F/twice.csv": line 2 and line 5 have the same id, "1"`},
		{"a key twice, but not in what is taken", protocol.ExpandRequest{Rows: &protocol.Rows{File: "twice.csv", Key: "id"}, Limit: 2}, "{\"id\":\"1\",\"q\":\"a\"}\n{\"id\":\"2\",\"q\":\"b\"}\n"},
		{"lines", protocol.ExpandRequest{Rows: &protocol.Rows{File: "lines.jsonl", Key: "id", Columns: []string{"q"}}}, `{"id":1}
"{" ! line 3: not JSON: unexpected EOF
{"q":2} ! line 4: the row has no id, which is the key
`},
		{"no such column", protocol.ExpandRequest{Rows: &protocol.Rows{File: "q.csv", Columns: []string{"q", "qestion"}}}, `! "F/q.csv" has no column "qestion"; its columns are "id", "q"`},
		{"no such key", protocol.ExpandRequest{Rows: &protocol.Rows{File: "q.csv", Key: "nr"}}, `! "F/q.csv" has no column "nr"; its columns are "id", "q"`},
		{"no such file", protocol.ExpandRequest{Rows: &protocol.Rows{File: "none.csv"}}, `! cannot read file "F/none.csv": no such file or directory`},
		{"a folder", protocol.ExpandRequest{Rows: &protocol.Rows{File: "."}}, `! cannot read file "F": it is not a regular file`},
		{"no table", protocol.ExpandRequest{Rows: &protocol.Rows{File: "other.txt"}}, `! cannot read the rows of "F/other.txt": the format of a table is known by the ending of its name, and "other.txt" has none of .csv, .tsv, .tab, .jsonl, .ndjson, .json, .xlsx, .xlsm, .parquet`},
		{"outside", protocol.ExpandRequest{Rows: &protocol.Rows{File: "../q.csv"}}, `! cannot read file "` + filepath.Dir(folder) + `/q.csv": it is outside the folders that may be read`},
		{"the file for the results", protocol.ExpandRequest{Rows: &protocol.Rows{File: "q.csv"}, Omit: []string{filepath.Join(folder, "q.csv")}}, `! cannot read the rows of "F/q.csv": the results are written to it`},
		{"a condition that is none", protocol.ExpandRequest{Rows: &protocol.Rows{File: "q.csv"}, When: "1 +"}, "! unexpected token EOF"},
	} {
		got, _ := expandRows(t, folder, c.ask)
		if got != c.want && (c.ask.When == "" || !strings.HasPrefix(got, "! ")) {
			t.Errorf("%s:\ngot  %s\nwant %s", c.about, got, c.want)
		}
	}
}

// TestSampleOfRows: it is the same each time, in the order of the table, and nearly the same after rows were added.
func TestSampleOfRows(t *testing.T) {
	folder := t.TempDir()
	write := func(rows int) {
		text := "id\n"
		for i := range rows {
			text += fmt.Sprintln(i)
		}
		if err := os.WriteFile(filepath.Join(folder, "t.csv"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sample := func(seed int64) string {
		shown, _ := expandRows(t, folder, protocol.ExpandRequest{Rows: &protocol.Rows{File: "t.csv"}, Sample: 100, Seed: seed})
		return shown
	}
	write(1000)
	first := sample(3)
	if strings.Count(first, "\n") != 100 || first != sample(3) || first == sample(4) {
		t.Fatalf("%s", first)
	}
	write(1010)
	same := 0
	for line := range strings.Lines(sample(3)) {
		if strings.Contains(first, line) {
			same++
		}
	}
	if same < 90 || same == 100 && sample(3) != first {
		t.Errorf("%d rows of 100 are the same", same)
	}
}

// TestPagesOfRows: what a table has is stored while it is read, so that memory does not grow with it.
func TestPagesOfRows(t *testing.T) {
	folder := t.TempDir()
	const rows = 20_000
	file, err := os.Create(filepath.Join(folder, "t.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	filler := strings.Repeat("x", 2000)
	for i := range rows {
		fmt.Fprintf(file, "{\"id\":%d,\"text\":\"%s\"}\n", i, filler)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	store := &discarding{Store: memory.New()}
	a, err := New(Options{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	run := protocol.RunInfo{ID: "r", Execution: "e", FlowFolder: folder, Folder: folder}
	response, err := a.Expand(t.Context(), protocol.ExpandRequest{Run: run, Task: "t", Pages: true, Rows: &protocol.Rows{File: "t.jsonl", Key: "id"}})
	if err != nil || response.Error != nil || response.Total != rows {
		t.Fatal(err, response)
	}
	if store.puts < rows*2000/(3<<20) || store.most > 32<<20 {
		t.Errorf("%d groups were stored, with up to %d bytes of memory", store.puts, store.most)
	}
}

// discarding is a store that keeps no values, and sees how much memory is used.
type discarding struct {
	resultstore.Store
	puts int
	most uint64
}

func (d *discarding) Put(ctx context.Context, batch resultstore.Batch) error {
	runtime.GC()
	var read runtime.MemStats
	runtime.ReadMemStats(&read)
	d.puts++
	d.most = max(d.most, read.HeapAlloc)
	return d.Store.Put(ctx, resultstore.Batch{Records: batch.Records})
}

// TestKeysOfEarlierRuns: a row is found by its key, wherever it is now and whatever else it has.
func TestKeysOfEarlierRuns(t *testing.T) {
	row := func(id, q string) value.Value {
		return value.Object(value.Field{Name: "id", Value: value.String(id)}, value.Field{Name: "q", Value: value.String(q)})
	}
	var items []value.Value
	for i := range 1200 {
		items = append(items, row(fmt.Sprint(i), "old"))
	}
	pages, err := paginate(items, nil)
	if err != nil {
		t.Fatal(err)
	}
	store := memory.New()
	if err := store.Put(t.Context(), resultstore.Batch{Values: pages.values}); err != nil {
		t.Fatal(err)
	}
	lists := &itemLists{results: results{store: store}}
	for key, want := range map[string]int{"id": 1, "": 0} {
		earlier := &earlierItems{lists: lists, manifest: pages.manifest, key: key}
		for range 20 {
			at := rand.IntN(len(items))
			found, err := earlier.find(t.Context(), 7, row(fmt.Sprint(at), "new"))
			if err != nil || len(found) != want || want == 1 && found[0] != at {
				t.Fatalf("%q: %v, %v", key, found, err)
			}
		}
	}
	if chosen := NewSelection([]string{"1*7"}, "/"); !chosen.Has(3, row("1007", "x"), false, "id") || chosen.Has(3, row("1007", "x"), false, "") || chosen.Has(3, row("1008", "x"), false, "id") {
		t.Error("a selection by key")
	}
}

// TestWhatATableLooksLikeIsRecorded: results are written like it, whatever becomes of the file.
func TestWhatATableLooksLikeIsRecorded(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"a.csv": "\ufeff\"id\";\"q\"\r\n\"1\";\"a\"\r\n", "b.csv": "\"id\"\n\"1\"\n2\n", "c.jsonl": "{\"id\":1}\n", "d.csv": "sep=|\nid|q\n", "e.jsonl": `{"custom_id":"a"}`,
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		rows protocol.Rows
		want string
	}{
		{protocol.Rows{File: "a.csv", Key: "id"}, `{"columns":["id","q"],"csv":{"delimiter":";","line_end":"\r\n","byte_order_mark":true,"quoted":true}}`},
		{protocol.Rows{File: "b.csv"}, `{"columns":["id"],"csv":{"delimiter":",","line_end":"\n"}}`},
		{protocol.Rows{File: "c.jsonl"}, `{}`},
		{protocol.Rows{File: "d.csv"}, `{"columns":["id","q"],"csv":{"delimiter":"|","line_end":"\n","separator":true}}`},
		{protocol.Rows{File: "e.jsonl", Requests: true}, `null`},
	} {
		store := memory.New()
		a, err := New(Options{Store: store})
		if err != nil {
			t.Fatal(err)
		}
		response, err := a.Expand(t.Context(), protocol.ExpandRequest{Run: protocol.RunInfo{ID: "r", Execution: "e", FlowFolder: folder, Folder: folder}, Task: "t", Pages: true, Rows: &c.rows})
		if err != nil || response.Error != nil {
			t.Fatal(err, response)
		}
		manifest, err := resultstore.LoadManifest(t.Context(), store, *response.Ref)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := json.Marshal(manifest.Table); err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v", c.rows.File, got, err)
		}
	}
}
