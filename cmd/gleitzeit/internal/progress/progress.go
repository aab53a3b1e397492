// Package progress shows the progress of a run: events in, lines out, as text, as JSON lines or as steps for MCP clients. It
// does not depend on the engine or on Temporal.
package progress

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs/history"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// Options configure a Printer.
type Options struct {
	Run    string
	Plan   *plan.Plan // Nil if it is not known yet: then it is read from the store.
	Store  resultstore.Store
	Screen *Screen
	Began  time.Time // Tasks that ended before were shown by an earlier process.
	// Line writes the JSON document of each task and item as it ends; nil for none.
	Line func(document any)
	// Stream writes answers of models, and what scripts print, as running text if the screen is not a terminal.
	Stream bool
	Table  bool // The progress of items is a table, with a row for each model.
	// Verbose shows also the start of each task, the tokens of each that ends, and each item that ends; Quiet only what went wrong.
	Verbose, Quiet bool
	Places         func(task string) string // Where a task is defined, as flow.yaml:3; nil if that is not known.
	// Items writes the JSON document about the items of a running task, now and then; nil for none.
	Items func(document any)
}

// Printer shows a run on a screen: a line for each task as it ends, and on a terminal, below them, rows that are updated:
// the running tasks, and the end of the text that the only running task writes. It may be used by several goroutines.
type Printer struct {
	o Options

	mu         sync.Mutex
	total      int
	ended      int
	earlier    int // Tasks that ended before Began.
	running    []string
	skips      *history.Skips             // Nil until the first task has ended.
	shown      map[string]protocol.Status // Tasks whose line was printed, with the status that it shows.
	fans       map[string]*itemCounts     // By task.
	printed    map[string]bool            // Tasks whose JSON line was printed.
	reasons    map[string]string          // The task whose line shows an error first, by the error.
	retried    map[string]int32           // The latest attempt for which the failure of the one before was shown.
	unserved   map[string]bool            // Queues without workers on which tasks wait.
	messages   map[string]string          // Progress messages of running tasks and items, or the newest lines of their scripts.
	lines      itemLines                  // About items, that were shown or left out.
	itemLines  map[string]string          // The newest line of an item, by task.
	waits      map[string]string          // What the running tasks wait for, by task.
	noted      map[string]wait            // The last line about it, by task.
	asked      map[string]*protocol.Asked // Tasks that wait for people and whose question was not shown, because an earlier process has shown it.
	waiting    map[string]bool            // Tasks that wait for people.
	live       *history.Live              // The text of the only running task; nil if it is not known.
	concurrent map[string]bool            // Tasks that ran at the same time as others.
	listed     []plan.ListedTask          // Those of the plan; nil if it is not known.
	began      map[string]time.Time       // When the running tasks began,
	numbers    map[string]int32           // and the number of the attempt of each,
	usages     map[string]int64           // and the tokens of its items that have ended.
	tokens     int64                      // Of all that has ended.
	streamed   history.Live               // The part of an answer that was written as running text.
	drawn      time.Time                  // When the rows were drawn last.
}

// New returns a printer that has shown nothing.
func New(o Options) *Printer {
	p := &Printer{
		o: o, shown: map[string]protocol.Status{}, fans: map[string]*itemCounts{}, printed: map[string]bool{}, retried: map[string]int32{}, reasons: map[string]string{},
		concurrent: map[string]bool{}, noted: map[string]wait{}, lines: itemLines{},
		asked: map[string]*protocol.Asked{}, waiting: map[string]bool{}, began: map[string]time.Time{}, numbers: map[string]int32{}, usages: map[string]int64{},
	}
	if o.Plan != nil {
		p.listed = o.Plan.All()
		p.total = len(p.listed)
	}
	return p
}

// Event shows the start or the end of a task or an item. The error is the store's.
func (p *Printer) Event(ctx context.Context, event history.Event) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.total == 0 { // watch has no plan; a run with tasks has recorded it.
		document, err := view.Read(ctx, p.o.Store, p.o.Run, "")
		if err != nil {
			return err
		}
		if document != nil {
			p.total = len(document.Tasks)
		}
	}
	if p.o.Screen.Terminal() {
		if err := loadPlan(p, ctx); err != nil {
			return err
		}
	}
	if event.Item != protocol.NoItem {
		return p.itemEvent(ctx, event)
	}
	if event.Outcome == nil {
		p.start(event)
		if event.Asked != nil {
			return p.ask(ctx, event)
		}
		return nil
	}
	if err := p.end(ctx, event); err != nil {
		return err
	}
	return p.skip(ctx, event)
}

func (p *Printer) start(event history.Event) {
	p.running = append(p.running, event.Task)
	p.began[event.Task] = event.At
	if p.o.Verbose && !event.At.Before(p.o.Began) {
		p.sentence(fmt.Sprintf("%s %s  %s  started", view.Mark(protocol.Running), value.Visible(event.Task), event.Method))
	}
	if len(p.running) > 1 {
		for _, task := range p.running {
			p.concurrent[task] = true
		}
	}
	p.drawSoon()
}

func (p *Printer) end(ctx context.Context, event history.Event) error {
	task := taskOf(event)
	earlier := event.At.Before(p.o.Began)
	attempts, err := p.addPrinted(ctx, event, task.Error)
	if err != nil {
		return err
	}
	task.FailedAttempts = attempts
	if event.Outcome.Items != nil {
		fan, err := p.fan(ctx, event.Task) // A task without items has no earlier event.
		if err != nil {
			return err
		}
		task.Values = fan.list.Values
		if earlier {
			fan.earlier = event.Outcome.Items.Total // Some items have no event.
		}
	}
	if err := p.streamRest(ctx, event); err != nil {
		return err
	}
	if !strings.Contains(event.Task, "]/") { // How many tasks the workflows of items have is not known.
		p.ended++
	}
	delete(p.asked, event.Task)
	delete(p.waiting, event.Task)
	p.running = without(p.running, event.Task)
	delete(p.began, event.Task)
	delete(p.numbers, event.Task)
	delete(p.usages, event.Task)
	if event.Outcome.Items == nil && !earlier { // Those of items were counted with them.
		p.tokens += event.Outcome.Usage.Tokens()
	}
	p.shown[event.Task] = task.Status
	if earlier {
		p.earlier++
	} else {
		told := p.restOfLines(event.Task) && task.Items != nil && task.Items.Failed == task.Items.Total
		p.taskLine(task, event.Outcome.Usage, told)
		if task.Warning != "" {
			p.sentence(task.WarningLine())
		}
	}
	if p.o.Line != nil {
		if task.Result, err = p.result(ctx, event); err != nil {
			return err
		}
		p.o.Screen.Clear() // Standard output may be the same terminal.
		p.o.Line(task)
		p.printed[event.Task] = true
	}
	p.draw()
	return nil
}

// skip shows the tasks that are skipped because the task of the event has ended.
func (p *Printer) skip(ctx context.Context, event history.Event) error {
	if p.skips == nil {
		if err := loadPlan(p, ctx); err != nil {
			return err
		}
		p.skips = history.NewSkips(p.o.Plan)
	}
	for _, skipped := range p.skips.After(event) {
		if err := p.end(ctx, skipped); err != nil {
			return err
		}
	}
	return nil
}

// result returns the result of the task or item that has ended; nil where it has none.
func (p *Printer) result(ctx context.Context, event history.Event) (*value.Value, error) {
	payload := event.Outcome.Value
	if payload.Empty() {
		return nil, nil
	}
	result, err := resultstore.Load(ctx, p.o.Store, payload)
	if err != nil {
		return nil, fmt.Errorf("cannot read the result of task %q: %w", event.Task, err)
	}
	return &result, nil
}

// addPrinted adds to the error of a task or an item that has ended what its attempt has printed, and returns the attempts
// before that one.
func (p *Printer) addPrinted(ctx context.Context, event history.Event, failure *view.Error) ([]view.FailedAttempt, error) {
	if err := view.LoadPrinted(ctx, p.o.Store, failure, event.Outcome.Printed.Ref); err != nil {
		return nil, fmt.Errorf("cannot read the output of task %q: %w", event.Task, err)
	}
	earlier := event.At.Before(p.o.Began)
	activity := protocol.FormatActivityID(event.Task, event.Item)
	defer delete(p.retried, activity)
	if event.Outcome.Attempts < 2 || earlier && p.o.Line == nil {
		return nil, nil
	}
	attempts, err := view.ReadFailedAttempts(ctx, p.o.Store, p.o.Run, event.Task, event.Item)
	for _, a := range attempts {
		if earlier || int(p.retried[activity]) > a.Attempt || a.Error.Empty() {
			continue // It was shown, or has nothing to show.
		}
		if p.o.Quiet || !p.lines.addAttempt(activity, a.Error.Message) {
			continue
		}
		p.sentence(fmt.Sprintf("↻ %s  retried: %s", activity, value.VisibleLines(view.Brief(a.Error.Message))))
		p.showPrinted(a.Error, linesOf(activity))
	}
	return attempts, err
}

// linesOf returns how many lines of what an activity has printed are shown before the end of the run.
func linesOf(activity string) int {
	if _, item := protocol.ParseActivityID(activity); item != protocol.NoItem {
		return view.ItemLines
	}
	return protocol.PrintedLines
}

// showPrinted shows what a failed attempt has printed, below its line.
func (p *Printer) showPrinted(failure *view.Error, lines int) {
	if text := failure.PrintedText("  ", lines); text != "" {
		p.sentence(strings.TrimSuffix(text, "\n"))
	}
}

// Attempts shows each failed attempt once, and keeps the progress messages of the running ones.
func (p *Printer) Attempts(ctx context.Context, pending []history.Attempt) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.messages, p.itemLines = map[string]string{}, map[string]string{}
	for _, a := range pending {
		if task, item := protocol.ParseActivityID(a.Activity); item == protocol.NoItem {
			p.numbers[task] = a.Number
		}
		p.messages[a.Activity] = cmp.Or(a.Message, a.Line)
		if task, item := protocol.ParseActivityID(a.Activity); item != protocol.NoItem && a.Line != "" && p.itemLines[task] == "" {
			p.itemLines[task] = fmt.Sprintf("[%d] %s", item, a.Line)
		}
		if a.Round != "" && p.retried[a.Activity] < a.Number {
			p.retried[a.Activity] = a.Number
			if !p.o.Quiet && p.lines.addAttempt(a.Activity, a.Round) {
				p.sentence(fmt.Sprintf("↻ %s  repeating: %s", a.Activity, value.VisibleLines(view.Brief(a.Round))))
			}
			continue
		}
		if a.Failure == "" || p.retried[a.Activity] >= a.Number {
			continue
		}
		p.retried[a.Activity] = a.Number
		if p.o.Quiet || !p.lines.addAttempt(a.Activity, a.Failure) {
			continue
		}
		p.sentence(fmt.Sprintf("↻ %s  retrying: %s", a.Activity, value.VisibleLines(view.Brief(a.Failure))))
		failure := &view.Error{Message: a.Failure}
		if view.LoadPrinted(ctx, p.o.Store, failure, a.Printed) == nil { // The record of the attempt has it, too.
			p.showPrinted(failure, linesOf(a.Activity))
		}
	}
	p.showAsked(ctx)
	p.waits = history.Waits(pending)
	now := time.Now()
	p.noteWaits(now)
	p.noteItems(now)
	p.draw()
}

// Waiting shows the queues without workers on which tasks wait, each once until it has a worker.
func (p *Printer) Waiting(all []history.Waiting) {
	p.mu.Lock()
	defer p.mu.Unlock()
	shown := map[string]bool{}
	for _, w := range all {
		shown[w.Queue] = true
		if p.unserved[w.Queue] {
			continue
		}
		what := w.Activities[0]
		if more := len(w.Activities) - 1; more > 0 {
			what = fmt.Sprintf("%s and %d more", what, more)
		}
		p.sentence("· " + what + value.VisibleLines(fmt.Sprintf("  waiting for a worker on queue %q: start one with `%s`", w.Queue, view.WorkerCommand(w.Queue))))
	}
	p.unserved = shown
}

// Note shows a line.
func (p *Printer) Note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sentence(text)
	p.draw()
}

// Printed reports whether the JSON line of a task was printed and is still correct.
func (p *Printer) Printed(task string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.printed[task]
}

// End shows what follows from no event: skipped tasks, the errors, and how the run ended.
func (p *Printer) End(document *view.Run) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.o.Screen.Clear()
	reported := map[string]bool{}
	for i := range document.Tasks {
		task := &document.Tasks[i]
		p.restOfLines(task.ID)
		if task.Status == protocol.Skipped && p.shown[task.ID] != task.Status && !p.o.Quiet {
			p.sentence(task.Line())
		}
		if shown, is := p.shown[task.ID]; is && shown != task.Status {
			delete(p.printed, task.ID) // Its line has another status.
		}
		if reported[task.ID] {
			continue
		}
		if task.Error != nil && (task.Status == protocol.Failed || !task.Error.Empty()) {
			names := withEqualError(document.Tasks[i:], reported)
			p.sentence(fmt.Sprintf("\n%s (%s):\n%s", listed(names), task.Error.Name+p.places(names), value.VisibleLines(task.Error.Message)))
			if task.Error.Hint != "" {
				p.sentence("  " + value.VisibleLines(task.Error.Hint))
			}
			p.showPrinted(task.Error, protocol.PrintedLines)
		}
	}
	if !p.o.Quiet || document.Status != protocol.Completed {
		p.sentence(p.summary(document))
		if hint := document.Hint(); hint != "" {
			p.sentence("  " + value.VisibleLines(hint))
		}
	}
}

// taskLine shows the line of a task that has ended. Where the lines of its items have told why it failed, it does not.
func (p *Printer) taskLine(task *view.Task, usage protocol.Usage, told bool) {
	if told {
		without := *task
		without.Error = nil
		task = &without
	}
	if task.Status == protocol.Failed && task.Error != nil && task.Items == nil {
		reason := task.Error.Message + "\n" + task.Error.Hint
		if first, again := p.reasons[reason]; again {
			same := *task
			same.Error = &view.Error{Message: "for the same reason as " + first}
			task = &same
		} else {
			p.reasons[reason] = task.ID
		}
	}
	line := task.Line()
	switch {
	case p.o.Quiet && task.Status != protocol.Failed:
		return
	case p.o.Verbose && usage.Tokens() > 0:
		line += "  " + tokensText(usage)
	}
	p.sentence(line)
}

func tokensText(usage protocol.Usage) string {
	return fmt.Sprintf("%d tokens read, %d written", usage.PromptTokens, usage.TokensUsed)
}

// withEqualError names the first of the tasks and those behind it that failed for exactly the same reason, such as a missing model, which is
// reported once.
func withEqualError(tasks []view.Task, reported map[string]bool) (names []string) {
	first := &tasks[0]
	names = []string{first.ID}
	for i := range tasks[1:] {
		other := &tasks[1+i]
		if other.Status == first.Status && other.Error != nil && other.Error.Name == first.Error.Name && other.Error.Message == first.Error.Message &&
			other.Error.Hint == first.Error.Hint && first.Error.Empty() && other.Error.Empty() {
			names = append(names, other.ID)
			reported[other.ID] = true
		}
	}
	return names
}

// listed names some things, and how many more there are.
func listed(names []string) string {
	const most = 10
	if more := len(names) - most; more > 0 {
		names = append(slices.Clone(names[:most]), fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}

// places says where tasks are defined, if that is known.
func (p *Printer) places(tasks []string) string {
	if p.o.Places == nil {
		return ""
	}
	var places []string
	for _, task := range tasks {
		if place := p.o.Places(task); place != "" {
			places = append(places, place)
		}
	}
	if len(places) == 0 {
		return ""
	}
	return ", " + listed(places)
}

func (p *Printer) summary(document *view.Run) string {
	summary := fmt.Sprintf("%s %s in %s", document.Run, document.Status, view.Duration(document.Duration))
	if document.Error != nil {
		summary += ": " + value.VisibleLines(document.Error.Message)
	}
	if failed := document.CleanUpFailure(); failed != "" {
		summary += "; " + failed
	}
	for _, task := range document.Tasks {
		if fan := p.fans[task.ID]; fan != nil && fan.earlier > 0 {
			summary += finishedEarlier(fan.earlier, fan.counts.Total, view.ItemsWord(fan.counts.Total, fan.list.Values))
		}
	}
	if p.earlier > 0 {
		word := "tasks"
		if len(document.Tasks) == 1 {
			word = "task"
		}
		summary += finishedEarlier(p.earlier, len(document.Tasks), word)
	}
	return summary
}

func finishedEarlier(count, total int, word string) string {
	return fmt.Sprintf(" (%d of %d %s finished earlier)", count, total, word)
}

// Stop clears the screen.
func (p *Printer) Stop() { p.o.Screen.Clear() }

// sentence shows lines that are broken between words where the terminal is narrow.
func (p *Printer) sentence(text string) { p.line(p.o.Screen.Fit(text)) }

func (p *Printer) line(text string) { fmt.Fprintln(p.o.Screen, text) }

func without(names []string, name string) []string {
	for i, n := range names {
		if n == name {
			return append(names[:i:i], names[i+1:]...)
		}
	}
	return names
}
