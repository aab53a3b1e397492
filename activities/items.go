package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// pageOf is a page in the store. One without invalid items is a list alone.
type pageOf struct {
	Items   []value.Value          `json:"items"`
	Invalid []protocol.SkippedItem `json:"invalid"` // Those that cannot run, in their order.
}

// paginate returns a list of items as a Manifest, and the values to store: the Manifest is the last.
func paginate(items []value.Value, invalid []protocol.SkippedItem) (manifest protocol.Manifest, values [][]byte, err error) {
	manifest.Total = len(items)
	first, size := 0, 0
	endPage := func(end int) {
		data := value.List(items[first:end]...).JSON()
		if refused := invalidOf(invalid, first, end); len(refused) > 0 {
			page, failed := json.Marshal(pageOf{items[first:end], refused})
			data, err = page, errors.Join(err, failed)
		}
		manifest.Pages = append(manifest.Pages, protocol.Page{Ref: protocol.RefOf(data), First: first, Count: end - first})
		values = append(values, data)
		first, size = end, 0
	}
	for at, item := range items {
		bytes := len(item.JSON()) + 1
		if count := at - first; count > 0 && (count == protocol.MaxPageItems || size+bytes > protocol.MaxPageBytes) {
			endPage(at)
		}
		size += bytes
	}
	if first < len(items) {
		endPage(len(items))
	}
	data, failed := json.Marshal(manifest)
	return manifest, append(values, data), errors.Join(err, failed)
}

func invalidOf(all []protocol.SkippedItem, first, end int) (found []protocol.SkippedItem) {
	for _, item := range all {
		if first <= item.Index && item.Index < end {
			found = append(found, item)
		}
	}
	return found
}

// Page returns a page of a task's items. Its error is that of an unavailable store, which the workflow retries.
func (l *itemLists) Page(ctx context.Context, request protocol.PageRequest) (*protocol.PageResponse, error) {
	response, err := l.page(ctx, request)
	if err == nil {
		return response, nil
	}
	failure := protocol.AsError(err, protocol.PersistenceFailed)
	if failure.Kind == protocol.Transient {
		return nil, failure
	}
	return &protocol.PageResponse{Error: failure}, nil
}

func (l *itemLists) page(ctx context.Context, request protocol.PageRequest) (*protocol.PageResponse, error) {
	manifest, err := resultstore.LoadManifest(ctx, l.results.store, request.Manifest)
	if errors.Is(err, resultstore.ErrNotFound) {
		return nil, noItems()
	}
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(manifest.Pages, func(page protocol.Page) bool { return page.Has(request.Item) })
	if at < 0 {
		return nil, noItems()
	}
	response := &protocol.PageResponse{Page: manifest.Pages[at]}
	page, err := l.load(ctx, response.Page)
	if err != nil {
		return nil, err
	}
	for _, item := range page.Items {
		response.Labels = append(response.Labels, label(item, request.Files))
	}
	return response, nil
}

// label names an item in lists: the name of a file, or what tells a value from others.
func label(item value.Value, isFile bool) string {
	if isFile {
		return path.Base(item.Text())
	}
	return item.Brief()
}

func noItems() error {
	return protocol.Errorf(protocol.PersistenceFailed, "the list of the items is missing in the result store").WithKind(protocol.Permanent)
}

// itemLists reads the lists of items in the store. It has the pages that calls have read last: the calls of many items follow each
// other.
type itemLists struct {
	results results
	mu      sync.Mutex
	read    []readPage
}

type readPage struct {
	hash string
	pageOf
}

// mostPages is how many pages are kept in memory: a few MB.
const mostPages = 32

func (l *itemLists) load(ctx context.Context, page protocol.Page) (read pageOf, err error) {
	l.mu.Lock()
	at := slices.IndexFunc(l.read, func(r readPage) bool { return r.hash == page.Ref.Hash })
	if at >= 0 {
		found := l.read[at]
		l.read = append(slices.Delete(l.read, at, at+1), found)
		l.mu.Unlock()
		return found.pageOf, nil
	}
	l.mu.Unlock()
	list, err := resultstore.Load(ctx, l.results.store, protocol.Payload{Ref: &page.Ref})
	if err == nil {
		read, err = decodePage(list)
	}
	if errors.Is(err, resultstore.ErrNotFound) || err == nil && len(read.Items) != page.Count {
		return pageOf{}, noItems()
	}
	if err != nil {
		return pageOf{}, err
	}
	if page.Ref.Size > 2*protocol.MaxPageBytes {
		return read, nil // One large item.
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.read = append(l.read, readPage{page.Ref.Hash, read})
	if len(l.read) > mostPages {
		l.read = slices.Delete(l.read, 0, len(l.read)-mostPages)
	}
	return read, nil
}

func (l *itemLists) loadPage(ctx context.Context, of *protocol.Items) (page pageOf, err error) {
	err = l.results.withRetry(ctx, func(ctx context.Context) error {
		page, err = l.load(ctx, of.Page)
		return err
	})
	return page, err
}

// recordedItems returns how the items of a call have ended that have a record.
func (l *itemLists) recordedItems(ctx context.Context, call *protocol.Call, of *protocol.Items) (map[int]protocol.Outcome, error) {
	first, last := of.First, of.End()-1
	query := resultstore.Query{Run: call.Run.ID, Execution: call.Run.Execution, Kind: resultstore.Task, Task: call.Task, Item: &first, Last: &last}
	found := map[int]protocol.Outcome{}
	err := l.results.withRetry(ctx, func(ctx context.Context) error {
		records, err := l.results.store.Records(ctx, query)
		for _, record := range records { // The latest attempt of an item comes last.
			if record.Status != protocol.Cancelled {
				found[record.Item] = record.Outcome()
			}
		}
		return err
	})
	return found, err
}

func decodePage(stored value.Value) (page pageOf, err error) {
	page.Items = stored.Elements()
	if stored.Kind() == value.KindObject {
		err = json.Unmarshal(stored.JSON(), &page)
	}
	return page, err
}

// itemCall is the call of one of the items of a call.
type itemCall struct {
	call      protocol.Call
	name      string                  // Of the item, as messages have it.
	condition *protocol.DecideRequest // Nil: it runs whatever the item is.
	invalid   *protocol.Error         // Why it cannot run; nil if it can.
}

// callOfItem returns the call of one of the items.
func callOfItem(call *protocol.Call, page pageOf, index int) *itemCall {
	of, item := call.Items, page.Items[index-call.Items.Page.First]
	single := &itemCall{call: *call, name: fmt.Sprintf("item %d (%s)", index, item.Brief())}
	single.call.Items, single.call.Item = nil, &index
	number := value.Int(int64(index))
	bound := protocol.ItemBinding(item, of.Files)
	bound.Model = protocol.ModelOf(of.Models, index, of.Total)
	bindings := []protocol.Binding{bound, {Head: "index", Value: protocol.Payload{Inline: &number}}}
	single.call.Bindings = append(slices.Clip(call.Bindings), bindings...)
	if of.When != "" {
		single.condition = &protocol.DecideRequest{Run: call.Run, When: of.When, Bindings: append(slices.Clip(of.WhenBindings), bindings...)}
	}
	if !of.Files {
		return single
	}
	for _, refused := range invalidOf(page.Invalid, index, index+1) {
		single.invalid = refused.Error
	}
	single.name = item.Text()
	single.call.Within = protocol.Innermost(of.Folders, single.name)
	single.call.Reads = slices.Clip(call.Reads)
	for _, place := range of.Reads {
		if single.name == place || strings.HasPrefix(single.name, strings.TrimSuffix(place, "/")+"/") {
			single.call.Reads = append(single.call.Reads, place)
		}
	}
	return single
}
