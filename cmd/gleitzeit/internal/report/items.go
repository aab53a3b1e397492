package report

import (
	"context"
	"errors"
	"html/template"
	"io"
	"strings"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

const (
	// perPage is how many items are together: a browser lays out those of the parts that are open.
	perPage = 200
	// maxPageBytes is the size from which a page gets no more items, and maxTextBytes that from which those that follow are shown in
	// brief, without what is behind them: a browser needs several times as much memory.
	maxPageBytes = 96 << 20
	maxTextBytes = 48 << 20
)

// row is an item in the table of a task's items.
type row struct {
	Index      int
	Name       string
	Status     protocol.Status
	Model      string
	Seconds    string // For sorting.
	Took       string
	Tokens     int64
	TokensText string
	Attempts   int
	Thumbnail  template.URL
	NoPicture  string // Why there is none of an image.
	Gist       string
	Answer     text
	Warning    string
	Hint       string
	Printed    string
	Earlier    []string // Attempts that another one followed.
	Parameters []text
	Steps      []step
	Taken      bool // Its result is that of an earlier run.
}

// HasMore reports whether there is more to see than the row has.
func (r *row) HasMore() bool {
	return r.Answer.Text != "" || r.Warning != "" || r.Hint != "" || r.Printed != "" || len(r.Earlier) > 0 || len(r.Parameters) > 0 || len(r.Steps) > 0
}

// step is a step of an item.
type step struct {
	ID, Method string
	Status     protocol.Status
	Took       string
	Answer     text
	Parameters []text
}

// part is the items that are together.
type part struct {
	First, Last int // Indexes.
	Failed      int
	Open        bool
	HasModels   bool
	HasTokens   bool
	Rows        []row
}

// itemsHead is what stands above the items of a task.
type itemsHead struct {
	Task   *view.Task
	Counts string
	ID     string // Of the section.
	Many   bool
}

// itemsFoot is what stands below them.
type itemsFoot struct {
	Left    int // Items that are not in the report.
	Ended   int
	Command string
}

// errEnough ends the reading of items.
var errEnough = errors.New("enough")

// writeItems writes the items of a task that have ended, a part at a time.
func (r *report) writeItems(ctx context.Context, l *list, number int, to *counted, look *template.Template) error {
	head := itemsHead{Task: l.task, ID: itemsID(number), Many: l.ended > perPage}
	if l.task.Items != nil {
		head.Counts = view.ItemCounts(*l.task.Items, l.task.Values, l.task.Status.Ended())
	}
	if err := look.ExecuteTemplate(to, "items-head", head); err != nil {
		return err
	}
	reader := r.newItemReader(ctx, l)
	p := part{Open: true, HasModels: reader.hasModels()}
	written := 0
	flush := func() error {
		if len(p.Rows) == 0 {
			return nil
		}
		p.First, p.Last = p.Rows[0].Index, p.Rows[len(p.Rows)-1].Index
		written += len(p.Rows)
		r.left -= len(p.Rows)
		err := look.ExecuteTemplate(to, "items-part", p)
		p = part{HasModels: p.HasModels}
		return err
	}
	err := l.records.EachAttempts(ctx, func(item value.Value, attempts []resultstore.Record) error {
		if r.left-len(p.Rows) <= 0 || to.written > maxPageBytes {
			return errEnough
		}
		shown, err := reader.read(item, attempts, to.written < maxTextBytes)
		if err != nil {
			return err
		}
		if shown.Status == protocol.Failed {
			p.Failed++
		}
		p.HasTokens = p.HasTokens || shown.Tokens > 0
		if p.Rows = append(p.Rows, shown); len(p.Rows) == perPage {
			return flush()
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	if err := flush(); err != nil {
		return err
	}
	return look.ExecuteTemplate(to, "items-foot", itemsFoot{Left: max(l.ended-written, 0), Ended: l.ended, Command: view.ExportCommand(r.run.Run, l.task.ID)})
}

// counted counts what is written.
type counted struct {
	to      io.Writer
	written int64
}

// Write implements io.Writer.
func (c *counted) Write(data []byte) (int, error) {
	n, err := c.to.Write(data)
	c.written += int64(n)
	return n, err
}

// itemReader reads items for people.
type itemReader struct {
	*report
	ctx     context.Context
	list    *list
	scope   *reference.Scope
	heads   map[string]bool // Of references that differ from item to item.
	steps   map[int]map[string]resultstore.Record
	window  int // The first item whose steps are read.
	planned *plan.Task
}

func (r *report) newItemReader(ctx context.Context, l *list) *itemReader {
	return &itemReader{report: r, ctx: ctx, list: l, scope: scopeOf(ctx, r, l.planned), heads: map[string]bool{"item": true, "index": true}, window: -1, planned: &l.planned.Task}
}

func (i *itemReader) hasModels() bool {
	return i.planned.FanOut != nil && len(i.planned.FanOut.Models) > 0
}

// read reads an item. whole: with what is behind its row.
func (i *itemReader) read(item value.Value, attempts []resultstore.Record, whole bool) (row, error) {
	last := &attempts[len(attempts)-1]
	found, err := i.list.records.Item(i.ctx, item, attempts)
	if err != nil {
		return row{}, err
	}
	entry := found.Entry
	result, _ := entry.Get("result")
	task := i.list.task
	shown := row{Index: last.Item, Name: visible(task.NameOf(item)), Status: last.Status.OfItem(), Tokens: last.Usage.Tokens(), Attempts: last.Attempts, Taken: last.FromCache, Warning: visible(last.Warning)}
	if model, _ := entry.Get("model"); model.Text() != "" {
		shown.Model = value.Visible(model.Text())
	}
	if !last.StartedAt.IsZero() && last.FinishedAt.After(last.StartedAt) {
		took := protocol.RoundedSeconds(last.FinishedAt.Sub(last.StartedAt))
		shown.Took, shown.Seconds = view.Duration(took), string(value.Float(float64(took)).JSON())
	}
	if shown.Tokens > 0 {
		shown.TokensText = number(shown.Tokens)
	}
	var answer string
	switch {
	case last.Error != nil && shown.Status != protocol.Skipped:
		answer, shown.Hint = last.Error.Message, visible(last.Error.Hint)
	case shown.Status == protocol.Skipped:
		reason, _ := entry.Get("reason")
		answer = reason.Text()
	default:
		answer = textOfAnswer(view.MainValue(result))
	}
	brief := answer
	if last.Error != nil {
		brief = view.Brief(answer)
	}
	var isWhole bool
	if shown.Gist, isWhole = gist(brief); !whole {
		return shown, nil
	}
	isWhole = isWhole && brief == answer
	if !isWhole {
		shown.Answer = newText("", answer, maxAnswer)
	}
	if last.Status.OfItem() == protocol.Failed {
		failure, _ := entry.Get("error")
		printed := view.Error{Message: messageOf(last.Error), Printed: protocol.ParsePrinted(failure)}
		shown.Printed, _ = cutText(printed.PrintedText("", protocol.PrintedLines), maxReason)
	}
	for at := range attempts[:len(attempts)-1] {
		if failed := &attempts[at]; failed.Error != nil {
			message, _ := gist(view.Brief(failed.Error.Message))
			shown.Earlier = append(shown.Earlier, message)
		}
	}
	isFile := i.planned.FanOut != nil && i.planned.FanOut.HasFiles()
	scope := ofItem(i.scope, item, last.Item, isFile, shown.Model)
	if i.planned.HasSteps() {
		if shown.Steps, err = i.stepsOf(last, scope); err != nil {
			return shown, err
		}
	} else {
		if shown.Parameters, err = i.parametersOf(i.planned, last, i.heads, scope); err != nil {
			return shown, err
		}
	}
	if isFile {
		shown.Thumbnail, shown.NoPicture = i.shots.of(item.Text(), last.StartedAt)
	}
	return shown, nil
}

// parametersOf returns what the call of an item, or of a step of it, has had of its own, with the prompt as it was sent.
func (i *itemReader) parametersOf(task *plan.Task, record *resultstore.Record, heads map[string]bool, scope *reference.Scope) ([]text, error) {
	all := ofEachItem(task, heads, scope)
	if hidesPrompts(i.report, &i.list.planned, task.Parameters) {
		return all, nil
	}
	return withSent(i.ctx, i.report, all, record)
}

// textOfAnswer returns what came of an item as text.
func textOfAnswer(main value.Value) string {
	if main.Kind() == value.KindString {
		return main.Text()
	}
	if main.IsNull() {
		return ""
	}
	return view.Text(main)
}

// stepsOf returns the steps of an item, as far as they have ended.
func (i *itemReader) stepsOf(item *resultstore.Record, scope *reference.Scope) (all []step, err error) {
	if first := item.Item / perPage * perPage; i.window != first {
		if i.steps, err = i.readSteps(item, first); err != nil {
			return nil, err
		}
		i.window = first
	}
	heads := map[string]bool{"item": true, "index": true}
	for at := range i.planned.FanOut.Steps.Tasks {
		planned := &i.planned.FanOut.Steps.Tasks[at]
		record, has := i.steps[item.Item][planned.ID]
		if !has {
			continue
		}
		done := step{ID: value.Visible(planned.ID), Method: planned.Method, Status: record.Status.OfItem()}
		if done.Parameters, err = i.parametersOf(planned, &record, heads, scope); err != nil {
			return nil, err
		}
		if record.FinishedAt.After(record.StartedAt) {
			done.Took = view.Duration(protocol.RoundedSeconds(record.FinishedAt.Sub(record.StartedAt)))
		}
		result, err := i.smallValue(i.ctx, record.Value)
		if err != nil && !errors.Is(err, resultstore.ErrNotFound) {
			return nil, err
		}
		switch {
		case record.Error != nil:
			done.Answer = newText("", record.Error.Message, maxOfItem)
		case record.Reason != "":
			done.Answer = newText("", record.Reason, maxOfItem)
		default:
			done.Answer = newText("", strings.TrimSpace(textOfAnswer(view.MainValue(result))), maxOfItem)
			scope = with(scope, planned.ID, result)
		}
		heads[planned.ID] = true
		all = append(all, done)
	}
	return all, nil
}

// readSteps reads the last attempts of the steps of items, by item and step.
func (i *itemReader) readSteps(of *resultstore.Record, first int) (map[int]map[string]resultstore.Record, error) {
	found := map[int]map[string]resultstore.Record{}
	for at := range i.planned.FanOut.Steps.Tasks {
		id := i.planned.FanOut.Steps.Tasks[at].ID
		records, err := i.stepRecords(i.ctx, of.Key, id, first)
		if err != nil {
			return nil, err
		}
		for _, record := range records {
			if found[record.Item] == nil {
				found[record.Item] = map[string]resultstore.Record{}
			}
			found[record.Item][id] = record
		}
	}
	return found, nil
}

func messageOf(e *protocol.Error) string {
	if e == nil {
		return ""
	}
	return e.Message
}
