package progress

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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
	if p.o.Screen.Terminal() {
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
