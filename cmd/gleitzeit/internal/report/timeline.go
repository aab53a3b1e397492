package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// Limits of the time line.
const (
	maxLanes = 200 // Tasks.
	maxBars  = 100 // Attempts of a task: the last ones.
	bins     = 160 // Columns of the items of a task.
	minWidth = 0.4 // Of a bar, in percent: a shorter one would not be seen.
)

// lane is a task in the time line: a bar for each attempt, or how many of its items were in progress.
type lane struct {
	task    *view.Task
	bars    []bar
	density *density
}

// bar is a part of the time line, in percent of its width and height.
type bar struct {
	X, Width, Y, Height string
	Class               string
	Title               string
}

// percent formats a part of the time line.
func percent(part float64) string { return fmt.Sprintf("%.2f%%", part*100) }

// place returns where a time is in the time line, from 0 to 1.
func place(begin, end, at time.Time) float64 {
	if !end.After(begin) {
		return 0
	}
	return min(max(float64(at.Sub(begin))/float64(end.Sub(begin)), 0), 1)
}

// The statuses of a bar beside those of items.
const (
	isRunning = "running"
	isWaiting = "waiting for an answer"
)

// add adds the bars of the attempts of a task, and of its rounds, in the order of time. What is between two of them is the pause before a
// retry.
func (l *lane) add(r *report, attempts []resultstore.Record) {
	for i := range attempts {
		var before *resultstore.Record
		if i > 0 {
			before = &attempts[i-1]
		}
		l.addAttempt(r, &attempts[i], before)
	}
}

// addAttempt adds the bar of an attempt.
func (l *lane) addAttempt(r *report, record, before *resultstore.Record) {
	if record.StartedAt.IsZero() || record.StartedAt.Before(r.begin) && record.FromCache {
		return // It has the times of the run from which it was taken over.
	}
	status, finished := string(record.Status), record.FinishedAt
	if finished.IsZero() {
		finished = r.end
		if record.Approval != nil && r.isOpen() {
			status = isWaiting
		}
	}
	l.addBar(r, record.Began(before), finished, status)
	last := &l.bars[len(l.bars)-1]
	if record.Rounds > 1 || record.Kind == resultstore.Round {
		last.Title += fmt.Sprintf(", round %d", record.Rounds)
	}
	if record.Attempts > 1 {
		last.Title += fmt.Sprintf(", attempt %d", record.Attempts)
	}
}

// addBar adds a bar from one time to another.
func (l *lane) addBar(r *report, began, finished time.Time, status string) {
	from, to := place(r.begin, r.end, began), place(r.begin, r.end, finished)
	width := max(to-from, minWidth/100)
	from = min(from, 1-width)
	class := string(protocol.Status(status).OfItem())
	if status == isWaiting || status == isRunning && r.isOpen() {
		class = isRunning
	}
	if len(l.bars) == maxBars {
		l.bars = l.bars[1:]
	}
	l.bars = append(l.bars, bar{
		X: percent(from), Width: percent(width), Y: "15%", Height: "70%", Class: class,
		Title: fmt.Sprintf("%s: %s after %s, for %s", l.task.ID, status, view.Duration(protocol.SecondsOf(began.Sub(r.begin))), view.Duration(protocol.SecondsOf(finished.Sub(began)))),
	})
}

// label returns what the lane shows, in words.
func (l *lane) label() string {
	text := l.task.ID + ": " + string(l.task.Status)
	if l.density != nil {
		return fmt.Sprintf("%s, about %.0f at once at most, %d attempts of items, %d of them failed", text, max(l.density.most(), 1), l.density.attempts, l.density.fails)
	}
	if l.task.StartedAt != nil && l.task.Status.Ended() {
		text += ", " + view.Duration(l.task.Duration)
	}
	switch {
	case l.task.Rounds > 1:
		text += fmt.Sprintf(", %d rounds", l.task.Rounds)
	case len(l.bars) > 1:
		text += fmt.Sprintf(", %d attempts", len(l.bars))
	}
	return text
}

// density is how many items of a task were in progress, on average, in each of the columns of the time line.
type density struct {
	begin, end time.Time
	whole      [bins + 1]int // How many more, or less, are in progress in all of a column than in all of the one before.
	part       [bins]float64 // In progress in a part of a column: how large that is.
	failed     [bins]int
	open       [bins]bool // Some of those are still in progress.
	attempts   int
	fails      int
}

func newDensity(begin, end time.Time) *density { return &density{begin: begin, end: end} }

// add adds an attempt of an item that followed another one; nil: it is the first.
func (d *density) add(record, before *resultstore.Record) {
	if record.StartedAt.IsZero() || record.StartedAt.Before(d.begin) && record.FromCache {
		return
	}
	from, to := place(d.begin, d.end, record.Began(before))*bins, place(d.begin, d.end, record.FinishedAt)*bins
	first, last := min(int(from), bins-1), min(int(to), bins-1)
	d.attempts++
	if first >= last {
		d.part[first] += max(to-from, 0)
	} else {
		d.part[first] += float64(first+1) - from
		d.part[last] += to - float64(last)
		d.whole[first+1]++
		d.whole[last]--
	}
	if record.Status.OfItem() == protocol.Failed {
		d.fails++
		d.failed[last]++
	}
}

// addOpen adds an attempt of an item that has not ended.
func (d *density) addOpen(began time.Time) {
	d.add(&resultstore.Record{StartedAt: began, FinishedAt: d.end}, nil)
	for i := min(int(place(d.begin, d.end, began)*bins), bins-1); i < bins; i++ {
		d.open[i] = true
	}
}

// counts returns how many were in progress in each column.
func (d *density) counts() (all [bins]float64) {
	now := 0
	for i := range all {
		now += d.whole[i]
		all[i] = float64(now) + d.part[i]
	}
	return all
}

// most returns the largest of the counts.
func (d *density) most() float64 {
	counts := d.counts()
	return slices.Max(counts[:])
}

// bars returns the columns, those beside each other that look alike as one.
func (d *density) bars() (bars []bar) {
	counts, most := d.counts(), d.most()
	height := func(column int) int { // In percent.
		if counts[column] == 0 {
			return 0
		}
		return 12 + int(88*counts[column]/most)
	}
	for from := 0; from < bins; {
		to := from + 1
		for to < bins && height(to) == height(from) && (d.failed[to] > 0) == (d.failed[from] > 0) && d.open[to] == d.open[from] {
			to++
		}
		if high := height(from); high > 0 {
			class := string(protocol.Completed)
			switch {
			case d.failed[from] > 0:
				class = string(protocol.Failed)
			case d.open[from]:
				class = isRunning
			}
			bars = append(bars, bar{X: percent(float64(from) / bins), Width: percent(float64(to-from) / bins), Y: percent(1 - float64(high)/100), Height: percent(float64(high) / 100), Class: class})
		}
		from = to
	}
	return bars
}

// tick is a mark on the axis of the time line.
type tick struct {
	X, Anchor, Label string
}

// steps are the distances that marks may have, up to those of days.
var steps = func() (all []time.Duration) {
	for _, unit := range []struct {
		of    time.Duration
		sizes []time.Duration
	}{
		{time.Millisecond, []time.Duration{1, 2, 5, 10, 20, 50, 100, 200, 500}},
		{time.Second, []time.Duration{1, 2, 5, 10, 15, 30}},
		{time.Minute, []time.Duration{1, 2, 5, 10, 15, 30}},
		{time.Hour, []time.Duration{1, 2, 3, 6, 12}},
	} {
		for _, size := range unit.sizes {
			all = append(all, size*unit.of)
		}
	}
	return all
}()

// ticks returns the marks: up to six, evenly spaced, at round times.
func ticks(whole time.Duration) []tick {
	const most, day = 5, 24 * time.Hour
	step := day * max(1, (whole/most+day-1)/day)
	for _, smaller := range steps {
		if whole/smaller < most || whole == most*smaller {
			step = smaller
			break
		}
	}
	var all []tick
	for at := time.Duration(0); at <= whole; at += step {
		anchor := "middle"
		switch {
		case at == 0:
			anchor = "start"
		case float64(at) > 0.95*float64(whole):
			anchor = "end"
		}
		all = append(all, tick{percent(float64(at) / float64(whole)), anchor, axisLabel(at, step)})
	}
	return all
}

// axisLabel returns a time since the beginning, in the unit of the step.
func axisLabel(since, step time.Duration) string {
	if since == 0 {
		return "0"
	}
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}} {
		if step >= unit.of {
			return fmt.Sprintf("%d %s", since/unit.of, unit.name)
		}
	}
	return fmt.Sprintf("%d ms", since.Milliseconds())
}
