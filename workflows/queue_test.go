package workflows_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/workflows"
)

// second starts another worker on a queue of its own.
func (r *rig) second(t *testing.T, queue string) *probe {
	t.Helper()
	probe := newProbe()
	w, closeHandlers, err := newWorker(r.Client, queue, r.store, probe)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Stop()
		if err := closeHandlers(); err != nil {
			t.Error(err)
		}
	})
	return probe
}

const onQueues = `
name: Queues
defaults:
  test/file: {queue: GPU}
tasks:
  - {id: here, method: test/echo, parameters: {key: here, value: 1}}
  - {id: there, method: test/echo, queue: GPU, parameters: {key: there, value: "${here.value}"}}
  - {id: back, method: test/echo, parameters: {key: back, value: "${there.value}"}}
batch: {files: [a.txt, b.txt]}
template: {method: test/file}
outputs: {value: "${back.value}"}
`

// A task, and each item of one, is executed by the workers of the queue that it names.
func TestATaskGoesToTheWorkersOfItsQueue(t *testing.T) {
	r := newRig(t)
	gpu := r.second(t, r.Queue+"-gpu")
	folder := t.TempDir()
	there := fstest.MapFS{}
	for _, name := range []string{"a.txt", "b.txt"} {
		there[folder[1:]+"/"+name] = &fstest.MapFile{}
		if err := os.WriteFile(folder+"/"+name, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := compileIn(t, strings.ReplaceAll(onQueues, "GPU", r.Queue+"-gpu"), folder, there)
	same(t, "format", p.Format, 4)
	result, _ := end(t, r.start(t, p))
	same(t, "status", result.Status, protocol.Completed)
	same(t, "output", string(result.Outputs.Inline.JSON()), `{"value":1}`)
	for key, wantHere := range map[string]int{"here": 1, "back": 1, "there": 0, "a.txt": 0, "b.txt": 0} {
		same(t, key+" on the run's own queue", r.probe.called(key), wantHere)
		same(t, key+" on the other", gpu.called(key), 1-wantHere)
	}
}

// A run with OwnQueue has all its tasks on its own queue: no other worker is needed.
func TestARunThatIsExecutedHereKeepsItsTasks(t *testing.T) {
	r := newRig(t)
	p := compile(t, "name: Here\ntasks:\n  - {id: a, method: test/echo, queue: nobody, parameters: {key: a, value: 1}}\n")
	run := r.startWith(t, p, workflows.Settings{OwnQueue: true})
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Completed)
	same(t, "calls", r.probe.called("a"), 1)
}

// Of the tasks that are ready, those of higher priority start first; the workflow's is the default.
func TestTheWorkflowsPriorityIsThatOfItsTasks(t *testing.T) {
	r := newIdleRig(t)
	run := r.start(t, compile(t, `
name: Priorities
max_parallel: 1
priority: low
tasks:
  - {id: low, method: test/wait, parameters: {key: low}}
  - {id: normal, method: test/wait, priority: normal, parameters: {key: normal}}
  - {id: low-too, method: test/wait, parameters: {key: low-too}}
`))
	described, err := r.Client.DescribeWorkflowExecution(t.Context(), run.GetID(), "")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the run's own priority", described.GetWorkflowExecutionInfo().GetPriority().GetPriorityKey(), int32(5))
	close(r.probe.release)
	r.work(t)
	end(t, run)
	var order []string
	for range 3 {
		order = append(order, <-r.probe.waiting)
	}
	same(t, "order", strings.Join(order, " "), "normal low low-too")
}

// The defaults apply to tasks that do not set a key themselves: parameters, the timeout of an attempt, and retries.
func TestDefaultsApply(t *testing.T) {
	r := newRig(t)
	result := r.run(t, `
name: Defaults
inputs: {word: hello}
defaults:
  test/v1:
    retry: {max_attempts: 3, base_delay: 0.01}
    parameters: {value: "${inputs.word}", times: 2, kind: task}
  test/wait:
    timeout: 0.2
    retry: {max_attempts: 1}
tasks:
  - {id: said, method: test/echo, parameters: {key: said}}
  - {id: own, method: test/echo, parameters: {key: own, value: mine}}
  - {id: twice, method: test/fail, parameters: {key: twice}}
  - {id: slow, method: test/wait, parameters: {key: slow}}
  - {id: slower, method: test/wait, parameters: {key: slower, timeout: 0.3}}
outputs: {said: "${said.value}", own: "${own.value}", twice: "${twice.value}"}
`)
	same(t, "status", result.Status, protocol.Failed)
	same(t, "error", result.Error.Message, `2 tasks failed: "slow", "slower"`)
	same(t, "outputs", string(result.Outputs.Inline.JSON()), `{"said":"hello","own":"mine","twice":"done"}`)
	same(t, "attempts of twice", r.probe.called("twice"), 3)
	same(t, "attempts of slow", r.probe.called("slow"), 1)
	tasks := r.tasks(t)
	same(t, "slow", tasks["slow"].Error.Message, "timed out after 200ms")
	same(t, "slower", tasks["slower"].Error.Message, "timed out after 300ms")
}
