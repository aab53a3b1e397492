package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

const (
	// recordTimeout limits one attempt to read or write a record of the result store.
	recordTimeout = time.Minute
	// listTimeout limits one attempt to find or combine all items of a task: a million take minutes.
	listTimeout = 6 * time.Hour
	// storeTimeout limits how long a run waits for a store that is unavailable. Without it, Temporal takes the timeout of one attempt.
	storeTimeout = 10 * 365 * 24 * time.Hour
)

// open records the run and its plan.
func (r *run) open(ctx workflow.Context) error {
	if r.start.Opened {
		return nil
	}
	data, err := value.Encode(r.plan)
	if err != nil {
		return rejected("%s", err)
	}
	r.start.PlanRef = protocol.RefOf(data.JSON())
	// A run that is cancelled while it starts is recorded too: people look for it.
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	request := protocol.OpenRequest{Run: r.calls.run, Queue: r.queue, Plan: data, Values: r.valuesByRef()}
	if r.start.Within != nil {
		request.Within, request.Plan = true, value.Value{} // The plan of the run has it.
	}
	return workflow.ExecuteLocalActivity(recording(ctx), OpenActivity, request).Get(ctx, nil)
}

func (r *run) valuesByRef() [][]byte { return valuesByRef(r.plan) }

// valuesByRef returns the values that calls have by Ref alone.
func valuesByRef(p *plan.Plan) [][]byte {
	var values [][]byte
	keep := func(v value.Value) {
		if payload, data := protocol.NewCallPayload(v); payload.Inline == nil {
			values = append(values, data)
		}
	}
	keepForItems := func(v value.Value) {
		if payload, data := newItemPayload(v); payload.Inline == nil {
			values = append(values, data)
		}
	}
	keep(p.Inputs)
	for i := range p.Tasks {
		if each := p.Tasks[i].FanOut; each.IsReduction() {
			keep(*each.Values)
		}
		switch each := p.Tasks[i].FanOut; {
		case each == nil:
			keep(p.Tasks[i].Parameters)
		case !each.HasFiles() && uses(p.Tasks[i].Uses, headInputs):
			keepForItems(p.Inputs)
			fallthrough
		default:
			keepForItems(p.Tasks[i].Parameters)
		}
		if source := p.Tasks[i].Source; source != nil {
			keep(value.String(source.Text))
		}
		if p.Tasks[i].HasSteps() {
			keepSteps(p.Tasks[i].FanOut.Steps, keepForItems, keep)
		}
	}
	return values
}

// keepSteps keeps the values of the steps of items.
func keepSteps(steps *plan.Steps, keepForItems, keep func(value.Value)) {
	for i := range steps.Tasks {
		keepForItems(steps.Tasks[i].Parameters)
		if source := steps.Tasks[i].Source; source != nil {
			keep(value.String(source.Text))
		}
	}
	keepForItems(outputsOf(steps))
}

// close resolves the run's outputs, records its end, and returns its result.
func (r *run) close(ctx workflow.Context) (*Result, error) {
	// The end of a cancelled run is recorded too.
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	r.describe(ctx)
	result := r.result()
	if r.start.Within != nil {
		result.asTask()
	}
	request := protocol.CloseRequest{
		Run: r.calls.run, Queue: r.queue, Plan: r.start.PlanRef, Within: r.start.Within, Warning: result.warning(),
		Status: result.Status, Error: result.Error, Usage: result.Usage,
	}
	outputs := make([]value.Field, len(r.plan.Outputs))
	for i, output := range r.plan.Outputs {
		outputs[i] = value.Field{Name: output.Name, Value: output.Value}
		for _, binding := range r.calls.bindings(output.Uses) {
			if !bound(request.Uses, binding.Head) {
				request.Uses = append(request.Uses, binding)
			}
		}
	}
	request.Outputs = value.Object(outputs...)
	for i := range r.plan.Tasks {
		if outcome, unrecorded := r.unrecorded(i); unrecorded {
			request.Tasks = append(request.Tasks, protocol.ClosedTask{Task: r.plan.Tasks[i].ID, Method: r.plan.Tasks[i].Method, Outcome: outcome})
		}
	}
	var closed protocol.CloseResponse
	if err := workflow.ExecuteLocalActivity(recording(ctx), CloseActivity, request).Get(ctx, &closed); err != nil {
		return nil, err
	}
	result.Outputs = closed.Outputs
	if closed.Error != nil {
		result.Status, result.Error = protocol.Failed, closed.Error
	}
	if r.start.Settings.SearchAttributes && r.start.Within == nil {
		key := temporal.NewSearchAttributeKeyKeyword(protocol.StatusAttribute)
		if err := workflow.UpsertTypedSearchAttributes(ctx, key.ValueSet(string(result.Status))); err != nil {
			return nil, err
		}
	}
	return result, result.failure()
}

// unrecorded returns the end of a task that no activity has recorded, or not completely: only the run knows that a task
// was cancelled because another failed.
func (r *run) unrecorded(i int) (protocol.Outcome, bool) {
	outcome := r.progress.Outcome(i)
	if outcome.FinishedAt.IsZero() {
		return outcome, true
	}
	because := r.because(i)
	if because == "" || outcome.Status != protocol.Cancelled || outcome.Items != nil {
		return outcome, false
	}
	outcome.Error = protocol.Errorf(protocol.TaskCancelled, "it was cancelled while it ran%s", because)
	return outcome, true
}

// because names why a task was cancelled: the failure because of which everything else is, or the end of the clean-up; empty where it
// is neither.
func (r *run) because(task int) string {
	reason := r.stoppedFor(task)
	if reason == nil || reason.Code != protocol.WorkflowTasksFailed && !r.plan.CleansUp(task) {
		return ""
	}
	return ", because " + reason.Message
}

// result counts the ends of the tasks and decides how the run ended.
func (r *run) result() *Result {
	result := &Result{Status: protocol.Completed, Usage: r.usage}
	if r.items != nil {
		result.addItems(*r.items)
	}
	var failures []string
	cancelled := 0 // Of those that are not in `finally`.
	for i := range r.plan.Tasks {
		outcome := r.progress.Outcome(i)
		if outcome.Items != nil {
			result.addItems(*outcome.Items)
		}
		switch outcome.Status {
		case protocol.Completed:
			result.Completed++
		case protocol.Skipped:
			result.Skipped++
		case protocol.Cancelled:
			result.Cancelled++
			if !r.plan.Tasks[i].Finally {
				cancelled++
			}
		case protocol.Pending, protocol.Running: // Of a run whose end is not complete: `finally` has yet to run.
		default:
			result.Failed++
			if !r.plan.Tasks[i].Finally && !r.progress.ContinuedOnError(i) {
				failures = append(failures, quoted(r.plan.Tasks[i].ID))
			}
		}
	}
	switch {
	case cancelled == 0 && len(failures) == 0: // Tasks that were skipped were skipped by conditions.
	case r.stopped != nil && r.stopped.Code == protocol.WorkflowTimeout:
		result.Status, result.Error = protocol.TimedOut, r.stopped
	case r.stopped != nil && r.stopped.Code == protocol.WorkflowCancelled:
		result.Status, result.Error = protocol.Cancelled, r.stopped
	case len(failures) > 0:
		result.Status, result.Error = protocol.Failed, r.failedTasks(failures, cancelled)
	}
	result.CleanUp = r.cleanUpFailure()
	return result
}

// failedTasks returns the error of a run that names its failed tasks, and counts those that did not run because of them.
func (r *run) failedTasks(failures []string, cancelled int) *protocol.Error {
	message := taskCount(len(failures)) + " failed: " + some(failures)
	if skipped := r.progress.SkippedForFailure(); skipped > 0 {
		message += "; " + taskCount(skipped) + " skipped because of that"
	}
	if r.stopped != nil && r.stopped.Code == protocol.WorkflowTasksFailed && cancelled > 0 {
		message += "; " + taskCount(cancelled) + " cancelled because of that"
	}
	return protocol.Errorf(protocol.WorkflowTasksFailed, "%s", message)
}

func (result *Result) addItems(counts protocol.Counts) {
	if result.Items == nil {
		result.Items = &protocol.Counts{}
	}
	result.Items.Add(counts)
}

// failure returns the error with which the workflow closes, so that Temporal shows how it ended.
func (result *Result) failure() error {
	switch result.Status {
	case protocol.Completed:
		return nil
	case protocol.Cancelled:
		return temporal.NewCanceledError(*result)
	}
	return temporal.NewNonRetryableApplicationError(result.Error.Message, result.Error.Name, nil, *result)
}

// recording returns the context of a local activity that reads or writes records of the result store. It is retried while the
// store is unavailable: the run's work is done and must not be lost.
func recording(ctx workflow.Context) workflow.Context { return usingStore(ctx, recordTimeout) }

// listing is recording of all items of a task.
func listing(ctx workflow.Context) workflow.Context { return usingStore(ctx, listTimeout) }

func usingStore(ctx workflow.Context, attempt time.Duration) workflow.Context {
	return workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout:    attempt,
		ScheduleToCloseTimeout: storeTimeout,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 10 * time.Second,
		},
	})
}

func bound(bindings []protocol.Binding, head string) bool {
	for _, binding := range bindings {
		if binding.Head == head {
			return true
		}
	}
	return false
}

func quoted(id string) string { return fmt.Sprintf("%q", id) }

// some lists the first of the names.
func some(names []string) string {
	const limit = 10
	if len(names) <= limit {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:limit], ", "), len(names)-limit)
}

// maxRows is how many tasks the table in the Web UI shows. The table is written whenever something ends.
const maxRows = 100

// maxFailed is for how many tasks the details say why items failed.
const maxFailed = 5

// describe writes the run's current details, a table of its tasks. The Web UI shows them; no event records them.
func (r *run) describe(ctx workflow.Context) {
	rows := min(len(r.plan.Tasks), maxRows)
	if r.rows == nil {
		r.rows = make([]string, rows)
		for i := range r.rows {
			r.rows[i] = "| " + r.plan.Tasks[i].ID + " | " + r.plan.Tasks[i].Method + " | "
		}
	}
	var table strings.Builder
	table.Grow(rows * 64)
	table.WriteString("| task | method | status | attempts |\n| --- | --- | --- | --- |\n")
	for i := range r.rows {
		outcome := r.progress.Outcome(i)
		table.WriteString(r.rows[i])
		table.WriteString(string(outcome.Status))
		table.WriteString(" | ")
		r.writeCount(&table, i, outcome)
		table.WriteString(" |\n")
	}
	if more := len(r.plan.Tasks) - rows; more > 0 {
		fmt.Fprintf(&table, "\nand %d more\n", more)
	}
	r.writeFailures(&table)
	r.approvals.write(&table)
	workflow.SetCurrentDetails(ctx, table.String())
}

// writeFailures writes why items failed: as code, because a message is no Markdown.
func (r *run) writeFailures(text *strings.Builder) {
	shown := 0
	for i, lines := range r.failures {
		if len(lines) == 0 {
			continue
		}
		if shown++; shown > maxFailed {
			break
		}
		task := r.plan.Tasks[i].ID
		fmt.Fprintf(text, "\nwhy items of %s failed (all: gleitzeit batch show %s %[1]s --failed):\n\n", task, r.calls.run.ID)
		for _, line := range lines {
			text.WriteString("    " + line + "\n")
		}
	}
}

// writeCount writes the number of a task's attempts, or of its items that have ended.
func (r *run) writeCount(table *strings.Builder, task int, outcome protocol.Outcome) {
	switch {
	case outcome.Items != nil:
		writeItems(table, outcome.Items.Total, outcome.Items.Total, outcome.Items.Failed)
	case outcome.Status == protocol.Running && r.plan.Tasks[task].FanOut != nil:
		if items := r.progress.Items(task); items != nil {
			writeItems(table, items.Ended(), len(items.Outcomes()), items.Failed())
		}
	case outcome.Attempts > 0:
		fmt.Fprint(table, outcome.Attempts)
	}
}

func writeItems(table *strings.Builder, ended, total, failed int) {
	word := "items"
	if total == 1 {
		word = "item"
	}
	fmt.Fprintf(table, "%d of %d %s", ended, total, word)
	if failed > 0 {
		fmt.Fprintf(table, ", %d failed", failed)
	}
}

func taskCount(n int) string {
	if n == 1 {
		return "1 task"
	}
	return fmt.Sprintf("%d tasks", n)
}
