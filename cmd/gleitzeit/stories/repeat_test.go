package stories_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// polling looks for a file "done", and writes down each time.
const polling = `
name: Polling
tasks:
  - id: poll
    method: python/execute
    repeat: {until: '${poll.result.done}', max: 100000, delay: 200ms}
    parameters:
      code: |
        import os
        with open("rounds", "a") as rounds:
            rounds.write("%d\n" % ${repeat.round})
        result = {"done": os.path.exists("done"), "round": ${repeat.round}}
`

// TestKilledPolling: a kill between two rounds, or in one, loses none.
func TestKilledPolling(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", polling)
	p := u.Start("run", "flow.yaml")
	eventually(t, "there were three rounds", func() bool { return len(lines(u, "rounds")) >= 3 })
	run := p.RunID()
	p.Kill()
	p = u.Start("run", "flow.yaml")
	before := len(lines(u, "rounds"))
	eventually(t, "there are more", func() bool { return len(lines(u, "rounds")) >= before+2 })
	p.Says("repeating: round ")
	u.File("done", "")
	p.Exits(0)
	wantLines(t, "stderr", p.Stderr.String(), "resumed run "+run+"\n", " rounds\n")
	stdout, _ := u.Gleitzeit(0, "results", run, "-o", "json")
	document, err := parseRun(stdout)
	must(t, err)
	poll := document.task("poll")
	wantFields(t, "result", poll.Result, map[string]string{"result": fmt.Sprintf(`{"done":true,"round":%d}`, poll.Rounds)})
	if len(poll.Repeated) != poll.Rounds-1 {
		t.Errorf("%d rounds, and %d before the last are recorded", poll.Rounds, len(poll.Repeated))
	}
	for i, round := range poll.Repeated {
		if round.Round != i+1 {
			t.Errorf("round %d is %+v", i+1, round)
		}
		wantFields(t, "result of a round", round.Result, map[string]string{"result": fmt.Sprintf(`{"done":false,"round":%d}`, i+1)})
	}
	// The one that the kill interrupted may have been done twice; no other was.
	if done := len(lines(u, "rounds")); done > poll.Rounds+1 {
		t.Errorf("%d rounds were done as %d", poll.Rounds, done)
	}
}

// TestPollingIsInterrupted: Ctrl-C does not wait for the pause.
func TestPollingIsInterrupted(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", "name: Slow\ntasks:\n  - {id: poll, method: mcp/tool.echo, repeat: {until: '${poll.response} == \"no\"', delay: 1h}, parameters: {message: hi}}\n")
	p := u.Start("run", "flow.yaml")
	p.Says("repeating: round 1 of 100: its condition is false: ${poll.response} == \"no\"")
	p.Signal(syscall.SIGINT)
	p.Exits(130)
	text, _ := u.Gleitzeit(0, "status", "@latest")
	wantLines(t, "status", text, "  Slow  cancelled  ", "  - poll  mcp/tool.echo  cancelled")
}

// TestPollingEnds: the rounds that are allowed are a limit of the workflow.
func TestPollingEnds(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", "name: Never\ntasks:\n  - {id: poll, method: mcp/tool.echo, repeat: {until: '${poll.response} == \"no\"', delay: 1ms, max: 3}, parameters: {message: hi}}\n")
	_, said := u.Gleitzeit(8, "run", "flow.yaml")
	wantLines(t, "stderr", said, "\n✗ poll  mcp/tool.echo  failed  ", "  3 rounds  it was not done after 3 rounds, the max of its repeat", "(TASK_LIMIT_REACHED, flow.yaml:3)")
}

// lines are those of a file, each a word, that may not be there yet.
func lines(u *user, name string) []string {
	text, err := os.ReadFile(u.Path(name))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}
