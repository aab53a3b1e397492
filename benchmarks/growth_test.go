package benchmarks

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/gleitzeit/gleitzeit/activities"
	"github.com/gleitzeit/gleitzeit/internal/engine"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/programtest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/sqlite"
	"github.com/gleitzeit/gleitzeit/worker"
	"github.com/gleitzeit/gleitzeit/workflows"
)

const (
	// growthRuns is a variable with the number of runs of BenchmarkGrowth.
	growthRuns = "GLEITZEIT_BENCH_RUNS"
	// growthHome is set in a process that this test binary starts of itself, to make runs in the home that it names.
	growthHome = "GLEITZEIT_BENCH_HOME"
)

// BenchmarkGrowth compares homes in which 1 run and many have been made: 1,000, or as many as GLEITZEIT_BENCH_RUNS says. It reports how
// long a run takes as a whole process, as a ratio (1.15 is the aim), and the first one after the many; the bytes that each run
// added; and those of them that are not the run's own, which retention would remove with it: 6 KB are the limit.
func BenchmarkGrowth(b *testing.B) {
	count := fewer(1000)
	if text := os.Getenv(growthRuns); text != "" {
		var err error
		if count, err = strconv.Atoi(text); err != nil {
			b.Fatalf("%s: %v", growthRuns, err)
		}
	}
	gleitzeit := program(b)
	flow := filepath.Join(b.TempDir(), "short.yaml")
	programtest.Write(b, flow, "name: Short\ntasks:\n  - {id: sum, method: mcp/tool.add, parameters: {a: 2, b: 3}}\n")
	for b.Loop() {
		fresh, used := b.TempDir(), b.TempDir()
		wall(b, fresh, gleitzeit, "run", flow)
		wall(b, used, gleitzeit, "run", flow)
		makeRunsOf(b, used, count)
		first := wall(b, used, gleitzeit, "run", flow).Seconds() // It also does what the process before left.
		// The next process of a home may find what the one before has left to do: many starts, in turns, and the median of each home.
		var freshTook, usedTook []float64
		for range fewer(6*rounds + 1) {
			freshTook = append(freshTook, wall(b, fresh, gleitzeit, "run", flow).Seconds())
			usedTook = append(usedTook, wall(b, used, gleitzeit, "run", flow).Seconds())
		}
		all, own := bytesIn(b, used)
		freshAll, freshOwn := bytesIn(b, fresh)
		b.ReportMetric(median(usedTook)/median(freshTook), "start-ratio")
		b.ReportMetric(first/median(freshTook), "first-start-ratio")
		b.ReportMetric(float64(all)/float64(freshAll), "bytes-ratio")
		b.ReportMetric(float64(all-freshAll)/float64(count), "bytes/run")
		b.ReportMetric(float64(all-own-(freshAll-freshOwn))/float64(count), "other-bytes/run")
	}
}

// makeRunsOf makes runs in another process of the home, which ends as most commands do: without stopping its engine.
func makeRunsOf(b *testing.B, home string, count int) {
	b.Helper()
	command := exec.CommandContext(b.Context(), os.Args[0])
	command.Env = append(os.Environ(), growthHome+"="+home, growthRuns+"="+strconv.Itoa(count))
	if out, err := command.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
}

// makeRuns makes runs as `gleitzeit submit` and a server do: with the home's engine and store, on one queue.
func makeRuns(ctx context.Context, path string, count int) (err error) {
	folder, err := home.Open(path)
	if err != nil {
		return err
	}
	store, err := sqlite.Open(ctx, filepath.Join(path, "results.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	e, err := engine.Join(ctx, engine.Options{Home: folder})
	if err != nil {
		return err
	}
	defer e.Close()
	c, err := e.Client(ctx, worker.ConfigureClient(store))
	if err != nil {
		return err
	}
	defer c.Close()
	acts, err := activities.New(activities.Options{Store: store, Protocols: []activities.Protocol{{Spec: spec, Handler: nothing{}}}})
	if err != nil {
		return err
	}
	w := sdkworker.New(c, "gleitzeit", worker.TemporalOptions(worker.Options{Local: true}))
	worker.Register(w, acts)
	if err := w.Start(); err != nil {
		return err
	}
	defer w.Stop()
	return runShort(ctx, c, count)
}

// runShort runs workflows with one task that does nothing, some at the same time.
func runShort(ctx context.Context, c client.Client, count int) error {
	const inFlight = 32
	p, err := compilePlan(1, false)
	if err != nil {
		return err
	}
	numbers, failures := make(chan int), make(chan error, inFlight)
	for range inFlight {
		go func() {
			var failed error
			for n := range numbers {
				run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
					ID: fmt.Sprint("short-", n), TaskQueue: "gleitzeit", WorkflowTaskTimeout: 3 * time.Second, StaticSummary: p.Name,
				}, workflows.RunType, p, workflows.Start{Settings: workflows.Settings{SearchAttributes: true, Heartbeat: protocol.Seconds(5)}})
				if err == nil {
					err = run.Get(ctx, nil)
				}
				failed = errors.Join(failed, err)
			}
			failures <- failed
		}()
	}
	for n := range count {
		numbers <- n
	}
	close(numbers)
	var failed error
	for range inFlight {
		failed = errors.Join(failed, <-failures)
	}
	return failed
}

// bytesIn returns the bytes of the files of a home, and how many of them hold what belongs to runs: their histories, their rows in
// lists, the timers that end their retention, and their results.
func bytesIn(b *testing.B, home string) (all, own int64) {
	b.Helper()
	programtest.Must(b, filepath.WalkDir(home, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		all += info.Size()
		if entry.Name() == "results.db" {
			own += info.Size()
		}
		return nil
	}))
	db, err := sql.Open("sqlite", "file:"+filepath.Join(home, "engine.db"))
	programtest.Must(b, err)
	var engine int64
	programtest.Must(b, db.QueryRow(`SELECT sum(pgsize) FROM dbstat WHERE name IN (SELECT name FROM sqlite_master WHERE
		tbl_name IN ('executions', 'current_executions', 'history_node', 'history_tree', 'timer_tasks') OR tbl_name LIKE 'executions_visibility%')`).
		Scan(&engine))
	programtest.Must(b, db.Close())
	return all, own + engine
}
