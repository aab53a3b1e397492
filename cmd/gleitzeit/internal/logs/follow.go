package logs

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs/history"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// follower shows the attempts of a run that end, each once, and what scripts of tasks print meanwhile. It is a runs.Watcher.
type follower struct {
	reader  *reader
	printer *printer
	read    func(ctx context.Context) (*view.Run, error) // The run as it is now.

	seen  map[place]bool
	ended map[task]bool // Those whose attempts are all shown.
	shown map[task]int  // The number of the last attempt whose end was shown.
	tries map[string]int32
	live  map[string]*written // By activity: of the attempts in flight.
}

// task is a task, or an item of one.
type task struct {
	id   string
	item int
}

// written is what was shown of an attempt in flight.
type written struct {
	number int32
	shown  protocol.Unprinted // Bytes of each stream.
}

func newFollower(r *reader, p *printer, read func(context.Context) (*view.Run, error)) *follower {
	return &follower{reader: r, printer: p, read: read, seen: map[place]bool{}, ended: map[task]bool{}, shown: map[task]int{}, tries: map[string]int32{}, live: map[string]*written{}}
}

// show shows the attempts of entries that were not shown.
func (f *follower) show(ctx context.Context, entries []entry) error {
	var left []entry
	for _, e := range entries {
		if p := e.place(); !f.seen[p] {
			f.seen[p] = true
			left = append(left, e)
		}
	}
	return f.reader.each(ctx, left, f.print)
}

// all shows all attempts that are recorded.
func (f *follower) all(ctx context.Context) error {
	entries, err := f.reader.index(ctx)
	if err != nil {
		return err
	}
	return f.show(ctx, entries)
}

// print shows an event, without what was shown while it was in flight.
func (f *follower) print(event *Event) error {
	item := protocol.NoItem
	if event.Item != nil {
		item = *event.Item
	}
	switch event.Kind {
	case started, sent, output, asked:
	default:
		f.shown[task{event.Task, item}] = max(f.shown[task{event.Task, item}], event.Attempt)
	}
	live := f.live[protocol.FormatActivityID(event.Task, item)]
	if live != nil && event.Kind == started {
		return nil
	}
	if live != nil && event.Kind == output {
		shown := live.shown.Of(event.Stream == stderr)
		skipped := min(*shown, len(event.Text))
		*shown -= skipped
		if event.Text = event.Text[skipped:]; event.Text == "" {
			return nil
		}
	}
	return f.printer.print(event)
}

// Event implements runs.Observer.
func (f *follower) Event(ctx context.Context, event history.Event) error {
	of := task{event.Task, event.Item}
	if event.Outcome == nil && event.Asked == nil || f.ended[of] || !f.selected(of) {
		return nil
	}
	f.ended[of] = event.Outcome != nil
	if event.Outcome != nil && event.Outcome.Attempts > 0 && event.Outcome.Attempts <= f.shown[of] {
		return nil // It had ended before this process looked.
	}
	err := f.attempts(ctx, of)
	delete(f.live, protocol.FormatActivityID(of.id, of.item))
	return err
}

func (f *follower) selected(of task) bool {
	only := f.reader.only
	return (only.Task == "" || only.Task == of.id || f.reader.run.Task(only.Task) != nil && f.reader.run.Task(only.Task).ID == of.id) && (only.Item == nil || *only.Item == of.item)
}

// attempts shows the attempts of a task, or of an item, that are recorded.
func (f *follower) attempts(ctx context.Context, of task) error {
	found, err := f.entriesOf(ctx, of)
	if err == nil && found == nil { // A task that has just begun, or one of a workflow within.
		if f.reader.run, err = f.read(ctx); err != nil {
			return err
		}
		if err = f.reader.open(ctx); err == nil {
			found, err = f.entriesOf(ctx, of)
		}
	}
	if err != nil {
		return err
	}
	return f.show(ctx, found)
}

// entriesOf returns the attempts of a task or an item; nil if the reader does not know where they are.
func (f *follower) entriesOf(ctx context.Context, of task) (found []entry, err error) {
	r := f.reader
	known := false
	for i, s := range r.sources {
		if r.taskOf(i) != of.id || of.item != protocol.NoItem && (s.items == nil || of.item >= s.items.Total) {
			continue
		}
		known = true
		records, err := r.recordsOf(ctx, s, of.item)
		if err != nil {
			return nil, err
		}
		found = append(found, r.entries(i, records)...)
	}
	if known && found == nil {
		found = []entry{}
	}
	return found, err
}

// Attempts implements runs.Watcher: it shows failed attempts that others follow, and what scripts print.
func (f *follower) Attempts(ctx context.Context, pending []history.Attempt) {
	for i := range pending {
		a := &pending[i]
		id, item := protocol.ParseActivityID(a.Activity)
		of := task{id, item}
		if !f.selected(of) || !a.Started {
			continue
		}
		if a.Number > 1 && f.tries[a.Activity] < a.Number {
			f.tries[a.Activity] = a.Number
			if f.attempts(ctx, of) != nil {
				return // The store is unavailable: the next look reads it.
			}
			delete(f.live, a.Activity)
		}
		if a.Stdout == nil && a.Stderr == nil {
			continue
		}
		live := f.live[a.Activity]
		if live == nil || live.number != a.Number {
			live = &written{number: a.Number}
			f.live[a.Activity] = live
			if f.printer.print(&Event{At: cmp.Or(a.Began, time.Now().UTC()), Task: id, Attempt: int(a.Number), Kind: started, Method: a.Method}) != nil {
				return
			}
		}
		for _, isStderr := range []bool{false, true} {
			f.more(id, live, a, isStderr)
		}
	}
}

// more shows the lines that a stream has got since the last look.
func (f *follower) more(id string, live *written, a *history.Attempt, isStderr bool) {
	stream, shown := a.Stdout, live.shown.Of(isStderr)
	if isStderr {
		stream = a.Stderr
	}
	if stream == nil || stream.Written <= *shown {
		return
	}
	text := stream.Tail[max(0, len(stream.Tail)-(stream.Written-*shown)):]
	end := strings.LastIndexByte(text, '\n') + 1
	if end == 0 {
		return
	}
	*shown = stream.Written - (len(text) - end)
	// A terminal that is gone ends the command elsewhere.
	_ = f.printer.print(&Event{At: cmp.Or(stream.At.UTC(), time.Now().UTC()), Task: id, Attempt: int(a.Number), Method: a.Method, Kind: output, Stream: streamName(isStderr), Text: text[:end]})
}

// Waiting implements runs.Watcher.
func (f *follower) Waiting([]history.Waiting) {}

// LiveTask implements runs.Watcher.
func (f *follower) LiveTask() string { return "" }

// Live implements runs.Watcher.
func (f *follower) Live(*history.Live) {}
