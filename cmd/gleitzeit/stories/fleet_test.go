package stories_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

const (
	fleetRuns    = 50
	fleetWorkers = 3
)

// TestFleet: a server and three workers, each a process, execute fifty runs while one of the workers is killed
// each second and started again. Every run completes, and nothing is twice in the results.
func TestFleet(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", `
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
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	var runs []string
	done, kills := 0, 0
	for done < fleetRuns {
		if len(runs) < fleetRuns {
			id, _ := u.Gleitzeit(0, "submit", "flow.yaml", "--input", fmt.Sprintf("n=%d", len(runs)))
			runs = append(runs, strings.TrimSpace(id))
			if len(ticker.C) == 0 {
				continue
			}
		}
		<-ticker.C
		at := kills % fleetWorkers
		workers[at].Kill()
		workers[at] = u.Start("worker")
		kills++
		done = len(u.listed("--status", "completed"))
		if time.Since(began) > 2*patience {
			listed, _ := u.Gleitzeit(0, "list", "--limit", "0")
			t.Fatalf("%d of %d runs have completed:\n%s", done, fleetRuns, listed)
		}
	}
	t.Logf("%d runs took %.1f s, with %d kills", fleetRuns, time.Since(began).Seconds(), kills)
	if all := u.listed(); len(all) != fleetRuns {
		t.Errorf("%d runs are listed, want %d", len(all), fleetRuns)
	}
	for n, run := range runs {
		shown, _ := u.Gleitzeit(0, "results", run, "-o", "json")
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
	u.T.Helper()
	shown, _ := u.Gleitzeit(0, append([]string{"list", "--limit", "0", "-o", "json"}, args...)...)
	var list struct{ Runs []runDocument }
	programtest.JSON(u.T, shown, &list)
	return list.Runs
}
