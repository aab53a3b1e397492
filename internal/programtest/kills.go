package programtest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Number returns how often a test does something: as often as a variable of whoever runs the tests says, else a few times.
func Number(t testing.TB, variable string, few int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return few
	}
	number, err := strconv.Atoi(text)
	Must(t, err)
	return number
}

// Victim is a process that is killed at random moments, and started again at once.
type Victim struct {
	Name  string
	Start func() *Process
}

const (
	// openRuns is how many runs are open at once while processes are killed.
	openRuns = 4
	// longestStep is the number of scripts that may run between two kills.
	longestStep = 10
	// items is the number of items of each run.
	items = 6
)

// killedFlow is a run whose results show whether a task was lost or counted twice: each script adds to what came before. It
// leaves a line in the file "log" when it has run.
const killedFlow = `
name: Killed
id: %[1]s
defaults:
  python/execute: {parameters: {file: step.py}}
tasks:
  - {id: first, method: python/execute, parameters: {context: {id: "%[1]s first", from: [%[2]d]}}}
  - {id: left, method: python/execute, parameters: {context: {id: "%[1]s left", from: ["${first.result}"]}}}
  - {id: right, method: mcp/tool.add, parameters: {a: "${first.result}", b: 1}}
  - {id: each, method: python/execute, for_each: [1, 2, 3, 4, 5, 6], parameters: {context: {id: "%[1]s each ${item}", from: ["${left.result}", "${item}"]}}}
  - {id: last, method: python/execute, parameters: {context: {id: "%[1]s last", from: ["${left.result}", "${right.result}", "${each.results[*].result.result}"]}}}
outputs: {last: "${last.result}"}
`

const killedStep = `import os
def total(of): return sum(map(total, of)) if isinstance(of, list) else of
result = total(context["from"]) + 1
log = os.open("log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
os.write(log, (context["id"] + "\n").encode())
os.close(log)
`

// want is the output of a run of killedFlow that began with a number.
func want(from int) int {
	left := from + 2
	last := 2*left + 1
	for item := range items {
		last += left + item + 2
	}
	return last
}

// kills is a test of random kills.
type kills struct {
	t       testing.TB
	u       *User
	runs    []string // Ids.
	victims []Victim
	now     []*Process
	counts  map[string]int
}

// RandomKills kills victims at random moments while runs go on, as often as GLEITZEIT_TEST_KILLS says, or else few times. No run
// and no task may be lost, and none counted twice.
func RandomKills(t testing.TB, u *User, few int, victims ...Victim) {
	t.Helper()
	number := Number(t, "GLEITZEIT_TEST_KILLS", few)
	k := &kills{t: t, u: u, victims: victims, counts: map[string]int{}}
	u.File("step.py", killedStep)
	Write(t, u.Path("log"), "")
	Must(t, os.Chmod(u.Path("log"), 0o666)) //nolint:gosec // Workers may be other users.
	began := time.Now()
	for _, v := range victims {
		k.now = append(k.now, v.Start())
	}
	for range number {
		k.submit()
		step := 1 + rand.IntN(longestStep)
		before := len(k.executed())
		// What the last kill has cut off takes a while, and a random moment may be in there as well.
		patience := time.Now().Add(time.Duration(rand.IntN(20_000)) * time.Millisecond)
		Eventually(t, "scripts run", func() bool { return len(k.executed()) >= before+step || time.Now().After(patience) })
		i := rand.IntN(len(victims))
		k.now[i].Kill()
		k.counts[victims[i].Name]++
		k.now[i] = victims[i].Start()
	}
	k.verify()
	t.Logf("%d kills %v took %s", number, k.counts, time.Since(began).Round(time.Second))
}

// executed lists the scripts that have run, each as often as it has.
func (k *kills) executed() []string {
	k.t.Helper()
	data, err := os.ReadFile(k.u.Path("log"))
	Must(k.t, err)
	return strings.Split(string(bytes.TrimSuffix(data, []byte("\n"))), "\n")
}

// submit submits runs until so many are open. The engine may be away.
func (k *kills) submit() {
	k.t.Helper()
	ended := strings.Count(strings.Join(k.executed(), "\n")+"\n", " last\n")
	for open := len(k.runs) - ended; open < openRuns; open++ {
		id := fmt.Sprintf("killed-%d", len(k.runs))
		file := k.u.File(id+".yaml", fmt.Sprintf(killedFlow, id, len(k.runs)))
		Eventually(k.t, "the engine takes the run "+id, func() bool {
			p := k.u.Start("submit", file)
			if p.Wait() == 0 {
				return true
			}
			known := k.u.Start("status", id) // An engine that was killed may have it all the same.
			return known.Wait() == 0
		})
		k.runs = append(k.runs, id)
	}
}

// verify waits for the runs and counts what they have.
func (k *kills) verify() {
	k.t.Helper()
	lost, doubled, tasks := 0, 0, 0
	const unreachable = 7 // An exit code: the engine may have been killed last, and is starting.
	for from, id := range k.runs {
		Eventually(k.t, "the engine answers", func() bool { return k.u.Start("watch", id).Wait() != unreachable })
		stdout, _ := k.u.Gleitzeit(0, "results", id, "-o", "json")
		var run struct {
			Status  string
			Outputs struct{ Last int }
			Tasks   []struct {
				ID, Status string
				Result     struct{ Results []struct{ Index int } }
			}
		}
		JSON(k.t, stdout, &run)
		seen := map[string]int{}
		for _, task := range run.Tasks {
			seen[task.ID]++
			if task.Status != "completed" {
				k.t.Errorf("task %s of %s is %s", task.ID, id, task.Status)
				lost++
			}
			for _, item := range task.Result.Results {
				seen[fmt.Sprint("item ", item.Index)]++
			}
		}
		tasks += len(run.Tasks) - 1 + items
		for _, times := range seen {
			doubled += times - 1
		}
		lost += 5 + items - len(seen)
		if run.Status != "completed" || run.Outputs.Last != want(from) || len(seen) != 5+items {
			k.t.Errorf("run %s is %s with the output %d, want %d:\n%s", id, run.Status, run.Outputs.Last, want(from), stdout)
		}
	}
	listed, _ := k.u.Gleitzeit(0, "list", "--limit", "0", "-o", "jsonl")
	if n := strings.Count(listed, `"status":"completed"`); n != len(k.runs) || strings.Count(listed, "\n") != n {
		k.t.Errorf("%d runs were submitted, and listed are\n%s", len(k.runs), listed)
	}
	executed := k.executed()
	times := map[string]int{}
	for _, id := range executed {
		times[id]++
	}
	if lost > 0 || doubled > 0 {
		k.t.Errorf("%d tasks are lost and %d are there twice", lost, doubled)
	}
	k.t.Logf("%d runs with %d tasks and items: %d lost, %d doubled; of %d scripts %d ran again",
		len(k.runs), tasks, lost, doubled, len(times), len(executed)-len(times))
}
