package workflows_test

import (
	"fmt"
	"testing"

	"go.temporal.io/sdk/client"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// rounds returns the results of the recorded rounds of a task.
func (r *rig) rounds(t testing.TB, task string) []string {
	t.Helper()
	zero := 0
	records, err := r.store.Records(t.Context(), resultstore.Query{Run: "run-" + r.Queue, Kind: resultstore.Round, Task: task + "/round", Item: &zero})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for i, record := range records {
		same(t, "number", record.Rounds, i+1)
		data, err := r.store.Value(t.Context(), *record.Value)
		if err != nil {
			t.Fatal(err)
		}
		result, err := value.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		field, _ := result.Get("value")
		all = append(all, string(field.JSON()))
	}
	return all
}

func TestATaskIsRepeatedUntilItsConditionHolds(t *testing.T) {
	r := newRig(t)
	result, _ := end(t, polling(t, r))
	same(t, "status", result.Status, protocol.Completed)
	same(t, "value", string(r.value(t, "poll").JSON()), `{"round":4,"attempt":1,"of":3}`)
	same(t, "next", string(r.value(t, "next").JSON()), "4")
	same(t, "calls", r.probe.called("poll"), 4)
	same(t, "rounds", fmt.Sprint(r.rounds(t, "poll")), `[{"round":1,"attempt":1,"of":3} {"round":2,"attempt":1,"of":3} {"round":3,"attempt":1,"of":3}]`)
	same(t, "count", r.tasks(t)["poll"].Rounds, 4)
	same(t, "usage", result.Usage.LLMCalls, 6)
}

func polling(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	return r.start(t, compile(t, `
name: Polling
inputs: {enough: 4}
tasks:
  - {id: of, method: test/echo, parameters: {value: 3}}
  - id: poll
    method: test/echo
    repeat: {until: "${poll.value.round} > ${of.value} and ${repeat.round} >= ${inputs.enough}", max: 10, delay: 10ms, backoff: linear}
    parameters: {key: poll, value: {round: "${repeat.round}", attempt: "${run.attempt}", of: "${of.value}"}}
  - {id: next, method: test/echo, parameters: {value: "${poll.value.round}"}}
`))
}

func TestRoundsAreLimited(t *testing.T) {
	r := newRig(t)
	result := r.run(t, `
name: Endless
tasks:
  - {id: poll, method: test/echo, repeat: {until: "${poll.value} == 0", max: 3, delay: 0}, parameters: {key: poll, value: "${repeat.round}"}}
`)
	same(t, "status", result.Status, protocol.Failed)
	failed := r.tasks(t)["poll"]
	same(t, "code", failed.Error.Code, protocol.TaskLimitReached)
	same(t, "message", failed.Error.Message, "it was not done after 3 rounds, the max of its repeat: its condition is false: ${poll.value} == 0")
	same(t, "calls", r.probe.called("poll"), 3)
	same(t, "rounds", fmt.Sprint(r.rounds(t, "poll")), "[1 2 3]")
	same(t, "count", failed.Rounds, 3)
}

// Attempts are those of a round: one that fails is retried, and does not count for the next.
func TestARoundIsRetried(t *testing.T) {
	r := newRig(t)
	result := r.run(t, `
name: Retried
tasks:
  - id: poll
    method: test/fail
    retry: {max_attempts: 3, base_delay: 0.01}
    repeat: {until: "${repeat.round} == 3", delay: 0.01}
    parameters: {key: poll, times: 2, kind: task}
`)
	same(t, "status", result.Status, protocol.Completed)
	same(t, "calls", r.probe.called("poll"), 5)
	same(t, "rounds", r.tasks(t)["poll"].Rounds, 3)
	same(t, "attempts of the last", r.tasks(t)["poll"].Attempts, 1)

	r = newRig(t)
	result = r.run(t, `
name: Failing
tasks:
  - {id: poll, method: test/fail, retry: {max_attempts: 2, base_delay: 0.01}, repeat: {until: "${poll.value} == 1"}, parameters: {key: poll, times: 9, kind: task}}
`)
	same(t, "status", result.Status, protocol.Failed)
	same(t, "calls", r.probe.called("poll"), 2)
	same(t, "message", r.tasks(t)["poll"].Error.Message, "failure 2")
}

func TestAConditionOfARoundMayBeInvalid(t *testing.T) {
	r := newRig(t)
	r.run(t, `
name: Invalid
tasks:
  - {id: poll, method: test/echo, repeat: {until: "${poll.gone} == 1"}, parameters: {key: poll, value: 1}}
`)
	failed := r.tasks(t)["poll"]
	same(t, "code", failed.Error.Code, protocol.TaskParameterError)
	same(t, "calls", r.probe.called("poll"), 1)
}

func TestARepeatedTaskIsCancelledBetweenRounds(t *testing.T) {
	r := newRig(t)
	run := r.start(t, compile(t, `
name: Cancelled
tasks:
  - {id: poll, method: test/echo, repeat: {until: "${poll.value} == 0", delay: 1h}, parameters: {key: poll, value: 1}}
`))
	r.awaitRounds(t, "poll", 1)
	r.cancel(t, run)
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Cancelled)
	same(t, "poll", r.tasks(t)["poll"].Status, protocol.Cancelled)
	same(t, "calls", r.probe.called("poll"), 1)
}

func TestMaxElapsedEndsTheRounds(t *testing.T) {
	r := newRig(t)
	result := r.run(t, `
name: Elapsed
tasks:
  - {id: poll, method: test/echo, retry: {max_elapsed: 1}, repeat: {until: "${poll.value} == 0", max: 1000, delay: 0.2}, parameters: {key: poll, value: 1}}
`)
	same(t, "status", result.Status, protocol.Failed)
	same(t, "code", r.tasks(t)["poll"].Error.Code, protocol.TaskTimeout)
	if calls := r.probe.called("poll"); calls < 2 || calls > 5 {
		t.Errorf("%d calls", calls)
	}
}

// A thousand rounds add nothing to the history of the run: it needs no other one.
func TestRoundsAreNotInTheHistory(t *testing.T) {
	r := newRig(t)
	run := r.start(t, compile(t, `
name: Long
tasks:
  - {id: poll, method: test/echo, repeat: {until: "${repeat.round} == 300", max: 1000, delay: 1ms}, parameters: {key: poll}}
`))
	first := run.GetRunID()
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Completed)
	same(t, "rounds", r.tasks(t)["poll"].Rounds, 300)
	all := histories(t, r.Client, run.GetID(), first)
	if len(all) != 1 || len(all[0]) > 30 {
		t.Errorf("%d histories, of %d events", len(all), len(all[0]))
	}
}

func (r *rig) awaitRounds(t testing.TB, task string, count int) {
	t.Helper()
	programtest.Eventually(t, fmt.Sprintf("%s has had %d rounds", task, count), func() bool { return len(r.rounds(t, task)) >= count })
}

// A worker that is killed in a round loses none before it.
func TestAKilledWorkerLosesNoRound(t *testing.T) {
	r := newIdleRig(t)
	result, _ := end(t, killedPolling(t, r))
	same(t, "status", result.Status, protocol.Completed)
	same(t, "rounds", r.tasks(t)["poll"].Rounds, 3)
	same(t, "earlier rounds", len(r.rounds(t, "poll")), 2)
	same(t, "calls here", r.probe.called("poll"), 3)
}

// killedPolling is killed in the first round.
func killedPolling(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	return killedWhile(t, r, "poll", compile(t, `
name: Killed
tasks:
  - {id: poll, method: test/wait, repeat: {until: "${repeat.round} == 3", delay: 10ms}, parameters: {key: poll}}
`))
}
