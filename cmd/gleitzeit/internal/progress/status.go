package progress

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// drawEvery is the time between two drawings for items that end without a line: thousands end in a second.
const drawEvery = 100 * time.Millisecond

// segment is a part of the status line. Where the line is too long, those of the highest rank are left out; 0 stays.
type segment struct {
	text string
	rank int
}

// joined returns the segments as a line that is at most as wide as a width in columns.
func joined(segments []segment, width int) string {
	for {
		var texts []string
		worst := 0
		for i, s := range segments {
			if s.text != "" {
				texts = append(texts, s.text)
				if s.rank > segments[worst].rank || segments[worst].text == "" {
					worst = i
				}
			}
		}
		text := strings.Join(texts, "  ")
		if runewidth.StringWidth(text) <= width || len(texts) == 0 || segments[worst].rank == 0 {
			return fitting(text, width)
		}
		segments[worst].text = ""
	}
}

// status returns the line about the running tasks.
func (p *Printer) status(width int, now time.Time) string {
	first := p.running[0]
	elapsed := segment{now.Sub(p.o.Began).Round(time.Second).String(), 3}
	more := segment{rank: 4}
	if len(p.running) > 1 {
		more.text = fmt.Sprintf("and %d more", len(p.running)-1)
	}
	fan := p.fans[first]
	if fan == nil {
		text := fmt.Sprintf("%d of %d done, running: %s", p.ended, p.total, first)
		if message := p.message(first); message != "" {
			text += ", " + value.Visible(view.FirstLine(message))
		}
		if more.text != "" {
			text += " " + more.text
		}
		return joined([]segment{{text, 0}, elapsed}, width)
	}
	head := first + ": "
	if p.total > 1 {
		head = fmt.Sprintf("%d of %d done, running: %s", p.ended, p.total, head)
	}
	counts := head + fan.list.Counts(fan.counts)
	if runewidth.StringWidth(counts) > width*2/3 {
		counts = first + ": " + shortCounts(fan.counts)
	}
	items, tokens, left := fan.pace(now).speed()
	if tokens != "" {
		tokens += " tokens/s"
	}
	if left != "" {
		left += " left"
	}
	segments := []segment{{counts, 0}, {}, {items, 1}, {tokens, 2}, {left, 0}, more, elapsed, {}}
	const waits, detail = 1, 7 // Their places in it.
	if wait := p.waits[first]; wait != "" {
		if width-runewidth.StringWidth(counts) < 2*width/3 {
			segments[0].text = first + ": " + shortCounts(fan.counts)
		}
		room := width - runewidth.StringWidth(segments[0].text) - len("  ")
		segments[waits].text = runewidth.Truncate(value.Visible(wait), max(room, 0), "…") // It is why nothing else changes.
		segments[4].rank = 6
		return joined(segments, width)
	}
	const least = 12 // Columns in which a text says something.
	if room := width - runewidth.StringWidth(joined(slices.Clone(segments), width)) - len("  "); p.itemLines[first] != "" && room >= least {
		segments[detail] = segment{runewidth.Truncate(value.Visible(p.itemLines[first]), room, "…"), 5}
	}
	return joined(segments, width)
}

// shortCounts returns the counts of items in little room.
func shortCounts(c protocol.Counts) string {
	text := fmt.Sprintf("%d/%d", c.Succeeded+c.Failed, c.Total)
	if c.Failed > 0 {
		text += fmt.Sprintf(", %d failed", c.Failed)
	}
	return text
}

func tokensRate(perSecond float64) string {
	if perSecond >= 9.95 {
		return fmt.Sprintf("%.0f", perSecond)
	}
	return fmt.Sprintf("%.1f", perSecond)
}

// table returns the rows of a table of the running tasks with items, and of their models, no wider than a width; 0 is no limit. It is
// empty if there are none.
func (p *Printer) table(width int, now time.Time) []string {
	rows := [][]string{{"TASK", "DONE", "FAILED", "RATE", "TOKENS/S", "LEFT"}}
	for _, task := range p.running {
		fan := p.fans[task]
		if fan == nil {
			continue
		}
		rows = append(rows, tableRow(value.Visible(task), fan.pace(now)))
		for _, of := range fan.models {
			rows = append(rows, tableRow("  "+value.Visible(of.model), of.pace(now)))
		}
	}
	if len(rows) == 1 {
		return nil
	}
	shape := view.Shape{Cut: []int{0}, Drop: []int{3, 4, 2}}
	lines := strings.Split(strings.TrimSuffix(view.FitTable(rows, width, shape), "\n"), "\n")
	for i := range lines {
		if width > 0 {
			lines[i] = fitting(lines[i], width)
		}
	}
	return lines
}

func tableRow(name string, pace Pace) []string {
	items, tokens, left := pace.speed()
	done := fmt.Sprintf("%d/%d", pace.Succeeded+pace.Failed+pace.Skipped, pace.Total)
	row := []string{name, done, strconv.Itoa(pace.Failed), items, tokens, left}
	for i, cell := range row {
		if cell == "" {
			row[i] = "-"
		}
	}
	return row
}

func (p *Printer) draw() {
	if !p.o.Screen.Terminal() || len(p.running) == 0 || p.o.Quiet {
		return
	}
	now := time.Now()
	p.drawn = now
	width, height := p.o.Screen.size()
	live := p.liveRows(width, height)
	rows := treeRows(p, width-1, min(mostTreeRows, int(float64(height)*treeShare), height-2-len(live)), now)
	last := p.status(width-1, now)
	if len(rows) > 0 {
		last = summaryRow(p, width-1, now)
		rows = slices.Insert(rows, 1, live...) // The only running task is the first one.
	} else {
		rows = live
	}
	if p.o.Table {
		table := p.table(width-1, now)
		rows = append(rows, table[:min(len(table), max(height-2-len(rows), 0))]...)
	}
	p.o.Screen.draw(append(rows, last))
}

// drawSoon draws, unless that was done a moment ago and is still to be seen.
func (p *Printer) drawSoon() {
	if time.Since(p.drawn) >= drawEvery || !p.o.Screen.drawnOn() {
		p.draw()
	}
}

const (
	// noteEvery is the time between two lines about the items of a task, where no row is updated.
	noteEvery = 10 * time.Second
	// maxNoteEvery is that time for tasks that take long.
	maxNoteEvery = time.Minute
	// noteShare is the share of the time that has passed after which a line follows another.
	noteShare = 20
)

// Items is the JSON document about the items of a running task.
type Items struct {
	Notice string `json:"notice"` // "progress".
	Run    string `json:"run"`
	Task   string `json:"task"`
	Pace
	Models []Pace `json:"models,omitempty"`
}

// noteItems shows, where no row is updated, how far the items of the running tasks are, now and then.
func (p *Printer) noteItems(now time.Time) {
	if (p.o.Screen.Terminal() || p.o.Quiet) && p.o.Items == nil {
		return
	}
	due := false
	for _, task := range p.running {
		fan := p.fans[task]
		if fan == nil {
			continue
		}
		if fan.noted.IsZero() {
			fan.noted = now // Its first line follows when there is something to say.
		}
		every := noteEvery
		if p.o.Items == nil {
			every = min(max(noteEvery, now.Sub(fan.began)/noteShare), maxNoteEvery)
			if fan.rate.now.items == fan.notedItems {
				every = maxNoteEvery // Nothing has changed.
			}
		}
		if now.Sub(fan.noted) < every {
			continue
		}
		fan.noted, fan.notedItems = now, fan.rate.now.items
		switch {
		case p.o.Items != nil:
			document := Items{Notice: "progress", Run: p.o.Run, Task: task, Pace: fan.pace(now)}
			for _, of := range fan.models {
				document.Models = append(document.Models, of.pace(now))
			}
			p.o.Screen.Clear()
			p.o.Items(document)
		case p.o.Table:
			due = true
		default:
			p.sentence("· " + value.Visible(task) + "  " + paceLine(fan.pace(now), fan.list))
		}
	}
	if due {
		for _, row := range p.table(0, now) {
			p.line(row)
		}
	}
}

// paceLine returns a line about items that end.
func paceLine(pace Pace, list *view.ItemList) string {
	text := list.Counts(pace.Counts)
	items, tokens, left := pace.speed()
	for _, part := range []struct{ text, unit string }{{items, ""}, {tokens, " tokens/s"}, {left, " left"}} {
		if part.text != "" {
			text += "  " + part.text + part.unit
		}
	}
	return text
}
