package activities

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// TestCheckSecrets: a plan that no file was checked for does not give away a secret either. The handler does not get such a call.
func TestCheckSecrets(t *testing.T) {
	m := method{Method: protocol.Method{SecretParameters: []string{"api_key"}, DestinationParameters: []string{"base_url"}}}
	for text, want := range map[string]string{
		`{"api_key": "${secrets.KEY}", "base_url": "http://${inputs.host}"}`: "",
		`{"api_key": null, "base_url": null, "other": "${find.x}"}`:          "",
		`{"api_key": "sk-1234567890"}`:                                       `test/do: the parameter "api_key" must be a reference to a secret`,
		`{"api_key": ["${secrets.KEY}"]}`:                                    `test/do: the parameter "api_key" must be a reference to a secret`,
		`{"api_key": "${find.key}"}`:                                         `test/do: the parameter "api_key" must be a reference to a secret`,
		`{"base_url": "http://${find.host}/v1"}`:                             `test/do: the parameter "base_url" decides what is called, and ${find.host} is only known when tasks run`,
		`{"base_url": ["${item}"]}`:                                          `test/do: the parameter "base_url" decides what is called, and ${item} is only known when tasks run`,
	} {
		given, err := value.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := checkSecrets("test/do", given, m); err != nil {
			got = protocol.AsError(err, protocol.InternalError).Message
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

// TestSecretsOfAnAttemptAreChecked: the same through an attempt, where the parameters are still with their references.
func TestSecretsOfAnAttemptAreChecked(t *testing.T) {
	declared := protocol.Method{Name: "test/do", SecretParameters: []string{"api_key"}}
	never := func(context.Context, protocol.Request, protocol.Progress) (protocol.Result, error) {
		t.Error("the handler was called")
		return protocol.Result{}, nil
	}
	outcome, failure := runAttemptOf(t, declared, memory.New(), protocol.Call{Parameters: parameters(t, `{"api_key": "sk-1234567890"}`)}, nil, never)
	if failure == nil || !failure.NonRetryable() || outcome.Error.Code != protocol.InvalidParams || strings.Contains(failure.Error(), "sk-1234567890") {
		t.Errorf("got %v of %+v", failure, outcome)
	}
	outcome, failure = runAttemptOf(t, declared, memory.New(), protocol.Call{Parameters: parameters(t, `{"api_key": "${secrets.KEY}"}`)},
		map[string]string{"GLEITZEIT_SECRET_KEY": "sk-1234567890"}, echo)
	if failure != nil || outcome.Value.Inline == nil || string(outcome.Value.Inline.JSON()) != `{"api_key":"[secrets.KEY]"}` {
		t.Errorf("got %+v and %v", outcome, failure)
	}
}

// TestServersOfResumedRuns: servers of models are expected to answer calls of a run that is older than this process, or that says how long
// they may be absent; whoever starts a run that is new has to know at once that there is none.
func TestServersOfResumedRuns(t *testing.T) {
	for name, c := range map[string]struct {
		started  time.Time
		absence  protocol.Seconds
		expected bool
	}{
		"new":         {processStart.Add(time.Second), 0, false},
		"resumed":     {processStart.Add(-time.Second), 0, true},
		"of no time":  {time.Time{}, 0, false},
		"with a time": {processStart.Add(time.Second), 60, true},
	} {
		acts := activitiesOf(t, protocol.Method{Name: "test/do"}, memory.New(), nil, echo)
		at := &attempt{Activities: acts, call: &protocol.Call{Method: "test/do", Parameters: parameters(t, `{}`), Run: protocol.RunInfo{StartedAt: c.started}, Absence: c.absence}}
		m, _ := acts.methods.find("test/do")
		request, _, err := at.request(t.Context(), m)
		if err != nil || request.Expected != c.expected || request.Absence != c.absence.Duration() {
			t.Errorf("%s: %v, expected %v, absence %s", name, err, request.Expected, request.Absence)
		}
	}
}
