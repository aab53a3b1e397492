package stories_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	fleetRuns    = 50
	fleetWorkers = 3
)

// TestFleet: a server and three workers, each a process, execute fifty runs while every second one of the workers is
// killed and started again. Every run completes, and nothing is twice in the results.
func TestFleet(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.file("flow.yaml", `
name: Fleet
inputs: {n: {type: integer, required: true}}
tasks:
  - {id: add, method: mcp/tool.add, parameters: {a: "${inputs.n}", b: 1}}
  - {id: script, method: python/execute, parameters: {code: "result = 2 * ${add.result}"}}
  - {id: product, method: mcp/tool.multiply, parameters: {a: "${script.result}", b: "${inputs.n}"}}
outputs: {product: "${product.result}"}
`)
	began := time.Now()
	u.serves("--no-ui")
	workers := make([]*process, fleetWorkers)
	for i := range workers {
		workers[i] = u.works()
	}
	submitted := make(chan string, fleetRuns)
	go func() {
		defer close(submitted)
		for n := range fleetRuns {
			p := u.start("submit", "flow.yaml", "--input", fmt.Sprintf("n=%d", n))
			if p.wait() != 0 {
				t.Errorf("submit: %s", p.stderr)
				return
			}
			submitted <- strings.TrimSpace(p.stdout.String())
		}
	}()
	runs := map[string]int{}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	deadline := time.After(2 * patience)
	kills := 0
	for all, done := false, 0; !all || done < fleetRuns; {
		select {
		case run, more := <-submitted:
			if !more {
				all, submitted = true, nil
				continue
			}
			runs[run] = len(runs)
		case <-ticker.C:
			at := kills % fleetWorkers
			workers[at].kill()
			kills++
			workers[at] = u.start("worker")
			done = len(u.listed("--status", "completed"))
		case <-deadline:
			listed, _ := u.gleitzeit(0, "list", "--limit", "0")
			t.Fatalf("%d of %d runs have completed:\n%s", done, fleetRuns, listed)
		}
	}
	t.Logf("%d runs took %.1f s, with %d kills", fleetRuns, time.Since(began).Seconds(), kills)
	if all := u.listed(); len(all) != fleetRuns || len(runs) != fleetRuns {
		t.Errorf("%d runs are listed, %d were submitted, want %d", len(all), len(runs), fleetRuns)
	}
	for run, n := range runs {
		shown, _ := u.gleitzeit(0, "results", run, "-o", "json")
		document, err := parseRun(shown)
		must(t, err)
		if got := strings.Join(document.statuses(), ", "); got != "add completed, script completed, product completed" {
			t.Errorf("run %s: %s", run, got)
		}
		wantFields(t, run, document.Outputs, map[string]string{"product": strconv.Itoa(2 * (n + 1) * n)})
	}
}

// listed are the runs that list shows.
func (u *user) listed(args ...string) []runDocument {
	u.t.Helper()
	shown, _ := u.gleitzeit(0, append([]string{"list", "--limit", "0", "-o", "json"}, args...)...)
	var list struct{ Runs []runDocument }
	must(u.t, json.Unmarshal([]byte(shown), &list))
	return list.Runs
}
