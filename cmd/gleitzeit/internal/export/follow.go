package export

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// maxLast is how many items that have ended before are shown.
const maxLast = 3

// follower shows the items of a task of a run as they end.
type follower struct {
	Program
	session Session
	run     *view.Run
	task    string
	failed  bool // Only those that failed.
	records *Records
	shown   indexes
}

// follow shows the last items that have ended, and then each that ends, until the run has.
func (f *follower) follow(ctx context.Context) error {
	last, err := f.last(ctx)
	if err != nil {
		return err
	}
	for _, index := range last {
		if err := f.show(ctx, index); err != nil {
			return err
		}
	}
	if f.run.Status.Ended() {
		return nil
	}
	return f.Follow(ctx, f.session, f.run.Run, f.task, f.ended)
}

// last returns the items that have ended last, and notes all that have ended.
func (f *follower) last(ctx context.Context) ([]int, error) {
	type end struct {
		index int
		at    time.Time
	}
	var ends []end
	err := f.records.walk(ctx, func(int) bool { return true }, func(_ value.Value, attempts []resultstore.Record) error {
		last := attempts[len(attempts)-1]
		f.shown.add(last.Item)
		if f.failed && last.Status.OfItem() != protocol.Failed {
			return nil
		}
		at, _ := slices.BinarySearchFunc(ends, last.FinishedAt, func(e end, at time.Time) int { return e.at.Compare(at) })
		if ends = slices.Insert(ends, at, end{last.Item, last.FinishedAt}); len(ends) > maxLast {
			ends = ends[1:]
		}
		return nil
	})
	found := make([]int, len(ends))
	for i := range ends {
		found[i] = ends[i].index
	}
	return found, err
}

// ended shows an item that has ended, once.
func (f *follower) ended(ctx context.Context, index int) (err error) {
	if f.shown.has(index) {
		return nil
	}
	f.shown.add(index)
	if f.records.Count() == 0 { // Its items were not listed yet.
		if f.records, err = OpenRecords(ctx, f.session.Store(), f.run.Run, f.task, false); err != nil {
			return err
		}
	}
	return f.show(ctx, index)
}

func (f *follower) show(ctx context.Context, index int) error {
	item, has, err := f.records.At(ctx, index)
	if err != nil || !has || f.failed && item.Status != protocol.Failed || f.Print(item.Entry) {
		return err
	}
	_, err = io.WriteString(f.Out, view.ItemText(item.Entry, f.Width()))
	return err
}
