package view

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// FailedAttempt is an attempt of a task or an item that another one followed.
type FailedAttempt struct {
	Attempt    int        `json:"attempt"` // Without those of lost workers.
	FinishedAt *time.Time `json:"finished_at"`
	Error      *Error     `json:"error"`

	printed *protocol.Ref
}

// Line returns a line about the attempt.
func (a *FailedAttempt) Line() string {
	return fmt.Sprintf("↻ attempt %d failed  %s", a.Attempt, value.VisibleLines(Brief(a.Error.Message)))
}

// attempts are those of a task or an item, of which the last one is shown otherwise.
type attempts []resultstore.Record

// failed returns the attempts that another one followed.
func (a attempts) failed() []FailedAttempt {
	var all []FailedAttempt
	for i, record := range a {
		if i == len(a)-1 || record.Status != protocol.Failed || record.Error == nil {
			continue
		}
		finished := record.FinishedAt.UTC()
		all = append(all, FailedAttempt{record.Attempts, &finished, NewError(record.Error), record.Printed})
	}
	return all
}

// unfinishedIn returns the attempts of items that have printed something without a result, or that another one followed, by item.
// Those of items that simply completed are left out.
func unfinishedIn(records []resultstore.Record) map[int]attempts {
	found := map[int]attempts{}
	for _, record := range records {
		if record.Printed != nil || record.Status == protocol.Failed || found[record.Item] != nil {
			found[record.Item] = append(found[record.Item], record)
		}
	}
	return found
}

// load adds what was printed. A value that the store no longer has is not missed: it is there to explain the error only.
func (e *Error) load(ctx context.Context, store resultstore.Store, ref *protocol.Ref) error {
	if ref == nil {
		return nil
	}
	printed, err := resultstore.Load(ctx, store, protocol.Payload{Ref: ref})
	switch {
	case errors.Is(err, resultstore.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	e.Printed = protocol.ParsePrinted(printed)
	return nil
}

// ReadFailedAttempts returns the attempts of a task, or of one of its items, that another one followed.
func ReadFailedAttempts(ctx context.Context, store resultstore.Store, run, task string, item int) ([]FailedAttempt, error) {
	records, err := store.Records(ctx, resultstore.Query{Run: run, Kind: resultstore.Task, Task: task, Item: &item})
	if err != nil {
		return nil, err
	}
	failed := attempts(records).failed()
	for _, attempt := range failed {
		if err := attempt.Error.load(ctx, store, attempt.printed); err != nil {
			return nil, err
		}
	}
	return failed, nil
}

// LoadPrinted adds to an error what its attempt has printed, by its reference in an outcome.
func LoadPrinted(ctx context.Context, store resultstore.Store, e *Error, printed *protocol.Ref) error {
	if e == nil {
		return nil
	}
	return e.load(ctx, store, printed)
}

// withPrinted adds to the entries of the result of a fanned-out task what the attempts of its items have printed, and their
// errors.
func (t *Task) withPrinted(ctx context.Context, store resultstore.Store, result value.Value) (value.Value, error) {
	list, has := result.Get("results")
	if !has || len(t.items) == 0 {
		return result, nil
	}
	entries := append([]value.Value{}, list.Elements()...)
	for i, entry := range entries {
		var err error
		if entries[i], err = entryWithPrinted(ctx, store, entry, t.items[i]); err != nil {
			return result, err
		}
	}
	return result.With("results", value.List(entries...)), nil
}

// entryWithPrinted adds to the entry of an item what its attempts have printed, and their errors.
func entryWithPrinted(ctx context.Context, store resultstore.Store, entry value.Value, of attempts) (value.Value, error) {
	if len(of) == 0 {
		return entry, nil
	}
	if failure, _ := entry.Get("error"); !failure.IsNull() {
		last := &Error{}
		if err := last.load(ctx, store, of[len(of)-1].Printed); err != nil {
			return entry, err
		}
		for _, stream := range last.streams() {
			failure = failure.With(stream.field, value.String(stream.text))
		}
		entry = entry.With("error", failure)
	}
	earlier := of.failed()
	for _, attempt := range earlier {
		if err := attempt.Error.load(ctx, store, attempt.printed); err != nil {
			return entry, err
		}
	}
	if len(earlier) == 0 {
		return entry, nil
	}
	encoded, err := value.Encode(earlier)
	if err != nil {
		return entry, err
	}
	return entry.With("failed_attempts", encoded), nil
}

// stream is what was printed to one of the streams.
type stream struct{ field, text string }

// streams returns the streams to which something was printed. Of standard error, the message of the error may have all.
func (e *Error) streams() []stream {
	var all []stream
	for _, s := range []stream{{"output", e.Output}, {"stderr", e.Stderr}} {
		if s.text != "" {
			all = append(all, s)
		}
	}
	return all
}

// PrintedText returns the last lines of what was printed, below a heading for each stream; empty if nothing was. It leaves out
// what the message of the error ends with.
func (e *Error) PrintedText(indent string, lines int) string {
	if e == nil {
		return ""
	}
	var text strings.Builder
	for _, s := range e.streams() {
		if strings.HasSuffix(e.Message, s.text) {
			continue
		}
		all := strings.Split(s.text, "\n")
		if len(all) > lines {
			all = append([]string{"…"}, all[len(all)-lines:]...)
		}
		fmt.Fprintf(&text, "%s%s:\n", indent, s.field)
		for _, line := range all {
			fmt.Fprintf(&text, "%s  %s\n", indent, value.VisibleLines(overwritten(line)))
		}
	}
	return text.String()
}

// overwritten returns what a terminal shows of a line that was written several times, as progress bars do.
func overwritten(line string) string {
	line = strings.TrimRight(line, "\r")
	return line[strings.LastIndexByte(line, '\r')+1:]
}

// ItemLines is how many of the last lines of an item are shown where many items may be.
const ItemLines = 10

// SentText returns whose a message of a request is, and its text, as far as it is recorded.
func SentText(m *protocol.SentMessage) (title, text string) {
	title, text = m.Role, m.Text
	if m.Images > 0 {
		title += fmt.Sprintf(" (with images: %d)", m.Images)
	}
	if m.Bytes > 0 {
		left := m.Bytes - len(m.Text) - len(m.Tail)
		text = strings.TrimPrefix(fmt.Sprintf("%s\n[… %d bytes are not recorded …]\n%s", m.Text, left, m.Tail), "\n")
	}
	return title, text
}
