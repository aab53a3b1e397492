package batchapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// server is Runs with a server of models.
type server struct {
	Runs
	models []Model
	err    error
}

func (s server) Call(_ context.Context, c Call) (*Response, error) {
	if s.err != nil {
		return nil, s.err
	}
	body, _ := c.Parameters.Get("body")
	if stream, _ := body.Get("stream"); stream.Bool() {
		return nil, c.Stream([]byte("data: [DONE]\n\n"))
	}
	return &Response{Status: http.StatusOK, RequestID: "of-the-server", Body: value.Object()}, nil
}

func (s server) Models(context.Context) ([]Model, error) { return s.models, s.err }

// ask sends a request, and returns the error of the response.
func (r *rig) ask(method, path, body string) (status int, text string, header http.Header) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.server.URL+path, strings.NewReader(body))
	programtest.Must(r.t, err)
	response, err := http.DefaultClient.Do(request)
	programtest.Must(r.t, err)
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	programtest.Must(r.t, err)
	return response.StatusCode, string(data), response.Header
}

const (
	chatPath = "/v1/chat/completions"
	chatBody = `{"model":"m","messages":[]}`
)

// Clients that do not send their requests to the end keep no other client waiting.
func TestCallsBesideHalfSentOnes(t *testing.T) {
	r := newRig(t, 1000, func(a *api) { a.options.Runs = server{} })
	for range 2 * maxCalls {
		connection, err := net.Dial("tcp", r.server.Listener.Addr().String())
		programtest.Must(t, err)
		t.Cleanup(func() { _ = connection.Close() })
		_, err = fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{", chatPath)
		programtest.Must(t, err)
	}
	programtest.Eventually(t, "all requests have begun", func() bool { return r.memory.left.Load() == maxInMemory-2*maxCalls })
	if status, text, _ := r.ask(http.MethodPost, chatPath, chatBody); status != http.StatusOK {
		t.Errorf("%d %s", status, text)
	}
}

// The requests of all calls together have a limit, and what they take is given back.
func TestMemoryOfCalls(t *testing.T) {
	r := newRig(t, 1000, func(a *api) { a.options.Runs, a.memory = server{}, newMemory(100) })
	status, text, header := r.ask(http.MethodPost, chatPath, `{"model":"`+strings.Repeat("m", 200)+`"}`)
	if status != http.StatusTooManyRequests || header.Get("Retry-After") != "1" || !strings.Contains(text, `"code":"rate_limit_exceeded"`) {
		t.Errorf("%d %s", status, text)
	}
	programtest.Eventually(t, "the memory is given back", func() bool { return r.memory.left.Load() == 100 })
	for range 10 {
		if status, text, _ := r.ask(http.MethodPost, chatPath, chatBody); status != http.StatusOK {
			t.Errorf("%d %s", status, text)
		}
	}
}

// A request without a model is refused in the words of the API.
func TestCallsWithoutAModel(t *testing.T) {
	r := newRig(t, 1000, func(a *api) { a.options.Runs = server{} })
	for _, body := range []string{`{"messages":[]}`, `{"model":"","messages":[]}`, `{"model":null}`, `{"model":1}`} {
		status, text, _ := r.ask(http.MethodPost, chatPath, body)
		if want := `{"error":{"message":"you must provide a model parameter","type":"invalid_request_error","param":"model","code":"missing_required_parameter"}}` + "\n"; status != http.StatusBadRequest || text != want {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	r = newRig(t, 1000, func(a *api) {
		a.options.Runs = server{err: protocol.Errorf(protocol.InvalidParams, "llm/request: the parameter is wrong")}
	})
	if status, text, _ := r.ask(http.MethodPost, chatPath, chatBody); status != http.StatusBadRequest || !strings.Contains(text, `"message":"the parameter is wrong"`) {
		t.Errorf("%d %s", status, text)
	}
}

// Every response has an id, that of the server where a server answers.
func TestRequestIDs(t *testing.T) {
	r := newRig(t, 1000, func(a *api) { a.options.Runs = server{models: []Model{{"m", "ollama"}}} })
	for request, want := range map[[3]string]string{
		{http.MethodPost, chatPath, chatBody}:                      "of-the-server",
		{http.MethodPost, chatPath, `{"model":"m","stream":true}`}: "req_",
		{http.MethodPost, chatPath, `{}`}:                          "req_",
		{http.MethodGet, "/v1/files", ""}:                          "req_",
		{http.MethodGet, "/v1/batches", ""}:                        "req_",
		{http.MethodGet, "/v1/models", ""}:                         "req_",
		{http.MethodGet, "/v1/nothing", ""}:                        "req_",
	} {
		if _, _, header := r.ask(request[0], request[1], request[2]); !strings.HasPrefix(header.Get("X-Request-Id"), want) {
			t.Errorf("%s: the id is %q", request, header.Get("X-Request-Id"))
		}
	}
}

// The models are what calls may name, each once.
func TestModels(t *testing.T) {
	served := []Model{{"llama3.2:latest", "ollama"}, {"small:1b", "ollama"}, {"gpt", "ollama"}}
	r := newRig(t, 1000, func(a *api) {
		a.options.Runs = server{models: served}
		a.options.ModelNames = []protocol.Setting{{Name: "gpt", Value: "small:1b"}, {Name: "other", Value: "llama3.2"}, {Name: "away", Value: "missing"}}
	})
	_, text, _ := r.ask(http.MethodGet, "/v1/models", "")
	var listed struct {
		Data []modelDocument `json:"data"`
	}
	programtest.Must(t, json.Unmarshal([]byte(text), &listed))
	var got []string
	for _, m := range listed.Data {
		got = append(got, m.ID+" of "+m.OwnedBy)
	}
	if want := "gpt of settings, other of settings, llama3.2:latest of ollama, small:1b of ollama"; strings.Join(got, ", ") != want {
		t.Errorf("got %q", got)
	}
	for name, want := range map[string]int{"gpt": 200, "llama3.2": 200, "llama3.2:latest": 200, "small:1b": 200, "small": 404, "away": 404} {
		if status, text, _ := r.ask(http.MethodGet, "/v1/models/"+name, ""); status != want {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	r = newRig(t, 1000, func(a *api) { a.options.Runs = server{err: protocol.Errorf(protocol.ProviderNotAvailable, "nobody")} })
	for _, path := range []string{"/v1/models", "/v1/models/m"} {
		if status, text, _ := r.ask(http.MethodGet, path, ""); status != http.StatusServiceUnavailable || !strings.Contains(text, `{"error":{"message":"nobody"`) {
			t.Errorf("%d %s", status, text)
		}
	}
}
