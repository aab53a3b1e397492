package retry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/activities"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/workflows"
)

// Forecast is what a run would do.
type Forecast struct {
	Run       string         `json:"run"`        // Whose results it would take over.
	TakenOver int            `json:"taken_over"` // Tasks and items.
	ToDo      int            `json:"to_do"`
	Tasks     []TaskForecast `json:"tasks"` // In the order of the plan.
}

// TaskForecast is the same for a task.
type TaskForecast struct {
	Task      string   `json:"task"`
	Method    string   `json:"method"`
	Items     int      `json:"items,omitempty"` // If it has items: their number.
	TakenOver int      `json:"taken_over"`
	ToDo      int      `json:"to_do"`
	Skipped   int      `json:"skipped,omitempty"` // By conditions.
	Reasons   []Reason `json:"reasons,omitempty"` // Why calls would be made.
	Unknown   string   `json:"unknown,omitempty"` // Why the rest is not known before the run.

	same bool // The task would end as in the earlier run.
}

// NothingToDo reports whether the run would end as the earlier one, without a call of a method.
func (f *Forecast) NothingToDo() bool {
	return !slices.ContainsFunc(f.Tasks, func(t TaskForecast) bool { return !t.same })
}

// Reason is why a number of calls would be made.
type Reason struct {
	Reason   string   `json:"reason"`
	Count    int      `json:"count"`
	Examples []string `json:"examples,omitempty"` // The first items.
}

// CleanUp is why tasks in `finally` are done: they are part of every run.
const CleanUp = "clean-up"

// mostExamples is how many items a reason names.
const mostExamples = 3

// Forecast finds out what the run would do, without a call of a method.
func (r *Run) Forecast(ctx context.Context, s *runs.Session) (*Forecast, error) {
	store := &overlay{Store: s.Store(), written: memory.New()}
	acts, closeActivities, err := s.Activities(store)
	if err != nil {
		return nil, err
	}
	all := *r.Plan
	all.MaxParallel = len(all.Tasks) + 1 // Tasks of which nothing is known stay in flight.
	progress, err := plan.Begin(&all, nil)
	if err != nil {
		return nil, errors.Join(err, closeActivities())
	}
	f := &forecaster{acts: acts, store: store, plan: &all, progress: progress, found: make([]*TaskForecast, len(all.Tasks))}
	f.calls = workflows.NewCalls(&all, progress, protocol.RunInfo{
		ID: forecastRun, Execution: forecastRun, Workflow: all.Name, StartedAt: time.Now().UTC(), Folder: all.Folder, FlowFolder: all.FlowFolder, TakeOver: r.TakeOver.TakeOver,
	})
	if err := errors.Join(f.run(ctx), closeActivities()); err != nil {
		return nil, err
	}
	forecast := &Forecast{Run: r.ID, Tasks: make([]TaskForecast, len(all.Tasks))}
	for i, found := range f.found {
		if found == nil {
			if found = f.blank(i); all.Tasks[i].Finally {
				found.ToDo, found.Reasons, found.same = 1, []Reason{{Reason: CleanUp, Count: 1}}, true
			} else {
				found.Unknown = "depends on what is done again"
			}
		}
		forecast.Tasks[i] = *found
		forecast.TakenOver += found.TakenOver
		forecast.ToDo += found.ToDo
	}
	return forecast, nil
}

// forecaster walks through a plan as a run does, so far as results are known.
type forecaster struct {
	acts     *activities.Activities
	store    resultstore.Store
	plan     *plan.Plan
	progress *plan.Progress
	calls    *workflows.Calls
	found    []*TaskForecast // By task; nil: it was not reached.
}

func (f *forecaster) blank(task int) *TaskForecast {
	return &TaskForecast{Task: f.plan.Tasks[task].ID, Method: f.plan.Tasks[task].Method}
}

func (f *forecaster) run(ctx context.Context) error {
	if err := f.store.Put(ctx, resultstore.Batch{Values: f.calls.Values()}); err != nil {
		return err
	}
	for {
		work, found := f.progress.Next()
		if !found {
			return nil
		}
		of := f.blank(work.Task)
		f.found[work.Task] = of
		if f.plan.Tasks[work.Task].Finally { // It runs whatever there is to do.
			of.ToDo, of.Reasons, of.same = 1, []Reason{{Reason: CleanUp, Count: 1}}, true
			continue
		}
		var err error
		switch work.Step {
		case plan.Decide:
			err = f.decide(ctx, work.Task, of)
		case plan.Group:
			err = f.texts(ctx, work.Task, of)
		case plan.Expand:
			err = f.items(ctx, work.Task, of)
		default:
			err = f.task(ctx, work.Task, of)
		}
		if err != nil {
			return err
		}
	}
}

func (f *forecaster) decide(ctx context.Context, task int, of *TaskForecast) error {
	decided, err := f.acts.Decide(ctx, f.calls.Decide(task))
	switch {
	case err != nil:
		return err
	case decided.Error != nil:
		of.Unknown = decided.Error.Message
	case decided.Holds:
		f.progress.Admit(task)
	default:
		of.Skipped, of.same = 1, true
		f.progress.End(task, protocol.Outcome{Status: protocol.Skipped, Reason: decided.Reason})
	}
	return nil
}

// nestedUnknown says why nothing is known of a task that runs another workflow: for its items, too.
const nestedUnknown = "its workflow takes over what is unchanged"

func (f *forecaster) task(ctx context.Context, task int, of *TaskForecast) error {
	if f.plan.Tasks[task].Workflow != "" {
		of.Unknown = nestedUnknown
		return nil
	}
	call := f.calls.Task(task)
	found, err := f.acts.Forecast(ctx, call)
	if err != nil {
		return err
	}
	of.add(found[0], "")
	if taken := found[0].Taken; taken != nil {
		of.same = true
		f.progress.End(task, taken.Outcome())
	}
	return nil
}

func (f *forecaster) items(ctx context.Context, task int, of *TaskForecast) error {
	if f.plan.Tasks[task].Workflow != "" {
		of.Unknown = nestedUnknown
		return nil
	}
	listed, err := f.acts.Expand(ctx, f.calls.Expand(task))
	if err != nil {
		return err
	}
	if listed.Error == nil {
		return f.listed(ctx, task, of, listed)
	}
	of.Unknown = listed.Error.Message
	return nil
}

// texts adds the forecast of the calls of all rounds that are known: until one of them is made.
func (f *forecaster) texts(ctx context.Context, task int, of *TaskForecast) error {
	reduce := protocol.Reduce{Round: 1}
	for of.Unknown == "" {
		call := f.calls.Group(task, reduce)
		listed, err := f.acts.ForecastGroups(ctx, &call)
		if err != nil {
			return err
		}
		if of.Unknown = failureText(listed.Error); of.Unknown != "" {
			continue
		}
		first := listed.Groups.First
		of.Items = listed.Total
		taken, err := f.round(ctx, task, of, listed)
		if err != nil {
			return err
		}
		switch {
		case taken < listed.Total-first && listed.Total-first > listed.Groups.Answers():
			of.Unknown = "the rounds after them depend on their answers"
			return nil
		case taken < listed.Total-first:
			return nil
		case listed.Total-first == listed.Groups.Answers():
			return f.same(ctx, task, of, listed)
		}
		reduce = protocol.Reduce{Round: reduce.Round + 1, Before: listed.Ref, First: first}
	}
	return nil
}

func failureText(e *protocol.Error) string {
	if e == nil {
		return ""
	}
	return e.Message
}

// round adds the forecast of the calls of a round, and returns how many are taken over. Their records are those of the run that is
// forecast: the next round reads them.
func (f *forecaster) round(ctx context.Context, task int, of *TaskForecast, listed *protocol.ExpandResponse) (taken int, err error) {
	manifest, err := resultstore.LoadManifest(ctx, f.store, *listed.Ref)
	if err != nil {
		return 0, err
	}
	for _, page := range manifest.Pages {
		if page.First < listed.Groups.First {
			continue
		}
		calls := f.calls.Items(task, listed, page)
		found, err := f.acts.Forecast(ctx, calls...)
		if err != nil {
			return taken, err
		}
		names, err := f.names(ctx, task, listed, page, calls[0].Items)
		if err != nil {
			return taken, err
		}
		var records []resultstore.Record
		for i, one := range found {
			of.add(one, names[i])
			if one.Taken == nil {
				continue
			}
			record := *one.Taken
			record.Run, record.Execution, record.Item = forecastRun, forecastRun, page.First+i
			records = append(records, record)
		}
		taken += len(records)
		if err := f.store.Put(ctx, resultstore.Batch{Records: records}); err != nil {
			return taken, err
		}
	}
	return taken, nil
}

// listed adds the forecast of items that are known.
func (f *forecaster) listed(ctx context.Context, task int, of *TaskForecast, listed *protocol.ExpandResponse) error {
	of.Items = listed.Total
	manifest, err := resultstore.LoadManifest(ctx, f.store, *listed.Ref)
	if err != nil {
		return err
	}
	for _, page := range manifest.Pages {
		calls := f.calls.Items(task, listed, page)
		found, err := f.acts.Forecast(ctx, calls...)
		if err != nil {
			return err
		}
		names, err := f.names(ctx, task, listed, page, calls[0].Items)
		if err != nil {
			return err
		}
		for i, one := range found {
			of.add(one, names[i])
		}
	}
	if of.TakenOver < of.Items {
		return nil
	}
	return f.same(ctx, task, of, listed)
}

// same ends a task all of whose items are taken over, if it had the same items: the same results of them make the same result of the task.
func (f *forecaster) same(ctx context.Context, task int, of *TaskForecast, listed *protocol.ExpandResponse) error {
	first, whole := f.calls.Expand(task).Run.TakeOver.Runs[0], protocol.NoItem
	records, err := f.store.Records(ctx, resultstore.Query{Run: first.Run, Execution: first.Execution, Kind: resultstore.Task, Task: of.Task, Item: &whole})
	if err != nil || len(records) == 0 {
		return err
	}
	if last := records[len(records)-1]; last.Status == protocol.Completed && last.Items != nil && last.Items.Hash == listed.Ref.Hash {
		of.same = true
		f.progress.End(task, last.Outcome())
	}
	return nil
}

// names returns what people call the items of a page.
func (f *forecaster) names(ctx context.Context, task int, listed *protocol.ExpandResponse, page protocol.Page, of *protocol.Items) ([]string, error) {
	if of.Files {
		return f.fileNames(ctx, task, listed, page)
	}
	response, err := f.acts.Page(ctx, protocol.PageRequest{Manifest: *listed.Ref, Item: page.First, Files: of.Files, Key: of.Key})
	if err != nil {
		return nil, err
	}
	if response.Error != nil {
		return nil, response.Error
	}
	names := response.Labels
	for i := range names {
		names[i] = fmt.Sprintf("%d (%s)", page.First+i, names[i])
	}
	return names, nil
}

// fileNames returns the paths of the files of a page, within the folder of the task or else of the run, and where several models are
// asked about each file, which one is.
func (f *forecaster) fileNames(ctx context.Context, task int, listed *protocol.ExpandResponse, page protocol.Page) ([]string, error) {
	items, err := resultstore.LoadPage(ctx, f.store, page)
	if err != nil {
		return nil, err
	}
	each, names := f.plan.Tasks[task].FanOut, make([]string, len(items))
	folders := view.ItemFolders(f.plan, each)
	for i, item := range items {
		names[i] = protocol.NameWithin(folders, item)
		if model := protocol.ModelOf(each.Models, page.First+i, listed.Total); model != "" {
			names[i] += " (" + model + ")"
		}
	}
	return names, nil
}

// add counts what becomes of the task, or of one of its items.
func (t *TaskForecast) add(f activities.Forecast, item string) {
	reason := f.Reason
	switch {
	case f.Error != nil:
		reason = "invalid"
	case f.Skips:
		t.Skipped++
		return
	case f.Taken != nil:
		t.TakenOver++
		return
	}
	t.ToDo++
	for i := range t.Reasons {
		if t.Reasons[i].Reason == reason {
			t.Reasons[i].Count++
			if len(t.Reasons[i].Examples) < mostExamples {
				t.Reasons[i].Examples = append(t.Reasons[i].Examples, item)
			}
			return
		}
	}
	found := Reason{Reason: reason, Count: 1}
	if item != "" {
		found.Examples = []string{item}
	}
	t.Reasons = append(t.Reasons, found)
}

// Text returns the forecast for people.
func (f *Forecast) Text() string {
	rows := [][]string{{"TASK", "TAKEN OVER", "TO DO", "WHY"}}
	for _, task := range f.Tasks {
		done, why := strconv.Itoa(task.ToDo), task.why()
		if task.Unknown != "" {
			done = "?"
		}
		rows = append(rows, []string{task.Task, strconv.Itoa(task.TakenOver), done, why})
	}
	return view.Table(rows)
}

func (t *TaskForecast) why() string {
	var parts []string
	for _, reason := range t.Reasons {
		if t.Items == 0 {
			parts = append(parts, reason.Reason)
			continue
		}
		text := fmt.Sprintf("%d %s", reason.Count, reason.Reason)
		if len(reason.Examples) > 0 {
			text += ": " + strings.Join(reason.Examples, ", ")
			if reason.Count > len(reason.Examples) {
				text += ", …"
			}
		}
		parts = append(parts, text)
	}
	if t.Skipped > 0 {
		parts = append(parts, fmt.Sprintf("%d skipped by a condition", t.Skipped))
	}
	if t.Unknown != "" {
		parts = append(parts, t.Unknown)
	}
	return strings.Join(parts, "; ")
}

// forecastRun is the id of the run that a forecast is for. It is no legal id of a run.
const forecastRun = "forecast/v1"

// overlay is a store of which another one has what was there before. What is stored is kept in memory.
type overlay struct {
	resultstore.Store
	written *memory.Store
}

// Put implements resultstore.Store.
func (o *overlay) Put(ctx context.Context, batch resultstore.Batch) error {
	return o.written.Put(ctx, batch)
}

// Value implements resultstore.Store.
func (o *overlay) Value(ctx context.Context, ref protocol.Ref) ([]byte, error) {
	data, err := o.written.Value(ctx, ref)
	if errors.Is(err, resultstore.ErrNotFound) {
		return o.Store.Value(ctx, ref)
	}
	return data, err
}

// Records implements resultstore.Store.
func (o *overlay) Records(ctx context.Context, query resultstore.Query) ([]resultstore.Record, error) {
	if query.Run == forecastRun {
		return o.written.Records(ctx, query)
	}
	return o.Store.Records(ctx, query)
}
