package stories_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
	"github.com/gleitzeit/gleitzeit/internal/redistest"
)

// chainParallel is how many steps and calls of a chained run are in flight, at most.
const chainParallel = 4

// chainFlow makes one report of many documents. Each prompt has the name of its step and of its document. A word that is one token of the
// model, whose others are bytes, makes the summaries fit into the calls for which they are grouped: none is divided, so each is counted.
// One activity does one document: of several, those whose records are being written would be done again after a kill, too.
var chainFlow = fmt.Sprintf(`
name: Chain
id: chain
max_parallel: %d
batch: {directory: documents, chunk: 1}
template:
  steps:
    - {id: extract, method: python/execute, parameters: {file: extract.py}}
    - {id: judge, method: llm/chat, parameters: {prompt: "judge ${item.name}: PINEAPPLE ${extract.result}"}}
    - {id: summarise, method: llm/chat, parameters: {prompt: "summarise ${item.name}: PINEAPPLE ${judge.response}"}}
  outputs:
    document: ${item.name}
    extracted: ${extract.result}
    summary: "${item.name}: ${summarise.response}%s"
tasks:
  - {id: report, method: llm/reduce, parameters: {prompt: "report: PINEAPPLE", input: "${batch.results[*].result.summary}"}}
outputs:
  documents: ${batch.results[*].result.document}
  extracted: ${batch.results[*].result.extracted}
  report: ${report.response}
  inputs: ${report.inputs}
  calls: ${report.calls}
`, chainParallel, strings.Repeat(" PINEAPPLE", 12))

// extractScript leaves a line with the name of its document, so that each time it runs is counted.
const extractScript = `import os
path = context["file_path"]
result = open(path).read()
log = os.open("log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
os.write(log, (os.path.basename(path) + "\n").encode())
os.close(log)
`

// chainKills is a run of chainFlow in the middle of which processes are killed.
type chainKills struct {
	*user
	t         *testing.T
	ollama    *countedOllama
	documents []string
	kills     int
	began     time.Time
}

func newChainKills(t *testing.T) *chainKills {
	t.Helper()
	ollama := countOllama(t)
	c := &chainKills{
		user: withOllama(t, ollama.url), t: t, ollama: ollama,
		kills: programtest.Number(t, "GLEITZEIT_TEST_KILLS", 2), began: time.Now(),
	}
	for i := range programtest.Number(t, "GLEITZEIT_TEST_ITEMS", 48) {
		name := fmt.Sprintf("%03d.txt", i)
		c.File("documents/"+name, "text "+name)
		c.documents = append(c.documents, name)
	}
	c.File("extract.py", extractScript)
	c.File("flow.yaml", chainFlow)
	return c
}

// steps returns how often each step of each document was begun, and each call that reduces their summaries.
func (c *chainKills) steps() (steps, reductions map[string]int) {
	c.t.Helper()
	steps, reductions = map[string]int{}, map[string]int{}
	for name, times := range stepsDone(c.t, c.user) {
		steps["extract "+name] = times
	}
	for prompt, times := range c.ollama.prompts() {
		if name, _, found := strings.Cut(prompt, ": "); found && strings.Contains(name, " ") {
			steps[name] += times
			continue
		}
		reductions[prompt] = times
	}
	return steps, reductions
}

// awaitSteps waits until so many steps have begun, for as long as some do.
func (c *chainKills) awaitSteps(wanted int) {
	c.t.Helper()
	for steps, _ := c.steps(); len(steps) < wanted; {
		before := len(steps)
		eventually(c.t, "a step begins", func() bool {
			steps, _ = c.steps()
			return len(steps) > before
		})
	}
}

// killAtRandom kills at random moments, each in its part of the run.
func (c *chainKills) killAtRandom(kill func(i int)) {
	c.t.Helper()
	total := 3*len(c.documents) - chainParallel // Later the run may end before it is killed.
	for i := range c.kills {
		c.awaitSteps(total*i/c.kills + 1 + rand.IntN(total/c.kills))
		steps, _ := c.steps()
		c.t.Logf("kill %d after %d steps", i+1, len(steps))
		kill(i)
	}
	c.awaitSteps(3 * len(c.documents))
}

// verify wants each document in the results once, one report, and nothing repeated that was not in flight at a kill.
func (c *chainKills) verify(stdout string) {
	c.t.Helper()
	took := time.Since(c.began)
	run, err := parseRun(stdout)
	must(c.t, err)
	steps, reductions := c.steps()
	var texts []string
	for _, name := range c.documents {
		texts = append(texts, "text "+name)
	}
	for name, want := range map[string][]string{"documents": c.documents, "extracted": texts} {
		var got []string
		must(c.t, json.Unmarshal(run.Outputs[name], &got))
		if !slices.Equal(got, want) {
			c.t.Errorf("%s are %v", name, got)
		}
	}
	wantFields(c.t, "outputs", run.Outputs, map[string]string{
		"report": `"I saw the PINEAPPLE."`, "inputs": fmt.Sprint(len(c.documents)), "calls": fmt.Sprint(len(reductions)),
	})
	repeated, most := map[string]int{}, c.kills*chainParallel
	all := 0
	for name, times := range steps {
		step, _, _ := strings.Cut(name, " ")
		repeated[step] += times - 1
		all += times - 1
	}
	for _, times := range reductions {
		repeated["report"] += times - 1
		all += times - 1
	}
	for _, name := range c.documents {
		for _, step := range []string{"extract", "judge", "summarise"} {
			if steps[step+" "+name] == 0 {
				c.t.Errorf("%s of %s was not done", step, name)
			}
		}
	}
	if len(steps) != 3*len(c.documents) || all > most {
		c.t.Errorf("%d steps were done, and %d steps and calls again: %v; %d kills with %d in flight explain %d", len(steps), all, repeated, c.kills, chainParallel, most)
	}
	c.t.Logf("%d documents, %d kills, %s: %d steps and %d calls for the report; done again: %d %v, in flight at most %d",
		len(c.documents), c.kills, took.Round(time.Second), len(steps), len(reductions), all, repeated, most)
}

// TestKillsAmongStepsOfItems kills `gleitzeit run` with its engine at random moments of documents with three steps, of which one report
// is made.
func TestKillsAmongStepsOfItems(t *testing.T) {
	t.Parallel()
	c := newChainKills(t)
	p := c.Start("run", "flow.yaml")
	c.killAtRandom(func(int) {
		p.Kill()
		p = c.Start("run", "flow.yaml", "-o", "json")
		p.Says("resumed run chain\n")
	})
	p.Exits(0)
	c.verify(p.Stdout.String())
}

// TestKillsAmongStepsOfWorkers kills a server with its engine, and three workers that keep results in Redis.
func TestKillsAmongStepsOfWorkers(t *testing.T) {
	t.Parallel()
	c := newChainKills(t)
	c.Env = append(c.Env, "GLEITZEIT_REDIS_URL="+redistest.Start(t).URL("", 0))
	victims := [][]string{{"server", "--no-ui"}, {"worker"}, {"worker"}, {"worker"}}
	var now []*process
	for _, args := range victims {
		now = append(now, c.Start(args...))
	}
	for _, worker := range now[1:] {
		worker.Says("worker ready: queue ")
	}
	eventually(t, "the engine takes the run", func() bool { return c.Start("submit", "flow.yaml").Wait() == 0 })
	order := rand.Perm(len(victims)) // Each as often as the others.
	counts := map[string]int{}
	c.killAtRandom(func(i int) {
		victim := order[i%len(order)]
		now[victim].Kill()
		now[victim] = c.Start(victims[victim]...)
		counts[victims[victim][0]]++
	})
	eventually(t, "the run ends", func() bool { return c.Start("watch", "chain").Wait() == 0 })
	stdout, _ := c.Gleitzeit(0, "results", "chain", "-o", "json")
	c.verify(stdout)
	t.Logf("killed: %v", counts)
}
