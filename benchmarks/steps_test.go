// Package benchmarks measures what the documents claim about speed. Machines are noisy, so both sides of a comparison
// run in turn within one process, and what is printed is their ratio.
package benchmarks

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/gleitzeit/gleitzeit/activities"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/sqlite"
	"github.com/gleitzeit/gleitzeit/internal/servertest"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/worker"
	"github.com/gleitzeit/gleitzeit/workflows"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(growthHome); path != "" {
		count, err := strconv.Atoi(os.Getenv(growthRuns))
		if err == nil {
			err = makeRuns(context.Background(), path, count)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	servertest.Main(m)
}

// rounds is how often each side runs; the result is the median.
const rounds = 5

// fewer is a number of runs, items or calls, of which a tenth is enough where -short asks whether the benchmarks work.
func fewer(count int) int {
	if testing.Short() {
		return max(count/10, 1)
	}
	return count
}

// nothing is the handler of a method that does nothing.
type nothing struct{}

func (nothing) Handle(context.Context, protocol.Request, protocol.Progress) (protocol.Result, error) {
	return protocol.Result{Value: value.Object()}, nil
}

func (nothing) Health(context.Context) error { return nil }

var spec = protocol.Spec{Name: "bench/v1", Methods: []protocol.Method{
	{Name: "bench/nothing", Parameters: []byte(`{"type": "object"}`), Timeout: time.Minute},
}}

// doNothing is the same as a hand-written activity.
func doNothing(context.Context) error { return nil }

// byHand is the equivalent workflow in Go.
func byHand(ctx workflow.Context, sequential, parallel int) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute, HeartbeatTimeout: 5 * time.Second})
	for range sequential {
		if err := workflow.ExecuteActivity(ctx, doNothing).Get(ctx, nil); err != nil {
			return err
		}
	}
	var futures []workflow.Future
	for range parallel {
		futures = append(futures, workflow.ExecuteActivity(ctx, doNothing))
	}
	for _, future := range futures {
		if err := future.Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

type bench struct {
	*servertest.Server
	runs int
}

// newBench starts one worker for both sides: the same server, queue, options and process.
func newBench(b *testing.B, store resultstore.Store) *bench {
	b.Helper()
	s := servertest.Engine(b, servertest.WithClient(worker.ConfigureClient(store)))
	acts, err := activities.New(activities.Options{Store: store, Protocols: []activities.Protocol{{Spec: spec, Handler: nothing{}}}})
	if err != nil {
		b.Fatal(err)
	}
	w := sdkworker.New(s.Client, s.Queue, worker.TemporalOptions(worker.Options{Local: true}))
	worker.Register(w, acts)
	w.RegisterWorkflow(byHand)
	w.RegisterActivity(doNothing)
	if err := w.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(w.Stop)
	return &bench{Server: s}
}

func (s *bench) interpreted(b *testing.B, p *plan.Plan) time.Duration {
	b.Helper()
	s.runs++
	began := time.Now()
	// As a process with the engine inside starts it.
	run, err := s.Client.ExecuteWorkflow(context.Background(), client.StartWorkflowOptions{
		ID: fmt.Sprintf("%s-%d", s.Queue, s.runs), TaskQueue: s.Queue, WorkflowTaskTimeout: 3 * time.Second, EnableEagerStart: true, StaticSummary: p.Name,
	}, workflows.RunType, p, workflows.Start{Settings: workflows.Settings{SearchAttributes: true, Heartbeat: 5}})
	return s.finish(b, began, run, err)
}

func (s *bench) written(b *testing.B, sequential, parallel int) time.Duration {
	b.Helper()
	began := time.Now()
	run, err := s.Client.ExecuteWorkflow(context.Background(), client.StartWorkflowOptions{TaskQueue: s.Queue, WorkflowTaskTimeout: 3 * time.Second, EnableEagerStart: true}, byHand, sequential, parallel)
	return s.finish(b, began, run, err)
}

func (s *bench) finish(b *testing.B, began time.Time, run client.WorkflowRun, err error) time.Duration {
	b.Helper()
	if err == nil {
		err = run.Get(context.Background(), nil)
	}
	if err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}

func compile(b *testing.B, tasks int, chained bool) *plan.Plan {
	b.Helper()
	p, err := compilePlan(tasks, chained)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func compilePlan(tasks int, chained bool) (*plan.Plan, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "name: Bench\nmax_parallel: %d\ntasks:\n", tasks)
	for i := range tasks {
		fmt.Fprintf(&text, "  - {id: t%d, method: bench/nothing", i)
		if chained && i > 0 {
			fmt.Fprintf(&text, ", dependencies: [t%d]", i-1)
		}
		text.WriteString("}\n")
	}
	p, diagnostics := interpreter.Compile(interpreter.Input{
		File: "bench.yaml", Text: []byte(text.String()), Files: fstest.MapFS{}, Folder: os.TempDir(), FlowFolder: os.TempDir(), Specs: []protocol.Spec{spec},
	})
	for _, d := range diagnostics {
		return nil, fmt.Errorf("%v", d)
	}
	return p, nil
}

func openStore(b *testing.B) resultstore.Store {
	b.Helper()
	store, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "results.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := store.Close(); err != nil {
			b.Error(err)
		}
	})
	return store
}

func compare(b *testing.B, tasks int, chained bool) {
	s := newBench(b, openStore(b))
	p := compile(b, tasks, chained)
	sequential, parallel := tasks, 0
	if !chained {
		sequential, parallel = 0, tasks
	}
	s.written(b, sequential, parallel)
	s.interpreted(b, p)
	for b.Loop() {
		var ours, theirs []time.Duration
		var ratios []float64
		for range fewer(rounds) {
			theirs = append(theirs, s.written(b, sequential, parallel))
			ours = append(ours, s.interpreted(b, p))
			ratios = append(ratios, ours[len(ours)-1].Seconds()/theirs[len(theirs)-1].Seconds())
		}
		b.ReportMetric(median(ours).Seconds(), "interpreted-s")
		b.ReportMetric(median(theirs).Seconds(), "by-hand-s")
		b.ReportMetric(median(ratios), "ratio")
	}
}

func median[T time.Duration | float64](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// Both benchmarks run activities that do nothing. The interpreted side stores the plan, each task and each result in
// the result store, with the same durability as the engine's own database; the other side stores nothing.

func BenchmarkSequential100(b *testing.B) { compare(b, 100, true) }

func BenchmarkParallel1000(b *testing.B) { compare(b, 1000, false) }
