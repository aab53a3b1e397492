package reference_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// pagedScope is a scope with a task `batch` whose result of count items is in pages of size items. Loaded returns how often each page
// was read.
func pagedScope(t testing.TB, count, size int) (paged, whole *reference.Scope, loaded func() []int) {
	t.Helper()
	stored := map[protocol.Ref][]byte{}
	index := protocol.PagedResult{Total: count, Succeeded: count}
	var all []string
	for i := range count {
		response := fmt.Sprintf(`"r%d"`, i)
		if i%7 == 3 {
			response = "null"
		}
		all = append(all, fmt.Sprintf(`{"item":{"n":%d},"index":%d,"status":"completed","result":{"response":%s,"tags":[%d,%d]},"error":null}`, i, i, response, i, -i))
	}
	var pages []protocol.Ref
	for first := 0; first < count; first += size {
		entries := all[first:min(first+size, count)]
		data := []byte("[" + strings.Join(entries, ",") + "]")
		page := protocol.Page{Ref: protocol.RefOf(data), First: first, Count: len(entries)}
		stored[page.Ref] = data
		pages = append(pages, page.Ref)
		index.Pages = append(index.Pages, page)
		index.Bytes += int64(len(data))
	}
	data, err := json.Marshal(index)
	if err != nil {
		t.Fatal(err)
	}
	ref := protocol.RefOf(data)
	stored[ref] = data
	var reads []protocol.Ref
	load := func(ref protocol.Ref) (value.Value, error) {
		data, found := stored[ref]
		if ref.Paged || !found {
			return value.Value{}, errors.New("it is not read as a whole")
		}
		reads = append(reads, ref)
		return value.Parse(data)
	}
	ref.Paged = true
	list, err := value.Parse([]byte("[" + strings.Join(all, ",") + "]"))
	if err != nil {
		t.Fatal(err)
	}
	inlined := index.Value(list)
	of := func(payload protocol.Payload) []protocol.Binding {
		return []protocol.Binding{{Head: "batch", Task: "batch", Status: protocol.Completed, Value: payload}}
	}
	return &reference.Scope{Bindings: of(protocol.Payload{Ref: &ref}), Load: load}, &reference.Scope{Bindings: of(protocol.Payload{Inline: &inlined})}, func() []int {
		counts := make([]int, len(pages))
		for _, one := range reads {
			if at := slices.Index(pages, one); at >= 0 {
				counts[at]++
			}
		}
		return counts
	}
}

// TestPagesThatAreRead: of a result in pages only those are read that have what the path leads to.
func TestPagesThatAreRead(t *testing.T) {
	for _, test := range []struct {
		text, want string
		pages      []int
	}{
		{"${batch.total}", `25`, []int{0, 0, 0}},
		{"${batch.results[11].index}", `11`, []int{0, 1, 0}},
		{"${batch.results[-1].index}", `24`, []int{0, 0, 1}},
		{"${batch.results[99].index:-none}", `"none"`, []int{0, 0, 0}},
		{"${batch.results[2:4][*].index}", `[2,3]`, []int{1, 0, 0}},
		{"${batch.results[9:11][*].index}", `[9,10]`, []int{1, 1, 0}},
		{"${batch.results[-3:][*].result.response}", `["r22","r23",null]`, []int{0, 0, 1}},
		{"${batch.results[-3:][*].result.response:-none}", `["r22","r23","none"]`, []int{0, 0, 1}},
		{"${batch.results[5:][10:12][*].index}", `[15,16]`, []int{0, 1, 0}},
		{"${batch.results[20:][-1].index}", `24`, []int{0, 0, 1}},
		{"${batch.results[20:][5].index:-none}", `"none"`, []int{0, 0, 0}},
		{"${batch.results[7:3]}", `[]`, []int{0, 0, 0}},
		{"${batch.results[30:]}", `[]`, []int{0, 0, 0}},
		{"${batch.results[1:2]}", `[{"item":{"n":1},"index":1,"status":"completed","result":{"response":"r1","tags":[1,-1]},"error":null}]`, []int{1, 0, 0}},
		{"${batch.results[1:3][*].result.tags[1:]}", `[[-1],[-2]]`, []int{1, 0, 0}},
	} {
		t.Run(test.text, func(t *testing.T) {
			paged, _, loaded := pagedScope(t, 25, 10)
			got, err := reference.Lookup(one(t, test.text), paged)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, string(got.JSON()), test.want)
			if !slices.Equal(loaded(), test.pages) {
				t.Errorf("pages were read %v times, want %v", loaded(), test.pages)
			}
		})
	}
	paged, _, _ := pagedScope(t, 25, 10)
	_, err := reference.Lookup(one(t, "${batch.results[12:][*].result.word}"), paged)
	parameterError(t, err, `${batch.results[12:][*].result.word}: batch.results[12:][0].result has no field "word"; it has response, tags`)
}

// FuzzPages: whatever the path, a result in pages gives what the same result in one piece gives.
func FuzzPages(f *testing.F) {
	for _, seed := range []string{
		".total", ".results[3]", ".results[-1].result.response:-x", ".results[*].index", ".results[2:9][*].item.n", ".results[-4:][:2][1].status", ".results[:][*].result.tags[1:][0]",
		".results[5:2]", ".results[1:][99]:-none", ".results[*].nothing", ".results[*][*]", ".results.x", ".results[2:].x", ".result.total", ".missing:-d", ".results[0:3][*].result.response:-e",
	} {
		f.Add(seed)
	}
	paged, whole, _ := pagedScope(f, 25, 4)
	load := paged.Load
	f.Fuzz(func(t *testing.T, path string) {
		parts, errs := reference.Parse("${batch" + path + "}")
		if len(errs) > 0 || len(parts) != 1 || parts[0].Ref == nil || parts[0].Ref.Head != "batch" {
			return
		}
		asked := false
		paged.Load = func(ref protocol.Ref) (value.Value, error) {
			asked = asked || ref.Paged
			return load(ref)
		}
		got, err := reference.Lookup(parts[0].Ref, paged)
		want, expected := reference.Lookup(parts[0].Ref, whole)
		switch {
		case asked: // The path leads to all of it.
		case (err == nil) != (expected == nil) || err != nil && err.Error() != expected.Error():
			t.Errorf("%s: got %v, want %v", path, err, expected)
		case err == nil && string(got.JSON()) != string(want.JSON()):
			t.Errorf("%s: got %s, want %s", path, got.JSON(), want.JSON())
		}
	})
}
