package mcptask

import (
	"encoding/json"
	"testing"
	"time"
)

func TestWhatIsMoved(t *testing.T) {
	for name, test := range map[string]struct {
		keep       func([]byte) []byte
		from, want string
	}{
		"task of 2025":      {KeepInResult, `{"id":1,"result":{"task":{"taskId":"a","ttl":null}}}`, `{"id":1,"result":{"_meta":{"gleitzeit/task":{"taskId":"a","ttl":null}},"task":{"taskId":"a","ttl":null}}}`},
		"task of 2026":      {KeepInResult, `{"result":{"resultType":"task","taskId":"a","_meta":{"x":1}}}`, `{"result":{"_meta":{"gleitzeit/task":{"_meta":{"x":1},"resultType":"task","taskId":"a"},"x":1},"resultType":"task","taskId":"a"}}`},
		"status of a task":  {KeepInResult, `{"result":{"taskId":"a","status":"working"}}`, ""},
		"tool's own":        {KeepInResult, `{"result":{"content":[],"structuredContent":{"task":{"taskId":"a"}}}}`, ""},
		"task is a text":    {KeepInResult, `{"result":{"task":"\"taskId\""}}`, ""},
		"tools":             {KeepInResult, `{"result":{"tools":[{"name":"a","execution":{"taskSupport":"required"}},{"name":"b"}]}}`, `{"result":{"tools":[{"_meta":{"gleitzeit/task":{"taskSupport":"required"}},"execution":{"taskSupport":"required"},"name":"a"},{"name":"b"}]}}`},
		"odd metadata":      {KeepInResult, `{"result":{"task":{"taskId":"a"},"_meta":[]}}`, ""},
		"null metadata":     {KeepInResult, `{"result":{"task":{"taskId":"a"},"_meta":null}}`, `{"result":{"_meta":{"gleitzeit/task":{"taskId":"a"}},"task":{"taskId":"a"}}}`},
		"no message":        {KeepInResult, `"taskId" is not JSON`, ""},
		"call":              {KeepInRequest, `{"method":"tools/call","params":{"name":"a","task":{"ttl":1}}}`, `{"method":"tools/call","params":{"_meta":{"gleitzeit/task":{"ttl":1}},"name":"a","task":{"ttl":1}}}`},
		"argument task":     {KeepInRequest, `{"method":"tools/call","params":{"name":"a","arguments":{"task":{"ttl":1}}}}`, ""},
		"task is no object": {KeepInRequest, `{"method":"tools/call","params":{"name":"a","task":true}}`, ""},
		"another method":    {KeepInRequest, `{"method":"prompts/get","params":{"name":"a","task":{}}}`, ""},
		"batch":             {KeepInRequest, `[{"method":"tools/call","params":{"task":{}}}]`, ""},
	} {
		if test.want == "" {
			test.want = test.from
		}
		if got := string(test.keep([]byte(test.from))); got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", name, got, test.want)
		}
	}
}

func TestInterval(t *testing.T) {
	for text, want := range map[string]time.Duration{
		`{}`: time.Second, `{"pollInterval": 1500}`: 1500 * time.Millisecond, `{"pollIntervalMs": 250}`: 250 * time.Millisecond,
		`{"pollInterval": 0}`: time.Second, `{"pollInterval": -5}`: time.Second, `{"pollIntervalMs": 0.001}`: 20 * time.Millisecond, `{"pollIntervalMs": 1e300}`: time.Minute,
	} {
		var task Task
		if err := json.Unmarshal([]byte(text), &task); err != nil || task.Interval() != want {
			t.Errorf("%s: %s, %v; want %s", text, task.Interval(), err, want)
		}
	}
}
