package stories_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// TestOnlineCalls: the package openai of npm, unchanged but for the base URL and the key, gets answers of models, also streamed.
func TestOnlineCalls(t *testing.T) {
	t.Parallel()
	reader := withPackages(t, openAI)
	u := withOllama(t, ollamatest.Start(t))
	write(t, u.Home+"/config.yaml", "server: {model_names: {gpt: llama3.2}}\n")
	s := u.serveAPI()
	command := exec.CommandContext(t.Context(), "node", reader+"/online.js")
	command.Env = append(command.Environ(), "OPENAI_BASE_URL="+s.url, "OPENAI_API_KEY="+s.token)
	p := begin(t, command)
	p.Exits(0)
	var seen struct {
		Chat, Streamed, Completion, Urgent string
		Pieces, Tokens, Embeddings         int
		Refusals                           map[string]apiRefusal
	}
	programtest.JSON(t, p.Stdout.String(), &seen)
	const greeting, saw = "Hello from the scripted model.", "I saw the PINEAPPLE."
	if seen.Chat != greeting || seen.Urgent != greeting || seen.Streamed != saw || seen.Completion != saw || seen.Embeddings != 2 {
		t.Errorf("the answers are %+v", seen)
	}
	if seen.Pieces < 3 || seen.Tokens == 0 {
		t.Errorf("the answer came in %d pieces, with %d tokens", seen.Pieces, seen.Tokens)
	}
	for name, want := range map[string]struct {
		status     int
		code, says string
	}{
		"priority":      {400, "", `400 Invalid header Gleitzeit-Priority: "now". Supported values are: 'urgent', 'high', 'normal' and 'low'.`},
		"model":         {404, "model_not_found", "404 "},
		"streamedModel": {404, "model_not_found", "404 "},
		"noModel":       {400, "missing_required_parameter", "400 you must provide a model parameter"},
		"messages":      {400, "", "400 "},
	} {
		if got := seen.Refusals[name]; got.Status != want.status || got.Code != want.code || !strings.HasPrefix(got.Message, want.says) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestOnlineCallsGoFirst: beside a batch, with many of its requests waiting for the only slot of the server, a call waits for the request in
// flight and no other.
func TestOnlineCallsGoFirst(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.StartPrivate(t).URL) // Nobody else has its slots.
	write(t, u.Home+"/config.yaml", "providers: {ollama: {max_concurrent: 1}}\n")
	s := u.serveAPI()
	var requests strings.Builder
	for i := range 300 {
		requests.WriteString(chatLine(fmt.Sprintf("request-%d", i), `{"model":"llama3.2","temperature":0,"max_tokens":500,"messages":[{"role":"user","content":"SLOWLY"}]}`))
	}
	b := s.create(s.upload(requests.String()), `,"completion_window":"24h"`)
	eventually(t, "the batch is in progress", func() bool { return s.batch(b.ID).Counts.Completed > 0 })
	// passed returns how many requests of the batch are answered while a call is waited for.
	passed := func(priority string) int {
		before, began := s.batch(b.ID), time.Now()
		status, text, err := s.ask(http.MethodPost, "/chat/completions", "application/json", strings.NewReader(hello), nil, "Gleitzeit-Priority", priority)
		if err != nil || status != http.StatusOK || !strings.Contains(text, "Hello from the scripted model.") {
			t.Fatalf("%v %d %s", err, status, text)
		}
		after := s.batch(b.ID)
		if after.Status != "in_progress" {
			t.Fatalf("the batch is %+v: it shows nothing", after)
		}
		t.Logf("%s: %d requests answered in %s", priority, after.Counts.Completed-before.Counts.Completed, time.Since(began))
		return after.Counts.Completed - before.Counts.Completed
	}
	for range 5 {
		// One is in flight when the call comes, and another may end between its answer and the look at the batch.
		if n := passed("high"); n > 2 {
			t.Errorf("%d requests of the batch were answered before the call", n)
		}
	}
	if n := passed("low"); n < 5 { // As the batch has it: otherwise nothing was waiting.
		t.Errorf("only %d requests of the batch were answered before a call of its priority", n)
	}
	status, _, err := s.ask(http.MethodPost, "/batches/"+b.ID+"/cancel", "", nil, nil)
	if err != nil || status != http.StatusOK || s.ends(b.ID).Status != "cancelled" {
		t.Errorf("%v %d", err, status)
	}
}

// TestKeysDoNotLeaveOnlineCalls: a server of models that repeats its key does not give it to clients, whole or in pieces.
func TestKeysDoNotLeaveOnlineCalls(t *testing.T) {
	t.Parallel()
	const key = "sk-0123456789abcdef"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+key {
			t.Errorf("%s got %q", r.URL, r.Header.Get("Authorization"))
		}
		if body, err := io.ReadAll(r.Body); err == nil && strings.Contains(string(body), "stream") {
			fmt.Fprintf(w, "data: {\"a\":\"%s\"}\n\ndata: %s", key, key[:9])
			must(t, http.NewResponseController(w).Flush())
			fmt.Fprintf(w, "%s\n\n", key[9:])
			return
		}
		fmt.Fprintf(w, `{"echo":%q}`, key)
	}))
	t.Cleanup(server.Close)
	u := newUser(t)
	u.Env = append(u.Env, "GLEITZEIT_SECRET_LOCAL="+key)
	write(t, u.Home+"/config.yaml", "providers: {default: openai, openai: {url: "+server.URL+"/v1, api_key: '${secrets.LOCAL}'}}\n")
	s := u.serveAPI()
	for body, want := range map[string]string{
		`{"model":"m"}`:               `{"echo":"[secrets.LOCAL]"}` + "\n",
		`{"model":"m","stream":true}`: "data: {\"a\":\"[secrets.LOCAL]\"}\n\ndata: [secrets.LOCAL]\n\n",
	} {
		status, text, err := s.ask(http.MethodPost, "/chat/completions", "application/json", strings.NewReader(body), nil)
		if err != nil || status != http.StatusOK || text != want {
			t.Errorf("%s: %v %d %q", body, err, status, text)
		}
	}
}
