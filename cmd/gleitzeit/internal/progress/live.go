package progress

import (
	"cmp"
	"context"
	"strings"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs/history"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// maxLiveRows is how many rows of a terminal show the answer that a task writes.
const maxLiveRows = 6

// gutter indents these rows, to set them apart from others; within the tree it is wider, so that they do not look like tasks.
const (
	gutter     = "  "
	treeGutter = "    "
)

// LiveTask returns the task whose answer is shown while it is written: the only running task; empty if there is none.
func (p *Printer) LiveTask() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.liveTask()
}

func (p *Printer) liveTask() string {
	if p.o.Quiet || len(p.running) != 1 || p.fans[p.running[0]] != nil || !p.o.Screen.Terminal() && !p.o.Stream {
		return ""
	}
	return p.running[0]
}

// Live shows the text that a task has written so far; nil if it is not known.
func (p *Printer) Live(live *history.Live) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if live != nil && live.Task != p.liveTask() {
		live = nil // It has ended in the meantime.
	}
	p.live = live
	if p.o.Screen.Terminal() {
		p.draw()
		return
	}
	if live == nil {
		return
	}
	if p.streamed.Task != live.Task || p.streamed.Attempt != live.Attempt {
		p.o.Screen.Clear()
		p.streamed = history.Live{Task: live.Task, Attempt: live.Attempt}
	}
	before := p.streamed
	p.streamed = *live
	p.more(live.Tail, live.Written-before.Written)
	for _, stream := range []struct{ now, before *protocol.PrintedTail }{{live.Stdout, before.Stdout}, {live.Stderr, before.Stderr}} {
		if stream.now != nil {
			p.more(stream.now.Tail, stream.now.Written-written(stream.before))
		}
	}
}

// more writes the last bytes of a text as running text, as far as its tail has them.
func (p *Printer) more(tail string, bytes int) {
	switch {
	case bytes <= 0:
	case bytes <= len(tail):
		p.stream(tail[len(tail)-bytes:])
	default:
		p.stream("…" + tail)
	}
}

func written(stream *protocol.PrintedTail) int {
	if stream == nil {
		return 0
	}
	return stream.Written
}

// streamRest writes the part of a finished answer, or of what a script has printed, that was not yet written as running text,
// if its task still runs alone: all of it, if nothing was written and no other task ran at the same time.
func (p *Printer) streamRest(ctx context.Context, event history.Event) error {
	if p.o.Screen.Terminal() || p.liveTask() != event.Task || event.Outcome.Status != protocol.Completed || event.At.Before(p.o.Began) {
		return nil
	}
	if p.streamed.Task != event.Task && p.concurrent[event.Task] {
		return nil
	}
	result, err := p.result(ctx, event)
	if err != nil || result == nil {
		return err
	}
	known := history.Live{}
	if p.streamed.Task == event.Task {
		known = p.streamed
	}
	if strings.HasPrefix(event.Method, "llm/") {
		p.rest(result, "response", known.Tail, known.Written)
	}
	if strings.HasPrefix(event.Method, "python/") {
		for _, stream := range []struct {
			field string
			of    *protocol.PrintedTail
		}{{"output", known.Stdout}, {"stderr", known.Stderr}} {
			if stream.of == nil {
				stream.of = &protocol.PrintedTail{}
			}
			p.rest(result, stream.field, stream.of.Tail, stream.of.Written)
		}
	}
	return nil
}

// returns replaces the carriage returns of progress bars, as it was done while the text was written.
var returns = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// rest writes the part of a text in a result that follows the text already written.
func (p *Printer) rest(result *value.Value, field, tail string, written int) {
	if text, _ := result.Get(field); text.Kind() == value.KindString {
		p.stream(remainder(returns.Replace(text.Text()), tail, written))
	}
}

func (p *Printer) stream(text string) { p.o.Screen.run(value.VisibleLines(text)) }

// remainder returns the part of an answer that follows the text already written. written is the length of that text in
// bytes, and tail its end. A model that was called several times has written more than its last answer.
func remainder(answer, tail string, written int) string {
	if tail == "" {
		return answer
	}
	if written <= len(answer) && strings.HasSuffix(answer[:written], tail) {
		return answer[written:]
	}
	for known := min(len(answer), len(tail)); known > 0; known-- {
		if strings.HasSuffix(tail, answer[:known]) {
			return answer[known:]
		}
	}
	return "\n" + answer
}

// tails returns the ends of the texts that a task writes, if these are shown.
func (p *Printer) tails(task string) (tails []string) {
	if p.live == nil || p.live.Task != task || p.liveTask() != task {
		return nil
	}
	for _, stream := range []*protocol.PrintedTail{{Tail: p.live.Tail}, p.live.Stdout, p.live.Stderr} {
		if stream != nil && stream.Tail != "" {
			tails = append(tails, stream.Tail)
		}
	}
	return tails
}

// liveRows returns the rows of a terminal that show the end of the text that the only running task writes.
func (p *Printer) liveRows(width, height int) []string {
	most := min(maxLiveRows, height-2)
	if p.live == nil || most <= 0 {
		return nil
	}
	tails, indent := p.tails(p.live.Task), gutter
	if hasTree(p) {
		indent = treeGutter
	}
	var rows []string
	for i, tail := range tails {
		for _, row := range wrapped(tail, width-1-len(indent), (most-len(rows))/(len(tails)-i)) {
			rows = append(rows, indent+row)
		}
	}
	return rows
}

// message returns the progress message of a task's handler, or the newest line of its script where its text is not shown; empty if there
// is none.
func (p *Printer) message(task string) string {
	if len(p.tails(task)) > 0 && p.o.Screen.Terminal() {
		return p.live.Message
	}
	if p.live != nil && p.live.Task == task && cmp.Or(p.live.Message, p.live.Line) != "" {
		return cmp.Or(p.live.Message, p.live.Line)
	}
	if p.waiting[task] {
		return "waiting for an approval"
	}
	return p.messages[task]
}
