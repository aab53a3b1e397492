package progress

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

const (
	// mostTreeRows is how many rows of a terminal show tasks, and treeShare the part of its rows.
	mostTreeRows = 16
	treeShare    = 0.5
	// indentShare is the part of a row that may be indented.
	indentShare = 0.25
)

// loadPlan reads the plan of the run, unless it is known. A run without a recorded plan has none yet.
func loadPlan(p *Printer, ctx context.Context) (err error) {
	if p.o.Plan == nil {
		if p.o.Plan, err = view.ReadPlan(ctx, p.o.Store, p.o.Run); err != nil || p.o.Plan == nil {
			return err
		}
	}
	if p.listed == nil {
		p.listed = p.o.Plan.All()
	}
	return nil
}

// branch is a task that has not ended, with those that wait for it.
type branch struct {
	id      string
	waits   []string // What it waits for that has not ended; nil: it runs, or nothing holds it back.
	running bool
	below   []*branch
}

// branches returns the tasks that have not ended: those that run, and below the last of what it waits for each that does not.
func branches(p *Printer) []*branch {
	var roots []*branch
	all := map[string]*branch{}
	for _, id := range p.running {
		all[id] = &branch{id: id, running: true}
		roots = append(roots, all[id])
	}
	listed := p.listed
	for i := range listed {
		task := &listed[i]
		if all[task.ID] != nil || p.shown[task.ID] != "" || !mayRun(p, task) {
			continue
		}
		all[task.ID] = &branch{id: task.ID}
	}
	for i := range listed { // A task may stand before those that it waits for.
		b := all[listed[i].ID]
		if b == nil || b.running {
			continue
		}
		for _, id := range listed[i].After {
			if all[id] != nil {
				b.waits = append(b.waits, id)
			}
		}
		if within := all[listed[i].Within]; within != nil && len(b.waits) == 0 {
			within.below = append(within.below, b)
		} else if len(b.waits) == 0 {
			roots = append(roots, b)
		} else {
			on := all[b.waits[len(b.waits)-1]]
			on.below = append(on.below, b)
		}
	}
	return roots
}

// mayRun reports whether a task that has not started may: one of a workflow that has ended may not.
func mayRun(p *Printer, task *plan.ListedTask) bool {
	return task.Within == "" || p.shown[task.Within] == ""
}

// hasTree reports whether there is more to show than the line about the only running task.
func hasTree(p *Printer) bool {
	return len(p.running) > 1 || p.listed != nil && p.ended+1 < p.total
}

// treeRows returns rows about the tasks that run and those that wait, at most so many.
func treeRows(p *Printer, width, most int, now time.Time) []string {
	if !hasTree(p) || most <= 0 {
		return nil
	}
	var rows []string
	left := 0
	var add func(of []*branch, depth int, parent string)
	add = func(of []*branch, depth int, parent string) {
		for _, b := range of {
			if len(rows) < most {
				rows = append(rows, branchRow(p, b, depth, parent, width, now))
			} else {
				left++
			}
			add(b.below, depth+1, b.id)
		}
	}
	add(branches(p), 0, "")
	if left > 0 {
		rows[most-1] = fitting(fmt.Sprintf("  and %d more", left+1), width)
	}
	return rows
}

// branchRow returns the row of a task.
func branchRow(p *Printer, b *branch, depth int, parent string, width int, now time.Time) string {
	indent := strings.Repeat(" ", min(2*depth, int(float64(width)*indentShare)))
	room := width - runewidth.StringWidth(indent)
	mark := view.Mark(protocol.Pending)
	if b.running {
		mark = view.Mark(protocol.Running)
	}
	segments := []segment{{mark + " " + value.Visible(b.id), 0}}
	if !b.running {
		others := slices.DeleteFunc(slices.Clone(b.waits), func(id string) bool { return id == parent })
		text := ""
		switch {
		case len(others) > 0:
			text = "waits for " + strings.Join(b.waits, ", ")
		case depth == 0:
			text = "waits to start"
		}
		return indent + joined(withDetail(segments, text, room), room)
	}
	text := ""
	if fan := p.fans[b.id]; fan != nil {
		items, tokens, left := fan.pace(now).speed()
		if tokens != "" {
			tokens += " tokens/s"
		}
		if left != "" {
			left += " left"
		}
		segments = append(segments, segment{shortCounts(fan.counts), 1}, segment{left, 2}, segment{items, 3}, segment{tokens, 4})
		text = p.itemLines[b.id]
	} else {
		text = view.FirstLine(p.message(b.id))
	}
	if wait := p.waits[b.id]; wait != "" {
		text = wait
	}
	if began := p.began[b.id]; !began.IsZero() {
		segments = append(segments, segment{now.Sub(began).Round(time.Second).String(), 2})
	}
	if number := p.numbers[b.id]; number > 1 {
		segments = append(segments, segment{fmt.Sprintf("attempt %d", number), 2})
	}
	if usage := p.usages[b.id]; usage > 0 { // Of its items that have ended.
		segments = append(segments, segment{fmt.Sprintf("%d tokens", usage), 4})
	}
	return indent + joined(withDetail(segments, text, room), room)
}

// withDetail adds a text that is cut to the room that the segments leave.
func withDetail(segments []segment, text string, room int) []segment {
	const least, rank = 8, 5 // Columns in which a text says something.
	rest := room - runewidth.StringWidth(joined(slices.Clone(segments), room)) - len("  ")
	if text == "" || rest < least {
		return segments
	}
	return append(segments, segment{runewidth.Truncate(value.Visible(text), rest, "…"), rank})
}

// summaryRow returns the line below the tree.
func summaryRow(p *Printer, width int, now time.Time) string {
	segments := []segment{{fmt.Sprintf("%d of %d done", p.ended, p.total), 0}, {fmt.Sprintf("%d running", len(p.running)), 1}}
	if p.tokens > 0 {
		segments = append(segments, segment{fmt.Sprintf("%d tokens", p.tokens), 3})
	}
	return joined(append(segments, segment{now.Sub(p.o.Began).Round(time.Second).String(), 2}), width)
}
