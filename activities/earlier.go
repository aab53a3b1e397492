package activities

import (
	"context"
	"errors"
	"hash/maphash"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/gleitzeit/gleitzeit/internal/glob"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// earlierRuns finds what the runs have recorded whose results another one takes over.
type earlierRuns struct {
	lists   *itemLists
	results results
	mu      sync.Mutex
	known   []*earlierItems
}

// task returns what the runs have of a task without items.
func (e *earlierRuns) task(ctx context.Context, over *protocol.TakeOver, task string) (*former, error) {
	of, whole := &former{}, protocol.NoItem
	for _, run := range over.Runs {
		records, err := e.results.store.Records(ctx, resultstore.Query{Run: run.Run, Execution: run.Execution, Kind: resultstore.Task, Task: task, Item: &whole})
		if err != nil {
			return nil, err
		}
		for i := range records {
			if records[i].Items != nil {
				break // It had items.
			}
			of.add(&records[i])
		}
		if of.record != nil {
			break
		}
	}
	return of, nil
}

// add adds a record. The last one counts, if the task or item has ended by itself.
func (f *former) add(record *resultstore.Record) {
	switch record.Status {
	case protocol.Completed, protocol.Failed, protocol.TimedOut:
		f.record = record
	}
}

// formers returns what earlier runs have of the items of a call, in their order.
func (e *earlierRuns) formers(ctx context.Context, call *protocol.Call, page pageOf) ([]*former, error) {
	over, of := call.Run.TakeOver, call.Items
	all := make([]*former, of.Count)
	if over == nil {
		return all, nil
	}
	items := page.Items[of.First-of.Page.First:][:of.Count]
	chosen := NewSelection(over.Items, call.Run.Folder)
	for i, item := range items {
		all[i] = &former{again: chosen.Has(of.First+i, item, of.Files, of.Key), takeOne: of.TakeOver}
	}
	err := e.results.withRetry(ctx, func(ctx context.Context) error {
		for _, run := range over.Runs {
			if err := e.addItems(ctx, run, call, items, all); err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

// addItems adds what a run has of items of which no other one had anything.
func (e *earlierRuns) addItems(ctx context.Context, run protocol.EarlierRun, call *protocol.Call, items []value.Value, all []*former) error {
	listed, err := e.itemsOf(ctx, run, call.Task, call.Items.Key)
	if listed == nil || err != nil {
		return err
	}
	wanted := map[int][]*former{} // By their index in that run.
	var indexes []int
	for i, of := range all {
		if of.record != nil || of.again {
			continue
		}
		places, err := listed.find(ctx, call.Items.First+i, items[i])
		if err != nil {
			return err
		}
		for n, index := range places {
			found := of
			if n > 0 {
				found = &former{}
				of.others = append(of.others, found)
			}
			if len(wanted[index]) == 0 {
				indexes = append(indexes, index)
			}
			wanted[index] = append(wanted[index], found)
		}
	}
	slices.Sort(indexes)
	const gap = 16 // Records in between are read too: that is cheaper than one more query.
	for len(indexes) > 0 {
		end := 1
		for end < len(indexes) && indexes[end]-indexes[end-1] <= gap {
			end++
		}
		first, last := indexes[0], indexes[end-1]
		indexes = indexes[end:]
		query := recordsOf(call, first, last)
		query.Run, query.Execution = run.Run, run.Execution
		records, err := e.results.store.Records(ctx, query)
		if err != nil {
			return err
		}
		for i := range records {
			for _, of := range wanted[records[i].Item] {
				of.add(&records[i])
			}
		}
	}
	return nil
}

// earlierItems are the items of a task in an earlier run.
type earlierItems struct {
	lists    *itemLists
	run      protocol.EarlierRun
	task     string
	key      string // The column that identifies an item; empty: all of it does.
	manifest protocol.Manifest

	mu     sync.Mutex
	seed   maphash.Seed
	places map[uint64]int32 // The first index of each item by a hash of it; nil until it is needed.
	next   []int32          // By index: that of the next equal item; 0 if there is none.
}

// mostListed is of how many tasks the items in earlier runs are kept in memory: 100,000 take a few MB.
const mostListed = 4

// itemsOf returns the items of a task in a run; nil if it had none.
func (e *earlierRuns) itemsOf(ctx context.Context, run protocol.EarlierRun, task, key string) (*earlierItems, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, known := range e.known {
		if known.run == run && known.task == task && known.key == key {
			return known, nil
		}
	}
	whole := protocol.NoItem
	records, err := e.results.store.Records(ctx, resultstore.Query{Run: run.Run, Execution: run.Execution, Kind: resultstore.Task, Task: task, Item: &whole})
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(records, func(record resultstore.Record) bool { return record.Items != nil })
	if at < 0 {
		return nil, nil
	}
	found := &earlierItems{lists: e.lists, run: run, task: task, key: key}
	if found.manifest, err = resultstore.LoadManifest(ctx, e.results.store, *records[at].Items); errors.Is(err, resultstore.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	e.known = append(e.known, found)
	if len(e.known) > mostListed {
		e.known = slices.Delete(e.known, 0, 1)
	}
	return found, nil
}

// mostEqual is how many equal items are compared: a call of each of them may be another one, by its index or its model.
const mostEqual = 8

// find returns the indexes that an item has in the run: that at the same place first.
func (e *earlierItems) find(ctx context.Context, index int, item value.Value) (found []int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.index(ctx); err != nil {
		return nil, err
	}
	at, is := e.places[maphash.Bytes(e.seed, protocol.IdentityOf(item, e.key))]
	for is && len(found) < mostEqual {
		found = append(found, int(at))
		at = e.next[at]
		is = at > 0
	}
	if len(found) < 2 || found[0] == index || index >= e.manifest.Total {
		return found, nil
	}
	page := e.manifest.Pages[slices.IndexFunc(e.manifest.Pages, func(page protocol.Page) bool { return page.Has(index) })]
	items, err := e.lists.load(ctx, page)
	if err != nil || string(protocol.IdentityOf(items.Items[index-page.First], e.key)) != string(protocol.IdentityOf(item, e.key)) {
		return found, err
	}
	return append([]int{index}, slices.DeleteFunc(found, func(at int) bool { return at == index })...), nil
}

// index reads all items. The caller holds mu.
func (e *earlierItems) index(ctx context.Context) error {
	if e.places != nil {
		return nil
	}
	places, next, last := make(map[uint64]int32, e.manifest.Total), make([]int32, e.manifest.Total), map[uint64]int32{}
	e.seed = maphash.MakeSeed()
	for _, page := range e.manifest.Pages {
		items, err := e.lists.load(ctx, page)
		if err != nil {
			return err
		}
		for i, item := range items.Items {
			hash, at := maphash.Bytes(e.seed, protocol.IdentityOf(item, e.key)), int32(page.First+i)
			first, known := places[hash]
			if !known {
				places[hash] = at
				continue
			}
			if before, several := last[hash]; several {
				first = before
			}
			next[first], last[hash] = at, at
		}
	}
	e.places, e.next = places, next
	return nil
}

// Selection are the items that are done again in any case.
type Selection struct {
	indexes  []int
	names    []string // As they are.
	patterns []*glob.Pattern
	folder   string
}

// NewSelection reads indexes and patterns, which are relative to a folder. What is no pattern is a name.
func NewSelection(texts []string, folder string) Selection {
	s := Selection{folder: folder}
	for _, text := range texts {
		if index, err := strconv.Atoi(text); err == nil {
			s.indexes = append(s.indexes, index)
			continue
		}
		s.names = append(s.names, text)
		if pattern, err := glob.Parse(text); err == nil {
			s.patterns = append(s.patterns, pattern)
		}
	}
	return s
}

// Has reports whether the item is selected. One that is a row is named by its cell in the column key.
func (s Selection) Has(index int, item value.Value, isFile bool, key string) bool {
	if slices.Contains(s.indexes, index) {
		return true
	}
	if found := protocol.KeyOf(item, key); !found.IsNull() {
		item = value.String(found.Brief())
		if found.Kind() == value.KindString {
			item = found
		}
	}
	if item.Kind() != value.KindString || len(s.names) == 0 {
		return false
	}
	text := item.Text()
	if slices.Contains(s.names, text) {
		return true
	}
	name, subject := text, text
	if isFile {
		name = filepath.Base(text)
		if within, err := filepath.Rel(s.folder, text); err == nil {
			subject = filepath.ToSlash(within)
		}
	}
	return slices.ContainsFunc(s.patterns, func(pattern *glob.Pattern) bool {
		if pattern.IsName() {
			return pattern.Match(name)
		}
		return pattern.Match(subject)
	})
}
