package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/servertest"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/workflows"
)

const reviewed = `
name: Reviewed
max_parallel: 1
tasks:
  - {id: draft, method: test/echo, parameters: {value: 12}}
  - id: review
    method: human/approve
    parameters:
      message: "publish ${draft.value} pages?"
      schema:
        type: object
        properties: {pages: {type: integer, minimum: 1}, note: {type: string}}
        required: [pages]
  - {id: other, method: test/echo, dependencies: [draft], priority: low, parameters: {key: other, value: 1}}
  - {id: publish, method: test/echo, parameters: {value: "${review.values.pages}"}}
`

// awaitAsked waits until a task waits for an answer.
func (r *rig) awaitAsked(t testing.TB, task string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		if record := r.tasks(t)[task]; record.Status == protocol.Running && record.Approval != nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("task %s does not ask", task)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// answer answers a task by an update. The text is the JSON of the answer.
func (r *rig) answer(t testing.TB, run client.WorkflowRun, text string) (*protocol.Receipt, *protocol.Error) {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), patience)
	defer done()
	update, err := r.Client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: run.GetID(), UpdateName: workflows.ApproveName, Args: []any{parsed(t, text)}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	receipt := &protocol.Receipt{}
	if err == nil {
		err = update.Get(ctx, receipt)
	}
	if err == nil {
		return receipt, nil
	}
	problem := &protocol.Error{}
	refused, is := errors.AsType[*temporal.ApplicationError](err)
	if !is || refused.Details(problem) != nil {
		t.Fatalf("the update ended with %v", err)
	}
	return nil, problem
}

func parsed(t testing.TB, text string) value.Value {
	t.Helper()
	v, err := value.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// approved waits until a task asks, and approves it.
func (r *rig) approved(t testing.TB, run client.WorkflowRun, task, values string) {
	t.Helper()
	r.awaitAsked(t, task)
	if _, problem := r.answer(t, run, fmt.Sprintf(`{"task": %q, "values": %s, "by": "ann"}`, task, values)); problem != nil {
		t.Fatal(problem)
	}
}

// signal answers by a signal.
func (r *rig) signal(t testing.TB, run client.WorkflowRun, text string) {
	t.Helper()
	if err := r.Client.SignalWorkflow(t.Context(), run.GetID(), "", workflows.ApproveName, parsed(t, text)); err != nil {
		t.Fatal(err)
	}
}

// result returns the JSON of a task's result.
func (r *rig) result(t testing.TB, task string) value.Value {
	t.Helper()
	record := r.tasks(t)[task]
	if record.Value == nil {
		t.Fatalf("task %s has no result: %+v", task, record)
	}
	result, err := resultstore.Load(t.Context(), r.store, protocol.Payload{Ref: record.Value})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestATaskWaitsForAnApproval(t *testing.T) {
	r := newRig(t)
	result, _ := end(t, reviewedRun(t, r))
	same(t, "status", result.Status, protocol.Completed)
	same(t, "publish", string(r.value(t, "publish").JSON()), "10")
	approved := r.result(t, "review")
	at, _ := approved.Get("at")
	if when, err := time.Parse(time.RFC3339, at.Text()); err != nil || time.Since(when) > patience {
		t.Errorf("it was approved at %s: %v", at.Text(), err)
	}
	same(t, "result", strings.Replace(string(approved.JSON()), at.Text(), "AT", 1), `{"approved":true,"values":{"pages":10},"by":"ann","at":"AT"}`)
	record := r.tasks(t)["review"]
	same(t, "attempts", record.Attempts, 1)
	if record.FinishedAt.Before(record.StartedAt) {
		t.Errorf("it began at %s and ended at %s", record.StartedAt, record.FinishedAt)
	}
}

// reviewedRun is approved after answers that do not count.
func reviewedRun(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	run := r.start(t, compile(t, reviewed))
	r.awaitAsked(t, "review")
	for text, wanted := range map[string]string{
		`{"task": "review", "values": {"pages": 0, "note": 1}}`: "values.note: got number, want string; values.pages: minimum: got 0, want 1",
		`{"task": "review", "values": {"page": 1}}`:             `values: unknown value "page" (did you mean "pages"?); values: missing property 'pages'`,
		`{"task": "review"}`:                                    "values: missing property 'pages'",
		`{"task": "reviews"}`:                                   `unknown task "reviews"`,
		`{"task": "draft"}`:                                     `task "draft" does not ask for an approval: its method is test/echo`,
		`{"task": "review", "value": 1}`:                        `invalid answer: unknown field "value"`,
		`{"task": 1}`:                                           "invalid answer: task, reject and by are texts",
		`{"task": "review", "values": 1}`:                       "values: must be an object",
		`{"task": "review", "values": {}, "reject": "no"}`:      "values and reject exclude each other",
		`"review"`: "invalid answer: task, reject and by are texts",
		`{}`:       `required field "task" is missing`,
	} {
		_, problem := r.answer(t, run, text)
		if problem == nil || problem.Message != wanted || problem.Code != protocol.InvalidParams {
			t.Errorf("%s: %v, want %s", text, problem, wanted)
		}
	}
	// One slot is enough: what waits has none.
	for deadline := time.Now().Add(patience); r.tasks(t)["other"].Status != protocol.Completed; {
		if time.Now().After(deadline) {
			t.Fatal("the other task does not run")
		}
	}
	r.approved(t, run, "review", `{"pages": 10}`)
	return run
}

func TestAnApprovalIsGivenOnce(t *testing.T) {
	r := newRig(t)
	run := r.start(t, compile(t, `
name: Two questions
tasks:
  - {id: first, method: human/approve, parameters: {message: "?"}}
  - {id: second, method: human/approve, dependencies: [first], parameters: {message: "?"}}
`))
	r.awaitAsked(t, "first")
	_, problem := r.answer(t, run, `{"task": "second"}`)
	same(t, "too early", problem.Message, `task "second" does not wait for an approval yet`)
	same(t, "hint", problem.Hint, `waiting for an approval: "first"`)
	_, problem = r.answer(t, run, `{"task": "first", "values": {"x": 1}}`)
	same(t, "no schema", problem.Message, "values: no values can be entered, because the task has no schema")
	receipt, problem := r.answer(t, run, `{"task": "first", "by": "ann"}`)
	if problem != nil {
		t.Fatal(problem)
	}
	same(t, "by", receipt.By, "ann")
	same(t, "approved", receipt.Approved, true)
	_, problem = r.answer(t, run, `{"task": "first"}`)
	same(t, "twice", problem.Message, `task "first" was already approved by ann at `+receipt.At.Format(time.RFC3339))
	r.awaitAsked(t, "second")
	if receipt, problem = r.answer(t, run, `{"task": "second", "reject": "too late", "by": "bob"}`); problem != nil {
		t.Fatal(problem)
	}
	same(t, "rejected", receipt.Approved, false)
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Failed)
	second := r.tasks(t)["second"]
	same(t, "code", second.Error.Code, protocol.TaskRejected)
	same(t, "message", second.Error.Message, "rejected by bob: too late")
	same(t, "attempts", second.Attempts, 1)
}

func TestARunContinuesAfterARejection(t *testing.T) {
	r := newRig(t)
	run := r.start(t, compile(t, `
name: Continued
tasks:
  - {id: review, method: human/approve, continue_on_error: true, parameters: {message: "?"}}
  - {id: next, method: test/echo, parameters: {value: "${review.error.message}"}}
`))
	r.awaitAsked(t, "review")
	if _, problem := r.answer(t, run, `{"task": "review", "reject": "no"}`); problem != nil {
		t.Fatal(problem)
	}
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Completed)
	same(t, "next", r.value(t, "next").Text(), "rejected: no")
}

const unanswered = `
name: Unanswered
tasks:
  - {id: silent, method: human/approve, timeout: 0.3, continue_on_error: true, parameters: {message: "?"}}
  - {id: default, method: human/approve, timeout: 0.3, parameters: {message: "?", default: {n: "${inputs.n}"}, schema: {properties: {n: {type: integer}}}}}
  - {id: next, method: test/echo, parameters: {value: "${default.values.n} by ${default.by}, ${silent.error.name}"}}
inputs: {n: 3}
`

func TestNobodyAnswers(t *testing.T) {
	r := newRig(t)
	result := r.run(t, unanswered)
	same(t, "status", result.Status, protocol.Completed)
	same(t, "next", r.value(t, "next").Text(), "3 by timeout, TASK_UNANSWERED")
	same(t, "message", r.tasks(t)["silent"].Error.Message, "nobody answered within 300ms")
}

func TestAQuestionMayBeInvalid(t *testing.T) {
	r := newRig(t)
	result := r.run(t, `
name: Invalid
inputs: {schema: {type: object, default: {properties: {n: {type: nothing}}}}, n: text}
tasks:
  - {id: schema, method: human/approve, parameters: {message: "?", schema: "${inputs.schema}"}}
  - {id: default, method: human/approve, timeout: 9, parameters: {message: "?", schema: {properties: {n: {type: integer}}}, default: {n: "${inputs.n}"}}}
  - {id: message, method: human/approve, parameters: {message: "${env.NO_SUCH_VARIABLE:-}"}}
`)
	same(t, "status", result.Status, protocol.Failed)
	for task, wanted := range map[string]string{
		"schema": "schema of human/approve is invalid: ", "default": "default.n: got string, want integer", "message": `parameter "message" of human/approve is empty`,
	} {
		failed := r.tasks(t)[task]
		if failed.Error == nil || failed.Error.Code != protocol.InvalidParams || !strings.HasPrefix(failed.Error.Message, wanted) {
			t.Errorf("%s: %v, want %s", task, failed.Error, wanted)
		}
	}
}

func TestAWaitIsCancelled(t *testing.T) {
	r := newRig(t)
	run := r.start(t, compile(t, `
name: Cancelled
tasks:
  - {id: review, method: human/approve, timeout: 1h, parameters: {message: "?"}}
finally:
  - {id: note, method: test/echo, parameters: {value: "${review.status}"}}
`))
	r.awaitAsked(t, "review")
	r.cancel(t, run)
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Cancelled)
	same(t, "note", r.value(t, "note").Text(), "cancelled")
	review := r.tasks(t)["review"]
	same(t, "review", review.Status, protocol.Cancelled)
	same(t, "message", review.Error.Message, "it was cancelled while it waited for an approval")
}

func TestTheWebUISignalsAnApproval(t *testing.T) {
	r := newRig(t)
	run := r.start(t, compile(t, reviewed))
	r.signal(t, run, `{"task": "review", "values": {"pages": 1}}`) // Before it asks.
	r.awaitAsked(t, "review")
	r.signal(t, run, `{"task": "review", "values": {"pages": "one"}}`)
	r.signal(t, run, `{"task": "review", "approve": true}`)
	for deadline := time.Now().Add(patience); ; {
		shown := details(t, r, run)
		if strings.Contains(shown, `task "review" does not wait for an approval yet`) && strings.Contains(shown, "values.pages: got string, want integer") && strings.Contains(shown, `invalid answer: unknown field "approve"`) {
			if !strings.Contains(shown, "\nreview waits for an approval since ") || !strings.Contains(shown, "    publish 12 pages?\n") {
				t.Errorf("details are %s", shown)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("details are %s", shown)
		}
	}
	r.signal(t, run, `{"task": "review", "values": {"pages": 4}}`)
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Completed)
	same(t, "publish", string(r.value(t, "publish").JSON()), "4")
}

// signalledReview is a run that waits longer than a history has room for, because of signals that do not count.
func signalledReview(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	run := r.start(t, compile(t, `
name: Continued
tasks:
  - {id: review, method: human/approve, timeout: 1h, parameters: {message: "?"}}
  - {id: default, method: human/approve, timeout: 1s, parameters: {message: "?", default: {}}}
  - {id: next, method: test/echo, dependencies: [review], parameters: {value: 1}}
`))
	r.awaitAsked(t, "review")
	for deadline := time.Now().Add(patience); ; {
		r.signal(t, run, `{"task": "none"}`)
		described, err := r.Client.DescribeWorkflowExecution(t.Context(), run.GetID(), "")
		if err != nil {
			t.Fatal(err)
		}
		if described.GetWorkflowExecutionInfo().GetExecution().GetRunId() != run.GetRunID() {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not continue as new")
		}
	}
	for deadline := time.Now().Add(patience); r.tasks(t)["default"].Status != protocol.Completed; {
		if time.Now().After(deadline) {
			t.Fatal("the timeout is lost")
		}
	}
	r.approved(t, run, "review", "{}")
	return run
}

func TestAWaitContinuesInANewHistory(t *testing.T) {
	r := newRig(t, servertest.WithOverrides(smallHistories))
	result, _ := end(t, signalledReview(t, r))
	same(t, "status", result.Status, protocol.Completed)
	same(t, "next", string(r.value(t, "next").JSON()), "1")
}

// TestAnApprovalBeforeARunContinuesIsNotLost signals an approval to a run whose history is about to end.
func TestAnApprovalBeforeARunContinuesIsNotLost(t *testing.T) {
	r := newIdleRig(t, servertest.WithOverrides(smallHistories))
	text := "name: Signalled\nmax_parallel: 1\ntasks:\n  - {id: review, method: human/approve, priority: high, parameters: {message: \"?\"}}\n"
	for i := range 60 {
		text += fmt.Sprintf("  - {id: t%d, method: test/wait, parameters: {key: t%d}}\n", i, i)
	}
	id := beforeContinuing(t, r, text, "", func(id string) {
		if err := r.Client.SignalWorkflow(t.Context(), id, "", workflows.ApproveName, parsed(t, `{"task": "review"}`)); err != nil {
			t.Fatal(err)
		}
	}, enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
	result, _ := end(t, r.Client.GetWorkflow(t.Context(), id, ""))
	same(t, "status", result.Status, protocol.Completed)
	same(t, "review", r.tasks(t)["review"].Status, protocol.Completed)
}

func TestAnApprovalIsTakenOver(t *testing.T) {
	r := newRig(t)
	first := reviewedRun(t, r)
	end(t, first)
	again := r.begin(t, compile(t, reviewed), workflows.Start{TakeOver: &protocol.TakeOver{Runs: []protocol.EarlierRun{{Run: first.GetID(), Execution: first.GetRunID()}}}})
	result, _ := end(t, again)
	same(t, "status", result.Status, protocol.Completed)
	same(t, "taken over", r.tasks(t)["review"].FromCache, true)
	same(t, "publish", string(r.value(t, "publish").JSON()), "10")
}
