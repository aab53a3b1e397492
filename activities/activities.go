// Package activities runs the tasks of a workflow: it resolves the references of a Call, hands it to the protocol's
// handler, stores the result and returns the Outcome to the workflow. It decides whether an error is worth another attempt;
// Temporal does the retries.
package activities

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/internal/documents/reader"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/secretsource"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Protocol is a Spec with the Handler that runs its methods.
type Protocol struct {
	Spec    protocol.Spec
	Handler protocol.Handler
}

// Options of activities. Store and Protocols are required.
type Options struct {
	Store         resultstore.Store
	Protocols     []Protocol
	Log           *slog.Logger
	Env           func(name string) (string, bool) // Reads `${env.NAME}`; default: the process's environment.
	Secrets       secretsource.Sources             // Of `${secrets.NAME}`; their Env is that of the options by default.
	Roots         []string                         // Where set, calls read files beneath these folders alone, whatever their run may read.
	Documents     *reader.Reader                   // Reads the documents that references lead to. Nil: without converters.
	CaseSensitive bool                             // Patterns of files respect the case of endings: `*.png` does not match a.PNG.
	NameFlags     bool                             // What is said about patterns of files names the flags of a batch, not the keys of a workflow.
	NoLogs        bool                             // What calls send and print is not recorded.
	OnStoreError  func(error)                      // Called when a result waits for an unavailable store. It must not block.
}

// Activities are what a worker registers.
type Activities struct {
	*itemLists
	*earlierRuns
	results results
	methods methods
	log     *slog.Logger
	env     func(name string) (string, bool)
	secrets secretsource.Sources
	roots   []string

	documents     *reader.Reader
	caseSensitive bool
	nameFlags     bool
	noLogs        bool

	inFlight inFlight
	given    redaction.Set // The values of `${secrets…}` that calls got.
}

// New returns the activities for the protocols.
func New(o Options) (*Activities, error) {
	a := &Activities{log: o.Log, env: o.Env, secrets: o.Secrets, roots: o.Roots, documents: o.Documents, caseSensitive: o.CaseSensitive, nameFlags: o.NameFlags, noLogs: o.NoLogs}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.env == nil {
		a.env = os.LookupEnv
	}
	if a.secrets.Env == nil {
		a.secrets.Env = a.env
	}
	a.results = results{store: o.Store, log: a.log, onError: o.OnStoreError}
	if a.results.onError == nil {
		a.results.onError = func(err error) { a.log.Error("cannot store a result; retrying", "error", err) }
	}
	a.itemLists = &itemLists{results: a.results}
	a.earlierRuns = &earlierRuns{lists: a.itemLists, results: a.results}
	var err error
	a.methods, err = newMethods(o.Protocols)
	return a, err
}

// method is a method with the handler that runs it.
type method struct {
	protocol.Method
	handler protocol.Handler
}

// methods finds methods by name.
type methods struct {
	byName   map[string]method
	patterns []Protocol // Those with methods that stand for many names.
}

func newMethods(protocols []Protocol) (methods, error) {
	found := methods{byName: map[string]method{}}
	for _, p := range protocols {
		p.Spec.AnyServer = true // The handler knows which servers there are.
		if slices.ContainsFunc(p.Spec.Methods, protocol.Method.IsPattern) {
			found.patterns = append(found.patterns, p)
		}
		for _, m := range p.Spec.Methods {
			if _, exists := found.byName[m.Name]; exists {
				return methods{}, fmt.Errorf("two protocols have the method %q", m.Name)
			}
			found.byName[m.Name] = method{m, p.Handler}
		}
	}
	return found, nil
}

func (m methods) find(name string) (method, bool) {
	if found, known := m.byName[name]; known {
		return found, true
	}
	for _, p := range m.patterns {
		if found, known := p.Spec.Find(name); known {
			return method{found, p.Handler}, true
		}
	}
	return method{}, false
}

const (
	// storeTimeout is how long an attempt waits for a store that is unavailable or full. A call to a model costs more.
	storeTimeout = 10 * time.Minute
	// cutOffTimeout is the same where the engine is unavailable too, on a full disk for example: soon it gives the attempt
	// to another worker.
	cutOffTimeout = 15 * time.Second
)

// closingAttempt is the attempt of a record that a run makes of a task at its end. It follows the records of all attempts.
const closingAttempt = 1 << 20

// results is the result store as activities use it.
type results struct {
	store   resultstore.Store
	log     *slog.Logger
	onError func(error)
}

// loader returns a function that reads the value of a Ref.
func (r results) loader(ctx context.Context) func(protocol.Ref) (value.Value, error) {
	return func(ref protocol.Ref) (value.Value, error) {
		return resultstore.Load(ctx, r.store, protocol.Payload{Ref: &ref})
	}
}

// put stores a batch for a local activity, which the workflow retries.
func (r results) put(ctx context.Context, batch resultstore.Batch) error {
	err := r.store.Put(ctx, batch)
	if err != nil && r.log != nil {
		r.log.Warn("cannot record the run; retrying", "error", err)
	}
	return err
}

// withRetry retries an operation on the store until it succeeds or fails permanently, the run is cancelled, or the timeout
// is over. It never cuts an operation short: a finished result is stored if possible.
func (r results) withRetry(ctx context.Context, operation func(context.Context) error) error {
	const longestPause = 5 * time.Second
	began, reported := time.Now(), false
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, longestPause) {
		err := operation(context.WithoutCancel(ctx))
		if err == nil {
			return nil
		}
		failure := protocol.AsError(err, protocol.PersistenceFailed)
		waited := time.Since(began)
		if failure.Kind != protocol.Transient || cancelRequested(ctx) || waited > storeTimeout {
			return failure
		}
		if ctx.Err() != nil && waited > cutOffTimeout {
			return ctx.Err()
		}
		if !reported {
			r.onError(failure)
			reported = true
		}
		time.Sleep(pause)
	}
}

// cancelRequested reports whether the run requested the cancellation of the attempt. A context that is done for another
// reason belongs to an attempt that was cut off: its worker stops, or the engine is unavailable.
func cancelRequested(ctx context.Context) bool {
	_, requested := errors.AsType[*temporal.CanceledError](context.Cause(ctx))
	return requested
}

// runRecord returns the record of a run without its status.
func runRecord(run protocol.RunInfo, queue string, plan protocol.Ref) resultstore.Record {
	return resultstore.Record{
		Kind:     resultstore.Run,
		Key:      resultstore.Key{Run: run.ID, Execution: run.Execution, Item: protocol.NoItem},
		Workflow: run.Workflow, StartedAt: run.StartedAt, Plan: &plan, Queue: queue,
	}
}

// taskRecord returns the record of an attempt of a task, or of one of its items, that ended with the outcome. The item is
// protocol.NoItem for the task itself.
func taskRecord(run protocol.RunInfo, task, method string, item, attempt int, outcome protocol.Outcome) resultstore.Record {
	return resultstore.Record{
		Kind:     resultstore.Task,
		Key:      resultstore.Key{Run: run.ID, Execution: run.Execution, Task: task, Item: item, Attempt: attempt},
		Workflow: run.Workflow, Method: method, Status: outcome.Status, Reason: outcome.Reason, Error: outcome.Error,
		Warning: outcome.Warning, Attempts: outcome.Attempts, Rounds: outcome.Rounds, FromCache: outcome.Cached, StartedAt: outcome.StartedAt,
		FinishedAt: outcome.FinishedAt, Usage: outcome.Usage, Value: outcome.Value.Ref, Counts: outcome.Items, Printed: outcome.Printed.Ref,
	}
}

// closingRecord adds to the batch the record of a task or an item whose end no attempt recorded, with what its last heartbeat
// said that it had printed.
func closingRecord(batch *resultstore.Batch, run protocol.RunInfo, task, method string, item int, outcome protocol.Outcome) {
	if printed := outcome.Printed; printed.Ref == nil && printed.Inline != nil {
		batch.Values = append(batch.Values, outcome.SetPrinted(protocol.ParsePrinted(*printed.Inline))...)
	}
	batch.Records = append(batch.Records, taskRecord(run, task, method, item, closingAttempt, outcome))
}

// cacheRecord returns the record under which later calls with the same hash find the outcome.
func cacheRecord(hash string, ofTask resultstore.Record) resultstore.Record {
	ofTask.Kind, ofTask.Key, ofTask.Attempts = resultstore.Cached, resultstore.CallKey(hash), 0
	return ofTask
}
