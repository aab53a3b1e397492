package stories_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
)

// waits waits until requests of a batch wait for the server of models.
func (s *apiServer) waits(u *user, id string) {
	s.T.Helper()
	eventually(s.T, "requests wait for the server of models", func() bool {
		if b := s.batch(id); isEnd(b.Status) || b.Counts.Failed > 0 {
			s.T.Fatalf("the batch does not wait: %+v", b)
		}
		shown, _ := u.Gleitzeit(0, "status", id)
		return strings.Contains(shown, "waiting for the server")
	})
}

// TestBatchWithoutModelServer: a batch waits for a server of models that is not there yet, and after a restart of the machine for one that
// starts later than the Batch API.
func TestBatchWithoutModelServer(t *testing.T) {
	t.Parallel()
	models := ollamatest.StartPrivate(t)
	u := withOllama(t, models.URL)
	models.Kill(t)
	s := u.serveAPI()
	const total = 40
	var requests strings.Builder
	for i := range total {
		requests.WriteString(chatLine(fmt.Sprintf("request-%d", i), slow))
	}
	id := s.create(s.upload(requests.String()), `,"completion_window":"24h"`).ID
	s.waits(u, id)
	models.Restart(t)
	s.begins(id)

	s.Kill()
	models.Kill(t)
	s = u.serveAPI()
	s.waits(u, id)
	models.Restart(t)
	if b := s.ends(id); b.Status != "completed" || b.Counts.Completed != total || b.Counts.Failed != 0 {
		t.Errorf("the batch is %+v", b)
	}
}

// TestOnlineCallsWithoutModelServer: who waits for a call knows soon that the server of models has gone. The models are those of servers that
// answer, in time, and that calls are sent to.
func TestOnlineCallsWithoutModelServer(t *testing.T) {
	t.Parallel()
	models := ollamatest.StartPrivate(t)
	ended := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-ended }))
	t.Cleanup(silent.Close)
	t.Cleanup(func() { close(ended) })
	u := newUser(t)
	config := func(urls string) {
		write(t, u.Home+"/config.yaml", fmt.Sprintf("providers: {ollama: {endpoints: [%s]}, openai: {url: %s/v1}}\nserver: {model_names: {gpt: llama3.2, none: missing}}\n", urls, models.URL))
	}
	// took returns how long a request takes until it has the status.
	took := func(s *apiServer, method, path, body string, want int, says string) time.Duration {
		began := time.Now()
		status, text, err := s.ask(method, path, "application/json", strings.NewReader(body), nil)
		if err != nil || status != want || !strings.Contains(text, says) {
			t.Errorf("%s: %v %d %s", path, err, status, text)
		}
		return time.Since(began)
	}
	const soon = 30 * time.Second // Of a busy machine: calls of batches wait for hours.

	config(models.URL + ", " + silent.URL)
	s := u.serveAPI()
	var listed struct {
		Data []struct {
			ID      string
			OwnedBy string `json:"owned_by"`
		}
	}
	began := time.Now()
	if status, text, err := s.ask(http.MethodGet, "/models", "", nil, &listed); err != nil || status != http.StatusOK || time.Since(began) > soon {
		t.Errorf("after %s: %v %d %s", time.Since(began), err, status, text)
	}
	seen := map[string]string{}
	for _, m := range listed.Data {
		if seen[m.ID] != "" || m.OwnedBy == "openai" {
			t.Errorf("the models are %+v", listed.Data)
		}
		seen[m.ID] = m.OwnedBy
	}
	if seen["llama3.2:latest"] != "ollama" || seen["gpt"] != "settings" || seen["none"] != "" {
		t.Errorf("the models are %+v", listed.Data)
	}
	s.Kill()

	config(models.URL)
	s = u.serveAPI()
	took(s, http.MethodPost, "/chat/completions", hello, http.StatusOK, "Hello from the scripted model.")
	models.Kill(t)
	for range 2 {
		if d := took(s, http.MethodPost, "/chat/completions", hello, http.StatusServiceUnavailable, "provider_not_available"); d > soon {
			t.Errorf("a call waits for %s", d)
		}
	}
	if d := took(s, http.MethodGet, "/models", "", http.StatusServiceUnavailable, `{"error":{"message":"no server of models answers: `); d > soon {
		t.Errorf("the list of models takes %s", d)
	}
	models.Restart(t)
	took(s, http.MethodPost, "/chat/completions", hello, http.StatusOK, "Hello from the scripted model.")
}
