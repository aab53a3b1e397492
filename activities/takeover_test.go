package activities

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// TestWhatIsTakenOver: a completed call of an earlier run replaces an equal one, also one that may not be cached, or that has a secret
// among its parameters.
func TestWhatIsTakenOver(t *testing.T) {
	plain := func(call *protocol.Call) { call.Cache = false }
	fresh := func(call *protocol.Call) { call.Cache, call.Method = false, "test/fresh" }
	for name, c := range map[string]struct {
		first, second string
		how           func(*protocol.Call)
		over          protocol.TakeOver
		change        func(d *cacheTest)
		calls         int
	}{
		"equal":                       {first: `{"a": 1, "b": 2}`, second: `{"b": 2, "a": 1}`, calls: 1},
		"another parameter":           {first: `{"a": 1}`, second: `{"a": 2}`, calls: 2},
		"an equal file":               {first: `{"file": "a.txt"}`, second: `{"file": "a.txt"}`, calls: 1},
		"a changed file":              {first: `{"file": "a.txt"}`, second: `{"file": "a.txt"}`, change: func(d *cacheTest) { d.file("a.txt", "other") }, calls: 2},
		"another path":                {first: `{"file": "a.txt"}`, second: `{"file": "b.txt"}`, calls: 2},
		"another function":            {first: `{}`, second: `{}`, change: func(d *cacheTest) { d.identity = "other" }, calls: 2},
		"a secret":                    {first: `{"a": "${env.TOKEN}"}`, second: `{"a": "${env.TOKEN}"}`, calls: 1},
		"another value of a secret":   {first: `{"a": "${env.TOKEN}"}`, second: `{"a": "${env.TOKEN}"}`, change: func(d *cacheTest) { d.env["TOKEN"] = "rotated-4567" }, calls: 1},
		"another secret":              {first: `{"a": "${env.TOKEN}"}`, second: `{"a": "${env.OTHER}"}`, calls: 2},
		"not cacheable":               {first: `{}`, second: `{}`, how: fresh, calls: 1},
		"not cacheable, changed only": {first: `{}`, second: `{}`, how: fresh, over: protocol.TakeOver{Cacheable: true}, calls: 2},
		"equal, changed only":         {first: `{}`, second: `{}`, over: protocol.TakeOver{Cacheable: true}, calls: 1},
		"a failure":                   {first: `{}`, second: `{}`, change: func(d *cacheTest) { d.fail = !d.fail }, calls: 2},
		"a task is no item":           {first: `{"a": 1}`, second: `{"a": 2}`, over: protocol.TakeOver{Failed: true}, calls: 2},
	} {
		t.Run(name, func(t *testing.T) {
			d := newCacheTest(t)
			d.file("a.txt", "a")
			d.file("b.txt", "a")
			d.env = map[string]string{"TOKEN": "secret-0123", "OTHER": "another-0123"}
			d.fail = name == "a failure"
			if c.how == nil {
				c.how = plain
			}
			first := d.call(c.first, c.how)
			if c.change != nil {
				c.change(d)
			}
			c.over.Runs = []protocol.EarlierRun{{Run: "r", Execution: "e"}}
			second := d.call(c.second, c.how, func(call *protocol.Call) { call.Run.ID, call.Run.TakeOver = "second", &c.over })
			d.reaches(c.calls, name)
			if second == nil || second.Status != protocol.Completed || second.Cached != (c.calls == 1) {
				t.Fatalf("%+v, then %+v", first, second)
			}
			if c.calls > 1 {
				return
			}
			if string(first.Value.Inline.JSON()) != string(second.Value.Inline.JSON()) || second.Usage != (protocol.Usage{}) {
				t.Errorf("%+v, then %+v", first, second)
			}
			before, after := recordOf(t, d.store, "r"), recordOf(t, d.store, "second")
			if before.Call != after.Call || before.Call == "" || !before.StartedAt.Equal(after.StartedAt) || *before.Value != *after.Value {
				t.Errorf("recorded: %+v, then %+v", before, after)
			}
		})
	}
}

// TestARecordDoesNotDependOnSecrets: nobody can guess a secret by what a record has of its call.
func TestARecordDoesNotDependOnSecrets(t *testing.T) {
	var calls []string
	for _, token := range []string{"secret-0123", "secret-4567"} {
		d := newCacheTest(t)
		d.folder = "/flows"
		d.env = map[string]string{"TOKEN": token}
		d.call(`{"a": ["x ${env.TOKEN}"], "code": "print(${env.TOKEN})"}`, func(call *protocol.Call) { call.Cache = false })
		calls = append(calls, recordOf(t, d.store, "r").Call)
	}
	if calls[0] != calls[1] || calls[0] == "" {
		t.Errorf("the records have %q", calls)
	}
}

func recordOf(t *testing.T, store resultstore.Store, run string) resultstore.Record {
	t.Helper()
	records, err := store.Records(t.Context(), resultstore.Query{Run: run, Execution: "e", Kind: resultstore.Task})
	if err != nil || len(records) != 1 {
		t.Fatalf("%+v, %v", records, err)
	}
	return records[0]
}
