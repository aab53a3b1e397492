package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// ApproveName is the name of the update, and of the signal, that answers what a task asks: a protocol.Answer. The update returns a
// protocol.Receipt, or why the answer does not count. A signal has no answer: the details of the run say why it was ignored.
const ApproveName = "approve"

// The local activities about approvals.
const (
	AskActivity    = "gleitzeit.ask"
	AnswerActivity = "gleitzeit.answer"
)

// maxIgnored is how many signals that were ignored the details name.
const maxIgnored = 5

// Waiting are the tasks that wait for people, for a run that continues in a new history.
type Waiting struct {
	Asked   []protocol.Asked `json:"asked,omitempty"`
	Ignored []string         `json:"ignored,omitempty"` // As the details name them.
}

// approvals are the tasks of a run that wait for people.
type approvals struct {
	run     *run
	ctx     workflow.Context // That of the tasks that are not part of the clean-up.
	root    workflow.Context // The cancellation of the run does not reach it.
	signals workflow.ReceiveChannel
	changed workflow.Channel // Has something when an answer was looked at.
	begun   []started        // Those whose wait has begun, and that are not in flight yet.
	waits   []*wait
	looking int // Answers that are looked at.
	ignored []string
}

// wait is a task that waits for an answer.
type wait struct {
	asked   protocol.Asked
	over    bool              // The time is.
	outcome *protocol.Outcome // Nil: it waits.
	answers []*givenAnswer
}

// givenAnswer is an answer that waits to be looked at.
type givenAnswer struct {
	answer  protocol.Answer
	looked  bool
	receipt *protocol.Receipt
	problem *protocol.Error // Why it does not count.
}

// receive receives answers from now on.
func (a *approvals) receive(ctx workflow.Context) error {
	if !slices.ContainsFunc(a.run.plan.Tasks, func(t plan.Task) bool { return t.Waits }) {
		return nil
	}
	a.signals = workflow.GetSignalChannel(ctx, ApproveName)
	a.changed = workflow.NewBufferedChannel(ctx, 1)
	a.root, _ = workflow.NewDisconnectedContext(ctx) // An answer is looked at even if the run is cancelled meanwhile.
	return workflow.SetUpdateHandlerWithOptions(ctx, ApproveName, a.takeUpdate, workflow.UpdateHandlerOptions{
		Description: "answers a task that waits for a person",
		Validator: func(answer protocol.Answer) error {
			if problem := a.problemOf(answer); problem != nil {
				return rejectedBecause(problem)
			}
			return nil
		},
	})
}

// resume continues to wait for what an earlier history waited for.
func (a *approvals) resume() error {
	if a.run.start.Waiting == nil {
		return nil
	}
	a.ignored = a.run.start.Waiting.Ignored
	for _, asked := range a.run.start.Waiting.Asked {
		task, err := a.run.progress.Resume(asked.Task)
		if err != nil {
			return rejectedBecause(err)
		}
		a.wait(task, asked)
	}
	return nil
}

// next returns what the next history has to know of approvals; nil: nothing.
func (a *approvals) next() *Waiting {
	next := &Waiting{Ignored: a.ignored}
	for _, w := range a.waits {
		next.Asked = append(next.Asked, w.asked)
	}
	if len(next.Asked)+len(next.Ignored) == 0 {
		return nil
	}
	return next
}

// ask starts to ask what a task asks.
func (a *approvals) ask(ctx workflow.Context, task *plan.Task) workflow.Future {
	call, size := a.run.calls.call(task, nil)
	a.run.sent += size
	return workflow.ExecuteLocalActivity(recording(ctx), AskActivity, call)
}

// endAsk lets the task wait, or ends it.
func (a *approvals) endAsk(ctx workflow.Context, s started) {
	var response protocol.AskResponse
	err := s.future.Get(ctx, &response)
	switch {
	case err != nil && temporal.IsCanceledError(err):
		a.run.progress.End(s.Task, protocol.Outcome{
			Status: protocol.Cancelled, Error: protocol.Errorf(protocol.TaskCancelled, "it was cancelled before it asked%s", a.run.because(s.Task)),
		})
	case err != nil:
		a.run.progress.End(s.Task, failed(protocol.Errorf(protocol.InternalError, "%s", err)))
	case response.Outcome != nil:
		a.run.progress.End(s.Task, *response.Outcome)
	default:
		a.wait(s.Task, response.Asked)
	}
}

// wait begins to wait for the answer to a task, which does not count as in flight meanwhile.
func (a *approvals) wait(task int, asked protocol.Asked) {
	a.run.progress.Park()
	ctx := a.run.contextOf(a.ctx, task)
	w := &wait{asked: asked}
	a.waits = append(a.waits, w)
	future, settable := workflow.NewFuture(ctx)
	a.begun = append(a.begun, started{plan.Work{Task: task, Item: protocol.NoItem, Step: plan.Wait}, future})
	workflow.GoNamed(ctx, "approval of "+asked.Task, func(ctx workflow.Context) {
		outcome := a.awaitAnswer(ctx, w)
		if outcome.Status == protocol.Cancelled {
			outcome.Error.Message += a.run.because(task)
		}
		w.outcome = &outcome
		settable.SetValue(outcome)
		for _, given := range w.answers { // They came too late.
			given.problem, given.looked = answeredBefore(asked.Task, outcome), true
		}
	})
}

// endWait ends a task that has waited.
func (a *approvals) endWait(ctx workflow.Context, s started) {
	var outcome protocol.Outcome
	if err := s.future.Get(ctx, &outcome); err != nil {
		outcome = failed(protocol.Errorf(protocol.InternalError, "%s", err))
	}
	id := a.run.plan.Tasks[s.Task].ID
	a.waits = slices.DeleteFunc(a.waits, func(w *wait) bool { return w.asked.Task == id })
	a.run.progress.Unpark()
	a.run.progress.End(s.Task, outcome)
}

// awaitAnswer returns how a task ends that waits: by an answer that counts, when its time is over, or because it is cancelled.
func (a *approvals) awaitAnswer(ctx workflow.Context, w *wait) protocol.Outcome {
	timerCtx, stop := workflow.WithCancel(ctx)
	defer stop()
	if !w.asked.Until.IsZero() {
		left := max(w.asked.Until.Sub(workflow.Now(ctx)), time.Millisecond)
		timer := workflow.NewTimerWithOptions(timerCtx, left, workflow.TimerOptions{Summary: "approval of " + w.asked.Task})
		workflow.GoNamed(timerCtx, "timeout of "+w.asked.Task, func(ctx workflow.Context) { w.over = timer.Get(ctx, nil) == nil })
	}
	for {
		err := workflow.Await(ctx, func() bool { return len(w.answers) > 0 || w.over })
		switch {
		case len(w.answers) > 0: // Whatever happens meanwhile: it came first.
			given := w.answers[0]
			w.answers = w.answers[1:]
			outcome := a.look(ctx, w, given)
			if outcome != nil {
				return *outcome
			}
		case err != nil:
			return protocol.Outcome{Status: protocol.Cancelled, StartedAt: w.asked.Since, Error: protocol.Errorf(protocol.TaskCancelled, "it was cancelled while it waited for an approval")}
		default:
			outcome, problem := a.record(ctx, w, nil)
			if outcome == nil {
				return failed(problem)
			}
			return *outcome
		}
	}
}

// look looks at an answer. It returns the end of the task; nil: the answer does not count.
func (a *approvals) look(ctx workflow.Context, w *wait, given *givenAnswer) *protocol.Outcome {
	outcome, problem := a.record(ctx, w, &given.answer)
	if given.problem = problem; outcome != nil {
		given.receipt = &protocol.Receipt{Task: w.asked.Task, Approved: outcome.Status == protocol.Completed, By: given.answer.By, At: outcome.FinishedAt}
	}
	given.looked = true
	return outcome
}

// record has an answer checked, or, without one, the timeout, and the end of the task recorded. It returns the end, or why there is none.
func (a *approvals) record(ctx workflow.Context, w *wait, answer *protocol.Answer) (*protocol.Outcome, *protocol.Error) {
	disconnected, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	var response protocol.AnswerResponse
	request := protocol.AnswerRequest{Run: a.run.calls.run, Asked: w.asked, Answer: answer, At: workflow.Now(ctx).UTC()}
	if err := workflow.ExecuteLocalActivity(recording(disconnected), AnswerActivity, request).Get(disconnected, &response); err != nil {
		return nil, protocol.Errorf(protocol.InternalError, "%s", err)
	}
	return response.Outcome, response.Problem
}

// takeUpdate looks at the answer of an update, whose end tells what became of it.
func (a *approvals) takeUpdate(ctx workflow.Context, answer protocol.Answer) (*protocol.Receipt, error) {
	given := a.give(answer)
	disconnected, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	err := workflow.Await(disconnected, func() bool { return given.looked })
	a.looked()
	switch {
	case err != nil:
		return nil, err
	case given.problem != nil:
		return nil, rejectedBecause(given.problem)
	}
	return given.receipt, nil
}

// readSignals looks at the answers of signals that have come. No other coroutine waits for them: one that does has got a signal before it
// runs, and a history that ends in between would lose it.
func (a *approvals) readSignals() {
	for a.signals != nil {
		var answer protocol.Answer
		if !a.signals.ReceiveAsync(&answer) {
			return
		}
		a.takeSignal(answer)
	}
}

// takeSignal looks at the answer of a signal.
func (a *approvals) takeSignal(answer protocol.Answer) {
	given := a.give(answer)
	workflow.GoNamed(a.root, "signal", func(ctx workflow.Context) {
		if workflow.Await(ctx, func() bool { return given.looked }) != nil {
			return
		}
		if given.problem != nil {
			a.ignored = append(a.ignored, workflow.Now(ctx).UTC().Format(time.RFC3339)+" "+given.problem.Message)
			a.ignored = a.ignored[max(0, len(a.ignored)-maxIgnored):]
		}
		a.looked()
	})
}

// give passes an answer to the task that waits for it.
func (a *approvals) give(answer protocol.Answer) *givenAnswer {
	a.looking++
	given := &givenAnswer{answer: answer}
	if given.problem = a.problemOf(answer); given.problem != nil {
		given.looked = true
		return given
	}
	w := a.waitOf(answer.Task)
	w.answers = append(w.answers, given)
	return given
}

// looked lets the run see that an answer was looked at.
func (a *approvals) looked() {
	a.looking--
	a.changed.SendAsync(true)
}

func (a *approvals) waitOf(task string) *wait {
	for _, w := range a.waits {
		if w.asked.Task == task {
			return w
		}
	}
	return nil
}

// problemOf returns why an answer does not count, before its values are checked; nil if it may.
func (a *approvals) problemOf(answer protocol.Answer) *protocol.Error {
	at := slices.IndexFunc(a.run.plan.Tasks, func(t plan.Task) bool { return t.ID == answer.Task })
	switch {
	case answer.Invalid != "":
		return protocol.Errorf(protocol.InvalidParams, "invalid answer: %s", answer.Invalid).
			WithHint(`write {"task": "ID", "values": {…}}, or {"task": "ID", "reject": "why"}`)
	case answer.Task == "":
		return protocol.Errorf(protocol.InvalidParams, `required field "task" is missing`).WithHint("%s", a.waitingTasks())
	case at < 0:
		return protocol.Errorf(protocol.InvalidParams, "unknown task %q", answer.Task).WithHint("%s", a.waitingTasks())
	case !a.run.plan.Tasks[at].Waits:
		return protocol.Errorf(protocol.InvalidParams, "task %q does not ask for an approval: its method is %s", answer.Task, a.run.plan.Tasks[at].Method).WithHint("%s", a.waitingTasks())
	case answer.Reject != "" && answer.Values != nil:
		return protocol.Errorf(protocol.InvalidParams, "values and reject exclude each other")
	case a.run.progress.Outcome(at).Status.Ended():
		return answeredBefore(answer.Task, a.run.progress.Outcome(at))
	case a.waitOf(answer.Task) != nil && a.waitOf(answer.Task).outcome != nil:
		return answeredBefore(answer.Task, *a.waitOf(answer.Task).outcome)
	case a.waitOf(answer.Task) == nil:
		return protocol.Errorf(protocol.InvalidParams, "task %q does not wait for an approval yet", answer.Task).WithHint("%s", a.waitingTasks())
	}
	return nil
}

// waitingTasks says which tasks wait.
func (a *approvals) waitingTasks() string {
	var names []string
	for _, w := range a.waits {
		names = append(names, quoted(w.asked.Task))
	}
	if len(names) == 0 {
		return "no task waits for an approval now"
	}
	return "waiting for an approval: " + some(names)
}

// answeredBefore is the problem of an answer to a task that has ended.
func answeredBefore(task string, outcome protocol.Outcome) *protocol.Error {
	at := ""
	if !outcome.FinishedAt.IsZero() {
		at = " at " + outcome.FinishedAt.UTC().Format(time.RFC3339)
	}
	switch {
	case outcome.Status == protocol.Completed:
		return protocol.Errorf(protocol.InvalidParams, "task %q was already approved%s%s", task, by(outcome), at)
	case outcome.Error != nil && outcome.Error.Code == protocol.TaskRejected:
		return protocol.Errorf(protocol.InvalidParams, "task %q was already %s", task, outcome.Error.Message)
	case outcome.Error != nil:
		return protocol.Errorf(protocol.InvalidParams, "task %q waits no longer: %s", task, outcome.Error.Message)
	}
	return protocol.Errorf(protocol.InvalidParams, "task %q waits no longer: it is %s", task, outcome.Status)
}

// by says who has approved, as far as the history knows it.
func by(outcome protocol.Outcome) string {
	if outcome.Value.Inline == nil {
		return ""
	}
	if by, _ := outcome.Value.Inline.Get("by"); by.Text() != "" {
		return " by " + by.Text()
	}
	return ""
}

// onlyWaits reports whether all that is in flight waits for people, and nobody has answered.
func (a *approvals) onlyWaits() bool {
	return len(a.run.inFlight) == len(a.waits) && a.looking == 0 && !slices.ContainsFunc(a.waits, func(w *wait) bool { return w.outcome != nil })
}

// waitsOn reports whether the run waits for people within this history, and not in the next one.
func (a *approvals) waitsOn(ctx workflow.Context) bool {
	if len(a.waits) == 0 {
		return false
	}
	info := workflow.GetInfo(ctx)
	full := info.GetContinueAsNewSuggested() || info.GetCurrentHistoryLength() >= historyBudget || !a.run.fits(ctx)
	return !full || a.run.stopped != nil || ctx.Err() != nil // Those that are cancelled end soon.
}

// write writes what people are asked: as code, because a message is no Markdown.
func (a *approvals) write(text *strings.Builder) {
	for _, w := range a.waits {
		fmt.Fprintf(text, "\n%s waits for an approval since %s", w.asked.Task, w.asked.Since.UTC().Format(time.RFC3339))
		if !w.asked.Until.IsZero() {
			fmt.Fprintf(text, ", until %s", w.asked.Until.UTC().Format(time.RFC3339))
		}
		fmt.Fprintf(text, " (answer: gleitzeit approve %s %s, or the signal %s with {\"task\": %[2]q, \"values\": {…}} or {\"task\": %[2]q, \"reject\": \"why\"}):\n\n", a.run.calls.run.ID, w.asked.Task, ApproveName)
		for line := range strings.Lines(w.asked.Message) {
			text.WriteString("    " + strings.TrimSuffix(line, "\n") + "\n")
		}
	}
	if len(a.ignored) == 0 {
		return
	}
	fmt.Fprintf(text, "\nignored signals %s:\n\n", ApproveName)
	for _, line := range a.ignored {
		text.WriteString("    " + strings.ReplaceAll(line, "\n", " ") + "\n")
	}
}
