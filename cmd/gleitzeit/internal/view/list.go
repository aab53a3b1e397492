package view

import (
	"context"
	"fmt"
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// ItemList is the list of a task's items in a result store. One page of it is in memory. It is for one goroutine.
type ItemList struct {
	Total  int      // 0 if the task has not started.
	Values bool     // They are values, not files.
	Models []string // Each file is an item for each of them.
	Round  int      // They are groups of texts, and this is the round of the last of them; 0: they are none.

	store resultstore.Store
	task  string
	pages []protocol.Page
	read  protocol.Page // The page that is in memory,
	items []value.Value // and its items.
}

// OpenItems returns the list of the items of a task; an empty one if it has not started.
func OpenItems(ctx context.Context, store resultstore.Store, run, task string) (*ItemList, error) {
	l := &ItemList{store: store, task: task}
	whole := protocol.NoItem
	records, err := store.Records(ctx, resultstore.Query{Run: run, Kind: resultstore.Task, Task: task, Item: &whole})
	if err != nil {
		return nil, err
	}
	if at := slices.IndexFunc(records, func(r resultstore.Record) bool { return r.Items != nil }); at >= 0 {
		manifest, err := resultstore.LoadManifest(ctx, store, *records[at].Items)
		if err != nil {
			return nil, l.failed(err)
		}
		l.Total, l.pages = manifest.Total, manifest.Pages
	}
	planned, err := ReadPlan(ctx, store, run)
	if err != nil || planned == nil {
		return l, err
	}
	for _, listed := range planned.All() {
		if each := listed.FanOut; listed.ID == task && each != nil {
			if l.Values, l.Models = !each.HasFiles(), each.Models; each.Reduces {
				if l.Round, err = roundOf(ctx, store, l.pages); err != nil {
					return nil, l.failed(err)
				}
			}
		}
	}
	return l, nil
}

// At returns the item with an index; null if there is none.
func (l *ItemList) At(ctx context.Context, index int) (value.Value, error) {
	if !l.read.Has(index) {
		at := slices.IndexFunc(l.pages, func(p protocol.Page) bool { return p.Has(index) })
		if at < 0 {
			return value.Value{}, nil
		}
		items, err := resultstore.LoadPage(ctx, l.store, l.pages[at])
		if err != nil {
			return value.Value{}, l.failed(err)
		}
		l.read, l.items = l.pages[at], items
	}
	return l.items[index-l.read.First], nil
}

func (l *ItemList) failed(err error) error {
	return fmt.Errorf("the items of task %q: %w", l.task, err)
}
