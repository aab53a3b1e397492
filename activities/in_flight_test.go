package activities

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
)

// Equal calls at the same time reach the handler once. After one that failed for a reason that may pass, one of the others is made;
// after one that can never succeed, the others fail as well; after another failure, they are made. The store is read for calls that are
// made, not for those that wait.
func TestEqualCallsAtTheSameTime(t *testing.T) {
	for name, test := range map[string]struct {
		first         error // Of the first call.
		others        error // Of those after it.
		panics        bool  // The first call ends by a bug.
		calls, cached int64
		failed, reads int64
	}{
		"success":           {nil, nil, false, 1, 4, 0, 1},
		"transient failure": {protocol.Errorf(protocol.ProviderOverloaded, "busy"), nil, false, 2, 3, 1, 2},
		"cancelled":         {protocol.Errorf(protocol.TaskCancelled, "cancelled"), nil, false, 2, 3, 1, 2},
		"permanent failure": {protocol.Errorf(protocol.InvalidParams, "no such thing"), nil, false, 1, 0, 5, 1},
		"failure":           {errors.New("no"), errors.New("no"), false, 5, 0, 5, 5},
		"panic":             {nil, nil, true, 1, 3, 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			d := &heldHandler{cacheTest: newCacheTest(t), errs: []error{test.first, test.others}, release: make(chan struct{})}
			if test.panics {
				d.store = &panickingStore{Store: d.store, release: d.release}
			}
			store := &readStore{Store: d.store}
			acts, err := New(Options{Store: store, Protocols: []Protocol{{protocol.Spec{Name: "test/v1", Methods: []protocol.Method{{Name: "test/do"}}}, d}}})
			if err != nil {
				t.Fatal(err)
			}
			const equal = 5
			var ended sync.WaitGroup
			var cached, failed atomic.Int64
			for item := range equal {
				ended.Go(func() {
					var suite testsuite.WorkflowTestSuite
					environment := suite.NewTestActivityEnvironment()
					environment.RegisterDynamicActivity(acts.Task, activity.DynamicRegisterOptions{})
					value, err := environment.ExecuteActivity("test/do", protocol.Call{
						Format: protocol.CallFormat, Method: "test/do", Task: "a", Item: &item, Cache: true, Parameters: parameters(t, `{"a":1}`),
						Run: protocol.RunInfo{ID: "r", Execution: "e", Workflow: "W", Folder: d.folder, FlowFolder: d.folder},
					})
					var outcome protocol.Outcome
					switch {
					case err != nil:
						failed.Add(1)
					case value.Get(&outcome) == nil && outcome.Cached:
						cached.Add(1)
					}
				})
			}
			for waiting(acts) < equal-1 {
				runtime.Gosched()
			}
			close(d.release)
			ended.Wait()
			if d.made.Load() != test.calls || cached.Load() != test.cached || failed.Load() != test.failed {
				t.Errorf("%d calls reach the handler, %d are answered from the cache, %d fail", d.made.Load(), cached.Load(), failed.Load())
			}
			if store.reads.Load() != test.reads {
				t.Errorf("the store is read for %d calls, want %d", store.reads.Load(), test.reads)
			}
			if len(acts.inFlight.calls) != 0 {
				t.Errorf("%d calls are under way at the end", len(acts.inFlight.calls))
			}
		})
	}
}

// What may have the path of a file is not for an equal call that names a copy of the file.
func TestEndOfACallForAnother(t *testing.T) {
	own, copied := callKey{content: "c", exact: "a"}, callKey{content: "c", exact: "b"}
	for name, test := range map[string]struct {
		done    execution
		failure *protocol.Error
		copied  bool
	}{
		"result":            {execution{key: own}, nil, true},
		"result with words": {execution{key: own, Result: protocol.Result{Warning: "a.txt is cut"}}, nil, false},
		"failure":           {execution{key: own}, protocol.Errorf(protocol.InvalidParams, "a.txt is empty"), false},
	} {
		end := endOf(test.done, test.failure)
		if !end.isFor(own) || end.isFor(copied) != test.copied {
			t.Errorf("%s: %v, %v for a copy", name, end.isFor(own), end.isFor(copied))
		}
	}
}

// waiting is how many calls wait for the one that is under way.
func waiting(acts *Activities) int {
	acts.inFlight.mu.Lock()
	defer acts.inFlight.mu.Unlock()
	for _, call := range acts.inFlight.calls {
		return call.waiting
	}
	return 0
}

// A call that is made next is cancelled while it waits: another one is.
func TestEqualCallThatNoLongerWaits(t *testing.T) {
	acts := &Activities{}
	first, _ := acts.inFlight.begin(t.Context(), "h", func() {})
	for range 2 {
		cancelled, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			acts.inFlight.begin(cancelled, "h", func() {})
			close(ended)
		}()
		for waiting(acts) < 1 {
			runtime.Gosched()
		}
		cancel()
		<-ended
	}
	first(callEnd{makeNext: true})
	if len(acts.inFlight.calls) != 0 {
		t.Error("a call is under way, and nobody makes it")
	}
}

// heldHandler is a handler whose calls end when they are released, with the error of the first call or of the others.
type heldHandler struct {
	*cacheTest
	errs    []error
	made    atomic.Int64
	release chan struct{}
}

func (c *heldHandler) Handle(context.Context, protocol.Request, protocol.Progress) (protocol.Result, error) {
	n := int(c.made.Add(1))
	<-c.release
	return protocol.Result{Value: value.Object(value.Field{Name: "n", Value: value.Int(1)})}, c.errs[min(n, len(c.errs))-1]
}

// panickingStore has a bug that shows once, when a call is looked for.
type panickingStore struct {
	resultstore.Store
	release chan struct{}
	shown   atomic.Bool
}

func (s *panickingStore) Records(ctx context.Context, query resultstore.Query) ([]resultstore.Record, error) {
	if query.Kind == resultstore.Cached && !s.shown.Swap(true) {
		<-s.release
		panic("a bug")
	}
	return s.Store.Records(ctx, query)
}

// readStore counts the calls for which it is asked for an earlier result.
type readStore struct {
	resultstore.Store
	reads atomic.Int64
}

func (s *readStore) Records(ctx context.Context, query resultstore.Query) ([]resultstore.Record, error) {
	if query.Kind == resultstore.Cached {
		s.reads.Add(1)
	}
	return s.Store.Records(ctx, query)
}
