package progress

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs/history"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// wait is a line about what a task waits for.
type wait struct {
	text string
	at   time.Time
}

// waitEvery is how often a line says that a task waits for the same until another time, or once more.
const waitEvery = time.Minute

// noteWaits shows, where no row is updated, a line for each task that waits for a reason: when it begins to wait, and when
// what it waits for changes.
func (p *Printer) noteWaits(now time.Time) {
	if p.o.Screen.Terminal() || p.o.Quiet {
		return
	}
	for task, last := range p.noted {
		if p.waits[task] == "" && now.Sub(last.at) >= waitEvery {
			delete(p.noted, task)
		}
	}
	for _, task := range slices.Sorted(maps.Keys(p.waits)) {
		text, last := p.waits[task], p.noted[task]
		if !strings.Contains(text, ": ") || text == last.text || withoutDigits(text) == withoutDigits(last.text) && now.Sub(last.at) < waitEvery {
			continue
		}
		p.noted[task] = wait{text, now}
		p.sentence(fmt.Sprintf("· %s  %s", task, value.VisibleLines(text)))
	}
}

// withoutDigits returns a text without its digits, which are those of a time.
func withoutDigits(text string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return -1
		}
		return r
	}, text)
}

// ask shows what a task asks people, and how to answer. What an earlier process has shown is shown again if nobody has answered.
func (p *Printer) ask(ctx context.Context, event history.Event) error {
	p.waiting[event.Task] = true
	if event.At.Before(p.o.Began) {
		p.asked[event.Task] = event.Asked
		return nil
	}
	return p.showQuestion(ctx, event.Asked)
}

// showAsked shows what earlier processes have shown and nobody has answered.
func (p *Printer) showAsked(ctx context.Context) {
	for _, task := range slices.Sorted(maps.Keys(p.asked)) {
		if p.showQuestion(ctx, p.asked[task]) == nil {
			delete(p.asked, task)
		}
	}
}

func (p *Printer) showQuestion(ctx context.Context, asked *protocol.Asked) error {
	question, err := view.ReadApproval(ctx, p.o.Store, p.o.Run, asked.Task, *asked.Approval)
	if err != nil {
		return fmt.Errorf("cannot read what task %q asks: %w", asked.Task, err)
	}
	p.sentence("· " + value.Visible(asked.Task) + "  " + question.Line())
	p.sentence(strings.TrimSuffix(question.Text("  "), "\n"))
	return nil
}
