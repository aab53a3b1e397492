package logs

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Selection is which attempts are shown. The zero value of a field is all.
type Selection struct {
	Task    string
	Item    *int
	Attempt int
}

// reader reads the attempts of a run.
type reader struct {
	store   resultstore.Store
	run     *view.Run
	only    Selection
	sources []source
}

// source is where the records of some attempts are: of a task, of its rounds, or of a step of its items.
type source struct {
	kind  resultstore.Kind
	task  string
	key   string // The task, as records have it.
	items *view.ItemList
}

// entry is a place of an attempt in the order of time: all that is in memory of each.
type entry struct {
	at      int64 // When it started at the earliest.
	item    int32
	attempt int32
	source  int32
}

func (e entry) time() time.Time { return time.Unix(0, e.at).UTC() }

const (
	// window is how many items are read from the store at once.
	window = 500
	// gap is how many items that are not wanted may be read between two that are.
	gap = 8
)

// open finds the sources of a run.
func (r *reader) open(ctx context.Context) error {
	r.sources = nil
	for i := range r.run.Tasks {
		task := &r.run.Tasks[i]
		if r.only.Task != "" && r.only.Task != task.ID && r.only.Task != task.Name {
			continue
		}
		items, err := view.OpenItems(ctx, r.store, r.run.Run, task.ID)
		if err != nil {
			return err
		}
		r.sources = append(r.sources, source{resultstore.Task, task.ID, task.ID, items}, source{resultstore.Round, task.ID, task.ID + resultstore.RoundSuffix, nil})
		for _, step := range task.Steps() {
			r.sources = append(r.sources, source{resultstore.Step, task.ID, protocol.FormatStepID(task.ID, step), items})
		}
	}
	return nil
}

// records passes the records of a source, page by page, or of one of its items, in their order.
func (r *reader) records(ctx context.Context, s source, item *int, pass func([]resultstore.Record) error) error {
	read := func(first, last int) error {
		found, err := r.store.Records(ctx, resultstore.Query{Run: r.run.Run, Kind: s.kind, Task: s.key, Item: &first, Last: &last})
		if err != nil {
			return err
		}
		return pass(found)
	}
	if item != nil {
		found, err := r.recordsOf(ctx, s, *item)
		if err != nil {
			return err
		}
		return pass(found)
	}
	if s.kind != resultstore.Step {
		if err := read(protocol.NoItem, 0); err != nil { // The rounds of a task have the item 0.
			return err
		}
	}
	if s.items == nil {
		return nil
	}
	first := 1
	if s.kind == resultstore.Step {
		first = 0
	}
	for ; first < s.items.Total; first += window {
		if err := read(first, first+window-1); err != nil {
			return err
		}
	}
	return nil
}

// recordsOf returns the records of a source for a task itself, or for one of its items.
func (r *reader) recordsOf(ctx context.Context, s source, item int) ([]resultstore.Record, error) {
	if item == protocol.NoItem && s.kind == resultstore.Step {
		return nil, nil
	}
	if s.kind == resultstore.Round {
		item = max(item, 0)
	}
	return r.store.Records(ctx, resultstore.Query{Run: r.run.Run, Kind: s.kind, Task: s.key, Item: &item})
}

// index returns the attempts of the run in the order of time.
func (r *reader) index(ctx context.Context) ([]entry, error) {
	var all []entry
	for i, s := range r.sources {
		item := r.only.Item
		if item != nil && s.items == nil {
			continue
		}
		err := r.records(ctx, s, item, func(found []resultstore.Record) error {
			all = append(all, r.entries(i, found)...)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(all, func(a, b entry) int { return cmp.Compare(a.at, b.at) })
	return all, nil
}

// entries returns those of the records that are selected.
func (r *reader) entries(of int, records []resultstore.Record) []entry {
	var all []entry
	var before *resultstore.Record
	for i := range records {
		record := &records[i]
		at := record.Began(before)
		before = record
		if at.IsZero() {
			at = record.FinishedAt
		}
		if at.IsZero() { // Of a task that was skipped.
			at = r.run.StartedAt
			if r.run.FinishedAt != nil {
				at = *r.run.FinishedAt
			}
		}
		if r.wanted(of, record) {
			all = append(all, entry{at.UnixNano(), int32(record.Item), int32(record.Attempt), int32(of)})
		}
	}
	return all
}

// wanted reports whether the record is one of those that are shown. An item that has ended with a step has the record of that step, too.
func (r *reader) wanted(of int, record *resultstore.Record) bool {
	if r.only.Attempt > 0 && record.Attempts != r.only.Attempt {
		return false
	}
	if record.Kind == resultstore.Task && record.Item != protocol.NoItem && r.hasSteps(of) && record.Status != protocol.Skipped {
		return false
	}
	return record.Status.Ended() || record.Approval != nil || record.Items != nil
}

func (r *reader) taskOf(source int) string { return r.sources[source].task }

func (r *reader) hasSteps(of int) bool {
	return of+2 < len(r.sources) && r.sources[of+2].kind == resultstore.Step
}

// each passes the events of entries in the order of time. Those of a few attempts are in memory at once: of those that overlap.
func (r *reader) each(ctx context.Context, entries []entry, pass func(*Event) error) error {
	var waiting events
	for len(entries) > 0 {
		part := entries[:min(window, len(entries))]
		entries = entries[len(part):]
		records, err := r.load(ctx, part)
		if err != nil {
			return err
		}
		for _, at := range part {
			record := records[at.place()]
			if record == nil {
				continue // It was removed meanwhile.
			}
			if err := waiting.until(at.time(), pass); err != nil {
				return err
			}
			name, err := r.name(ctx, at)
			if err != nil {
				return err
			}
			found, err := r.eventsOf(ctx, record, at, name)
			if err != nil {
				return err
			}
			for i := range found {
				waiting.add(found[i])
			}
		}
	}
	return waiting.until(time.Time{}, pass)
}

// place is what distinguishes a record from others of the sources.
type place struct{ source, item, attempt int32 }

func (e entry) place() place { return place{e.source, e.item, e.attempt} }

// load reads the records of entries, of which those of one task are often next to each other.
func (r *reader) load(ctx context.Context, entries []entry) (map[place]*resultstore.Record, error) {
	sorted := slices.SortedFunc(slices.Values(entries), func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.source, b.source), cmp.Compare(a.item, b.item))
	})
	found := map[place]*resultstore.Record{}
	for from := 0; from < len(sorted); {
		to := from + 1
		for to < len(sorted) && sorted[to].source == sorted[from].source && sorted[to].item-sorted[to-1].item <= gap {
			to++
		}
		s, first, last := r.sources[sorted[from].source], int(sorted[from].item), int(sorted[to-1].item)
		records, err := r.store.Records(ctx, resultstore.Query{Run: r.run.Run, Kind: s.kind, Task: s.key, Item: &first, Last: &last})
		if err != nil {
			return nil, err
		}
		for i := range records {
			found[place{sorted[from].source, int32(records[i].Item), int32(records[i].Attempt)}] = &records[i]
		}
		from = to
	}
	return found, nil
}

// name returns the name of an item; empty for a task.
func (r *reader) name(ctx context.Context, of entry) (string, error) {
	s := r.sources[of.source]
	if s.items == nil || of.item == int32(protocol.NoItem) {
		return "", nil
	}
	item, err := s.items.At(ctx, int(of.item))
	if err != nil || item.IsNull() {
		return "", err
	}
	if s.items.Values {
		return value.Visible(protocol.NameOf(item)), nil
	}
	return value.Visible(baseName(item.Text())), nil
}

// events are those of attempts that overlap, the earliest first.
type events struct {
	all  []queued
	next int
}

type queued struct {
	Event
	number int // Of two at the same time, the one that was added first comes first.
}

func (e *events) add(event Event) {
	e.next++
	heap.Push((*eventHeap)(e), queued{event, e.next})
}

// until passes the events before a time; the zero one: all.
func (e *events) until(end time.Time, pass func(*Event) error) error {
	for len(e.all) > 0 && (end.IsZero() || e.all[0].At.Before(end)) {
		first := heap.Pop((*eventHeap)(e)).(queued)
		if err := pass(&first.Event); err != nil {
			return err
		}
	}
	return nil
}

type eventHeap events

func (h *eventHeap) Len() int { return len(h.all) }

func (h *eventHeap) Less(i, j int) bool {
	a, b := &h.all[i], &h.all[j]
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.number, b.number)) < 0
}

func (h *eventHeap) Swap(i, j int) { h.all[i], h.all[j] = h.all[j], h.all[i] }

func (h *eventHeap) Push(x any) { h.all = append(h.all, x.(queued)) }

func (h *eventHeap) Pop() any {
	last := h.all[len(h.all)-1]
	h.all = h.all[:len(h.all)-1]
	return last
}
