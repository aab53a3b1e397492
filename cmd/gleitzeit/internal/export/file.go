package export

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Partial is what the name of a file ends with whose run has not ended: next to the file for the results, it has the items so far.
const Partial = ".partial"

// File is a file with the items of one task of a run that goes on. FILE.partial has them as they end, each on a line of JSON below
// one that names the run, whatever the format: a process that resumes the run reads it and continues it. When the run has ended,
// the file is written from it and put into its place.
type File struct {
	path string // Of the file itself, where the name is that of a link.
	task string
	o    *Options

	ordered bool // The items are written in their order.
	lock    *flock.Flock
	journal *os.File // Nil before the first item, and where it cannot be written.
	failed  error    // Why it cannot.
	size    int64    // Of what is whole in it.
	written indexes  // Items in it,
	count   int      // and how many.
	ended   indexes  // Items that have ended.
	next    int      // With ordered: the first that is not in it.

	records *Records
}

// beginning is the first line of FILE.partial.
type beginning struct {
	Run     string `json:"run"`
	Task    string `json:"task"`
	Ordered bool   `json:"ordered"`
}

// beginningStart is what that line begins with. A file that begins otherwise is somebody else's, and stays.
const beginningStart = `{"run":"`

// NewFile returns the file at a path. Nothing is written yet.
func NewFile(path, task string, o *Options) *File {
	return &File{path: resolved(path), task: task, o: o}
}

// resolved is the path of the file itself: a link stays one.
func resolved(path string) string {
	if linked, err := filepath.EvalSymlinks(path); err == nil {
		return linked
	}
	return path
}

// Ended adds an item that has ended. What cannot be written now is written by Finish.
func (f *File) Ended(ctx context.Context, store resultstore.Store, run, task string, index int) {
	if task != f.task || index < 0 || f.failed != nil || f.written.has(index) {
		return
	}
	if f.failed = f.open(ctx, store, run); f.failed != nil || f.written.has(index) {
		return
	}
	if !f.ordered {
		f.add(ctx, index)
		return
	}
	for f.ended.add(index); f.failed == nil && f.ended.has(f.next) && f.add(ctx, f.next); f.next++ {
	}
}

// open opens the journal and continues that of the same run.
func (f *File) open(ctx context.Context, store resultstore.Store, run string) (err error) {
	if f.records == nil || f.records.Count() == 0 {
		if f.records, err = OpenRecords(ctx, store, run, f.task, false); err != nil {
			f.records = nil
			return err
		}
	}
	if f.journal != nil {
		return nil
	}
	f.ordered = f.o.Ordered || f.records.rows // Rows stay in the order of their table.
	f.lock = flock.New(f.path + Partial)
	locked, err := f.lock.TryLock()
	if err != nil {
		return err
	}
	if !locked {
		return errors.New("another process writes it")
	}
	if f.journal, err = os.OpenFile(f.path+Partial, os.O_RDWR, 0); err != nil {
		return err
	}
	begin, err := json.Marshal(beginning{run, f.task, f.ordered})
	if err == nil {
		err = f.resume(string(begin))
	}
	if err == nil && f.size == 0 {
		err = f.append(begin)
	}
	if err != nil {
		err = errors.Join(err, f.journal.Close())
		f.journal = nil
	}
	return err
}

// resume reads what the journal has, if it is that of the run, and cuts off a last line that is not whole.
func (f *File) resume(begin string) error {
	lines := bufio.NewReaderSize(f.journal, 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if f.size == 0 && !bytes.HasPrefix(line, []byte(begin)[:min(len(line), len(beginningStart))]) {
			return errors.New("it is not of a batch")
		}
		if err != nil || f.size == 0 && string(line) != begin+"\n" {
			break
		}
		if f.size > 0 {
			item, is := itemOfLine(line)
			if !is || f.written.has(item.Index) || f.ordered && item.Index != f.count {
				break
			}
			f.note(item.Index)
		}
		f.size += int64(len(line))
	}
	if f.ordered {
		f.next = f.count
	}
	if err := f.journal.Truncate(f.size); err != nil {
		return err
	}
	_, err := f.journal.Seek(f.size, io.SeekStart)
	return err
}

func itemOfLine(line []byte) (Item, bool) {
	entry, err := value.Parse(line)
	if err != nil {
		return Item{}, false
	}
	return itemOf(entry)
}

func (f *File) note(index int) {
	f.written.add(index)
	f.count++
}

// add appends the item with an index, and reports whether it is recorded.
func (f *File) add(ctx context.Context, index int) bool {
	item, has, err := f.records.At(ctx, index)
	if err == nil && has {
		err = f.appendItem(item)
	}
	if err != nil {
		f.failed = err
	}
	return err == nil && has
}

func (f *File) appendItem(item Item) error {
	if err := f.append(item.Entry.JSON()); err != nil {
		return err
	}
	f.note(item.Index)
	return nil
}

// append writes a line, all of it or nothing.
func (f *File) append(line []byte) error {
	if _, err := f.journal.Write(append(line, '\n')); err != nil {
		_, sought := f.journal.Seek(f.size, io.SeekStart)
		return errors.Join(err, f.journal.Truncate(f.size), sought)
	}
	f.size += int64(len(line)) + 1
	return nil
}

// Table implements Items.
func (f *File) Table() *protocol.Table { return f.records.table }

// Each implements Items: those in the journal.
func (f *File) Each(ctx context.Context, pass func(Item) error) error {
	if _, err := f.journal.Seek(0, io.SeekStart); err != nil {
		return err
	}
	lines := bufio.NewReaderSize(f.journal, 64<<10)
	for first := true; ; first = false {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if first {
			continue
		}
		item, is := itemOfLine(line)
		if !is {
			return protocol.Errorf(protocol.PersistenceFailed, "cannot read the items in %q: another program has changed it", f.path+Partial).
				WithHint("remove it; `gleitzeit batch export` reads them from the result store")
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := pass(item); err != nil {
			return err
		}
	}
}

// Finish writes the file, of a run that has ended: the items that FILE.partial has, and those that it does not have. Without
// FILE.partial, they are read from the store. It returns the names of fields that no item has.
func (f *File) Finish(ctx context.Context, store resultstore.Store, about *view.Batch) (unknown []string, err error) {
	if f.failed == nil {
		f.failed = f.open(ctx, store, about.Run)
	}
	if f.failed == nil {
		f.failed = f.complete(ctx)
	}
	var items Items = f
	if f.failed != nil {
		if items, err = OpenRecords(ctx, store, about.Run, f.task, false); err != nil {
			return nil, err
		}
	}
	if unknown, err = write(ctx, items, about, f.o, f.path); err != nil {
		return nil, err
	}
	return unknown, f.remove()
}

// KeepEarlier leaves the file to what an earlier run has written, of a run that was cancelled, that failed without a result, or that ended
// before it had an item, and completes FILE.partial. It returns the line that says so; empty if the file is to be written. Of no item there
// is nothing to write.
func (f *File) KeepEarlier(ctx context.Context, store resultstore.Store, about *view.Batch) string {
	none := about.Total == 0 && about.Status != protocol.Completed
	earlier := f.earlier()
	why := "the run was cancelled"
	switch {
	case earlier == "" && none:
		return fmt.Sprintf("the run ended without an item: %s is not written", f.path)
	case earlier == "":
		return ""
	case about.Status == protocol.Cancelled:
	case none:
		return fmt.Sprintf("the run ended without an item: %s is left as it was", earlier)
	case about.Status != protocol.Completed && about.Failed == about.Total && about.Total > 0:
		why = "no item has a result"
	default:
		return ""
	}
	if f.failed == nil {
		f.failed = f.open(ctx, store, about.Run)
	}
	if f.failed == nil {
		f.failed = f.complete(ctx)
	}
	kept := fmt.Sprintf("%s has the items of this run", f.path+Partial)
	if f.failed != nil {
		kept = fmt.Sprintf("`%s` writes the items of this run", view.ExportCommand(about.Run, f.task))
	}
	return fmt.Sprintf("%s: %s is left as it was; %s", why, earlier, kept)
}

// earlier returns the file if it has something, or else the error file; empty if neither has: of requests that all failed, only the error
// file has lines.
func (f *File) earlier() string {
	for _, path := range []string{f.path, f.o.ErrorFile(f.path)} {
		if hasContent(path) {
			return path
		}
	}
	return ""
}

// complete appends the items that are not in the journal: what ended while nobody followed the run, or without an event.
func (f *File) complete(ctx context.Context) error {
	if f.count == f.records.Count() {
		return nil
	}
	records, err := OpenRecords(ctx, f.records.store, f.records.run, f.task, false)
	if err != nil {
		return err
	}
	return records.eachBut(ctx, f.written, f.appendItem)
}

// remove removes the journal of this process.
func (f *File) remove() error {
	if f.journal == nil {
		return nil
	}
	err := os.Remove(f.path + Partial)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

// Close releases the file; FILE.partial stays, for the process that resumes the run.
func (f *File) Close() error {
	var err error
	if f.journal != nil {
		err = f.journal.Close()
		f.journal = nil
	}
	if f.lock != nil {
		err = errors.Join(err, f.lock.Unlock())
		f.lock = nil
	}
	return err
}
