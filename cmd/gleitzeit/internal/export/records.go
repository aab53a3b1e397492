package export

import (
	"context"
	"errors"
	"fmt"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Records are the items of a task in a result store, in their order. It is for one goroutine.
type Records struct {
	store     resultstore.Store
	run       string
	execution string
	task      string
	retry     *protocol.Retry // The policy of the task.
	models    []string        // Of the task, where several are asked about each file.
	rows      bool            // The items are the rows of a table, not requests.
	requests  bool            // They are those of a request file.
	open      bool            // A failed attempt may be followed by another one.
	only      protocol.Status // Of the items that Each passes; empty is all.
	pages     []protocol.Page
	table     *protocol.Table // Whose rows the items are.
	read      protocol.Page   // The page whose items are in memory,
	items     []value.Value
}

// window is how many items are read from the store at once, without their results.
const window = 200

// OpenRecords returns the items of a task of a run. While the run is open, these are the items that have ended so far.
func OpenRecords(ctx context.Context, store resultstore.Store, run, task string, open bool) (*Records, error) {
	r := &Records{store: store, run: run, task: task, open: open}
	whole := protocol.NoItem
	records, err := store.Records(ctx, resultstore.Query{Run: run, Kind: resultstore.Task, Task: task, Item: &whole})
	if err != nil {
		return nil, err
	}
	for _, record := range records {
		r.execution = record.Execution
		if record.Items == nil {
			continue
		}
		manifest, err := resultstore.LoadManifest(ctx, store, *record.Items)
		if err != nil {
			return nil, fmt.Errorf("the items of task %q: %w", task, err)
		}
		r.pages, r.table = manifest.Pages, manifest.Table
		break
	}
	planned, err := view.ReadPlan(ctx, store, run)
	if err != nil || planned == nil {
		return r, err
	}
	for _, listed := range planned.All() {
		if listed.ID == task {
			r.retry = listed.Retry
			if each := listed.FanOut; each != nil {
				r.models, r.requests = each.Models, each.HasRequests()
				r.rows = each.Rows != nil && !r.requests
			}
		}
	}
	return r, nil
}

// model returns the model of an item; empty if all have the same.
func (r *Records) model(item int) string { return protocol.ModelOf(r.models, item, r.Count()) }

// Count returns how many items the task has, ended or not.
func (r *Records) Count() int {
	if len(r.pages) == 0 {
		return 0
	}
	last := r.pages[len(r.pages)-1]
	return last.First + last.Count
}

// Table implements Items.
func (r *Records) Table() *protocol.Table { return r.table }

// Each implements Items.
func (r *Records) Each(ctx context.Context, pass func(Item) error) error {
	return r.eachBut(ctx, nil, pass)
}

// eachBut passes every item that is not in the set.
func (r *Records) eachBut(ctx context.Context, but indexes, pass func(Item) error) error {
	return r.walk(ctx, func(index int) bool { return !but.has(index) }, func(item value.Value, attempts []resultstore.Record) error {
		if status := attempts[len(attempts)-1].Status.OfItem(); r.only != "" && status != r.only {
			return nil // Its result is not read.
		}
		found, err := r.Item(ctx, item, attempts)
		if err != nil {
			return err
		}
		return pass(found)
	})
}

// Item reads an item that EachAttempts has passed, with its result.
func (r *Records) Item(ctx context.Context, item value.Value, attempts []resultstore.Record) (Item, error) {
	entry, err := view.ReadEntry(ctx, r.store, item, r.model(attempts[0].Item), attempts)
	found, _ := itemOf(entry)
	return found, err
}

// EachAttempts passes every item that has ended with the records of its attempts, until the function returns an error. Results are not
// read.
func (r *Records) EachAttempts(ctx context.Context, pass func(item value.Value, attempts []resultstore.Record) error) error {
	return r.walk(ctx, func(int) bool { return true }, pass)
}

// walk passes the attempts of every wanted item that has ended, page by page.
func (r *Records) walk(ctx context.Context, wanted func(int) bool, pass func(item value.Value, attempts []resultstore.Record) error) error {
	for _, p := range r.pages {
		end := p.First + p.Count
		for first := p.First; first < end; {
			if !wanted(first) {
				first++
				continue
			}
			last := min(first+window, end) - 1
			if err := r.walkWindow(ctx, p, first, last, wanted, pass); err != nil {
				return err
			}
			first = last + 1
		}
	}
	return nil
}

func (r *Records) walkWindow(ctx context.Context, p protocol.Page, first, last int, wanted func(int) bool, pass func(value.Value, []resultstore.Record) error) error {
	records, err := r.store.Records(ctx, r.query(first, last))
	if err != nil {
		return err
	}
	for from := 0; from < len(records); {
		to := from + 1
		for to < len(records) && records[to].Item == records[from].Item {
			to++
		}
		attempts := records[from:to]
		from = to
		if index := attempts[0].Item; !wanted(index) || r.retried(attempts[len(attempts)-1]) {
			continue
		}
		items, err := r.itemsOf(ctx, p)
		if err != nil {
			return err
		}
		if err := pass(items[attempts[0].Item-p.First], attempts); err != nil {
			return err
		}
	}
	return nil
}

func (r *Records) query(first, last int) resultstore.Query {
	return resultstore.Query{Run: r.run, Execution: r.execution, Kind: resultstore.Task, Task: r.task, Item: &first, Last: &last}
}

// retried reports whether another attempt follows the one of the record.
func (r *Records) retried(last resultstore.Record) bool {
	return r.open && last.Status == protocol.Failed && last.Error != nil && r.retry.Follows(last.Error, last.Attempts, last.FinishedAt.Sub(last.StartedAt))
}

// At returns the item with an index, whose last attempt has ended; false if it has no record.
func (r *Records) At(ctx context.Context, index int) (found Item, has bool, err error) {
	for _, p := range r.pages {
		if index < p.First || index >= p.First+p.Count {
			continue
		}
		records, err := r.store.Records(ctx, r.query(index, index))
		if err != nil || len(records) == 0 {
			return found, false, err
		}
		items, err := r.itemsOf(ctx, p)
		if err != nil {
			return found, false, err
		}
		entry, err := view.ReadEntry(ctx, r.store, items[index-p.First], r.model(index), records)
		if err != nil {
			return found, false, err
		}
		found, has = itemOf(entry)
		return found, has, nil
	}
	return found, false, nil
}

// itemsOf returns the items of a page.
func (r *Records) itemsOf(ctx context.Context, p protocol.Page) ([]value.Value, error) {
	if r.read == p {
		return r.items, nil
	}
	items, err := resultstore.LoadPage(ctx, r.store, p)
	if err != nil {
		return nil, fmt.Errorf("the items of task %q: %w", r.task, err)
	}
	r.read, r.items = p, items
	return r.items, nil
}

// maxEndedBytes limits the results that AddEnded reads for a task, as the whole result of a task is limited.
const maxEndedBytes = 4 << 20

// errLarge ends the reading of results that are too large to show.
var errLarge = errors.New("too large")

// AddEnded adds the results of the items that have ended to tasks which have no result, because they have not ended or the end of their
// run is not recorded. Where they are too many to show, the command that exports them takes their place.
func AddEnded(ctx context.Context, store resultstore.Store, run *view.Run) error {
	for i := range run.Tasks {
		task := &run.Tasks[i]
		if task.Result != nil || task.Items == nil {
			continue
		}
		counts := protocol.PagedResult{Total: task.Items.Total, Succeeded: task.Items.Succeeded, Failed: task.Items.Failed, Skipped: task.Items.Skipped}
		var entries []value.Value
		size, err := 0, error(nil)
		if ended := counts.Succeeded + counts.Failed + counts.Skipped; ended > protocol.MaxPageItems {
			err = errLarge
		} else if ended > 0 {
			var records *Records
			if records, err = OpenRecords(ctx, store, run.Run, task.ID, !run.Status.Ended()); err != nil {
				return err
			}
			err = records.Each(ctx, func(item Item) error {
				entries = append(entries, item.Entry)
				if size += len(item.Entry.JSON()); size > maxEndedBytes {
					return errLarge
				}
				return nil
			})
		}
		result := counts.Value(value.List(entries...))
		if errors.Is(err, errLarge) {
			fields := result.Fields()
			result = value.Object(append(fields[:len(fields)-1:len(fields)-1], value.Field{Name: "export", Value: value.String(view.ExportCommand(run.Run, task.ID))})...)
		} else if err != nil {
			return err
		} else if len(entries) == 0 {
			continue
		}
		task.Result = &result
	}
	return nil
}

// indexes is a set of indexes.
type indexes []uint64

func (s indexes) has(index int) bool {
	return index/64 < len(s) && s[index/64]&(1<<(index%64)) != 0
}

func (s *indexes) add(index int) {
	for index/64 >= len(*s) {
		*s = append(*s, 0)
	}
	(*s)[index/64] |= 1 << (index % 64)
}
