package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/require"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// pagedStore is a store with the result of a task in pages, which are made when they are read.
type pagedStore struct {
	resultstore.Store
	index protocol.PagedResult
	whole protocol.Ref
	data  []byte
	entry func(i int) string
	mu    sync.Mutex
	reads map[string]int
	peak  uint64 // Of the memory in use, when a page is read.
}

func newPagedStore(t *testing.T, count, perPage int, entry func(i int) string) *pagedStore {
	t.Helper()
	s := &pagedStore{Store: memory.New(), index: protocol.PagedResult{Total: count, Succeeded: count}, entry: entry, reads: map[string]int{}}
	for first := 0; first < count; first += perPage {
		page := protocol.Page{First: first, Count: min(perPage, count-first), Ref: protocol.Ref{Hash: fmt.Sprintf("page %d %d", first, perPage), Size: 1}}
		s.index.Pages = append(s.index.Pages, page)
		s.index.Bytes += int64(len(s.page(page)))
	}
	data, err := json.Marshal(s.index)
	if err != nil {
		t.Fatal(err)
	}
	s.data, s.whole = data, protocol.RefOf(data)
	s.whole.Paged = true
	return s
}

func (s *pagedStore) page(page protocol.Page) []byte {
	entries := make([]string, page.Count)
	for i := range entries {
		entries[i] = fmt.Sprintf(`{"index":%d,"status":"completed","result":{"response":%s}}`, page.First+i, s.entry(page.First+i))
	}
	return []byte("[" + strings.Join(entries, ",") + "]")
}

func (s *pagedStore) Value(ctx context.Context, ref protocol.Ref) ([]byte, error) {
	if ref.Hash == s.whole.Hash {
		return s.data, nil
	}
	for _, page := range s.index.Pages {
		if page.Ref.Hash != ref.Hash {
			continue
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.reads[ref.Hash]++
		if s.peak > 0 && len(s.reads)%10 == 0 {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			s.peak = max(s.peak, now.HeapAlloc)
		}
		return s.page(page), nil
	}
	return s.Store.Value(ctx, ref)
}

var withLists = protocol.Method{Name: "test/do", ListParameter: "context", NeedsDependencies: true}

// callOf is a call with a parameter `context`, which depends on the task `each` of the store.
func (s *pagedStore) call(t *testing.T, parameter string, dependencies ...string) protocol.Call {
	return protocol.Call{
		Parameters: parameters(t, `{"context": `+parameter+`}`), Dependencies: dependencies,
		Bindings: []protocol.Binding{{Head: "each", Task: "each", Status: protocol.Completed, Value: protocol.Payload{Ref: &s.whole}}},
	}
}

func largeEntry(i int) string {
	return fmt.Sprintf(`"%d ${each.total} $%s"`, i, strings.Repeat("x", 10_000))
}

func temporary(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	return folder
}

func remaining(t *testing.T, folder string) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(folder, "gleitzeit-tmp-lists-*"))
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// TestLargeListsAreFiles: a list beyond the limit is a file with its elements, however it is referred to; its pages are read once, and
// nothing in it is a reference.
func TestLargeListsAreFiles(t *testing.T) {
	folder := temporary(t)
	store := newPagedStore(t, 1800, 100, largeEntry)
	var lists []protocol.List
	var contents, given string
	look := func(_ context.Context, request protocol.Request, _ protocol.Progress) (protocol.Result, error) {
		lists, contents = request.Lists, ""
		for _, list := range lists {
			data, err := os.ReadFile(list.Path)
			if err != nil {
				return protocol.Result{}, err
			}
			lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
			contents += fmt.Sprintf("%s %d %.60s… %.60s…\n", strings.Join(list.Place, "."), len(lines), lines[0], lines[len(lines)-1])
		}
		given = string(request.Parameters.JSON())
		for _, dependency := range request.Dependencies {
			given += " " + dependency.Name + ": " + string(dependency.Value.JSON())
		}
		return protocol.Result{Value: value.Object()}, nil
	}
	call := store.call(t, `{"answers": "${each.results[*].result.response}", "twice": ["${each.total}", {"same": "${each.results[*].result.response}"}], `+
		`"few": "${each.results[-2:][*].index}", "one": "${each.results[3].index}", "part": "${each.results[10:1790]}", "text": "n: ${each.total}"}`, "each")
	if _, failure := runAttemptOf(t, withLists, store, call, nil, look); failure != nil {
		t.Fatal(failure)
	}
	want := `parameters.context.answers 1800 "0 ${each.total} $xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx… "1799 ${each.total} $xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
parameters.context.twice.1.same 1800 "0 ${each.total} $xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx… "1799 ${each.total} $xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
parameters.context.part 1780 {"index":10,"status":"completed","result":{"response":"10 ${… {"index":1789,"status":"completed","result":{"response":"178…
dependencies.each.results 1800 {"index":0,"status":"completed","result":{"response":"0 ${ea… {"index":1799,"status":"completed","result":{"response":"179…
`
	if contents != want {
		t.Errorf("got\n%s\nwant\n%s", contents, want)
	}
	if want := `{"context":{"answers":null,"twice":[1800,{"same":null}],"few":[1798,1799],"one":3,"part":null,"text":"n: 1800"}} each: {"total":1800,"succeeded":1800,"failed":0,"skipped":0,"results":null}`; given != want {
		t.Errorf("got %s\nwant %s", given, want)
	}
	if lists[0].Path != lists[1].Path {
		t.Error("a list that a call has twice was written twice")
	}
	if reads := store.reads["page 500 100"]; reads != 3 { // For the answers, the part and the dependency.
		t.Errorf("a page was read %d times", reads)
	}
	if left := remaining(t, folder); len(left) > 0 {
		t.Errorf("files are left: %v", left)
	}
}

// TestSmallListsAreValues: up to the limit nothing changes, also where only a part of large results is small.
func TestSmallListsAreValues(t *testing.T) {
	folder := temporary(t)
	for _, store := range []*pagedStore{newPagedStore(t, 1000, 100, func(i int) string { return fmt.Sprint(i) }), newPagedStore(t, 1800, 100, largeEntry)} {
		outcome, failure := runAttemptOf(t, protocol.Method{Name: "test/do", ListParameter: "context"}, store, store.call(t, `{"a": "${each.results[*].index}", "b": "${each.results[5:7][*].result.response}"}`), nil,
			func(_ context.Context, request protocol.Request, _ protocol.Progress) (protocol.Result, error) {
				of, _ := request.Parameters.Get("context")
				a, _ := of.Get("a")
				b, _ := of.Get("b")
				if len(request.Lists) > 0 || len(remaining(t, folder)) > 0 || len(a.Elements()) != store.index.Total {
					t.Errorf("lists %+v, %d elements", request.Lists, len(a.Elements()))
				}
				return protocol.Result{Value: value.Object(value.Field{Name: "b", Value: b})}, nil
			})
		if failure != nil {
			t.Fatal(failure)
		}
		want := `{"b":[5,6]}`
		if store.index.Total == 1800 {
			want = `{"b":[` + largeEntry(5) + `,` + largeEntry(6) + `]}`
		}
		if got, err := resultstore.Load(t.Context(), store, outcome.Value); err != nil || string(got.JSON()) != want {
			t.Errorf("got %.200s, %v", got.JSON(), err)
		}
	}
}

// TestListsIdentifyACall: equal lists make equal calls, whatever their pages are, and others do not.
func TestListsIdentifyACall(t *testing.T) {
	temporary(t)
	records := map[string]string{}
	for name, store := range map[string]*pagedStore{
		"one":         newPagedStore(t, 1800, 100, largeEntry),
		"other pages": newPagedStore(t, 1800, 77, largeEntry),
		"other end":   newPagedStore(t, 1800, 100, func(i int) string { return largeEntry(i % 1799) }),
		"shorter":     newPagedStore(t, 1799, 100, largeEntry),
	} {
		if _, failure := runAttemptOf(t, withLists, store, store.call(t, `{"a": "${each.results[*].result.response}"}`), nil, echo); failure != nil {
			t.Fatal(failure)
		}
		records[name] = record(t, store).Call
	}
	one := records["one"]
	if one == "" || one != records["other pages"] || one == records["other end"] || one == records["shorter"] || records["other end"] == records["shorter"] {
		t.Errorf("%v", records)
	}
	store := newPagedStore(t, 1800, 100, largeEntry)
	if _, failure := runAttemptOf(t, withLists, store, store.call(t, `{"b": "${each.results[*].result.response}"}`), nil, echo); failure != nil {
		t.Fatal(failure)
	}
	if record(t, store).Call == one {
		t.Error("the place of a list is not part of the call")
	}
}

// TestListsThatCannotBeWritten: whatever ends an attempt, no file is left.
func TestListsThatCannotBeWritten(t *testing.T) {
	folder := temporary(t)
	store := newPagedStore(t, 1800, 100, largeEntry)
	call := store.call(t, `{"a": "${each.results[*].result.response}", "b": "${each.results[*].result.nothing}"}`)
	_, failure := runAttemptOf(t, withLists, store, call, nil, echo)
	if failure == nil || !strings.Contains(failure.Error(), `${each.results[*].result.nothing}: each.results[0].result has no field "nothing"; it has response`) || len(remaining(t, folder)) > 0 {
		t.Errorf("got %v, left %v", failure, remaining(t, folder))
	}
	call = store.call(t, `{"a": "${each.results[*].result.response}"}`)
	_, failure = runAttemptOf(t, withLists, store, call, nil, func(context.Context, protocol.Request, protocol.Progress) (protocol.Result, error) {
		if len(remaining(t, folder)) != 1 {
			t.Error("the file is not there")
		}
		return protocol.Result{}, errors.New("it fails")
	})
	if failure == nil || len(remaining(t, folder)) > 0 {
		t.Errorf("got %v, left %v", failure, remaining(t, folder))
	}
	t.Setenv("TMPDIR", filepath.Join(folder, "gone"))
	outcome, failure := runAttemptOf(t, withLists, store, call, nil, echo)
	if failure == nil || outcome.Error.Code != protocol.PersistenceFailed || !strings.Contains(outcome.Error.Message, "cannot write a list of results to a file for the script") {
		t.Errorf("got %v", failure)
	}
}

// TestALargeListInAText: where all of it is needed, the error says how large it is and what to do instead.
func TestALargeListInAText(t *testing.T) {
	temporary(t)
	store := newPagedStore(t, 7000, 100, largeEntry)
	whole := fmt.Sprintf(`the results of 7000 items of task "each" have %d bytes, and the limit of one value is %d`, store.index.Bytes, protocol.MaxValue)
	for parameter, want := range map[string]string{
		`"all: ${each.results[*].result.response}"`: fmt.Sprintf(`${each.results[*].result.response} has more than %d bytes, the limit of one value, from the 7000 items of task "each"`, protocol.MaxValue),
		`"all: ${each.results[1:]}"`:                whole,
		`"all: ${each.results}"`:                    whole,
		`{"a": "all: ${each}"}`:                     whole,
	} {
		outcome, failure := runAttemptOf(t, withLists, store, store.call(t, parameter), nil, echo)
		const export = "or write them to a file: `gleitzeit batch export r each --format jsonl`"
		if failure == nil || !strings.Contains(outcome.Error.Message, want) || !strings.HasSuffix(outcome.Error.Hint, export) {
			t.Errorf("%s: got %v, %q; want %s", parameter, failure, outcome.Error.Hint, want)
		}
		const part = "use a part of each, such as ${each.results[*].result.response}; "
		if strings.HasPrefix(outcome.Error.Hint, part) != (want == whole) {
			t.Errorf("%s: the hint is %q", parameter, outcome.Error.Hint)
		}
	}
}

// TestMemoryOfLargeLists: 100,000 results of 1 kB need no more memory than 30,000.
func TestMemoryOfLargeLists(t *testing.T) {
	require.Long(t, "it writes 130 MB")
	temporary(t)
	defer debug.SetGCPercent(debug.SetGCPercent(10)) // What is allocated is hardly more than what is in use.
	peak := func(count int) uint64 {
		store := newPagedStore(t, count, 500, func(i int) string { return fmt.Sprintf(`"%d %s"`, i, strings.Repeat("x", 1000)) })
		runtime.GC()
		var before runtime.MemStats
		runtime.ReadMemStats(&before)
		store.peak = 1
		if _, failure := runAttemptOf(t, withLists, store, store.call(t, `{"a": "${each.results[*].result.response}"}`), nil, echo); failure != nil {
			t.Fatal(failure)
		}
		return store.peak - min(store.peak, before.HeapAlloc)
	}
	few, many := peak(30_000), peak(100_000)
	t.Logf("the peak is %d MiB for 30,000 and %d MiB for 100,000", few>>20, many>>20)
	if many > few*3/2 || many > 100<<20 {
		t.Errorf("%d bytes for 30,000 and %d for 100,000", few, many)
	}
}
