package stories_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
)

const (
	// core is in the key and nowhere else, and survives every way of quoting it.
	core = "9f8e7d6c5b4a"
	key  = `sk-"live"\` + core + `/+`
	// control is what must be found: a search that finds nothing at all proves nothing.
	control = "1a2b3c4d5e6f"
	// trickle is the same for the progress of an answer.
	trickle = "5f6a7b8c9d0e"
)

// traitor is an OpenAI-compatible server that gives away every key it gets: in answers, in errors, in names, in headers; and
// little by little, until it is released.
func traitor(t *testing.T) (url string, release func()) {
	t.Helper()
	released, release := context.WithCancel(t.Context())
	piece := func(w io.Writer, text string) {
		said, err := json.Marshal(map[string]any{"model": key, "choices": []any{map[string]any{"delta": map[string]string{"role": "assistant", "content": text}}}})
		if err == nil {
			fmt.Fprintf(w, "data: %s\n\n", said)
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if given != key {
			t.Errorf("%s came with the key %q", r.URL, given)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		deny := func(status int) {
			w.WriteHeader(status)
			if err := json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"message": "Incorrect API key provided: " + given + ". " + control}}); err != nil {
				t.Error(err)
			}
		}
		switch asked := string(body); {
		case strings.Contains(asked, "DENY"):
			deny(http.StatusUnauthorized)
		case strings.Contains(asked, "FAIL"):
			deny(http.StatusInternalServerError)
		case strings.Contains(asked, "OVERLOAD"):
			http.Error(w, "<html>"+given+"</html>", http.StatusBadGateway)
		case strings.Contains(asked, "MOVE"):
			http.Redirect(w, r, "/"+given, http.StatusFound)
		case strings.Contains(asked, "CUT"): // The core of the key is before the cut, its end is not.
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, strings.Repeat("x", 277), given)
		case strings.Contains(asked, "TRICKLE"):
			for released.Err() == nil && r.Context().Err() == nil {
				piece(w, given[:len(given)/2])
				piece(w, given[len(given)/2:]+" "+trickle+" ")
				http.NewResponseController(w).Flush()
				select {
				case <-time.After(50 * time.Millisecond):
				case <-released.Done():
				}
			}
			fmt.Fprint(w, "data: {\"choices\": [{\"delta\": {}, \"finish_reason\": \"stop\"}]}\n\ndata: [DONE]\n\n")
		case strings.Contains(asked, "BREAK"):
			piece(w, "It is "+given)
			fmt.Fprintf(w, "data: {\"error\": {\"message\": %q}}\n\n", given)
		case strings.Contains(asked, "ECHO"):
			piece(w, "It is ")
			piece(w, given[:len(given)/2]) // No piece has all of it.
			piece(w, given[len(given)/2:])
			piece(w, strings.Repeat(" "+given+" "+control, 200))
			fmt.Fprint(w, "data: {\"choices\": [{\"delta\": {}, \"finish_reason\": \"stop\"}]}\n\ndata: [DONE]\n\n")
		default:
			if err := json.NewEncoder(w).Encode(map[string]any{"data": []any{map[string]string{"id": given}, map[string]string{"id": control}}}); err != nil {
				t.Error(err)
			}
		}
	}))
	t.Cleanup(server.Close)
	return server.URL + "/v1", release
}

const betrayed = `name: Betrayed
inputs: {server: {type: string}, word: {type: string}}
defaults:
  llm/chat: {parameters: {provider: openai, model: m, base_url: "${inputs.server}", api_key: "${secrets.SERVER}"}}
tasks:
  - {id: echo, method: llm/chat, parameters: {prompt: "ECHO ${inputs.word}"}}
  - {id: variable, method: llm/chat, parameters: {prompt: ECHO, api_key: "${env.MY_KEY}"}}
  - {id: settings, method: llm/generate, parameters: {prompt: ECHO}, continue_on_error: true}
  - {id: configured, method: llm/vision, parameters: {provider: openai, model: m, prompt: ECHO, images: ["iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="]}}
  - {id: items, method: llm/chat, for_each: [ECHO, DENY], parameters: {prompt: "${item}"}}
  - {id: deny, method: llm/chat, parameters: {prompt: DENY}, continue_on_error: true}
  - {id: cut, method: llm/chat, parameters: {prompt: CUT}, continue_on_error: true}
  - {id: trickle, method: llm/chat, parameters: {prompt: TRICKLE}}
  - {id: fail, method: llm/chat, parameters: {prompt: FAIL}, retry: {max_attempts: 2, base_delay: 0.1}, continue_on_error: true}
  - {id: overload, method: llm/chat, parameters: {prompt: OVERLOAD}, retry: {max_attempts: 2, base_delay: 0.1}, continue_on_error: true}
  - {id: move, method: llm/chat, parameters: {prompt: MOVE}, continue_on_error: true}
  - {id: break, method: llm/chat, parameters: {prompt: BREAK}, retry: {max_attempts: 2, base_delay: 0.1}, continue_on_error: true}
  - {id: python, method: python/execute, parameters: {code: "import os\nprint(dict(os.environ))\nresult = [${echo.content}, ${secrets.SERVER}, dict(os.environ)]"}}
  - {id: tool, method: mcp/tool.echo, parameters: {message: "${secrets.SERVER}"}}
  - id: hold
    run_if: always
    dependencies: [echo, variable, settings, configured, items, deny, cut, fail, overload, move, break, python, tool]
    method: python/execute
    parameters: {code: "import os, time\nopen('holding', 'w').close()\nwhile not os.path.exists('go'): time.sleep(0.02)\nresult = 1"}
outputs: {echo: "${echo.content}", python: "${python.result}", deny: "${deny.error.message}"}
`

// TestTheKeyStaysSecret: a server that gives its key away in all it says has it nowhere: not in Temporal's database, not
// in the result store, not in what is printed; decoded and as raw bytes, in the midst of the run and after it.
func TestTheKeyStaysSecret(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.Env = append(u.Env, "GLEITZEIT_SECRET_SERVER="+key, "MY_KEY="+key, "GLEITZEIT_LOG_LEVEL=debug")
	address, release := traitor(t)
	write(t, filepath.Join(u.Home, "config.yaml"), "providers:\n  openai: {url: \""+address+"\", api_key: \"${secrets.SERVER}\"}\n")
	u.File("flow.yaml", betrayed)

	p := u.Start("run", "flow.yaml", "-o", "jsonl", "--input", "server="+address, "--input", "word="+control)
	u.Appears("holding")
	eventually(t, "what is being written is in the database", func() bool { return inDatabase(u, trickle) })
	p.Kill() // What the databases have not put in order yet lies beside them.
	sought := newSearch(t)
	sought.in("standard output", []byte(p.Stdout.String()))
	sought.in("standard error", []byte(p.Stderr.String()))
	sought.home(u)

	u.File("go", "")
	release()
	p = u.Start("run", "flow.yaml", "-o", "json", "--input", "server="+address, "--input", "word="+control)
	p.Exits(6)
	sought.in("standard output", []byte(p.Stdout.String()))
	sought.in("standard error", []byte(p.Stderr.String()))
	run, err := parseRun(p.Stdout.String())
	must(t, err)
	for _, task := range run.Tasks {
		want := "completed"
		if slices.Contains([]string{"settings", "deny", "cut", "fail", "overload", "move", "break"}, *task.ID) {
			want = "failed"
		}
		if *task.Status != want {
			t.Errorf("%s: %s, want %s", *task.ID, *task.Status, want)
		}
	}
	for id, label := range map[string]string{"echo": "[secrets.SERVER]", "variable": "[env.MY_KEY]", "configured": "[secrets.SERVER]", "python": "[secrets.SERVER]", "tool": "[secrets.SERVER]"} {
		shown, err := json.Marshal(run.task(id).Result)
		must(t, err)
		wantLines(t, id, string(shown), label)
	}
	wantLines(t, "the error", *run.task("deny").Error.Message, "Incorrect API key provided: [api_key]")

	for _, command := range [][]string{
		{"results", "@latest"}, {"results", "@latest", "-o", "json"}, {"status", "@latest", "-o", "json"}, {"status"}, {"config"}, {"config", "env"}, {"provider", "health"}, {"provider", "health", "-o", "json"},
	} {
		p := u.Start(command...)
		p.Wait()
		sought.in(strings.Join(command, " "), []byte(p.Stdout.String()+p.Stderr.String()))
	}
	sought.home(u)
	for _, place := range []string{"the history", "the result store", "engine.db", "results.db", "standard output"} {
		if !sought.controls[place] {
			t.Errorf("in %s nothing was found that must be there: the search is blind", place)
		}
	}
}

// search looks for the key, in clear and in base64 at each of its three offsets.
type search struct {
	t        *testing.T
	forms    []string
	controls map[string]bool // Where the control was found.
}

func newSearch(t *testing.T) *search {
	s := &search{t: t, forms: []string{core}, controls: map[string]bool{}}
	for offset := range 3 {
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("-", offset) + core))
		s.forms = append(s.forms, encoded[4:len(encoded)-4]) // Without what its neighbours change.
	}
	return s
}

func (s *search) in(place string, data []byte) {
	s.t.Helper()
	text := string(data)
	if strings.Contains(text, control) {
		s.controls[place] = true
	}
	for _, form := range s.forms {
		if at := strings.Index(text, form); at >= 0 {
			s.t.Errorf("%s has the key: …%q", place, text[max(0, at-120):at+len(form)])
		}
	}
}

// inDatabase reports whether a text is in the engine's database.
func inDatabase(u *user, text string) bool {
	for _, name := range []string{"engine.db", "engine.db-wal"} {
		data, err := os.ReadFile(filepath.Join(u.Home, name))
		if err == nil && bytes.Contains(data, []byte(text)) {
			return true
		}
	}
	return false
}

// home looks at all that a home has: events and values decoded, and every file as it is.
func (s *search) home(u *user) {
	s.t.Helper()
	history := openHistory(s.t, u)
	events := 0
	for _, row := range history.rows("SELECT tree_id, node_id, txn_id, prev_txn_id, data FROM history_node") {
		for _, event := range row.events {
			events++
			s.in("the history", []byte(prototext.Format(event)))
		}
	}
	values := storedValues(s.t, u)
	for _, value := range values {
		s.in("the result store", value)
	}
	if events < 50 || len(values) < 5 {
		s.t.Errorf("only %d events and %d values were looked at", events, len(values))
	}
	must(s.t, filepath.WalkDir(filepath.Dir(u.Home), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil {
			s.in(strings.TrimSuffix(filepath.Base(path), "-wal"), data)
		}
		return err
	}))
}
