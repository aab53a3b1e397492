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
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// pageOf is a page in the store. One without invalid items is a list alone.
type pageOf struct {
	Items   []value.Value          `json:"items"`
	Invalid []protocol.SkippedItem `json:"invalid"` // Those that cannot run, in their order.
}

// pager makes a Manifest of items, one after the other.
type pager struct {
	manifest protocol.Manifest
	items    []value.Value // Of the page that is not complete,
	invalid  []protocol.SkippedItem
	size     int
	values   [][]byte // What is to be stored; at the end, the Manifest is the last.
	err      error
}

// add adds an item, and why it cannot run.
func (p *pager) add(item value.Value, invalid *protocol.Error) {
	bytes := len(item.JSON()) + 1
	if len(p.items) == protocol.MaxPageItems || len(p.items) > 0 && p.size+bytes > protocol.MaxPageBytes {
		p.endPage()
	}
	if invalid != nil {
		p.invalid = append(p.invalid, protocol.SkippedItem{Index: p.manifest.Total, Error: invalid})
	}
	p.items = append(p.items, item)
	p.size += bytes
	p.manifest.Total++
}

func (p *pager) endPage() {
	data := value.List(p.items...).JSON()
	if len(p.invalid) > 0 {
		page, err := json.Marshal(pageOf{p.items, p.invalid})
		data, p.err = page, errors.Join(p.err, err)
	}
	p.manifest.Pages = append(p.manifest.Pages, protocol.Page{Ref: protocol.RefOf(data), First: p.manifest.Total - len(p.items), Count: len(p.items)})
	p.values = append(p.values, data)
	p.items, p.invalid, p.size = nil, nil, 0
}

// end ends the last page, and adds the Manifest.
func (p *pager) end() error {
	if len(p.items) > 0 {
		p.endPage()
	}
	data, err := json.Marshal(p.manifest)
	p.values = append(p.values, data)
	return errors.Join(p.err, err)
}

// paginate makes a Manifest of a list of items.
func paginate(items []value.Value, invalid []protocol.SkippedItem) (pager, error) {
	var pages pager
	for i, item := range items {
		var why *protocol.Error
		if len(invalid) > 0 && invalid[0].Index == i {
			why, invalid = invalid[0].Error, invalid[1:]
		}
		pages.add(item, why)
	}
	return pages, pages.end()
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
		response.Labels = append(response.Labels, label(item, request.Files, request.Key))
	}
	return response, nil
}

// label names an item in lists: the name of a file, or what tells a value from others.
func label(item value.Value, isFile bool, key string) string {
	if isFile {
		return path.Base(item.Text())
	}
	if found := protocol.KeyOf(item, key); !found.IsNull() {
		return found.Brief()
	}
	return protocol.NameOf(item)
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
	if call.Step != nil {
		return l.recordedSteps(ctx, call, of)
	}
	return l.latest(ctx, recordsOf(call, of.First, of.End()-1))
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
	chain     *chain                  // The step of the item that it is for; nil: it has none.
}

// callOfItem returns the call of one of the items, or of a step of it.
func callOfItem(call *protocol.Call, page pageOf, index int, step *chain) *itemCall {
	of, item := call.Items, page.Items[index-call.Items.Page.First]
	single := &itemCall{call: *call, name: fmt.Sprintf("item %d (%s)", index, label(item, false, of.Key)), chain: step}
	single.call.Items, single.call.Item = nil, &index
	number := value.Int(int64(index))
	bound := protocol.ItemBinding(item, of.Files)
	bound.Model = protocol.ModelOf(of.Models, index, of.Total)
	bindings := []protocol.Binding{bound, {Head: "index", Value: protocol.Payload{Inline: &number}}}
	single.call.Bindings = append(slices.Clip(call.Bindings), bindings...)
	if step != nil {
		single.call.Bindings = append(single.call.Bindings, step.bindings()...)
	}
	if of.When != "" && (step == nil || step.Index == 0) {
		single.condition = &protocol.DecideRequest{Run: call.Run, When: of.When, Bindings: append(slices.Clip(of.WhenBindings), bindings...)}
	}
	for _, refused := range invalidOf(page.Invalid, index, index+1) {
		single.invalid = refused.Error
	}
	if !of.Files {
		return single
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

// expandValues returns the elements of `for_each` as items: of a list, or of a text that resolves to one.
func expandValues(request protocol.ExpandRequest, scope *reference.Scope) (*expansion, error) {
	list, err := reference.ResolveList(*request.Values, scope)
	if err != nil {
		return nil, err
	}
	if list.Kind() != value.KindList {
		return nil, notAList(request.Values.Text(), list)
	}
	found := &expansion{elements: list.Elements()}
	if request.Pages {
		return found, nil
	}
	if count, most := len(found.elements), request.Most; most > 0 && count > most {
		return nil, protocol.Errorf(protocol.TaskParameterError, "for_each has %d items, and the limit is %d", count, most).
			WithHint("split them among several tasks")
	}
	found.list, found.values = list.JSON(), make([]protocol.Item, len(found.elements))
	if len(found.list) > protocol.MaxValue {
		return nil, protocol.Errorf(protocol.TaskParameterError, "the items of for_each have %d bytes, and the limit is %d", len(found.list), protocol.MaxValue).
			WithHint("split them among several tasks")
	}
	for i, element := range list.Elements() {
		payload, data := protocol.NewPayload(element)
		item := protocol.Item{Value: protocol.Payload{Inline: payload.Inline}, Label: element.Brief()}
		if len(data) > protocol.MaxInlineItem || element.IsNull() { // An inline null would be read as an empty payload.
			item.Value = protocol.Payload{Ref: payload.Ref}
			found.large = append(found.large, data)
		}
		found.values[i] = item
	}
	return found, nil
}

// notAList returns the error of a reference that does not resolve to a list, with a hint where the list is.
func notAList(written string, found value.Value) *protocol.Error {
	failure := protocol.Errorf(protocol.TaskParameterError, "for_each: %s must be a list, not %s", written, describe(found))
	switch found.Kind() {
	case value.KindObject:
		for _, field := range found.Fields() {
			if field.Value.Kind() == value.KindList {
				return failure.WithHint("its field %q is a list", field.Name)
			}
		}
	case value.KindString:
		if read, err := value.Parse([]byte(found.Text())); err == nil && read.Kind() == value.KindList {
			return failure.WithHint("the text contains a list: parse it with json.loads in a script, or give the model a schema and read its field parsed")
		}
	}
	return failure
}

// describe names a value in a message: its kind and, in brief, the value.
func describe(v value.Value) string {
	kind, brief := v.Kind().Article(), v.Brief()
	switch v.Kind() {
	case value.KindNull, value.KindObject:
		return kind
	case value.KindString:
		if strings.TrimSpace(v.Text()) != "" { // Brief quotes blank text itself.
			brief = string(value.String(brief).JSON())
		}
	}
	return kind + ": " + brief
}
