package progress

import (
	"context"
	"strings"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs/history"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// maxLiveRows is how many rows of a terminal show the answer that a task writes.
const maxLiveRows = 6

// gutter indents these rows, to set them apart from others.
const gutter = "  "

// LiveTask returns the task whose answer is shown while it is written: the only running task; empty if there is none.
func (p *Printer) LiveTask() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.liveTask()
}

func (p *Printer) liveTask() string {
	if len(p.running) != 1 || p.fans[p.running[0]] != nil || !p.o.Screen.Terminal() && !p.o.Stream {
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
	switch more := live.Written - p.streamed.Written; {
	case more <= 0:
		return
	case more <= len(live.Tail):
		p.stream(live.Tail[len(live.Tail)-more:])
	default:
		p.stream("…" + live.Tail)
	}
	p.streamed = *live
}

// streamRest writes the part of a finished answer that was not yet written as running text, if its task still runs alone:
// all of it, if nothing was written and no other task ran at the same time.
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
	if response, _ := result.Get("response"); response.Kind() == value.KindString && strings.HasPrefix(event.Method, "llm/") {
		tail := ""
		if p.streamed.Task == event.Task {
			tail = p.streamed.Tail
		}
		p.stream(remainder(response.Text(), tail, p.streamed.Written))
	}
	return nil
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

// liveRows returns the rows of a terminal that show the end of the text that the only running task writes.
func (p *Printer) liveRows(width, height int) []string {
	most := min(maxLiveRows, height-2)
	if p.live == nil || p.live.Task != p.liveTask() || p.live.Tail == "" || most <= 0 {
		return nil
	}
	var rows []string
	for _, row := range wrapped(p.live.Tail, width-1-len(gutter), most) {
		rows = append(rows, gutter+row)
	}
	return rows
}

// message returns the progress message of a task's handler; empty if there is none.
func (p *Printer) message(task string) string {
	if p.live != nil && p.live.Task == task && p.live.Message != "" {
		return p.live.Message
	}
	return p.messages[task]
}
