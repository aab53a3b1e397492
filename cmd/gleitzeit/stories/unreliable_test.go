package stories_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// number is what a question asks about.
var number = regexp.MustCompile(`number (\d+)`)

// unreliable is an Ollama that fails the first time it is asked something: it is overloaded for a third of the
// questions, resets the connection for others, breaks off in the middle of an answer, or falls silent. The second time it
// answers.
type unreliable struct {
	*httptest.Server
	mu       sync.Mutex
	asked    map[string]int
	answered map[string]int
	failed   map[string]int // By what went wrong.
}

func newUnreliable(t *testing.T) *unreliable {
	t.Helper()
	s := &unreliable{asked: map[string]int{}, answered: map[string]int{}, failed: map[string]int{}}
	over := make(chan struct{})
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/api/chat" {
			http.NotFound(w, r)
			return
		}
		about := number.FindStringSubmatch(string(body))
		if about == nil {
			t.Errorf("asked %s", body)
			return
		}
		piece := func(text string, done bool) {
			if err := json.NewEncoder(w).Encode(map[string]any{
				"model": "llama3.2", "message": map[string]string{"role": "assistant", "content": text}, "done": done, "done_reason": "stop",
			}); err != nil {
				t.Error(err)
			}
			w.(http.Flusher).Flush()
		}
		switch fault := s.faultOf(about[1]); fault {
		case "":
			piece("It is ", false)
			piece(about[1]+".", true)
		case "busy":
			http.Error(w, `{"error": "server busy, please try again"}`, http.StatusServiceUnavailable)
		case "reset":
			connection, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				if tcp, is := connection.(*net.TCPConn); is {
					err = tcp.SetLinger(0)
				}
				connection.Close()
			}
			if err != nil {
				t.Error(err)
			}
		case "broken":
			piece("It is ", false)
			panic(http.ErrAbortHandler)
		case "silent":
			piece("It is ", false)
			select {
			case <-r.Context().Done():
			case <-over:
			}
		}
	}))
	t.Cleanup(func() {
		close(over)
		s.Close()
	})
	return s
}

// faultOf says what goes wrong this time; nothing where it is answered.
func (s *unreliable) faultOf(about string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var n int
	if _, err := fmt.Sscan(about, &n); err != nil {
		return ""
	}
	s.asked[about]++
	fault := ""
	if s.asked[about] == 1 {
		switch {
		case n%3 == 0:
			fault = "busy"
		case n%10 == 1:
			fault = "reset"
		case n%10 == 4:
			fault = "broken"
		case n%50 == 7:
			fault = "silent"
		}
	}
	if fault == "" {
		s.answered[about]++
	} else {
		s.failed[fault]++
	}
	return fault
}

// TestUnreliableServer: 200 questions to a server that cannot be relied upon all get their answer, each once and its own.
func TestUnreliableServer(t *testing.T) {
	t.Parallel()
	server := newUnreliable(t)
	u := withOllama(t, server.URL)
	const calls = 200
	var numbers []string
	for i := range calls {
		numbers = append(numbers, fmt.Sprint(i))
	}
	u.File("flow.yaml", `name: Unreliable
tasks:
  - id: ask
    method: llm/chat
    for_each: [`+strings.Join(numbers, ", ")+`]
    max_concurrent: 16
    retry: {max_attempts: 10, base_delay: 0.05, backoff: fixed}
    parameters: {prompt: "What is number ${item}?", idle_timeout: 1}
`)
	stdout, _ := u.Gleitzeit(0, "run", "flow.yaml", "-o", "json")
	run, err := parseRun(stdout)
	must(t, err)
	ask := run.task("ask")
	wantFields(t, "the result", ask.Result, map[string]string{"total": "200", "succeeded": "200", "failed": "0", "skipped": "0"})
	var entries []struct {
		Index  int    `json:"index"`
		Status string `json:"status"`
		Result struct {
			Response string `json:"response"`
		} `json:"result"`
	}
	must(t, json.Unmarshal(ask.Result["results"], &entries))
	if len(entries) != calls {
		t.Fatalf("%d results", len(entries))
	}
	for i, entry := range entries {
		if want := fmt.Sprintf("It is %d.", i); entry.Index != i || entry.Status != "completed" || entry.Result.Response != want {
			t.Errorf("result %d: %+v, want %q", i, entry, want)
		}
	}
	for i := range calls {
		if times := server.answered[fmt.Sprint(i)]; times != 1 {
			t.Errorf("number %d was answered %d times", i, times)
		}
	}
	for fault, least := range map[string]int{"busy": calls / 3, "reset": 10, "broken": 10, "silent": 2} {
		if server.failed[fault] < least {
			t.Errorf("only %d answers were %s", server.failed[fault], fault)
		}
	}
}
