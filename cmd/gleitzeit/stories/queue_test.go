package stories_test

import (
	"strings"
	"testing"
)

// onGPU has a task that wants another queue's workers.
const onGPU = `
name: Queues
version: 2
tags: [night]
metadata: {owner: Ada}
wait_for_completion: true
defaults:
  mcp/tool.multiply: {queue: gpu}
tasks:
  - {id: sum, method: mcp/tool.add, parameters: {a: 2, b: 3}}
  - {id: train, method: mcp/tool.multiply, parameters: {a: "${sum.result}", b: 2}}
outputs: {train: "${train.result}"}
`

// TestQueue: a task of a submitted run goes to the workers of its queue. A queue without workers is reported by submit, by
// watch and by status.
func TestQueue(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", onGPU)
	u.serves("--no-ui")
	id, said := u.Gleitzeit(0, "submit", "flow.yaml", "--wait=false")
	run := strings.TrimSpace(id)
	wantLines(t, "submit", said, "tasks of run "+run+" will wait for a worker on queue \"gpu\": start one with `gleitzeit worker --queue gpu`\n")
	watch := u.Start("watch", run)
	watch.Says("· train  waiting for a worker on queue \"gpu\": start one with `gleitzeit worker --queue gpu`\n")
	status, _ := u.Gleitzeit(0, "status", run)
	wantLines(t, "status", status, "✓ sum  mcp/tool.add  completed", "· train  mcp/tool.multiply  pending  waiting for a worker on queue \"gpu\"\n")
	document, _ := u.Gleitzeit(0, "status", run, "-o", "json")
	wantLines(t, "status", document, `"reason": "waiting for a worker on queue \"gpu\""`, `"version": "2"`, `"owner": "Ada"`)
	waiting := u.Start("submit", "flow.yaml") // The file says that it waits.
	waiting.Says("train  waiting for a worker on queue \"gpu\"")
	u.works("--queue", "gpu")
	for _, p := range []*process{watch, waiting} {
		p.Exits(0)
		if p.Stdout.String() != "train: 10\n" {
			t.Errorf("%v prints %q", p.Command.Args, p.Stdout)
		}
		if told := strings.Count(p.Stderr.String(), "waiting for a worker on"); told != 1 {
			t.Errorf("%v says so %d times", p.Command.Args, told)
		}
	}
	status, _ = u.Gleitzeit(0, "status", run)
	if strings.Contains(status, "waiting") {
		t.Errorf("it waits even now:\n%s", status)
	}
}

// TestQueueHere: what is run here is run here, whatever queue it names.
func TestQueueHere(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", onGPU)
	if stdout, _ := u.Gleitzeit(0, "run", "flow.yaml"); stdout != "train: 10\n" {
		t.Errorf("its result is %q", stdout)
	}
}
