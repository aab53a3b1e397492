package activities

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// cacheTest makes calls of `test/do`, one after another, as runs of one folder do, and counts those that reach the handler.
type cacheTest struct {
	t        *testing.T
	store    resultstore.Store
	folder   string
	calls    int
	fail     bool
	identity string
	during   func()
	env      map[string]string
	key      string // The secret that the handler asks for by itself; "" is none.
	warning  string
}

func newCacheTest(t *testing.T) *cacheTest {
	return &cacheTest{t: t, store: memory.New(), folder: t.TempDir()}
}

func (d *cacheTest) Handle(_ context.Context, request protocol.Request, _ protocol.Progress) (protocol.Result, error) {
	d.calls++
	if d.during != nil {
		d.during()
	}
	if d.fail {
		return protocol.Result{}, errors.New("no")
	}
	if d.key != "" {
		if _, err := request.Secret(d.key); err != nil {
			return protocol.Result{}, err
		}
	}
	return protocol.Result{Warning: d.warning, Value: value.Object(value.Field{Name: "call", Value: value.Int(int64(d.calls))}), Usage: protocol.Usage{LLMCalls: 1}}, nil
}

func (d *cacheTest) Health(context.Context) error { return nil }

func (d *cacheTest) Identity(context.Context, protocol.Request) (value.Value, error) {
	return value.String(d.identity), nil
}

func (d *cacheTest) file(name, content string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.folder, name), []byte(content), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// call makes a call that may be cached and returns its outcome; nil where it fails.
func (d *cacheTest) call(written string, change ...func(*protocol.Call)) *protocol.Outcome {
	d.t.Helper()
	acts, err := New(Options{
		Store: d.store, Env: func(name string) (string, bool) { value, set := d.env[name]; return value, set },
		Protocols: []Protocol{{protocol.Spec{Name: "test/v1", Methods: []protocol.Method{
			{Name: "test/do", FileParameters: []string{"file", "files"}, ItemParameter: "context.file", CodeParameter: "code", NeedsDependencies: true},
			{Name: "test/read", FileParameters: []string{"file", "files", "named"}, ContentParameters: []string{"file", "files"}},
			{Name: "test/fresh", NoCache: true},
		}}, d}},
	})
	if err != nil {
		d.t.Fatal(err)
	}
	var suite testsuite.WorkflowTestSuite
	environment := suite.NewTestActivityEnvironment()
	environment.RegisterDynamicActivity(acts.Task, activity.DynamicRegisterOptions{})
	call := protocol.Call{
		Format: protocol.CallFormat, Method: "test/do", Task: "a", Cache: true, Parameters: parameters(d.t, written),
		Run: protocol.RunInfo{ID: "r", Execution: "e", Workflow: "W", Folder: d.folder, FlowFolder: d.folder},
	}
	for _, c := range change {
		c(&call)
	}
	value, err := environment.ExecuteActivity(call.Method, call)
	if err != nil {
		return nil
	}
	var outcome protocol.Outcome
	if err := value.Get(&outcome); err != nil {
		d.t.Fatal(err)
	}
	return &outcome
}

// reaches wants that number of calls in all to have reached the handler.
func (d *cacheTest) reaches(calls int, after string) {
	d.t.Helper()
	if d.calls != calls {
		d.t.Errorf("%d calls reach the handler after %s, want %d", d.calls, after, calls)
		d.calls = calls
	}
}

func TestAnEqualCallIsAnsweredFromTheCache(t *testing.T) {
	d := newCacheTest(t)
	first, second := d.call(`{"a":1,"b":2}`), d.call(`{"b":2,"a":1}`)
	d.reaches(1, "the parameters in another order")
	if first.Cached || !second.Cached || second.Status != protocol.Completed || second.Usage != (protocol.Usage{}) || second.Attempts != 1 {
		t.Errorf("%+v, then %+v", first, second)
	}
	if string(first.Value.Inline.JSON()) != string(second.Value.Inline.JSON()) {
		t.Errorf("%s, then %s", first.Value.Inline.JSON(), second.Value.Inline.JSON())
	}
	if kept := record(t, d.store); !kept.FromCache || kept.Usage != (protocol.Usage{}) || kept.Status != protocol.Completed {
		t.Errorf("recorded: %+v", kept)
	}
	d.call(`{"a":1,"b":2}`, func(call *protocol.Call) { call.Cache = false })
	d.reaches(2, "a call that does not ask for it")
}

func TestWhatTellsCallsApart(t *testing.T) {
	script := func(path, text string) func(*protocol.Call) {
		value := value.String(text)
		return func(call *protocol.Call) {
			call.Source = &protocol.Source{Path: path, Text: protocol.Payload{Inline: &value}}
		}
	}
	bound := func(head, text string) func(*protocol.Call) {
		value := value.String(text)
		return func(call *protocol.Call) {
			call.Bindings = []protocol.Binding{{Head: head, Task: head, Status: protocol.Completed, Value: protocol.Payload{Inline: &value}}}
		}
	}
	handed := func(call *protocol.Call) { call.Dependencies = []string{"t"} }
	run := func(id string) func(*protocol.Call) { return func(call *protocol.Call) { call.Run.ID = id } }
	d := newCacheTest(t)
	for _, c := range []struct {
		what    string
		written string
		change  []func(*protocol.Call)
		new     bool
	}{
		{"a call", `{"a":1}`, nil, true},
		{"another value", `{"a":2}`, nil, true},
		{"another type", `{"a":"2"}`, nil, true},
		{"digits", `{"a":2.0}`, nil, true},
		{"one more", `{"a":1,"b":null}`, nil, true},
		{"the first again", `{"a":1}`, nil, false},
		{"another run", `{"a":1}`, []func(*protocol.Call){run("s")}, false},
		{"an order that a script sees", `{"a":{"b":1,"c":2}}`, nil, true},
		{"another such order", `{"a":{"c":2,"b":1}}`, nil, true},
		{"a reference", `{"a":"${t}"}`, []func(*protocol.Call){bound("t", "x")}, true},
		{"what it leads to, written", `{"a":"x"}`, nil, false},
		{"another such value", `{"a":"${t}"}`, []func(*protocol.Call){bound("t", "y")}, true},
		{"code", `{"code":"f(${t})"}`, []func(*protocol.Call){bound("t", "x")}, true},
		{"the same code", `{"code":"f(${t})"}`, []func(*protocol.Call){bound("t", "x")}, false},
		{"another value in code", `{"code":"f(${t})"}`, []func(*protocol.Call){bound("t", "y")}, true},
		{"other code", `{"code":"g(${t})"}`, []func(*protocol.Call){bound("t", "y")}, true},
		{"a script", `{}`, []func(*protocol.Call){script("/a.py", "f()")}, true},
		{"the script elsewhere", `{}`, []func(*protocol.Call){script("/b.py", "f()")}, false},
		{"another script", `{}`, []func(*protocol.Call){script("/a.py", "g()")}, true},
		{"a dependency", `{}`, []func(*protocol.Call){bound("t", "x"), handed}, true},
		{"the same dependency", `{}`, []func(*protocol.Call){bound("t", "x"), handed}, false},
		{"another result of it", `{}`, []func(*protocol.Call){bound("t", "y"), handed}, true},
	} {
		before := d.calls
		outcome := d.call(c.written, c.change...)
		if outcome == nil || (d.calls > before) != c.new || outcome.Cached == c.new {
			t.Errorf("%s: %+v, and %d calls more", c.what, outcome, d.calls-before)
		}
	}
	before := d.calls
	d.identity = "another model"
	d.call(`{"a":1}`)
	d.reaches(before+1, "the handler means something else by it")
	for range 2 {
		d.call(`{}`, func(call *protocol.Call) { call.Method = "test/fresh" })
	}
	d.reaches(before+3, "two calls of a method that is never cached")
}

func TestFilesTellCallsApartByTheirContent(t *testing.T) {
	for _, written := range []string{`{"file":"a.txt"}`, `{"files":["b.txt","a.txt"]}`, `{"context":{"file":"a.txt"}}`} {
		d := newCacheTest(t)
		d.file("a.txt", "one")
		d.file("b.txt", "two")
		d.call(written)
		d.call(written)
		d.reaches(1, "the same call of "+written)
		d.file("a.txt", "another")
		d.call(written)
		d.reaches(2, "a change of the file of "+written)
		d.file("a.txt", "one")
		d.call(written)
		d.reaches(2, "the change taken back of "+written)
		if err := os.Remove(filepath.Join(d.folder, "a.txt")); err != nil {
			t.Fatal(err)
		}
		d.call(written)
		d.call(written)
		d.reaches(4, "two calls without the file of "+written)
	}
}

// Of files of which only the content counts, a copy is the same file, unless the result has a warning, which may name the file.
func TestCopiesOfAFile(t *testing.T) {
	d := newCacheTest(t)
	reads := func(call *protocol.Call) { call.Method = "test/read" }
	for _, name := range []string{"a.txt", "copy.txt"} {
		d.file(name, "one")
	}
	d.file("b.txt", "two")
	for _, c := range []struct {
		written string
		calls   int
	}{
		{`{"file":"a.txt"}`, 1}, {`{"file":"copy.txt"}`, 1}, {`{"file":"b.txt"}`, 2}, {`{}`, 3},
		{`{"files":["a.txt"]}`, 4}, {`{"files":["copy.txt"]}`, 4}, {`{"files":["a.txt","b.txt"]}`, 5}, {`{"files":["b.txt","copy.txt"]}`, 6}, {`{"files":["copy.txt","b.txt"]}`, 6},
		{`{"named":"a.txt"}`, 7}, {`{"named":"copy.txt"}`, 8},
	} {
		d.call(c.written, reads)
		d.reaches(c.calls, c.written)
	}
	d.warning = `the prompt of "a.txt" is cut`
	d.call(`{"file":"a.txt","n":1}`, reads)
	d.warning = ""
	if again := d.call(`{"file":"a.txt","n":1}`, reads); again.Warning == "" {
		t.Errorf("%+v", again)
	}
	d.reaches(9, "the same file again")
	if other := d.call(`{"file":"copy.txt","n":1}`, reads); other.Warning != "" {
		t.Errorf("%+v", other)
	}
	d.reaches(10, "a copy of a file that a warning names")
}

func TestAFileThatChangesMeanwhileIsNotCached(t *testing.T) {
	d := newCacheTest(t)
	d.file("a.txt", "one")
	d.during = func() { d.file("a.txt", "two") }
	d.call(`{"file":"a.txt"}`)
	d.during = nil
	d.file("a.txt", "one")
	d.call(`{"file":"a.txt"}`)
	d.reaches(2, "a change while the first was under way")
}

func TestWhatIsNeverCached(t *testing.T) {
	d := newCacheTest(t)
	d.fail = true
	for range 2 {
		if d.call(`{"a":1}`) != nil {
			t.Fatal("it did not fail")
		}
	}
	d.reaches(2, "two failures")
	d.fail = false
	d.env = map[string]string{"GLEITZEIT_SECRET_KEY": "swordfish", "SHORT": "1"}
	for range 2 {
		d.call(`{"a":"${secrets.KEY}"}`)
		d.call(`{"a":"${env.SHORT}"}`)
	}
	d.reaches(6, "calls with secrets")
}

// forgetful is a store that has lost its values.
type forgetful struct{ resultstore.Store }

func (forgetful) Value(context.Context, protocol.Ref) ([]byte, error) {
	return nil, resultstore.ErrNotFound
}

// forbidding is a store that answers no question.
type forbidding struct{ resultstore.Store }

func (forbidding) Records(context.Context, resultstore.Query) ([]resultstore.Record, error) {
	return nil, protocol.Errorf(protocol.PersistenceFailed, "no").WithKind(protocol.Permanent)
}

func TestWhereTheCacheHasLostItsValueTheCallIsMade(t *testing.T) {
	d := newCacheTest(t)
	d.call(`{"a":1}`)
	whole := d.store
	for i, without := range []resultstore.Store{forgetful{whole}, forbidding{whole}} {
		d.store = without
		if outcome := d.call(`{"a":1}`); outcome == nil || outcome.Cached {
			t.Errorf("%+v", outcome)
		}
		d.reaches(i+2, "the value was lost")
	}
}

func TestItemsAreCached(t *testing.T) {
	d := newCacheTest(t)
	item := func(call *protocol.Call) { index := 3; call.Item = &index }
	d.call(`{"a":1}`, item)
	outcome := d.call(`{"a":1}`, item)
	d.reaches(1, "the same item again")
	if !outcome.Cached || outcome.Value.Inline != nil || outcome.Value.Ref == nil {
		t.Errorf("%+v", outcome)
	}
}

// TestAServersKeyIsNoPartOfTheCall: what the settings name is for every call alike.
func TestAServersKeyIsNoPartOfTheCall(t *testing.T) {
	d := newCacheTest(t)
	d.env, d.key = map[string]string{"GLEITZEIT_SECRET_SERVER": "of the server"}, "SERVER"
	d.call(`{"a":1}`)
	d.call(`{"a":1}`)
	d.reaches(1, "two calls to a server with a key")
}

func TestAWarningIsToldAgain(t *testing.T) {
	d := newCacheTest(t)
	d.warning = "the prompt was cut"
	d.call(`{"a":1}`)
	d.warning = ""
	if second := d.call(`{"a":1}`); !second.Cached || second.Warning != "the prompt was cut" {
		t.Errorf("%+v", second)
	}
}
