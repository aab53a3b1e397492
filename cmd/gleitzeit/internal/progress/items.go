package progress

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs/history"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// readItems returns the counts of a task's items before any of them has ended.
func readItems(ctx context.Context, store resultstore.Store, run, task string) (*itemCounts, error) {
	list, err := view.OpenItems(ctx, store, run, task)
	if err != nil {
		return nil, err
	}
	return newItemCounts(list), nil
}

// grow reads the list again if the item of an event is not in it: one of a later round.
func (c *itemCounts) grow(ctx context.Context, store resultstore.Store, run string, event history.Event) error {
	if c.list.Round == 0 || event.Item < c.list.Total {
		return nil
	}
	list, err := view.OpenItems(ctx, store, run, event.Task)
	if err == nil {
		c.list, c.counts.Total = list, list.Total
	}
	return err
}

// maxHints is how many different hints are remembered.
const maxHints = 100

// itemEvent shows an event of an item: its end is counted, and only a failure or a warning has a line of its own.
func (p *Printer) itemEvent(ctx context.Context, event history.Event) error {
	fan, err := p.fan(ctx, event.Task)
	if err != nil {
		return err
	}
	if err := fan.grow(ctx, p.o.Store, p.o.Run, event); err != nil {
		return err
	}
	earlier := event.At.Before(p.o.Began)
	if fan.began.IsZero() && !earlier {
		fan.begin(event.At)
	}
	if p.began[event.Task].IsZero() {
		p.began[event.Task] = event.At
	}
	if event.Outcome == nil {
		fan.start(event.Item, event.At)
		p.drawSoon()
		return nil
	}
	failure := view.NewError(event.Outcome.Error)
	attempts, err := p.addPrinted(ctx, event, failure)
	if err != nil {
		return err
	}
	fan.add(event.Item, event.Outcome, event.At)
	if !earlier {
		p.tokens += event.Outcome.Usage.Tokens()
		p.usages[event.Task] += event.Outcome.Usage.Tokens()
	}
	kind, shown := failedLines, event.Outcome.Status == protocol.Failed
	if event.Outcome.Status == protocol.Completed && event.Outcome.Warning != "" {
		kind, shown = warningLines, true
	}
	if p.o.Verbose && !shown {
		kind, shown = endedLines, true
	}
	shown = shown && !earlier && (p.lines.addCause(event.Task, kind, causeOf(event.Outcome, failure)) || p.o.Verbose)
	if earlier {
		fan.earlier++
	}
	if !shown && p.o.Line == nil {
		p.drawSoon()
		return nil
	}
	item := itemOf(event)
	item.Error, item.FailedAttempts = failure, attempts
	if item.Item, err = fan.list.At(ctx, event.Item); err != nil {
		return err
	}
	switch {
	case !shown:
	case kind == endedLines:
		p.itemLine(item, func(item *view.Item) string {
			line := item.Line()
			if usage := event.Outcome.Usage; usage.Tokens() > 0 {
				line += "  " + tokensText(usage)
			}
			return line
		})
	case kind == failedLines:
		p.itemLine(item, (*view.Item).Line)
		if hint := item.HintLine(); hint != "" && !fan.hints[hint] && len(fan.hints) < maxHints {
			fan.hints[hint] = true
			p.sentence(hint)
		}
		p.showPrinted(item.Error, view.ItemLines)
	default:
		p.itemLine(item, (*view.Item).WarningLine)
	}
	if p.o.Line != nil {
		if item.Result, err = p.result(ctx, event); err != nil {
			return err
		}
		p.o.Screen.Clear() // Standard output may be the same terminal.
		p.o.Line(item)
	}
	p.drawSoon()
	return nil
}

// maxLines is how many lines of one kind the items of a task have; the others are counted in one line.
const maxLines = 10

// lineKind is what a line about an item says.
type lineKind int

const (
	failedLines lineKind = iota
	warningLines
	retryLines
	endedLines // All are shown.
	lineKinds
)

// itemLines counts the lines about the items of tasks, by task.
type itemLines map[string]*lineCounts

// lineCounts counts the lines about the items of a task.
type lineCounts struct {
	shown, left [lineKinds]int
	causes      map[string]bool // Of the attempts whose lines were shown.
}

func (l itemLines) of(task string) *lineCounts {
	if l[task] == nil {
		l[task] = &lineCounts{causes: map[string]bool{}}
	}
	return l[task]
}

// add counts a line, and reports whether it is shown.
func (l itemLines) add(task string, kind lineKind) bool {
	counts := l.of(task)
	if counts.shown[kind] == maxLines {
		counts.left[kind]++
		return false
	}
	counts.shown[kind]++
	return true
}

// causeOf returns what the line about an item that has ended says, where the lines of other items would say nothing else: a failure that no
// retry could have avoided and that printed nothing, such as a missing model, or a warning. Empty: the line is about the item alone.
func causeOf(o *protocol.Outcome, failure *view.Error) string {
	switch {
	case o.Status == protocol.Completed:
		return o.Warning
	case o.Status == protocol.Failed && o.Error != nil && o.Error.Kind == protocol.Permanent && failure.Empty():
		return o.Error.Message + "\n" + o.Error.Hint
	}
	return ""
}

// addCause is add for a line that is shown once for each cause; an empty cause is no one's but the item's own.
func (l itemLines) addCause(task string, kind lineKind, cause string) bool {
	if cause == "" {
		return l.add(task, kind)
	}
	counts, key := l.of(task), fmt.Sprint(int(kind), " ", cause)
	if counts.causes[key] {
		counts.left[kind]++
		return false
	}
	if !l.add(task, kind) {
		return false
	}
	counts.causes[key] = true
	return true
}

// addAttempt is add for an attempt that has failed, or the round of a repetition. All lines about a task are shown; items that are retried
// for one cause, such as a server that is away, have one line together.
func (l itemLines) addAttempt(activity, cause string) bool {
	task, item := protocol.ParseActivityID(activity)
	if item == protocol.NoItem {
		return true
	}
	return l.addCause(task, retryLines, cause)
}

// restOfLines shows, of a task that has ended, how many lines about its items were not shown, once. It reports whether there were lines of
// items that failed.
func (p *Printer) restOfLines(task string) (failures bool) {
	counted := p.lines[task]
	if counted == nil {
		return false
	}
	delete(p.lines, task)
	words := []string{"batch", "show", p.o.Run}
	if len(p.fans) > 1 {
		words = append(words, task)
	}
	show := "gleitzeit " + view.ShellWords(words...)
	for kind, text := range [lineKinds]string{
		failedLines:  "✗ %s  %d more failed: `" + show + " --failed` lists all",
		warningLines: "! %s  %d more with a warning: `" + show + "` lists the warnings",
		retryLines:   "↻ %s  %d more attempts failed",
	} {
		if left := counted.left[kind]; left > 0 && text != "" && !p.o.Verbose {
			p.sentence(fmt.Sprintf(text, value.Visible(task), left))
		}
	}
	return counted.shown[failedLines] > 0
}

// itemLine shows a line about an item, with paths relative to the current folder: on a terminal broken between words.
func (p *Printer) itemLine(item *view.Item, line func(*view.Item) string) {
	folder, err := os.Getwd()
	if err != nil {
		folder = "" // Then paths are absolute.
	}
	if !p.o.Screen.Terminal() {
		p.line(line(item.In(folder)))
		return
	}
	width, _ := p.o.Screen.size()
	p.line(item.Rows(width-1, folder))
}

// fan returns the counts of a task's items. The first event of one of them starts the task.
func (p *Printer) fan(ctx context.Context, task string) (*itemCounts, error) {
	if known := p.fans[task]; known != nil {
		return known, nil
	}
	fan, err := readItems(ctx, p.o.Store, p.o.Run, task)
	if err != nil {
		return nil, err
	}
	p.fans[task] = fan
	if !slices.Contains(p.running, task) {
		p.running = append(p.running, task)
	}
	return fan, nil
}

// itemOf returns the item of an event, without its value and what was printed.
func itemOf(event history.Event) *view.Item {
	o := event.Outcome
	item := &view.Item{Task: event.Task, Index: event.Item, Status: o.Status, Reason: o.Reason, Attempts: o.Attempts, Cached: o.Cached, Warning: o.Warning}
	if !o.StartedAt.IsZero() {
		started := o.StartedAt
		item.StartedAt = &started
		item.Duration = duration(o)
	}
	return item
}

func taskOf(event history.Event) *view.Task {
	o := event.Outcome
	task := &view.Task{ID: event.Task, Method: event.Method, Status: o.Status, Attempts: o.Attempts, Rounds: o.Rounds, Cached: o.Cached, Warning: o.Warning, Items: o.Items, Error: view.NewError(o.Error), Result: o.Value.Inline}
	if o.Status == protocol.Skipped {
		task.Reason, task.Error = o.Reason, nil
	}
	if !o.StartedAt.IsZero() {
		started := o.StartedAt
		task.StartedAt = &started
		task.Duration = duration(o)
	}
	return task
}

func duration(o *protocol.Outcome) protocol.Seconds {
	return protocol.RoundedSeconds(o.FinishedAt.Sub(o.StartedAt))
}
