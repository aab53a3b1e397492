package stories_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// reduceFlow is a workflow that makes one answer of so many texts, with the facts that factModel finds in them.
func reduceFlow(texts int) string {
	var list strings.Builder
	for i := 1; i <= texts; i++ {
		fmt.Fprintf(&list, "  - \"%sSecret %d is word%d.\"\n", strings.Repeat("Nothing happened. ", 10), i, i)
	}
	return "name: Reduction\ninputs:\n  texts:\n    type: list\n    default:\n" + strings.ReplaceAll(list.String(), "  - ", "      - ") + `tasks:
  - id: report
    method: llm/reduce
    max_concurrent: 1
    parameters: {prompt: What are the secrets?, input: "${inputs.texts}", max_tokens: 600}
outputs: {report: "${report.response}", rounds: "${report.rounds}", calls: "${report.calls}"}
`
}

// TestKillWhileTextsAreReduced: after a kill, the same command makes only the calls that have no record, and so does a run that takes over
// one that was interrupted.
func TestKillWhileTextsAreReduced(t *testing.T) {
	t.Parallel()
	const texts = 120
	for name, test := range map[string]struct {
		hold      int // The request that is not answered.
		interrupt bool
	}{
		"in the first round":      {2, false},
		"in the last round":       {0, false},
		"interrupted, taken over": {2, true},
		"interrupted in the end":  {0, true},
	} {
		t.Run(name, func(t *testing.T) {
			plain := newFactModel(t, 0)
			u := newUser(t)
			u.File("../home/gleitzeit/config.yaml", "providers: {openai: {url: "+plain.URL+", model: m}}\nprovider: openai\n")
			u.File("flow.yaml", strings.ReplaceAll(reduceFlow(texts), "parameters: {", "parameters: {provider: openai, "))
			stdout, _ := u.Gleitzeit(0, "run", "flow.yaml", "-o", "json")
			run, err := parseRun(stdout)
			must(t, err)
			calls := len(plain.answered)
			if calls < 4 {
				t.Fatalf("%d calls", calls)
			}
			wantSecrets(t, run.task("report").Result, texts, calls)

			hold := test.hold
			if hold == 0 {
				hold = calls
			}
			m := newFactModel(t, hold)
			u = newUser(t)
			u.File("../home/gleitzeit/config.yaml", "providers: {openai: {url: "+m.URL+", model: m}}\n")
			u.File("flow.yaml", strings.ReplaceAll(reduceFlow(texts), "parameters: {", "parameters: {provider: openai, "))
			p := u.Start("run", "flow.yaml", "-o", "json")
			<-m.holding
			if test.interrupt {
				p.Signal(syscall.SIGINT)
				p.Wait()
				forecastRounds(t, u, m, strings.ReplaceAll(reduceFlow(texts), "parameters: {", "parameters: {provider: openai, "), test.hold == 0, calls)
			} else {
				p.Kill()
				status, _ := u.Gleitzeit(0, "status", "@latest")
				wantLines(t, "status", status, "report  llm/reduce  interrupted  round ")
			}
			stdout, _ = u.Gleitzeit(0, "run", "flow.yaml", "-o", "json")
			run, err = parseRun(stdout)
			must(t, err)
			asked := map[string]int{}
			for _, prompt := range m.answered {
				if asked[prompt]++; asked[prompt] > 1 {
					t.Errorf("asked again: %.100q", prompt)
				}
			}
			if len(m.answered) != calls || m.arrived != calls+1 {
				t.Errorf("%d answers to %d requests, want %d", len(m.answered), m.arrived, calls)
			}
			wantSecrets(t, run.task("report").Result, texts, calls)
			status, _ := u.Gleitzeit(0, "status", *run.Run)
			wantLines(t, "status", status, "report  llm/reduce  completed", fmt.Sprintf("%d of %d calls", calls, calls))
			shown, _ := u.Gleitzeit(0, "retry", *run.Run, "--dry-run")
			wantLines(t, "the forecast of a completed run", shown, fmt.Sprintf("report  %-10d  0      \n", calls))
		})
	}
}

// forecastRounds checks what `retry --dry-run` says of a reduction that was interrupted: nothing is asked. Of calls whose answers the next
// round would read, it does not guess that round.
func forecastRounds(t *testing.T, u *user, m *factModel, flow string, atTheEnd bool, calls int) {
	t.Helper()
	arrived := m.arrived
	shown, _ := u.Gleitzeit(0, "retry", "@latest", "--dry-run")
	if atTheEnd {
		wantLines(t, "the forecast", shown, fmt.Sprintf("report  %-10d  1      1 ", calls-1))
		if strings.Contains(shown, "depend on their answers") {
			t.Errorf("the forecast of the last call: %s", shown)
		}
	} else {
		wantLines(t, "the forecast", shown, "report  1           ", "; the rounds after them depend on their answers\n")
	}
	u.File("edited.yaml", strings.ReplaceAll(flow, "What are the secrets?", "Which secrets are there?"))
	shown, _ = u.Gleitzeit(0, "retry", "@latest", "--file", "edited.yaml", "--dry-run")
	wantLines(t, "the forecast of another prompt", shown, "report  0           ?      the texts are grouped when it runs\n")
	if m.arrived != arrived {
		t.Errorf("the forecasts made %d requests", m.arrived-arrived)
	}
}

func wantSecrets(t *testing.T, result map[string]json.RawMessage, texts, calls int) {
	t.Helper()
	var response string
	must(t, json.Unmarshal(result["response"], &response))
	for i := 1; i <= texts; i++ {
		if fact := fmt.Sprintf("Secret %d is word%d.", i, i); strings.Count(response, fact) != 1 {
			t.Errorf("the response has %q %d times", fact, strings.Count(response, fact))
		}
	}
	wantFields(t, "the result", result, map[string]string{"inputs": fmt.Sprint(texts), "calls": fmt.Sprint(calls), "left_out": "0"})
	if string(result["rounds"]) == "1" {
		t.Error("there is one round")
	}
}
