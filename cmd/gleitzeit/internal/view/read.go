package view

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// Read returns the document of a run in the store, without results: of an execution, or of the newest if it is empty. It is
// nil if the store does not have the run.
func Read(ctx context.Context, store resultstore.Store, run, execution string) (*Run, error) {
	whole := protocol.NoItem
	records, err := store.Records(ctx, resultstore.Query{Run: run, Execution: execution, Item: &whole})
	if err != nil || len(records) == 0 || records[0].Kind != resultstore.Run {
		return nil, err
	}
	document := FromRecord(records[0])
	if over := records[0].TakeOver; over != nil && len(over.Runs) > 0 {
		document.Continues = &Continued{Run: over.Runs[0].Run, started: document.StartedAt, same: over.Runs[0].Run == document.Run}
	}
	if records[0].Value != nil {
		outputs, err := resultstore.Load(ctx, store, protocol.Payload{Ref: records[0].Value})
		if err != nil {
			return nil, err
		}
		document.Outputs = document.texts.Share(outputs)
	}
	if records[0].Plan == nil {
		return document, nil
	}
	p, err := readPlan(ctx, store, *records[0].Plan)
	if err != nil {
		return nil, err
	}
	byTask := byTask(records[1:])
	document.addTasks(p, byTask)
	document.nameCommands()
	retries, planned := document.retries(p), document.PlannedTasks(p)
	for i := range document.Tasks {
		task := &document.Tasks[i]
		task.FailedAttempts = byTask[task.ID].failed()
		if task.asked != nil && task.Status == protocol.Running {
			if task.Approval, err = ReadApproval(ctx, store, run, task.ID, *task.asked); err != nil {
				return nil, fmt.Errorf("what task %q asks: %w", task.ID, err)
			}
		}
		if planned[i].Repeat != nil {
			if err := addRounds(ctx, store, records[0].Key, task); err != nil {
				return nil, fmt.Errorf("the rounds of task %q: %w", task.ID, err)
			}
		}
		if err := task.addItems(ctx, store, byTask[task.ID], retries, document.Continues); err != nil {
			return nil, fmt.Errorf("the items of task %q: %w", task.ID, err)
		}
		if document.Continues != nil && !task.HasItems() && !task.nested {
			document.Continues.Tasks.Total++
			if found := byTask[task.ID]; len(found) > 0 && document.Continues.has(found[len(found)-1]) {
				document.Continues.Tasks.TakenOver++
			}
		}
	}
	return document, nil
}

// addItems adds to a fanned-out task how many items there are, how they ended so far, and why. The records of the items are read in
// parts, unless there are many and the record of the task has a summary of them.
func (t *Task) addItems(ctx context.Context, store resultstore.Store, records attempts, retries retries, continues *Continued) error {
	of := itemsOf{continues: continues}
	var summary *protocol.Ref
	for _, record := range records {
		if record.Items != nil {
			of.list = record.Items
		}
		if record.Counts != nil {
			of.ended, summary = record.Counts, record.Summary
		}
	}
	if of.list == nil {
		return nil
	}
	manifest, err := resultstore.LoadManifest(ctx, store, *of.list)
	if err != nil {
		return err
	}
	of.counts.Total = manifest.Total
	summarized := false
	if summary != nil && manifest.Total > protocol.MaxPageItems {
		read, err := resultstore.LoadSummary(ctx, store, *summary)
		if err != nil && !errors.Is(err, resultstore.ErrNotFound) {
			return err
		}
		if summarized = err == nil; summarized {
			of.summary = *read
		}
	}
	if !summarized {
		list := &ItemList{Total: manifest.Total, store: store, task: t.ID, pages: manifest.Pages}
		of.at = func(index int) (value.Value, error) { return list.At(ctx, index) }
		if err := t.readItems(ctx, store, records[0].Key, &of, retries); err != nil {
			return err
		}
	}
	if continues != nil {
		continues.Items.Total += manifest.Total
		continues.Items.TakenOver += of.summary.TakenOver
	}
	if t.reduces {
		t.Calls, t.Retrying, t.items = &of.counts, of.retrying, nil
		t.Rounds, err = roundOf(ctx, store, manifest.Pages)
		return err
	}
	t.Items, t.Retrying = &of.counts, of.retrying
	if of.ended != nil {
		t.Items, t.Retrying = of.ended, 0
	}
	t.Warnings, t.Reasons = of.summary.Warned, reasonsOf(&of.summary)
	return nil
}

// readItems reads the records of all items.
func (t *Task) readItems(ctx context.Context, store resultstore.Store, key resultstore.Key, of *itemsOf, retries retries) error {
	for first := 0; first < of.counts.Total; first += protocol.MaxPageItems {
		last := first + protocol.MaxPageItems - 1
		found, err := store.Records(ctx, resultstore.Query{Run: key.Run, Execution: key.Execution, Kind: resultstore.Task, Task: t.ID, Item: &first, Last: &last})
		if err != nil {
			return err
		}
		if err := of.count(found, retries); err != nil {
			return err
		}
		if of.counts.Total <= protocol.MaxPageItems { // The result of more items is not shown as a whole.
			t.items = unfinishedIn(found)
		}
	}
	return nil
}

// tolerance returns how many items of a task may fail; nil: any number.
func tolerance(task *plan.Task) *plan.Tolerance {
	if task.FanOut == nil {
		return nil
	}
	return task.FanOut.MaxFailures
}

// retries returns the retry policies of the tasks, if the run has not ended.
func (r *Run) retries(p *plan.Plan) retries {
	if r.Status.Ended() {
		return nil
	}
	policies := make(retries, len(p.Tasks))
	for _, task := range r.PlannedTasks(p) {
		if task.Workflow == "" { // The tasks of a workflow are retried, the workflow is not.
			policies[task.ID] = task.Retry
		}
	}
	return policies
}

// ReadPlan returns the plan of a run; nil if the store does not have it.
func ReadPlan(ctx context.Context, store resultstore.Store, run string) (*plan.Plan, error) {
	records, err := store.Records(ctx, resultstore.Query{Run: run, Kind: resultstore.Run})
	if err != nil || len(records) == 0 || records[0].Plan == nil {
		return nil, err
	}
	return readPlan(ctx, store, *records[0].Plan)
}

// ReadTags returns the tags of a plan in the store; none if it is gone.
func ReadTags(ctx context.Context, store resultstore.Store, ref protocol.Ref) ([]string, error) {
	p, err := readPlan(ctx, store, ref)
	if errors.Is(err, resultstore.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return p.Tags, nil
}

// FromRecord returns the document of a run without its tasks.
func FromRecord(r resultstore.Record) *Run {
	document := &Run{
		Run: r.Run, Workflow: r.Workflow, Status: r.Status, StartedAt: r.StartedAt.UTC(), Error: NewError(r.Error),
		Usage: Usage(r.Usage), Outputs: value.Object(),
	}
	if !r.FinishedAt.IsZero() {
		finished := r.FinishedAt.UTC()
		document.FinishedAt = &finished
		document.Duration = since(r.StartedAt, r.FinishedAt)
	}
	return document
}

// AddResults loads the results of the tasks, and what was printed by attempts that have none.
func (r *Run) AddResults(ctx context.Context, store resultstore.Store) error {
	for i := range r.Tasks {
		if err := addRoundResults(ctx, store, &r.Tasks[i]); err != nil {
			return err
		}
		if r.Tasks[i].value == nil {
			continue
		}
		if r.Tasks[i].value.Paged {
			if err := r.Tasks[i].addPaged(ctx, store, r.Run); err != nil {
				return fmt.Errorf("the result of task %q: %w", r.Tasks[i].ID, err)
			}
			continue
		}
		result, err := resultstore.Load(ctx, store, protocol.Payload{Ref: r.Tasks[i].value})
		if err != nil {
			return fmt.Errorf("the result of task %q: %w", r.Tasks[i].ID, err)
		}
		result = r.texts.Share(result)
		if result, err = r.Tasks[i].withPrinted(ctx, store, result); err != nil {
			return fmt.Errorf("the output of task %q: %w", r.Tasks[i].ID, err)
		}
		r.Tasks[i].Result = &result
	}
	return r.AddPrinted(ctx, store)
}

// addPaged adds a result whose items are too many to show: without them.
func (t *Task) addPaged(ctx context.Context, store resultstore.Store, run string) error {
	index, err := resultstore.LoadPaged(ctx, store, *t.value)
	if err != nil {
		return err
	}
	counts := index.Value(value.List()).Fields()
	result := value.Object(append(counts[:len(counts)-1:len(counts)-1], value.Field{Name: "export", Value: value.String(ExportCommand(run, t.ID))})...)
	t.Result = &result
	return nil
}

// ExportCommand returns the command that shows the results of all items of a task.
func ExportCommand(run, task string) string {
	return "gleitzeit " + ShellWords("batch", "export", run, task, "--format", "jsonl")
}

// AddPrinted loads what the attempts of tasks have printed that have no result, and, of the items that failed for one reason,
// what the first one has printed.
func (r *Run) AddPrinted(ctx context.Context, store resultstore.Store) error {
	for i := range r.Tasks {
		task := &r.Tasks[i]
		if task.Error != nil {
			if err := task.Error.load(ctx, store, task.printed); err != nil {
				return fmt.Errorf("the output of task %q: %w", task.ID, err)
			}
		}
		for _, attempt := range task.FailedAttempts {
			if err := attempt.Error.load(ctx, store, attempt.printed); err != nil {
				return fmt.Errorf("the output of task %q: %w", task.ID, err)
			}
		}
		for at := range task.Failures[:min(len(task.Failures), maxReasons)] {
			reason := &task.Failures[at]
			if err := reason.error.load(ctx, store, reason.printed); err != nil {
				return fmt.Errorf("the output of task %q: %w", task.ID, err)
			}
		}
	}
	return nil
}

// Task returns the task with an id or name; nil if there is none.
func (r *Run) Task(name string) *Task {
	for i := range r.Tasks {
		if r.Tasks[i].ID == name {
			return &r.Tasks[i]
		}
	}
	for i := range r.Tasks {
		if r.Tasks[i].Name == name {
			return &r.Tasks[i]
		}
	}
	return nil
}

func (r *Run) addTasks(p *plan.Plan, records map[string]attempts) {
	r.Version, r.Tags, r.Metadata = p.Version, p.Tags, p.Metadata
	items := itemsWithin(records)
	r.nestedItems = items
	all := p.AllOf(func(task string) []int { return items[task] })
	r.Tasks = make([]Task, len(all))
	retries := r.retries(p)
	within := map[string]int{}   // Places of tasks, by id.
	skipped := map[string]bool{} // Tasks that run workflows, which precede the tasks of these.
	for i := range all {
		planned := &all[i].Task
		task := Task{
			Within: all[i].Within, nested: planned.Workflow != "",
			ID: planned.ID, Method: planned.Method, Status: protocol.Pending, after: planned.After, each: planned.FanOut != nil && !planned.FanOut.Reduces, reduces: planned.FanOut.IsReduction(), continueOnError: planned.ContinueOnError, tolerance: tolerance(planned),
			when: planned.When, runIf: string(planned.RunIf), waits: planned.Waits, Finally: planned.Finally,
			About: planned.Description, Tags: planned.Tags, Metadata: planned.Metadata,
		}
		task.Values = planned.FanOut != nil && !planned.FanOut.HasFiles()
		if all[i].HasSteps() {
			for _, step := range planned.FanOut.Steps.Tasks {
				task.steps = append(task.steps, step.ID)
			}
		}
		task.Rows = planned.FanOut != nil && planned.FanOut.Rows != nil
		task.folders = ItemFolders(p, planned.FanOut)
		task.models = planned.FanOut != nil && len(planned.FanOut.Models) > 0
		schema, _ := planned.Parameters.Get("schema")
		properties, _ := schema.Get("properties")
		for _, property := range properties.Fields() {
			task.answers = append(task.answers, property.Name)
		}
		if planned.Name != planned.ID {
			task.Name = planned.Name
		}
		if of := records[planned.ID]; len(of) > 0 {
			record := of[len(of)-1]
			task.fill(record)
			if retries.follows(record) {
				task.Status = protocol.Running
			}
		}
		if task.Status == protocol.Pending && skipped[task.Within] {
			task.Status, task.Reason = protocol.Skipped, "its workflow was skipped"
		}
		skipped[task.ID] = task.nested && task.Status == protocol.Skipped
		r.Tasks[i] = task
		if within[task.ID] = i; task.Status != protocol.Pending && task.Status != protocol.Skipped {
			r.began(task.Within, within)
		}
	}
}

// began records that a task has begun of the workflow that another task runs: that one has no record before it ends.
func (r *Run) began(task string, places map[string]int) {
	for at, is := places[task]; is && r.Tasks[at].Status == protocol.Pending; at, is = places[r.Tasks[at].Within] {
		r.Tasks[at].Status = protocol.Running
	}
}

// ItemFolders returns the folders within which people are shown the paths of a task's files: that of the task, or else those of the run.
func ItemFolders(p *plan.Plan, each *plan.FanOut) (folders []string) {
	if each == nil {
		return nil
	}
	for _, folder := range []string{p.Folder, p.FlowFolder} {
		if path.IsAbs(each.Directory) {
			folder = ""
		}
		if each.Directory != "" {
			folders = append(folders, path.Join(folder, each.Directory))
		}
	}
	return append(folders, p.Folder, p.FlowFolder)
}

// nameCommands adds to the tasks with items the commands that list those that failed.
func (r *Run) nameCommands() {
	with := 0
	for i := range r.Tasks {
		if r.Tasks[i].HasItems() {
			with++
		}
	}
	for i := range r.Tasks {
		words := []string{"batch", "show", r.Run}
		if with > 1 {
			words = append(words, r.Tasks[i].ID)
		}
		r.Tasks[i].listFailed = "gleitzeit " + ShellWords(append(words, "--failed")...)
	}
}

func (t *Task) fill(record resultstore.Record) {
	t.Cached = record.FromCache
	t.Status, t.Reason, t.Attempts, t.Error, t.value = record.Status, record.Reason, record.Attempts, NewError(record.Error), record.Value
	t.Rounds = record.Rounds
	t.asked = record.Approval
	t.Warning, t.printed = record.Warning, record.Printed
	if record.Status == protocol.Skipped {
		t.Error = nil
	}
	if !record.StartedAt.IsZero() {
		started := record.StartedAt.UTC()
		t.StartedAt = &started
		if !record.FinishedAt.IsZero() {
			t.Duration = since(record.StartedAt, record.FinishedAt)
		}
	}
}

// byTask returns the attempts of each task, in their order.
func byTask(records []resultstore.Record) map[string]attempts {
	of := map[string]attempts{}
	for _, record := range records {
		of[record.Task] = append(of[record.Task], record)
	}
	return of
}

func readPlan(ctx context.Context, store resultstore.Store, ref protocol.Ref) (*plan.Plan, error) {
	data, err := store.Value(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("the run's plan: %w", err)
	}
	p := &plan.Plan{}
	if err := json.Unmarshal(data, p); err != nil {
		return nil, fmt.Errorf("the run's plan: %w", err)
	}
	return p, nil
}

func since(from, to time.Time) protocol.Seconds {
	return protocol.RoundedSeconds(to.Sub(from))
}

// Merge updates the recorded state with the state in Temporal: a run that was terminated has not recorded its end.
func (r *Run) Merge(live Live) {
	if r.Status.Ended() {
		return
	}
	r.Status = live.Status
	for i := range r.Tasks {
		task := &r.Tasks[i]
		if live.Status != protocol.Running && task.Retrying > 0 {
			task.Items.Failed += task.Retrying // Nobody retries them any more.
			task.Retrying = 0
		}
		switch {
		case task.Status.Ended() && !contains(live.Running, task.ID):
		case live.Status != protocol.Running:
			task.Status = protocol.Cancelled
		case contains(live.Running, task.ID):
			task.Status = protocol.Running
		}
		if !task.Status.Ended() {
			task.InFlight = live.InFlight[task.ID]
		}
		if text := live.Waits[task.ID]; text != "" && !task.Status.Ended() {
			task.Reason = text
		}
		if queue, waiting := live.Waiting[task.ID]; waiting && !task.Status.Ended() {
			task.Reason = fmt.Sprintf("waiting for a worker on queue %q", queue)
		}
	}
}

// itemsWithin returns, for each task that runs a workflow for each item, the items of which the tasks have records.
func itemsWithin(records map[string]attempts) map[string][]int {
	found := map[string][]int{}
	for id := range records {
		for at := 0; ; {
			end := strings.Index(id[at:], "]/")
			if end < 0 {
				break
			}
			at += end + len("]/")
			task, item := protocol.ParseActivityID(id[:at-len("/")])
			if item != protocol.NoItem && !slices.Contains(found[task], item) {
				found[task] = append(found[task], item)
			}
		}
	}
	for _, items := range found {
		slices.Sort(items)
	}
	return found
}

// PlannedTasks returns the tasks of the run's plan in the order of the run's tasks, with their ids.
func (r *Run) PlannedTasks(p *plan.Plan) []plan.ListedTask {
	return p.AllOf(func(task string) []int { return r.nestedItems[task] })
}
