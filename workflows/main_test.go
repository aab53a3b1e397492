package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/activities"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/servertest"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/worker"
	"github.com/gleitzeit/gleitzeit/workflows"
)

func TestMain(m *testing.M) {
	if os.Getenv(killedWorkerEnv) != "" {
		os.Exit(runKilledWorker())
	}
	servertest.Main(m)
}

// probe is a protocol that fails and waits on demand, which the real ones cannot be made to do. Everything else in these
// tests is real.
type probe struct {
	mu       sync.Mutex
	calls    map[string]int
	inFlight int
	most     int
	release  chan struct{} // What `test/wait` waits for.
	waiting  chan string   // The keys of tasks that wait.
}

func newProbe() *probe {
	return &probe{calls: map[string]int{}, release: make(chan struct{}), waiting: make(chan string, 5000)}
}

func probeSpec() protocol.Spec {
	spec := protocol.Spec{Name: "test/v1"}
	for _, name := range []string{"test/echo", "test/fail", "test/wait", "test/text"} {
		spec.Methods = append(spec.Methods, protocol.Method{Name: name, Parameters: []byte(`{"type": "object"}`), Timeout: time.Minute, NeedsDependencies: name == "test/echo"})
	}
	spec.Methods = append(spec.Methods, protocol.Method{
		Name: "test/file", Parameters: []byte(`{"type": "object"}`), Timeout: time.Minute, ItemParameter: "path",
	})
	return spec
}

// Handle runs the methods: echo returns its parameter `value`; fail fails `times` times with the error `kind`, then
// returns "done"; wait waits until it is released; text returns `size` bytes of text; file does what the file `path`
// says: fail, wait, or otherwise return the text.
func (p *probe) Handle(ctx context.Context, request protocol.Request, _ protocol.Progress) (protocol.Result, error) {
	key, _ := request.Parameters.Get("key")
	if request.Method == "test/file" {
		file, _ := request.Parameters.Get("path")
		key = value.String(filepath.Base(file.Text()))
	}
	p.mu.Lock()
	p.calls[key.Text()]++
	call := p.calls[key.Text()]
	p.inFlight++
	p.most = max(p.most, p.inFlight)
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.inFlight--
		p.mu.Unlock()
	}()
	val, _ := request.Parameters.Get("value")
	switch request.Method {
	case "test/wait":
		p.waiting <- key.Text()
		select {
		case <-p.release:
		case <-ctx.Done():
			return protocol.Result{}, ctx.Err()
		}
	case "test/fail":
		times, _ := request.Parameters.Get("times")
		var wanted int
		if _, err := fmt.Sscan(times.Digits(), &wanted); err != nil {
			return protocol.Result{}, err
		}
		if call <= wanted {
			kind, _ := request.Parameters.Get("kind")
			return protocol.Result{}, protocol.Errorf(protocol.TaskExecutionFailed, "failure %d", call).WithKind(protocol.ErrorKind(kind.Text()))
		}
		val = value.String("done")
	case "test/file":
		file, _ := request.Parameters.Get("path")
		data, err := request.Files.Read(file.Text(), 1<<20)
		if err != nil {
			return protocol.Result{}, err
		}
		switch val = value.String(string(data)); val.Text() {
		case "fail":
			return protocol.Result{}, protocol.Errorf(protocol.TaskExecutionFailed, "failure of %s", key.Text())
		case "wait":
			p.waiting <- key.Text()
			select {
			case <-p.release:
			case <-ctx.Done():
				return protocol.Result{}, ctx.Err()
			}
		}
	case "test/text":
		size, _ := request.Parameters.Get("size")
		var bytes int
		if _, err := fmt.Sscan(size.Digits(), &bytes); err != nil {
			return protocol.Result{}, err
		}
		text := make([]byte, bytes)
		for i := range text {
			text[i] = byte('a' + i%26)
		}
		val = value.String(string(text))
	}
	return protocol.Result{Value: value.Object(value.Field{Name: "value", Value: val}), Usage: protocol.Usage{LLMCalls: 1}}, nil
}

func (p *probe) Health(context.Context) error { return nil }

func (p *probe) called(key string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[key]
}

// rig is one test's worker on the shared server.
type rig struct {
	*servertest.Server
	probe *probe
	store resultstore.Store
}

const patience = 3 * time.Minute

// newRig returns a rig whose worker has started, with the probe and the real protocols, on a store in memory.
func newRig(t testing.TB, options ...servertest.Option) *rig {
	t.Helper()
	r := newIdleRig(t, options...)
	r.work(t)
	return r
}

// newIdleRig returns a rig without a worker.
func newIdleRig(t testing.TB, options ...servertest.Option) *rig {
	t.Helper()
	store := memory.New()
	all := []servertest.Option{servertest.WithClient(func(o *client.Options) {
		o.Identity = "test"
		worker.ConfigureClient(store)(o)
	})}
	return &rig{Server: servertest.Engine(t, append(all, options...)...), probe: newProbe(), store: store}
}

// work starts the rig's worker; it stops with the test.
func (r *rig) work(t testing.TB) {
	t.Helper()
	w, closeHandlers, err := newWorker(r.Client, r.Queue, r.store, r.probe)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Stop()
		if err := closeHandlers(); err != nil {
			t.Error(err)
		}
	})
}

// newWorker returns a worker of the queue that has not started, and what closes its protocols when it has stopped.
func newWorker(c client.Client, queue string, store resultstore.Store, probe *probe) (*worker.Worker, func() error, error) {
	protocols, closeHandlers, err := worker.Handlers(worker.HandlerOptions{})
	if err != nil {
		return nil, nil, err
	}
	protocols = append(protocols, activities.Protocol{Spec: probeSpec(), Handler: probe})
	acts, err := activities.New(activities.Options{Store: store, Protocols: protocols})
	if err != nil {
		return nil, nil, err
	}
	return worker.New(c, acts, worker.Options{Queue: queue, Local: true}), closeHandlers, nil
}

// compile returns the plan of a workflow.
func compile(t testing.TB, text string) *plan.Plan {
	t.Helper()
	return compileIn(t, text, "/flows", fstest.MapFS{})
}

func compileIn(t testing.TB, text, folder string, files fstest.MapFS) *plan.Plan {
	t.Helper()
	compiled, diagnostics := interpreter.Compile(interpreter.Input{
		File: "flow.yaml", Path: folder + "/flow.yaml", Text: []byte(text), Files: files, Folder: os.TempDir(), FlowFolder: folder,
		Specs: append(worker.Specs(""), probeSpec()),
	})
	for _, d := range diagnostics {
		t.Error(d)
	}
	if t.Failed() {
		t.FailNow()
	}
	return compiled
}

// start starts a run.
func (r *rig) start(t testing.TB, p *plan.Plan) client.WorkflowRun {
	t.Helper()
	return r.startWith(t, p, workflows.Settings{})
}

// startWith starts a run with settings, as a process with the engine inside does.
func (r *rig) startWith(t testing.TB, p *plan.Plan, settings workflows.Settings) client.WorkflowRun {
	t.Helper()
	return r.begin(t, p, workflows.Start{Settings: settings})
}

// begin starts a run in a state.
func (r *rig) begin(t testing.TB, p *plan.Plan, start workflows.Start) client.WorkflowRun {
	t.Helper()
	start.Settings.SearchAttributes, start.Settings.Heartbeat = true, 5
	run, err := r.Client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: "run-" + r.Queue, TaskQueue: r.Queue, WorkflowTaskTimeout: 3 * time.Second, EnableEagerStart: true,
		StaticSummary: p.Name, Priority: temporal.Priority{PriorityKey: int(p.Priority)},
		TypedSearchAttributes: temporal.NewSearchAttributes(
			temporal.NewSearchAttributeKeyKeyword(protocol.WorkflowAttribute).ValueSet(p.Name),
			temporal.NewSearchAttributeKeyKeyword(protocol.StatusAttribute).ValueSet(string(protocol.Running)),
		),
	}, workflows.RunType, p, start)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// end waits for the end of a run and returns its result.
func end(t testing.TB, run client.WorkflowRun) (*workflows.Result, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var result workflows.Result
	closed := run.Get(ctx, &result)
	own, err := workflows.ResultOf(&result, closed)
	if err != nil {
		t.Fatal(err)
	}
	return own, closed
}

func (r *rig) run(t testing.TB, text string) *workflows.Result {
	t.Helper()
	result, _ := end(t, r.start(t, compile(t, text)))
	return result
}

// tasks returns the last record of each task of the rig's run.
func (r *rig) tasks(t testing.TB) map[string]resultstore.Record {
	t.Helper()
	records, err := r.store.Records(t.Context(), resultstore.Query{Run: "run-" + r.Queue, Kind: resultstore.Task})
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]resultstore.Record{}
	for _, record := range records {
		last[record.Task] = record
	}
	return last
}

// value returns the field `value` of a task's result.
func (r *rig) value(t testing.TB, task string) value.Value {
	t.Helper()
	record := r.tasks(t)[task]
	if record.Value == nil {
		t.Fatalf("task %s has no result: %+v", task, record)
	}
	data, err := r.store.Value(t.Context(), *record.Value)
	if err != nil {
		t.Fatal(err)
	}
	result, err := value.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	value, _ := result.Get("value")
	return value
}

func (r *rig) awaitWaiting(t testing.TB, count int) {
	t.Helper()
	deadline := time.After(patience)
	for range count {
		select {
		case <-r.probe.waiting:
		case <-deadline:
			t.Fatal(errors.New("the tasks did not start"))
		}
	}
}
