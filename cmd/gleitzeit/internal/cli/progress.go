package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// progress shows on standard error how a run comes along: a line a task as it ends, and on a terminal, below them, what
// is rewritten: what runs, and where that is one task, the end of what it writes.
type progress struct {
	program  *program
	store    resultstore.Store
	screen   *screen
	began    time.Time // What ended before was told in an earlier process.
	total    int
	ended    int
	earlier  int
	running  []string
	id       string                     // Of the run.
	planned  *plan.Plan                 // Nil where it is not known yet.
	skips    *skips                     // Nil before the first task has ended.
	told     map[string]protocol.Status // Tasks whose line is out, and what it said.
	fans     map[string]*fanProgress    // By task.
	printed  map[string]bool            // Tasks whose jsonl line is out.
	tried    map[string]int32
	unserved map[string]bool   // Queues that tasks wait for, and that nobody serves.
	far      map[string]string // How far tasks under way have come, where they say so.
	lines    bool              // Each task and item has its line of JSON as it ends.
	heard    *live             // What the one task that runs told last; nil where it tells nothing.
	beside   map[string]bool   // Tasks that ran while others did.
	streamed live              // Up to where the answer of a task was written as running text.
}

func newProgress(p *program, run string, planned *plan.Plan, store resultstore.Store, began time.Time) *progress {
	shown := &progress{
		program: p, store: store, screen: p.screen, began: began, id: run, planned: planned, told: map[string]protocol.Status{}, fans: map[string]*fanProgress{},
		printed: map[string]bool{}, tried: map[string]int32{}, lines: p.output == asJSONL, beside: map[string]bool{},
	}
	if planned != nil {
		shown.total = len(planned.Tasks)
	}
	return shown
}

// show takes account of one event.
func (s *progress) show(ctx context.Context, event taskEvent) error {
	if s.total == 0 { // Whoever only watches has no plan; a run that has tasks has recorded it.
		document, err := view.Read(ctx, s.store, s.id, "")
		if err != nil {
			return err
		}
		if document != nil {
			s.total = len(document.Tasks)
		}
	}
	if event.item != protocol.NoItem {
		return s.showItem(ctx, event)
	}
	if event.outcome == nil {
		s.running = append(s.running, event.task)
		if len(s.running) > 1 {
			for _, task := range s.running {
				s.beside[task] = true
			}
		}
		s.draw()
		return nil
	}
	if err := s.ends(ctx, event); err != nil {
		return err
	}
	return s.skipped(ctx, event)
}

// ends takes account of the end of a task.
func (s *progress) ends(ctx context.Context, event taskEvent) error {
	task := taskOf(event)
	earlier := event.at.Before(s.began)
	if event.outcome.Items != nil {
		fan, err := s.fan(ctx, event.task) // Without items, this is the first that is heard of it.
		if err != nil {
			return err
		}
		task.Values = fan.values
		if earlier {
			fan.earlier = event.outcome.Items.Total // Of some no event tells.
		}
	}
	if err := s.rest(ctx, event); err != nil {
		return err
	}
	s.ended++
	s.running = without(s.running, event.task)
	s.told[event.task] = task.Status
	if earlier {
		s.earlier++
	} else {
		s.line(task.Line())
		if task.Warning != "" {
			s.line(task.WarningLine())
		}
	}
	if s.lines {
		if err := s.emit(ctx, event); err != nil {
			return err
		}
	}
	s.draw()
	return nil
}

func taskOf(event taskEvent) *view.Task {
	o := event.outcome
	task := &view.Task{ID: event.task, Method: event.method, Status: o.Status, Attempts: o.Attempts, Cached: o.Cached, Warning: o.Warning, Items: o.Items, Error: view.NewError(o.Error), Result: o.Value.Inline}
	if o.Status == protocol.Skipped {
		task.Reason, task.Error = o.Reason, nil
	}
	if !o.StartedAt.IsZero() {
		started := o.StartedAt
		task.StartedAt = &started
		task.Duration = protocol.SecondsOf(o.FinishedAt.Sub(started).Round(time.Millisecond))
	}
	return task
}

// emit writes the line of a task that has ended, with its result.
func (s *progress) emit(ctx context.Context, event taskEvent) error {
	task := taskOf(event)
	var err error
	if task.Result, err = s.result(ctx, event); err != nil {
		return err
	}
	s.clear() // Standard output may be the same terminal.
	s.program.writeJSON(s.program.Out, task)
	s.printed[event.task] = true
	return nil
}

// result is what a task or an item has brought; nil where it has brought nothing.
func (s *progress) result(ctx context.Context, event taskEvent) (*value.Value, error) {
	held := event.outcome.Value
	if held.Inline != nil || held.Ref == nil {
		return held.Inline, nil
	}
	data, err := s.store.Value(ctx, *held.Ref)
	if err != nil {
		return nil, fmt.Errorf("the result of task %q: %w", event.task, err)
	}
	result, err := value.Parse(data)
	return &result, err
}

// look tells of attempts that failed, each once, and notes how far those under way have come.
func (s *progress) look(pending []attempt) {
	s.far = map[string]string{}
	for _, a := range pending {
		s.far[a.task] = a.told
		if a.failure == "" || s.tried[a.task] >= a.number {
			continue
		}
		s.tried[a.task] = a.number
		s.line(fmt.Sprintf("↻ %s  is tried again: %s", a.task, view.Printable(view.Brief(a.failure))))
	}
	s.draw()
}

// note prints a line of its own.
func (s *progress) note(text string) {
	s.line(text)
	s.draw()
}

// end prints what no event told: tasks that were skipped, and how the run ended.
func (s *progress) end(document *view.Run) {
	s.clear()
	for i := range document.Tasks {
		task := &document.Tasks[i]
		if task.Status == protocol.Skipped && s.told[task.ID] != task.Status {
			s.line(task.Line())
		}
		if told, is := s.told[task.ID]; is && told != task.Status {
			delete(s.printed, task.ID) // Its line says otherwise.
		}
		if task.Status == protocol.Failed && task.Error != nil {
			s.line(fmt.Sprintf("\n%s (%s):\n%s", task.ID, task.Error.Name, view.Printable(task.Error.Message)))
			if task.Error.Hint != "" {
				s.line("  " + view.Printable(task.Error.Hint))
			}
		}
	}
	summary := fmt.Sprintf("%s %s in %s", document.Run, document.Status, view.Duration(document.Duration))
	if document.Error != nil {
		summary += ": " + view.Printable(document.Error.Message)
	}
	for _, task := range document.Tasks {
		if fan := s.fans[task.ID]; fan != nil && fan.earlier > 0 {
			summary += doneBefore(fan.earlier, fan.counts.Total, view.ItemsWord(fan.counts.Total, fan.values))
		}
	}
	if s.earlier > 0 {
		word := "tasks"
		if len(document.Tasks) == 1 {
			word = "task"
		}
		summary += doneBefore(s.earlier, len(document.Tasks), word)
	}
	s.line(summary)
}

func doneBefore(count, total int, word string) string {
	verb := "were"
	if count == 1 {
		verb = "was"
	}
	return fmt.Sprintf(" (%d of %d %s %s done before)", count, total, word, verb)
}

// stop leaves the screen clean.
func (s *progress) stop() { s.clear() }

func (s *progress) line(text string) { fmt.Fprintln(s.screen, text) }

func (s *progress) clear() { s.screen.clear() }

func (s *progress) draw() {
	if !s.screen.terminal() || len(s.running) == 0 {
		return
	}
	width, height := s.screen.size()
	text := fmt.Sprintf("%d of %d done, running: %s", s.ended, s.total, s.running[0])
	if fan := s.fans[s.running[0]]; fan != nil {
		text += ", " + view.ItemCounts(fan.counts, fan.values, false)
	} else if told := s.toldBy(s.running[0]); told != "" {
		text += ", " + value.Visible(view.FirstLine(told))
	}
	if len(s.running) > 1 {
		text += fmt.Sprintf(" and %d more", len(s.running)-1)
	}
	var rows []string
	if s.heard != nil && s.heard.task == s.alone() {
		if most := min(liveRows, height-2); s.heard.Tail != "" && most > 0 {
			for _, row := range wrapped(s.heard.Tail, width-1-len(gutter), most) {
				rows = append(rows, gutter+row)
			}
		}
	}
	text += fmt.Sprintf("  %s", time.Since(s.began).Round(time.Second))
	s.screen.draw(append(rows, fitting(text, width-1)))
}

// toldBy is how far a task has come, in its own words; empty where it says nothing.
func (s *progress) toldBy(task string) string {
	if s.heard != nil && s.heard.task == task && s.heard.Message != "" {
		return s.heard.Message
	}
	return s.far[task]
}

// gutter tells rows of what is being written from all others.
const gutter = "  "

func without(names []string, name string) []string {
	for i, n := range names {
		if n == name {
			return append(names[:i:i], names[i+1:]...)
		}
	}
	return names
}
