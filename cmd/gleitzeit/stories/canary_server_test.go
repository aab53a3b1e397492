package stories_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// parrot is a model server with both APIs that repeats what it was sent: the prompt, the headers, and what another request has
// asked it to keep; in answers, piece by piece, in errors, cut at each place, and in the names of models.
type parrot struct {
	t    *testing.T
	URL  string
	mu   sync.Mutex
	kept string
}

func newParrot(t *testing.T) *parrot {
	t.Helper()
	p := &parrot{t: t}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

// ServeHTTP implements http.Handler.
func (p *parrot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	given := r.Header.Get("Authorization") + r.Header.Get("X-Token")
	openai := strings.HasPrefix(r.URL.Path, "/v1/")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Error(err)
	}
	if r.Method == http.MethodGet || len(body) == 0 {
		fmt.Fprint(w, jsonOf(p.t, map[string]any{"version": given, "data": []any{map[string]string{"id": given}}, "models": []any{map[string]string{"name": given}}}))
		return
	}
	var asked struct {
		Messages []struct{ Content string }
	}
	if err := json.Unmarshal(body, &asked); err != nil || len(asked.Messages) == 0 {
		http.NotFound(w, r)
		return
	}
	prompt := asked.Messages[len(asked.Messages)-1].Content
	verb, rest, _ := strings.Cut(prompt, " ")
	p.mu.Lock()
	if verb == "KEEP" {
		p.kept = rest
	}
	all := rest + " " + control + " " + p.kept + " " + given
	p.mu.Unlock()
	switch verb {
	case "REFUSE":
		before, err := strconv.Atoi(rest)
		if err != nil {
			p.t.Error(err)
		}
		message := "you said " + strings.Repeat("x", before) + all
		w.WriteHeader(http.StatusTeapot)
		if before%2 == 0 {
			message = jsonOf(p.t, map[string]any{"error": map[string]string{"message": message}})
		}
		fmt.Fprint(w, message)
	case "BREAK":
		p.piece(w, openai, all[:len(all)/2], false)
		fmt.Fprintln(w, map[bool]string{true: "data: "}[openai]+jsonOf(p.t, map[string]any{"error": map[string]string{"message": all}}))
	case "KEEP":
		p.piece(w, openai, "kept", true)
	default:
		for at := 0; at < len(all); at += 7 {
			p.piece(w, openai, all[at:min(at+7, len(all))], false)
		}
		p.piece(w, openai, "", true)
	}
}

// piece sends a piece of an answer.
func (p *parrot) piece(w io.Writer, openai bool, text string, last bool) {
	p.mu.Lock()
	model := p.kept
	p.mu.Unlock()
	if !openai {
		fmt.Fprintln(w, jsonOf(p.t, map[string]any{"model": model, "message": map[string]string{"role": "assistant", "content": text}, "done": last, "done_reason": "stop"}))
		return
	}
	fmt.Fprintf(w, "data: %s\n\n", jsonOf(p.t, map[string]any{"model": model, "choices": []any{map[string]any{"delta": map[string]string{"role": "assistant", "content": text}}}}))
	if last {
		fmt.Fprint(w, "data: {\"choices\": [{\"delta\": {}, \"finish_reason\": \"stop\"}]}\n\ndata: [DONE]\n\n")
	}
}
