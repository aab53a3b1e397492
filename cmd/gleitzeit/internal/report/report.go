// Package report shows a run as one page of HTML that needs nothing else, or as Markdown: what ran and with what, when, what failed and
// why, what came of it, and what models were asked and answered. It reads records and changes none.
package report

import (
	"cmp"
	"context"
	"io"
	"slices"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/export"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// MaxItems is how many items of all tasks a page has by default: a browser opens it in about two seconds.
const MaxItems = 10_000

// Options are what a report has.
type Options struct {
	Items   int       // Maximum number of items, of all tasks together.
	Now     time.Time // When the report is made.
	Version string    // Of the program.
	Live    string    // Of a page that a server sends: the address of its start page. Empty for a file.
}

// report is what is known of a run.
type report struct {
	store   resultstore.Store
	run     *view.Run
	options Options

	plan *plan.Plan // Nil: it is not known.
	// hidesInputs says that an input is a secret by its name.
	hidesInputs bool
	tasks       map[string]plan.ListedTask      // By id.
	attempts    map[string][]resultstore.Record // Attempts of tasks, and the last, by id.
	begin       time.Time
	end         time.Time // Of the time line.

	models  models
	lanes   []lane
	lists   []*list
	outputs []text
	details []taskDetails
	left    int // Items that may still be written.
	shots   *thumbnails
}

// list is the items of a task.
type list struct {
	task    *view.Task
	records *export.Records
	planned plan.ListedTask
	ended   int
	density *density
}

// Write writes the page of a run. Its items are read one after the other, so that memory does not depend on how many there are.
func Write(ctx context.Context, store resultstore.Store, run *view.Run, o Options, to io.Writer) error {
	r, err := gather(ctx, store, run, o)
	if err != nil {
		return err
	}
	return r.writePage(ctx, to)
}

// WriteMarkdown writes the report as Markdown.
func WriteMarkdown(ctx context.Context, store resultstore.Store, run *view.Run, o Options, to io.Writer) error {
	r, err := gather(ctx, store, run, o)
	if err != nil {
		return err
	}
	return r.writeMarkdown(ctx, to)
}

// gather reads everything but the items themselves, of which it reads how long they took and what models they used.
func gather(ctx context.Context, store resultstore.Store, run *view.Run, o Options) (*report, error) {
	r := &report{store: store, run: run, options: o, left: o.Items, tasks: map[string]plan.ListedTask{}, models: models{rows: map[string]*modelRow{}}, shots: &thumbnails{}}
	var err error
	if r.plan, err = view.ReadPlan(ctx, store, run.Run); err != nil {
		return nil, err
	}
	if r.plan != nil {
		r.hidesInputs = string(withoutSecrets(r.plan.Inputs).JSON()) != string(r.plan.Inputs.JSON())
		for _, task := range run.PlannedTasks(r.plan) {
			r.tasks[task.ID] = task
		}
	}
	if err := run.AddPrinted(ctx, store); err != nil {
		return nil, err
	}
	if err := r.readAttempts(ctx); err != nil {
		return nil, err
	}
	r.setTimes()
	for i := range run.Tasks {
		if err := r.addTask(ctx, &run.Tasks[i]); err != nil {
			return nil, err
		}
	}
	r.outputs = fieldTexts(run.Outputs, maxOutput)
	return r, nil
}

// readAttempts reads the records of tasks, without those of their items.
func (r *report) readAttempts(ctx context.Context) error {
	whole := protocol.NoItem
	records, err := r.store.Records(ctx, resultstore.Query{Run: r.run.Run, Kind: resultstore.Task, Item: &whole})
	if err != nil {
		return err
	}
	r.attempts = map[string][]resultstore.Record{}
	for _, record := range records {
		r.attempts[record.Task] = append(r.attempts[record.Task], record)
	}
	return nil
}

// isOpen reports whether a process executes the run.
func (r *report) isOpen() bool { return !r.run.Status.Ended() && !r.run.Interrupted }

// setTimes sets from when until when the time line is.
func (r *report) setTimes() {
	r.begin, r.end = r.run.StartedAt, r.options.Now
	if r.run.FinishedAt != nil {
		r.end = *r.run.FinishedAt
	} else if r.isOpen() {
		return
	} else {
		// Nobody has recorded its end: what was recorded last is the best that is known.
		r.end = r.begin
		for _, records := range r.attempts {
			for _, record := range records {
				if record.FinishedAt.After(r.end) {
					r.end = record.FinishedAt
				}
			}
		}
	}
	if r.end.Before(r.begin) {
		r.end = r.begin
	}
}

// addTask adds what the records say of a task: its bars in the time line, its result, and the models that it asked.
func (r *report) addTask(ctx context.Context, task *view.Task) error {
	records, planned := r.attempts[task.ID], r.tasks[task.ID]
	lane := lane{task: task}
	details := taskDetails{Task: task, planned: planned}
	hasItems := false
	for _, record := range records {
		hasItems = hasItems || record.Items != nil
	}
	inFlight := task.InFlight
	if !r.isOpen() {
		inFlight = nil
	}
	if hasItems {
		items, err := r.addItems(ctx, task, planned)
		if err != nil {
			return err
		}
		lane.density = items.density
		for _, began := range inFlight {
			lane.density.addOpen(began)
		}
	} else {
		attempts, err := r.withRounds(ctx, task, records)
		if err != nil {
			return err
		}
		lane.add(r, attempts)
		for i := range records {
			record := &records[i]
			result, err := r.smallValue(ctx, record.Value)
			if err != nil {
				return err
			}
			r.models.add(record, result)
			if i == len(records)-1 {
				details.setResult(record, result)
			}
		}
		for _, began := range inFlight {
			lane.addBar(r, began, r.end, isRunning)
		}
	}
	details.Parameters = parametersOf(&planned.Task, scopeOf(ctx, r, planned))
	r.lanes = append(r.lanes, lane)
	r.details = append(r.details, details)
	return nil
}

// withRounds adds to the attempts of a task the rounds before its last one, in the order of time.
func (r *report) withRounds(ctx context.Context, task *view.Task, attempts []resultstore.Record) ([]resultstore.Record, error) {
	if task.Rounds == 0 {
		return attempts, nil
	}
	key := resultstore.RoundKey(resultstore.Key{Run: r.run.Run, Task: task.ID, Item: protocol.NoItem})
	all, err := r.store.Records(ctx, resultstore.Query{Run: key.Run, Kind: resultstore.Round, Task: key.Task, Item: &key.Item})
	if err != nil {
		return nil, err
	}
	for _, attempt := range attempts {
		if !slices.ContainsFunc(all, func(round resultstore.Record) bool { return round.Attempt == attempt.Attempt }) { // The last of too many rounds has both.
			all = append(all, attempt)
		}
	}
	slices.SortStableFunc(all, func(a, b resultstore.Record) int { return cmp.Compare(a.Attempt, b.Attempt) })
	return all, nil
}

// maxResult is the largest result of a task that is read, in bytes.
const maxResult = 1 << 20

// smallValue reads a value; null where it is large.
func (r *report) smallValue(ctx context.Context, ref *protocol.Ref) (value.Value, error) {
	if ref == nil || ref.Paged || ref.Size > maxResult {
		return value.Value{}, nil
	}
	return resultstore.Load(ctx, r.store, protocol.Payload{Ref: ref})
}

// addItems reads the records of a task's items, and what their results say of models.
func (r *report) addItems(ctx context.Context, task *view.Task, planned plan.ListedTask) (*list, error) {
	records, err := export.OpenRecords(ctx, r.store, r.run.Run, task.ID, !r.run.Status.Ended())
	if err != nil {
		return nil, err
	}
	l := &list{task: task, records: records, planned: planned, density: newDensity(r.begin, r.end)}
	if task.HasItems() {
		r.lists = append(r.lists, l)
	}
	err = records.EachAttempts(ctx, func(_ value.Value, attempts []resultstore.Record) error {
		l.ended++
		for i := range attempts {
			record := &attempts[i]
			if i > 0 {
				l.density.add(record, &attempts[i-1])
			} else {
				l.density.add(record, nil)
			}
			if planned.HasSteps() {
				continue // Its steps have used what it has used, each another model perhaps.
			}
			var result value.Value
			if record.Usage.LLMCalls > 0 {
				var err error
				if result, err = r.smallValue(ctx, record.Value); err != nil {
					return err
				}
			}
			r.models.add(record, result)
		}
		return nil
	})
	if err == nil && planned.HasSteps() {
		err = r.addSteps(ctx, l)
	}
	return l, err
}

// addSteps reads what the steps of items say of models.
func (r *report) addSteps(ctx context.Context, l *list) error {
	last := &r.attempts[l.task.ID][len(r.attempts[l.task.ID])-1]
	for i := range l.planned.FanOut.Steps.Tasks {
		for first := 0; first < l.records.Count(); first += perPage {
			records, err := r.stepRecords(ctx, last.Key, l.planned.FanOut.Steps.Tasks[i].ID, first)
			if err != nil {
				return err
			}
			for at := range records {
				result, err := r.smallValue(ctx, records[at].Value)
				if err != nil {
					return err
				}
				r.models.add(&records[at], result)
			}
		}
	}
	return nil
}

// stepRecords reads the records of a step of items, from the one with an index.
func (r *report) stepRecords(ctx context.Context, of resultstore.Key, step string, first int) ([]resultstore.Record, error) {
	last := first + perPage - 1
	return r.store.Records(ctx, resultstore.Query{
		Run: of.Run, Execution: of.Execution, Kind: resultstore.Step, Task: protocol.FormatStepID(of.Task, step), Item: &first, Last: &last,
	})
}
