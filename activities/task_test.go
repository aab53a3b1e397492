package activities

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/secretsource"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// handlerFunc is a handler that does what a test says.
type handlerFunc func(ctx context.Context, request protocol.Request, progress protocol.Progress) (protocol.Result, error)

func (b handlerFunc) Handle(ctx context.Context, request protocol.Request, progress protocol.Progress) (protocol.Result, error) {
	return b(ctx, request, progress)
}

func (b handlerFunc) Health(context.Context) error { return nil }

// runAttempt runs one attempt of `test/do` and returns what the workflow would get.
func runAttempt(t *testing.T, store resultstore.Store, call protocol.Call, env map[string]string, handler handlerFunc) (*protocol.Outcome, *temporal.ApplicationError) {
	t.Helper()
	return runAttemptOf(t, protocol.Method{Name: "test/do"}, store, call, env, handler)
}

// runAttemptOf is runAttempt for a method that says more of itself. Its name is still `test/do`.
func runAttemptOf(t *testing.T, declared protocol.Method, store resultstore.Store, call protocol.Call, env map[string]string, handler handlerFunc) (*protocol.Outcome, *temporal.ApplicationError) {
	t.Helper()
	return attemptOf(t, activitiesOf(t, declared, store, env, handler), call)
}

// activitiesOf returns activities with `test/do` alone.
func activitiesOf(t *testing.T, declared protocol.Method, store resultstore.Store, env map[string]string, handler handlerFunc) *Activities {
	t.Helper()
	acts, err := New(Options{
		Store:     store,
		Protocols: []Protocol{{protocol.Spec{Name: "test/v1", Methods: []protocol.Method{declared}}, handler}},
		Env:       func(name string) (string, bool) { value, set := env[name]; return value, set },
	})
	if err != nil {
		t.Fatal(err)
	}
	return acts
}

// attemptOf runs one attempt with these activities.
func attemptOf(t *testing.T, acts *Activities, call protocol.Call) (*protocol.Outcome, *temporal.ApplicationError) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	environment := suite.NewTestActivityEnvironment()
	environment.RegisterDynamicActivity(acts.Task, activity.DynamicRegisterOptions{})
	call.Format, call.Method, call.Task = protocol.CallFormat, "test/do", "a"
	call.Run = protocol.RunInfo{ID: "r", Execution: "e", Workflow: "W"}
	value, err := environment.ExecuteActivity("test/do", call)
	if err == nil {
		var outcome protocol.Outcome
		if err := value.Get(&outcome); err != nil {
			t.Fatal(err)
		}
		return &outcome, nil
	}
	failure, is := errors.AsType[*temporal.ApplicationError](err)
	if !is {
		t.Fatal(err)
	}
	var outcome protocol.Outcome
	if err := failure.Details(&outcome); err != nil {
		t.Fatal(err)
	}
	return &outcome, failure
}

// withStore returns activities without protocols.
func withStore(store resultstore.Store) *Activities {
	return &Activities{results: results{store: store}}
}

func parameters(t *testing.T, text string) protocol.Payload {
	t.Helper()
	v, err := value.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	held, _ := protocol.NewCallPayload(v)
	return held
}

func echo(_ context.Context, request protocol.Request, _ protocol.Progress) (protocol.Result, error) {
	return protocol.Result{Value: request.Parameters}, nil
}

func record(t *testing.T, store resultstore.Store) resultstore.Record {
	t.Helper()
	records, err := store.Records(t.Context(), resultstore.Query{Run: "r", Kind: resultstore.Task})
	if err != nil || len(records) != 1 {
		t.Fatalf("records %+v, %v", records, err)
	}
	return records[0]
}

func TestNoSecretLeavesAnAttempt(t *testing.T) {
	env := map[string]string{"GLEITZEIT_SECRET_KEY": `swordfish"\n`, "PLACE": "behind the mill", "SHORT": "five5"}
	call := protocol.Call{Parameters: parameters(t, `{"key":"${secrets.KEY}","place":"at ${env.PLACE}","short":"${env.SHORT}","${env.PLACE}":1}`)}
	store := memory.New()
	outcome, _ := runAttempt(t, store, call, env, func(_ context.Context, request protocol.Request, _ protocol.Progress) (protocol.Result, error) {
		key, _ := request.Parameters.Get("key")
		if key.Text() != `swordfish"\n` {
			t.Errorf("the handler got %q", key.Text())
		}
		quoted := string(key.JSON())
		return protocol.Result{Value: request.Parameters.With("nested", value.List(value.String("json "+quoted))).With("n", value.Int(7))}, nil
	})
	want := `{"key":"[secrets.KEY]","place":"at [env.PLACE]","short":"five5","${env.PLACE}":1,"nested":["json \"[secrets.KEY]\""],"n":7}`
	if got := string(outcome.Value.Inline.JSON()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	stored, err := store.Value(t.Context(), *record(t, store).Value)
	if err != nil || string(stored) != want {
		t.Errorf("stored %s, %v", stored, err)
	}
}

// What a task got of `${secrets…}` is in no result and no error of a later task of the worker, whoever repeats it: a server, a
// file, a process. What it got of `${env…}` is no secret to other tasks.
func TestNoSecretOfAnotherTaskLeavesAnAttempt(t *testing.T) {
	env := map[string]string{"GLEITZEIT_SECRET_KEY": "swordfish", "PLACE": "behind the mill"}
	store := memory.New()
	var said []string
	handler := func(_ context.Context, request protocol.Request, progress protocol.Progress) (protocol.Result, error) {
		if text, given := request.Parameters.Get("text"); given {
			said = append(said, text.Text())
			return protocol.Result{Value: value.Object()}, nil
		}
		heard := strings.Join(said, ", ")
		if request.Secrets.String(heard) != "[secrets.KEY], behind the mill" {
			t.Errorf("the handler cannot redact %q before it cuts it", heard)
		}
		if _, fail := request.Parameters.Get("fail"); fail {
			return protocol.Result{}, protocol.Errorf(protocol.TaskExecutionFailed, "it was %s", heard).WithHint("not %s", said[0])
		}
		return protocol.Result{Value: value.Object(value.Field{Name: said[0], Value: value.String(heard)}), Warning: said[0]}, nil
	}
	acts := activitiesOf(t, protocol.Method{Name: "test/do"}, store, env, handler)
	attemptOf(t, acts, protocol.Call{Parameters: parameters(t, `{"text":"${secrets.KEY}"}`)})
	attemptOf(t, acts, protocol.Call{Parameters: parameters(t, `{"text":"${env.PLACE}"}`)})
	outcome, _ := attemptOf(t, acts, protocol.Call{Parameters: parameters(t, `{}`)})
	if got := string(outcome.Value.Inline.JSON()) + outcome.Warning; got != `{"[secrets.KEY]":"[secrets.KEY], behind the mill"}[secrets.KEY]` {
		t.Error(got)
	}
	outcome, failure := attemptOf(t, acts, protocol.Call{Parameters: parameters(t, `{"fail":true}`)})
	if got := outcome.Error.Error(); got != "it was [secrets.KEY], behind the mill (not [secrets.KEY])" || strings.Contains(failure.Error(), "swordfish") {
		t.Error(got, failure)
	}
}

func TestASecretHidesAsANumberAndBehindAnother(t *testing.T) {
	env := map[string]string{"GLEITZEIT_SECRET_PIN": "12345678", "GLEITZEIT_SECRET_A": "abcdef", "GLEITZEIT_SECRET_B": "abcdefREST"}
	call := protocol.Call{Parameters: parameters(t, `{"pin":"${secrets.PIN}","a":"${secrets.A}","b":"${secrets.B}"}`)}
	outcome, _ := runAttempt(t, memory.New(), call, env, func(_ context.Context, request protocol.Request, _ protocol.Progress) (protocol.Result, error) {
		return protocol.Result{Value: request.Parameters.With("n", value.Int(12345678)).With("m", value.Int(1234567))}, nil
	})
	want := `{"pin":"[secrets.PIN]","a":"[secrets.A]","b":"[secrets.B]","n":"[secrets.PIN]","m":1234567}`
	if got := string(outcome.Value.Inline.JSON()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// flaky is a store that is away for the first few puts.
type flaky struct {
	resultstore.Store
	away int
}

func (f *flaky) Put(ctx context.Context, batch resultstore.Batch) error {
	if f.away > 0 {
		f.away--
		return protocol.Errorf(protocol.PersistenceFailed, "the store is away")
	}
	return f.Store.Put(ctx, batch)
}

func TestWhatIsFinishedIsNotDoneAgainBecauseTheStoreIsAway(t *testing.T) {
	calls := 0
	store := &flaky{memory.New(), 2}
	outcome, failure := runAttempt(t, store, protocol.Call{Parameters: parameters(t, `{}`)}, nil, func(context.Context, protocol.Request, protocol.Progress) (protocol.Result, error) {
		calls++
		return protocol.Result{Value: value.Object()}, nil
	})
	if failure != nil || outcome.Status != protocol.Completed || calls != 1 {
		t.Errorf("%+v, %v, %d calls", outcome, failure, calls)
	}
}

func TestNoSecretLeavesAnError(t *testing.T) {
	env := map[string]string{"GLEITZEIT_SECRET_KEY": "swordfish"}
	call := protocol.Call{Parameters: parameters(t, `{"key":"${secrets.KEY}"}`)}
	store := memory.New()
	outcome, failure := runAttempt(t, store, call, env, func(_ context.Context, request protocol.Request, _ protocol.Progress) (protocol.Result, error) {
		key, _ := request.Parameters.Get("key")
		return protocol.Result{}, protocol.Errorf(protocol.TaskExecutionFailed, "the server does not know %s", key.Text()).WithHint("is %s the key?", key.Text())
	})
	for _, text := range []string{outcome.Error.Message, outcome.Error.Hint, failure.Error(), record(t, store).Error.Error()} {
		if strings.Contains(text, "swordfish") || !strings.Contains(text, "[secrets.KEY]") {
			t.Errorf("%q", text)
		}
	}
}

func TestASecretThatIsNotThereIsNamed(t *testing.T) {
	call := protocol.Call{Parameters: parameters(t, `{"key":"${secrets.KEY}"}`)}
	outcome, failure := runAttempt(t, memory.New(), call, nil, echo)
	if outcome.Error.Code != protocol.TaskParameterError || !failure.NonRetryable() || !strings.Contains(outcome.Error.Message, "KEY") {
		t.Errorf("%+v", outcome.Error)
	}
}

func TestAHandlerThatPanicsFailsItsTask(t *testing.T) {
	outcome, failure := runAttempt(t, memory.New(), protocol.Call{Parameters: parameters(t, `{}`)}, nil, func(context.Context, protocol.Request, protocol.Progress) (protocol.Result, error) {
		panic("a fault")
	})
	if outcome.Error.Message != "the handler of test/do panicked: a fault" || failure.Type() != "INTERNAL_ERROR" {
		t.Errorf("%+v", outcome.Error)
	}
}

func TestALongMessageIsCutInTheMiddle(t *testing.T) {
	outcome, _ := runAttempt(t, memory.New(), protocol.Call{Parameters: parameters(t, `{}`)}, nil, func(context.Context, protocol.Request, protocol.Progress) (protocol.Result, error) {
		return protocol.Result{}, protocol.Errorf(protocol.TaskExecutionFailed, "begin %s end", strings.Repeat("x", 100_000))
	})
	message := outcome.Error.Message
	if len(message) > 8300 || !strings.HasPrefix(message, "begin xxx") || !strings.HasSuffix(message, "xxx end") || !strings.Contains(message, "\n[…]\n") {
		t.Errorf("%d bytes", len(message))
	}
}

func TestACallOfALaterFormatIsRefused(t *testing.T) {
	acts, err := New(Options{Store: memory.New()})
	if err != nil {
		t.Fatal(err)
	}
	_, failure := (&attempt{Activities: acts, call: &protocol.Call{Format: 5}}).execute(t.Context())
	if failure.Message != "unsupported call format 5: this worker reads formats up to 4" || failure.Hint != "update the worker" {
		t.Errorf("%+v", failure)
	}
}

func TestATaskWhoseWorkersVanishIsGivenUp(t *testing.T) {
	acts, err := New(Options{Store: memory.New()})
	if err != nil {
		t.Fatal(err)
	}
	_, failure := (&attempt{Activities: acts, call: &protocol.Call{Format: 1}, earlier: earlierAttempts{lost: 10}}).execute(t.Context())
	if failure.Code != protocol.WorkerLost || failure.Retryable() {
		t.Errorf("%+v", failure)
	}
}

func TestDelays(t *testing.T) {
	for _, c := range []struct {
		retry    protocol.Retry
		failures int
		want     time.Duration
	}{
		{protocol.Retry{Backoff: protocol.Exponential, BaseDelay: 0.5, MaxDelay: 3}, 1, 500 * time.Millisecond},
		{protocol.Retry{Backoff: protocol.Exponential, BaseDelay: 0.5, MaxDelay: 3}, 3, 2 * time.Second},
		{protocol.Retry{Backoff: protocol.Exponential, BaseDelay: 0.5, MaxDelay: 3}, 4, 3 * time.Second},
		{protocol.Retry{Backoff: protocol.Exponential, BaseDelay: 1}, 2000, 24 * time.Hour},
		{protocol.Retry{Backoff: protocol.Linear, BaseDelay: 2, MaxDelay: 60}, 3, 6 * time.Second},
		{protocol.Retry{Backoff: protocol.Fixed, BaseDelay: 2, MaxDelay: 60}, 3, 2 * time.Second},
		{protocol.Retry{Backoff: protocol.Fixed}, 1, time.Millisecond},
	} {
		if got := delay(&c.retry, c.failures); got != c.want {
			t.Errorf("%+v after %d: got %s, want %s", c.retry, c.failures, got, c.want)
		}
	}
	for range 100 {
		if got := delay(nil, 2); got < time.Second || got > 2*time.Second {
			t.Errorf("with jitter: %s", got)
		}
	}
}

// TestASecretOfAFileThatCannotBeRead: a reference with a default does not hide it, and the secret is not taken from elsewhere.
func TestASecretOfAFileThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "KEY"), 0o700); err != nil {
		t.Fatal(err)
	}
	secrets := &secrets{sources: secretsource.Sources{Env: func(string) (string, bool) { return "", false }, Dir: dir}}
	if _, found := secrets.lookup("KEY"); found {
		t.Error("it is found")
	}
	want := `cannot read the secret in "` + filepath.Join(dir, "KEY") + `": not a regular file`
	if err := secrets.explain(nil); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestASplitNeedsDocuments: a call with a split of a method that reads no documents is refused, as one whose answers an unknown method
// would combine.
func TestASplitNeedsDocuments(t *testing.T) {
	for want, split := range map[string]*protocol.Split{
		"split is not supported by test/do":               {Size: 100},
		`combine: unknown method "test/x" on this worker`: {Combine: &protocol.Combine{Method: "test/x"}},
	} {
		called := false
		outcome, failure := runAttempt(t, memory.New(), protocol.Call{Parameters: parameters(t, `{}`), Split: split}, nil, func(context.Context, protocol.Request, protocol.Progress) (protocol.Result, error) {
			called = true
			return protocol.Result{}, nil
		})
		if failure == nil || outcome.Error.Message != want || outcome.Error.Kind != protocol.Permanent || called {
			t.Errorf("%+v, want %q", outcome, want)
		}
	}
}

// What an attempt sends and prints is recorded with it, without secrets, also where it fails.
func TestAttemptsAreLogged(t *testing.T) {
	store := memory.New()
	call := protocol.Call{Run: protocol.RunInfo{ID: "r", Execution: "e"}, Task: "a", Method: "test/do"}
	parameters := value.Object(value.Field{Name: "key", Value: value.String("${env.KEY}")})
	call.Parameters = protocol.Payload{Inline: &parameters}
	_, failure := runAttempt(t, store, call, map[string]string{"KEY": "hush-hush-9"}, func(_ context.Context, request protocol.Request, _ protocol.Progress) (protocol.Result, error) {
		key, _ := request.Parameters.Get("key")
		request.Sent(protocol.Sent{Model: "m", Messages: []protocol.SentMessage{{Role: "user", Text: "open with " + key.Text()}}})
		request.Print("half a ", false)
		request.Print("warning\n", true)
		request.Print("line, "+key.Text()+"\n", false)
		return protocol.Result{}, protocol.Errorf(protocol.TaskExecutionFailed, "no")
	})
	if failure == nil {
		t.Fatal("the attempt did not fail")
	}
	records, err := store.Records(t.Context(), resultstore.Query{Run: "r", Task: "a"})
	if err != nil || len(records) != 1 || records[0].Log == nil {
		t.Fatalf("%d records, %v", len(records), err)
	}
	data, err := store.Value(t.Context(), *records[0].Log)
	if err != nil || strings.Contains(string(data), "hush-hush-9") {
		t.Fatalf("%s, %v", data, err)
	}
	var log protocol.CallLog
	if err := json.Unmarshal(data, &log); err != nil || len(log.Events) != 3 {
		t.Fatalf("%s, %v", data, err)
	}
	sent, stderr, stdout := log.Events[0], log.Events[1], log.Events[2]
	if sent.Sent.Messages[0].Text != "open with [env.KEY]" || stderr.Text != "warning\n" || !stderr.Stderr || stdout.Text != "half a line, [env.KEY]\n" || stdout.Stderr {
		t.Errorf("%s", data)
	}
	if log.StartedAt.IsZero() || sent.At.After(stderr.At) || stderr.At.After(stdout.At) {
		t.Errorf("the times are not in order: %s", data)
	}
}

// Where the settings say so, nothing of it is recorded.
func TestAttemptsAreNotLogged(t *testing.T) {
	for _, off := range []bool{false, true} {
		store := memory.New()
		acts := activitiesOf(t, protocol.Method{Name: "test/do"}, store, nil, func(_ context.Context, request protocol.Request, _ protocol.Progress) (protocol.Result, error) {
			request.Sent(protocol.Sent{Model: "m", Messages: []protocol.SentMessage{{Role: "user", Text: "what"}}})
			return protocol.Result{Value: value.Object()}, nil
		})
		acts.noLogs = off
		parameters := value.Object()
		call := protocol.Call{Run: protocol.RunInfo{ID: "r", Execution: "e"}, Parameters: protocol.Payload{Inline: &parameters}}
		if _, failure := attemptOf(t, acts, call); failure != nil {
			t.Fatal(failure)
		}
		records, err := store.Records(t.Context(), resultstore.Query{Run: "r", Task: "a"})
		if err != nil || len(records) != 1 || records[0].Log == nil != off {
			t.Errorf("%d records, %v; logs off: %v", len(records), err, off)
		}
	}
}
