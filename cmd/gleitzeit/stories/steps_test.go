package stories_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// logged is a step that leaves a line in the file "log": its name and the item.
const logged = `
import os, time
def log(step, item):
    file = os.open("log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(file, f"{step} {item}\n".encode())
    os.close(file)
`

// stepsDone returns how often each step of each item was done, from the lines that they left.
func stepsDone(t *testing.T, u *user) map[string]int {
	t.Helper()
	done := map[string]int{}
	data, err := os.ReadFile(u.Path("log"))
	if err != nil {
		return done
	}
	for line := range strings.Lines(string(data)) {
		done[strings.TrimSpace(line)]++
	}
	return done
}

// TestStepsSurviveKills: a run of items with three steps that is killed again and again does no step of any item twice but those that
// were in flight, and ends with all results.
func TestStepsSurviveKills(t *testing.T) {
	t.Parallel()
	const items, kills, parallel = 80, 4, 3
	u := newUser(t)
	u.File("steps.py", logged)
	u.File("flow.yaml", fmt.Sprintf(`
name: Steps
id: steps
max_parallel: %d
tasks:
  - {id: list, method: python/execute, parameters: {code: "result = list(range(%d))"}}
  - id: each
    for_each: ${list.result}
    chunk: 1
    steps:
      - {id: a, method: python/execute, parameters: {code: "from steps import *; log('a', ${item}); time.sleep(0.02); result = ${item} + 1"}}
      - {id: b, method: python/execute, parameters: {code: "from steps import *; log('b', ${item}); time.sleep(0.02); result = ${a.result} * 2"}}
      - {id: c, method: python/execute, parameters: {code: "from steps import *; log('c', ${item}); result = ${b.result} - ${a.result}"}}
outputs: {sums: "${each.results[*].result.result}"}
`, parallel, items))
	p := u.Start("run", "flow.yaml")
	for kill := range kills {
		wanted := (kill+1)*3*items/(kills+1) - rand.IntN(20)
		programtest.Eventually(t, "steps are done", func() bool { return len(stepsDone(t, u)) >= wanted })
		p.Kill()
		p = u.Start("run", "flow.yaml", "-o", "json")
	}
	p.Exits(0)
	run, err := parseRun(p.Stdout.String())
	must(t, err)
	var sums []int
	must(t, json.Unmarshal([]byte(run.Outputs["sums"]), &sums))
	for i := range items {
		if len(sums) != items || sums[i] != i+1 {
			t.Fatalf("the results are %v", sums)
		}
	}
	done, repeated := stepsDone(t, u), 0
	for _, times := range done {
		repeated += times - 1
	}
	if len(done) != 3*items || repeated > kills*parallel {
		t.Errorf("%d steps are done, %d of them again; %d kills with %d in flight explain %d", len(done), repeated, kills, parallel, kills*parallel)
	}
	t.Logf("%d steps, %d kills, %d done again", len(done), kills, repeated)
}

// TestStepsOfARetry: an item that failed at its last step keeps the others, and after an edit of a step that one and later ones are done
// again. Dry runs say so before.
func TestStepsOfARetry(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("steps.py", logged)
	const flow = `
name: Steps
batch: {directory: docs}
template:
  retry: {max_attempts: 1}
  steps:
    - {id: read, method: python/execute, parameters: {code: "from steps import *; log('read', ${item.name}); result = ${item.text}"}}
    - {id: note, method: python/execute, parameters: {code: "from steps import *; log('note', ${item.name}); result = 'NOTE ' + ${read.result}"}}
    - id: last
      method: python/execute
      parameters: {code: "from steps import *; log('last', ${item.name}); result = ${note.result}; assert ${item.name} != 'b.txt' or os.path.exists('go')"}
`
	u.File("flow.yaml", strings.ReplaceAll(flow, "NOTE", "one"))
	for _, name := range []string{"a.txt", "b.txt", "c.txt"} {
		u.File("docs/"+name, name)
	}
	before := map[string]int{}
	wantDone := func(what string, want ...string) {
		t.Helper()
		var got []string
		now := stepsDone(t, u)
		for _, step := range slices.Sorted(maps.Keys(now)) {
			if now[step] > before[step] {
				got = append(got, step)
			}
		}
		if before = now; !slices.Equal(got, want) {
			t.Errorf("%s: %v was done, want %v", what, got, want)
		}
	}
	_, said := u.Gleitzeit(6, "run", "flow.yaml")
	wantLines(t, "the failure", said, "step \"last\": ")
	wantDone("the run", "last a.txt", "last b.txt", "last c.txt", "note a.txt", "note b.txt", "note c.txt", "read a.txt", "read b.txt", "read c.txt")
	u.File("go", "")
	said, _ = u.Gleitzeit(0, "retry", "@latest", "--dry-run")
	wantLines(t, "the dry run", said, "batch  2           1      1 failed: b.txt\n")
	_, _ = u.Gleitzeit(0, "retry", "@latest")
	wantDone("the retry", "last b.txt")
	u.File("flow.yaml", strings.ReplaceAll(flow, "NOTE", "two"))
	said, _ = u.Gleitzeit(0, "retry", "@latest", "--file", "flow.yaml", "--dry-run")
	wantLines(t, "the dry run", said, "batch  0           3      3 changed call: a.txt, b.txt, c.txt\n")
	_, _ = u.Gleitzeit(0, "retry", "@latest", "--file", "flow.yaml")
	wantDone("the edit", "last a.txt", "last b.txt", "last c.txt", "note a.txt", "note b.txt", "note c.txt")
	shown, _ := u.Gleitzeit(0, "status", "@latest")
	wantLines(t, "the status", shown, "✓ batch  steps  completed")
}

// TestStepsKeepModelsLoaded: two models are asked about 200 items, on a server that takes one call at a time: it changes the model at most
// twice as often as it has to.
func TestStepsKeepModelsLoaded(t *testing.T) {
	t.Parallel()
	to, err := url.Parse(ollamatest.Start(t))
	must(t, err)
	var mu sync.Mutex
	var asked []string
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, FlushInterval: -1}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/chat" {
			body, err := io.ReadAll(r.Body)
			var call struct{ Model string }
			if err != nil || json.Unmarshal(body, &call) != nil {
				t.Errorf("a call that cannot be read: %.200s", body)
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			mu.Lock()
			asked = append(asked, call.Model)
			mu.Unlock()
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	const items = 200
	u := newUser(t)
	u.Env = append(u.Env, "OLLAMA_HOST="+server.URL)
	u.File("../home/gleitzeit/config.yaml", "providers: {ollama: {max_concurrent: 1}}\n")
	u.File("flow.yaml", fmt.Sprintf(`
name: Two models
tasks:
  - {id: list, method: python/execute, parameters: {code: "result = list(range(%d))"}}
  - id: each
    for_each: ${list.result}
    steps:
      - {id: a, method: llm/chat, parameters: {model: tiny-script, messages: [{role: user, content: "hello ${item}"}]}}
      - {id: b, method: llm/chat, parameters: {model: llama3.2, messages: [{role: user, content: "PINEAPPLE ${a.response}"}]}}
outputs: {answers: "${each.results[*].result.response}"}
`, items))
	stdout, _ := u.Gleitzeit(0, "run", "flow.yaml", "-o", "json")
	run, err := parseRun(stdout)
	must(t, err)
	var answers []string
	must(t, json.Unmarshal([]byte(run.Outputs["answers"]), &answers))
	if len(answers) != items || slices.ContainsFunc(answers, func(answer string) bool { return answer != "I saw the PINEAPPLE." }) {
		t.Errorf("the answers are %v", answers)
	}
	changes := 0
	for i := 1; i < len(asked); i++ {
		if asked[i] != asked[i-1] {
			changes++
		}
	}
	const needed = 1 // All calls of the first model, then those of the second.
	if len(asked) != 2*items || changes > 2*needed {
		t.Errorf("%d calls with %d changes of the model, and %d are needed", len(asked), changes, needed)
	}
}
