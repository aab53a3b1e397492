package export

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// lines returns the lines of a file, without the last one that is empty.
func lines(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// shuffled are the indexes of all items, in the order in which they end.
func (f *fixture) shuffled() []int {
	return rand.New(rand.NewPCG(1, 2)).Perm(len(f.entries))
}

// A file of a run that goes on has the items as they end; when the run has ended, it is what an export of it writes, whatever
// process wrote which part, and wherever each of them was killed.
func TestFileOfARunThatIsKilled(t *testing.T) {
	for _, o := range []Options{{Format: "jsonl"}, {Format: "jsonl", Ordered: true}, {Format: "csv", Ordered: true}, {Format: "parquet", Ordered: true}, {Format: "json", Ordered: true}, {Format: "markdown", Ordered: true, Only: "completed"}} {
		f := newFixture(t, 10)
		path := filepath.Join(t.TempDir(), "out")
		torn := []string{"", `{"item":"/f/0`, "\x00\x00\x00\x00", "{}\n", `{"index":-1,"item":1}` + "\n"}
		file := NewFile(path, "batch", &o)
		ends := f.shuffled()
		torn = append(torn, string(f.entries[ends[0]].JSON())+"\n")
		for n, index := range ends {
			file.Ended(t.Context(), f.store, "r", "batch", index)
			file.Ended(t.Context(), f.store, "r", "other", n)
			if file.failed != nil {
				t.Fatal(file.failed)
			}
			if n%4 != 3 {
				continue
			}
			// The process is killed while it writes, and another one resumes the run: it sees all ends again.
			if err := file.Close(); err != nil {
				t.Fatal(err)
			}
			appendTo(t, path+Partial, torn[n/4%len(torn)])
			file = NewFile(path, "batch", &o)
			for _, again := range ends[:n+1] {
				file.Ended(t.Context(), f.store, "r", "batch", again)
			}
			ended := n + 1
			for o.Ordered && slices.Contains(ends[:n+1], n+1-ended) { // Those before the first that has not ended.
				ended--
			}
			if o.Ordered {
				ended = n + 1 - ended
			}
			if got := lines(t, path+Partial); len(got) != ended+1 {
				t.Fatalf("%+v: %d lines after %d items", o, len(got), n+1)
			}
			if exists(path) {
				t.Fatal("the file is there before the run has ended")
			}
		}
		if _, err := file.Finish(t.Context(), f.store, f.about(t)); err != nil {
			t.Fatal(err)
		}
		if exists(path + Partial) {
			t.Error("the journal is still there")
		}
		got, want := lines(t, path), strings.Split(strings.TrimSuffix(render(t, f.records(t), f, o), "\n"), "\n")
		if !o.Ordered {
			inOrder := got[0] == want[0]
			slices.Sort(got)
			slices.Sort(want)
			if inOrder {
				t.Error("the items are not in the order of their ends")
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v:\n%s\nwant\n%s", o, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := io.WriteString(file, text); err != nil {
		t.Fatal(err)
	}
}

// What ended while no process followed the run is written when the run has ended.
func TestItemsThatNobodySaw(t *testing.T) {
	f := newFixture(t, 10)
	for _, seen := range [][]int{nil, {3, 1}} {
		path := filepath.Join(t.TempDir(), "out.jsonl")
		file := NewFile(path, "batch", &Options{Format: "jsonl"})
		for _, index := range seen {
			file.Ended(t.Context(), f.store, "r", "batch", index)
		}
		if _, err := file.Finish(t.Context(), f.store, f.about(t)); err != nil {
			t.Fatal(err)
		}
		got := lines(t, path)
		if len(got) != len(f.entries)+1 || len(seen) > 0 && got[0] != string(f.entries[3].JSON()) {
			t.Errorf("%d lines, the first is %s", len(got), got[0])
		}
	}
}

// FILE.partial of another run, or of another order, is none of this one.
func TestPartialOfAnotherRun(t *testing.T) {
	f := newFixture(t, 10)
	for _, first := range []string{`{"run":"other","task":"batch","ordered":false}`, `{"run":"r","task":"batch","ordered":true}`, `{"run":"r","task":"batch","ordered":false}x`} {
		path := filepath.Join(t.TempDir(), "out.jsonl")
		if err := os.WriteFile(path+Partial, []byte(first+"\n"+string(f.entries[2].JSON())+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		file := NewFile(path, "batch", &Options{Format: "jsonl"})
		file.Ended(t.Context(), f.store, "r", "batch", 5)
		want := []string{`{"run":"r","task":"batch","ordered":false}`, string(f.entries[5].JSON())}
		if got := lines(t, path+Partial); !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A file of that name that no batch has written stays as it is.
func TestPartialOfSomebody(t *testing.T) {
	f := newFixture(t, 10)
	for _, theirs := range []string{"\n", "a document\nof somebody", `{"rum":1}`} {
		path := filepath.Join(t.TempDir(), "out.jsonl")
		if err := os.WriteFile(path+Partial, []byte(theirs), 0o600); err != nil {
			t.Fatal(err)
		}
		file := NewFile(path, "batch", &Options{Format: "jsonl"})
		file.Ended(t.Context(), f.store, "r", "batch", 5)
		if _, err := file.Finish(t.Context(), f.store, f.about(t)); err != nil || len(lines(t, path)) != len(f.entries)+1 {
			t.Errorf("%v", err)
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
		if data, err := os.ReadFile(path + Partial); err != nil || string(data) != theirs {
			t.Errorf("%q, %v", data, err)
		}
	}
	for _, torn := range []string{"", `{"ru`, `{"run":"r","ta`} {
		path := filepath.Join(t.TempDir(), "out.jsonl")
		if err := os.WriteFile(path+Partial, []byte(torn), 0o600); err != nil {
			t.Fatal(err)
		}
		file := NewFile(path, "batch", &Options{Format: "jsonl"})
		file.Ended(t.Context(), f.store, "r", "batch", 5)
		if got := lines(t, path+Partial); len(got) != 2 || file.failed != nil {
			t.Errorf("%q: %q, %v", torn, got, file.failed)
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Of two processes that follow a run, one writes FILE.partial; both write the file.
func TestTwoProcessesWriteOneFile(t *testing.T) {
	f := newFixture(t, 10)
	path := filepath.Join(t.TempDir(), "out.csv")
	o := &Options{Format: "csv"}
	one, other := NewFile(path, "batch", o), NewFile(path, "batch", o)
	one.Ended(t.Context(), f.store, "r", "batch", 0)
	other.Ended(t.Context(), f.store, "r", "batch", 0)
	for index := range f.entries {
		one.Ended(t.Context(), f.store, "r", "batch", index)
	}
	whole := lines(t, path+Partial)
	for index := range f.entries {
		other.Ended(t.Context(), f.store, "r", "batch", len(f.entries)-1-index)
	}
	if got := lines(t, path+Partial); len(got) != len(f.entries)+1 || !slices.Equal(got, whole) {
		t.Errorf("%d lines, %d before", len(got), len(whole))
	}
	want := render(t, f.records(t), f, *o)
	for _, file := range []*File{other, one} {
		if _, err := file.Finish(t.Context(), f.store, f.about(t)); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(lines(t, path), "\n") + "\n"; got != want {
			t.Errorf("%s", got)
		}
	}
	if exists(path + Partial) {
		t.Error("the journal is still there")
	}
}

// Where FILE.partial cannot be written, the file is written all the same; where that cannot be, the old one stays.
func TestFileThatCannotBeWritten(t *testing.T) {
	f := newFixture(t, 10)
	folder := t.TempDir()
	path := filepath.Join(folder, "out.jsonl")
	if err := os.Mkdir(path+Partial, 0o755); err != nil {
		t.Fatal(err)
	}
	file := NewFile(path, "batch", &Options{Format: "jsonl"})
	file.Ended(t.Context(), f.store, "r", "batch", 0)
	if _, err := file.Finish(t.Context(), f.store, f.about(t)); err != nil || len(lines(t, path)) != len(f.entries)+1 {
		t.Errorf("without a journal: %v", err)
	}
	if err := os.Remove(path + Partial); err != nil {
		t.Fatal(err)
	}
	before := lines(t, path)
	lost := &source{}
	for i := range 3 {
		lost.add(t, value.String(fmt.Sprintf("/f/%d.txt", i)), "", func(r *resultstore.Record) {
			ref := protocol.RefOf([]byte("a result that the store does not have"))
			r.Value = &ref
		})
	}
	store := memory.New()
	lost.put(t, store, 0)
	broken := NewFile(path, "batch", &Options{Format: "csv"})
	broken.Ended(t.Context(), store, "r", "batch", 1)
	if _, err := broken.Finish(t.Context(), store, f.about(t)); !errors.Is(err, resultstore.ErrNotFound) {
		t.Errorf("results that are missing: %v", err)
	}
	if err := broken.Close(); err != nil {
		t.Error(err)
	}
	if !slices.Equal(lines(t, path), before) {
		t.Error("the old file is gone")
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			t.Errorf("%s was left", entry.Name())
		}
	}
}

// A link to a file stays one.
func TestFileBehindALink(t *testing.T) {
	f := newFixture(t, 10)
	folder := t.TempDir()
	target, link := filepath.Join(folder, "target.jsonl"), filepath.Join(folder, "link.jsonl")
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if _, err := NewFile(link, "batch", &Options{Format: "jsonl"}).Finish(t.Context(), f.store, f.about(t)); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 || len(lines(t, target)) != len(f.entries)+1 {
		t.Errorf("%v, %v", info, err)
	}
}

// A table has no more columns than anybody wants.
func TestTooManyColumns(t *testing.T) {
	f := newFixture(t, 10)
	wide := value.Object()
	for i := range maxColumns + 1 {
		wide = value.Object(append(wide.Fields(), value.Field{Name: fmt.Sprint("k", i), Value: value.Int(1)})...)
	}
	items := itemsList{{Entry: value.Object(value.Field{Name: "index", Value: value.Int(0)}, value.Field{Name: "result", Value: value.Object(value.Field{Name: "parsed", Value: wide})})}}
	_, err := Render(t.Context(), items, f.about(t), &Options{Format: "csv"}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "result.parsed.* has more than 2000 fields") {
		t.Errorf("%v", err)
	}
}

// People who have waited for a batch that was cancelled do not get a line for each item that did not start; an export has all.
func TestItemsThatWereSkippedAreCounted(t *testing.T) {
	s := &source{}
	for i := range 50 {
		s.add(t, value.String(fmt.Sprintf("/f/%d.txt", i)), "", func(r *resultstore.Record) { r.Status, r.Reason = protocol.Cancelled, "the run was cancelled" })
	}
	store := memory.New()
	s.put(t, store, 6)
	about := &view.Batch{Run: "r", Total: 50}
	for _, c := range []struct {
		o       Options
		shown   int
		counted bool
	}{{Options{Format: "text"}, 10, true}, {Options{Format: "text", Fields: "status"}, 10, true}, {Options{Format: "text", Only: "skipped"}, 50, false}, {Options{Format: "jsonl"}, 50, false}} {
		var text strings.Builder
		if _, err := Print(t.Context(), store, about, "batch", &c.o, &text, 0); err != nil {
			t.Fatal(err)
		}
		if got, counted := strings.Count(text.String(), "/f/"), strings.HasSuffix(text.String(), "\n… and 40 more skipped\n"); got != c.shown || counted != c.counted {
			t.Errorf("%+v: %d items\n%s", c.o, got, &text)
		}
	}
	records, err := OpenRecords(t.Context(), store, "r", "batch", false)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if _, err := Render(t.Context(), records, about, &Options{Format: "text"}, &text); err != nil || strings.Count(text.String(), "skipped: ") != 50 {
		t.Errorf("an export has\n%s", &text)
	}
}

// TestEarlierFileOfARunWithoutItems: a run whose items could not be listed replaces nothing that an earlier run has written, not even the
// error file alone, and without a file, it writes none. A run that completed has no items because there are none.
func TestEarlierFileOfARunWithoutItems(t *testing.T) {
	store := memory.New()
	(&source{}).put(t, store, 0)
	for _, c := range []struct {
		name, format, earlier string
		status                protocol.Status
		kept                  bool
	}{
		{"failed", "csv", "out.csv", protocol.Failed, true},
		{"timed out", "csv", "out.csv", protocol.TimedOut, true},
		{"completed", "csv", "out.csv", protocol.Completed, false},
		{"requests", Responses, "out.csv", protocol.Failed, true},
		{"only errors", Responses, "out.errors.csv", protocol.Failed, true},
		{"only errors, cancelled", Responses, "out.errors.csv", protocol.Cancelled, true},
	} {
		folder := t.TempDir()
		earlier := filepath.Join(folder, c.earlier)
		if err := os.WriteFile(earlier, []byte("of yesterday\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		file := NewFile(filepath.Join(folder, "out.csv"), "batch", &Options{Format: c.format})
		said := file.KeepEarlier(t.Context(), store, &view.Batch{Run: "r", Status: c.status})
		if kept := strings.Contains(said, earlier+" is left as it was"); kept != c.kept || !c.kept && said != "" {
			t.Errorf("%s: %q", c.name, said)
		}
		if c.status != protocol.Cancelled && exists(filepath.Join(folder, "out.csv"+Partial)) {
			t.Errorf("%s: there is a journal without items", c.name)
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, status := range []protocol.Status{protocol.Failed, protocol.TimedOut, protocol.Cancelled, protocol.Completed} {
		path := filepath.Join(t.TempDir(), "out.csv")
		said := NewFile(path, "batch", &Options{Format: "csv"}).KeepEarlier(t.Context(), store, &view.Batch{Run: "r", Status: status})
		want := fmt.Sprintf("the run ended without an item: %s is not written", path)
		if status == protocol.Completed {
			want = ""
		}
		if said != want {
			t.Errorf("%s, without a file: %q", status, said)
		}
	}
	for _, c := range []struct {
		about view.Batch
		kept  bool
	}{
		{view.Batch{Run: "r", Status: protocol.Failed, Total: 3, Failed: 3}, true},
		{view.Batch{Run: "r", Status: protocol.TimedOut, Total: 3, Failed: 3}, true},
		{view.Batch{Run: "r", Status: protocol.Failed, Total: 3, Succeeded: 1, Failed: 2}, false},
		{view.Batch{Run: "r", Status: protocol.Completed, Total: 3, Failed: 3}, false}, // As its max_failures allows.
	} {
		path := filepath.Join(t.TempDir(), "out.csv")
		if said := NewFile(path, "batch", &Options{Format: "csv"}).KeepEarlier(t.Context(), store, &c.about); said != "" {
			t.Errorf("%+v, without a file: %q", c.about, said)
		}
		if err := os.WriteFile(path, []byte("of yesterday\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		said := NewFile(path, "batch", &Options{Format: "csv"}).KeepEarlier(t.Context(), store, &c.about)
		if kept := strings.HasPrefix(said, "no item has a result: "+path+" is left as it was; "); kept != c.kept || !c.kept && said != "" {
			t.Errorf("%+v: %q", c.about, said)
		}
	}
}
