package workflows_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/require"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/servertest"
)

// conditional has one branch that runs and one that is skipped, and a join after them for each run_if.
const conditional = `
name: Conditional
inputs: {score: 0.75}
tasks:
  - {id: first, method: test/echo, parameters: {value: "${inputs.score}"}}
  - {id: good, method: test/echo, when: "${first.value} >= 0.5", parameters: {key: good, value: good}}
  - {id: bad, method: test/echo, when: "${first.value} < 0.5", parameters: {key: bad, value: bad}}
  - {id: after-bad, method: test/echo, dependencies: [bad], parameters: {key: after-bad}}
  - {id: success, method: test/echo, dependencies: [good, bad], parameters: {key: success}}
  - {id: done, method: test/echo, run_if: done, parameters: {value: "${good.value:-}${bad.value:-} ${bad.status}"}}
  - {id: done-too, method: test/echo, run_if: done, dependencies: [after-bad], parameters: {key: done-too}}
  - {id: always, method: test/echo, run_if: always, dependencies: [after-bad], parameters: {value: "${after-bad.status}"}}
  - {id: first-run-if, method: test/echo, dependencies: [bad], when: "${bad.value} == 1", parameters: {key: first-run-if}}
outputs: {all: "${done.value}", bad: "${bad.value:-none}", error: "${bad.error}", why: "${bad.reason}", cause: "${after-bad.error.name:-a condition}", needs: "${after-bad.reason}"}
`

func TestAConditionSkipsAndEachRunIfJoins(t *testing.T) {
	r := newRig(t)
	result := r.run(t, conditional)
	same(t, "status", result.Status, protocol.Completed)
	same(t, "counts", fmt.Sprint(result.Completed, result.Failed, result.Skipped), "5 0 4")
	same(t, "outputs", string(result.Outputs.Inline.JSON()), `{"all":"good skipped","bad":"none","error":null,`+
		`"why":"its condition is false: ${first.value} < 0.5","cause":"a condition","needs":"it needs \"bad\", which was skipped"}`)
	same(t, "always", r.value(t, "always").Text(), "skipped")
	same(t, "calls of a join behind two skipped steps", r.probe.called("done-too"), 1)
	tasks := r.tasks(t)
	for id, reason := range map[string]string{
		"bad":          "its condition is false: ${first.value} < 0.5",
		"after-bad":    `it needs "bad", which was skipped`,
		"success":      `it needs "bad", which was skipped`,
		"first-run-if": `it needs "bad", which was skipped`, // Decided before its condition, which would fail.
	} {
		same(t, id, tasks[id].Status, protocol.Skipped)
		same(t, "why "+id, tasks[id].Reason, reason)
		same(t, "calls of "+id, r.probe.called(id), 0)
	}
	if tasks["bad"].Error != nil || tasks["success"].Error != nil {
		t.Errorf("errors: %v, %v", tasks["bad"].Error, tasks["success"].Error)
	}
}

func TestAConditionReadsAValueByRef(t *testing.T) {
	r := newRig(t)
	result := r.run(t, `
name: Large
tasks:
  - {id: long, method: test/text, parameters: {size: 300000}}
  - {id: yes, method: test/echo, when: "len(${long.value}) == 300000 and ${long.value} endsWith 'ghijkl'", parameters: {value: 1}}
  - {id: no, method: test/echo, when: "${long.value} contains 'ba'"}
`)
	same(t, "status", result.Status, protocol.Completed)
	tasks := r.tasks(t)
	same(t, "yes", tasks["yes"].Status, protocol.Completed)
	same(t, "no", tasks["no"].Status, protocol.Skipped)
}

// TestWhatAModelSaysCannotChangeACondition: the task would run if the value became part of the expression.
func TestWhatAModelSaysCannotChangeACondition(t *testing.T) {
	r := newRig(t)
	var text strings.Builder
	text.WriteString("name: Attack\ntasks:\n")
	for i, attack := range []string{`x" == "x`, `" || true || "`, `yes" or "a" == "a`, `${inputs.x}`, `'; true; '`} {
		fmt.Fprintf(&text, "  - {id: say%d, method: test/echo, parameters: {value: %q}}\n", i, strings.ReplaceAll(attack, "${", "$${"))
		fmt.Fprintf(&text, "  - {id: act%d, method: test/echo, when: '${say%d.value} == \"yes\"', parameters: {key: act}}\n", i, i)
	}
	result := r.run(t, text.String())
	same(t, "status", result.Status, protocol.Completed)
	same(t, "skipped", result.Skipped, 5)
	same(t, "acts", r.probe.called("act"), 0)
}

func TestAConditionThatCannotBeEvaluatedFailsItsTask(t *testing.T) {
	r := newRig(t)
	result := r.run(t, `
name: Undecided
inputs: {flag: "yes"}
tasks:
  - {id: text, method: test/echo, when: "${inputs.flag}", parameters: {key: text}}
  - {id: first, method: test/echo, parameters: {value: {n: 1}}}
  - {id: missing, method: test/echo, when: "${first.value.m} > 1", continue_on_error: true, parameters: {key: missing}}
  - {id: next, method: test/echo, parameters: {value: "${missing.error.message}"}}
  - {id: needs, method: test/echo, dependencies: [text]}
`)
	same(t, "status", result.Status, protocol.Failed)
	same(t, "error", result.Error.Message, `1 task failed: "text"; 1 task skipped because of that`)
	tasks := r.tasks(t)
	same(t, "text", tasks["text"].Error.Message, `the condition is the text "yes", not true or false: ${inputs.flag}`)
	same(t, "code", tasks["text"].Error.Code, protocol.TaskParameterError)
	same(t, "next", r.value(t, "next").Text(), `${first.value.m}: first.value has no field "m"; it has n`)
	same(t, "calls", r.probe.called("text")+r.probe.called("missing"), 0)
}

func TestAConditionThatCannotBeEvaluatedStopsARunThatFailsFast(t *testing.T) {
	r := newRig(t)
	result := r.run(t, `
name: Undecided
fail_fast: true
inputs: {flag: 1}
tasks:
  - {id: beside, method: test/wait, parameters: {key: beside}}
  - {id: text, method: test/echo, when: "${inputs.flag}"}
`)
	same(t, "status", result.Status, protocol.Failed)
	same(t, "beside", r.tasks(t)["beside"].Status, protocol.Cancelled)
}

// unavailableStore returns no values until it is back.
type unavailableStore struct {
	resultstore.Store
	requested chan struct{}
	back      atomic.Bool
}

func (s *unavailableStore) Value(ctx context.Context, ref protocol.Ref) ([]byte, error) {
	if s.back.Load() {
		return s.Store.Value(ctx, ref)
	}
	select {
	case s.requested <- struct{}{}:
	default:
	}
	return nil, protocol.Errorf(protocol.PersistenceFailed, "the store is unavailable")
}

// TestAConditionWaitsForTheStore: also for longer than an attempt may take.
func TestAConditionWaitsForTheStore(t *testing.T) {
	t.Parallel()
	require.Long(t, "the store is unavailable for more than a minute")
	r := newIdleRig(t)
	away := &unavailableStore{Store: r.store, requested: make(chan struct{}, 1)}
	r.store = away
	r.work(t)
	run := r.start(t, compile(t, `
name: Away
tasks:
  - {id: long, method: test/text, parameters: {size: 300000}}
  - {id: b, method: test/echo, when: "${long.value} != ''", parameters: {key: b}}
`))
	<-away.requested
	<-time.After(65 * time.Second)
	away.back.Store(true)
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Completed)
	same(t, "calls", r.probe.called("b"), 1)
}

func TestARunIsCancelledWhileAConditionWaitsForTheStore(t *testing.T) {
	r := newIdleRig(t)
	away := &unavailableStore{Store: r.store, requested: make(chan struct{}, 1)}
	r.store = away
	r.work(t)
	run := r.start(t, compile(t, `
name: Away
tasks:
  - {id: long, method: test/text, parameters: {size: 300000}}
  - {id: b, method: test/echo, when: "${long.value} == ''", parameters: {key: b}}
  - {id: c, method: test/echo, run_if: always, dependencies: [b], parameters: {key: c}}
`))
	<-away.requested
	if err := r.Client.CancelWorkflow(t.Context(), run.GetID(), ""); err != nil {
		t.Fatal(err)
	}
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Cancelled)
	same(t, "b", r.tasks(t)["b"].Error.Message, "it was cancelled while its condition was evaluated")
	same(t, "calls of b", r.probe.called("b"), 0)
	same(t, "calls of c, which runs in any case", r.probe.called("c"), 1)
}

// TestConditionsInHistoriesThatContinue: conditions of tasks that have not started are evaluated again.
func TestConditionsInHistoriesThatContinue(t *testing.T) {
	r := newRig(t, servertest.WithOverrides(smallHistories))
	var text strings.Builder
	text.WriteString("name: Continued\nmax_parallel: 3\ntasks:\n")
	for i := range 40 {
		fmt.Fprintf(&text, "  - {id: t%d, method: test/echo, run_if: done, when: %t, parameters: {key: t%d}, dependencies: [%s]}\n", i, i%3 > 0, i, strings.Join(before(i), ", "))
	}
	result := r.run(t, text.String())
	same(t, "status", result.Status, protocol.Completed)
	same(t, "skipped", result.Skipped, 14)
	for i := range 40 {
		want := 1
		if i%3 == 0 {
			want = 0
		}
		same(t, fmt.Sprintf("calls of t%d", i), r.probe.called(fmt.Sprintf("t%d", i)), want)
	}
}

func TestAThousandConditionsAreQuick(t *testing.T) {
	require.Long(t, "a thousand tasks take seconds")
	r := newRig(t)
	var text strings.Builder
	text.WriteString("name: Many\nmax_parallel: 100\ninputs: {n: 7}\ntasks:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "  - {id: t%d, method: test/echo, when: \"${inputs.n} == %d\"}\n", i, i)
	}
	began := time.Now()
	result := r.run(t, text.String())
	same(t, "status", result.Status, protocol.Completed)
	same(t, "skipped", result.Skipped, 999)
	t.Logf("a thousand tasks with conditions took %s", time.Since(began))
}
