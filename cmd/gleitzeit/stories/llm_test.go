package stories_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
)

// withOllama is a user whose OLLAMA_HOST leads to a server.
func withOllama(t *testing.T, url string) *user {
	t.Helper()
	u := newUser(t)
	u.Env = append(u.Env, "OLLAMA_HOST="+url)
	return u
}

const chain = `name: Chain
tasks:
  - id: first
    method: llm/chat
    parameters: {prompt: "Tell me of the ${inputs.fruit}."}
  - id: second
    method: llm/chat
    parameters: {prompt: "He said: ${first.response} What do you say?"}
inputs: {fruit: pear}
outputs: {said: "${second.response}", of: "${first.response}"}
`

// TestChain: the answer of the first task reaches the prompt of the second, whatever it is.
func TestChain(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	u.File("flow.yaml", chain)
	for fruit, said := range map[string]string{"pear": `"Hello from the scripted model."`, "PINEAPPLE": `"I saw the PINEAPPLE."`} {
		stdout, _ := u.Gleitzeit(0, "run", "flow.yaml", "--input", "fruit="+fruit, "-o", "json")
		run, err := parseRun(stdout)
		must(t, err)
		wantFields(t, "outputs", run.Outputs, map[string]string{"said": said, "of": said})
		if *run.Usage.LLMCalls != 2 || *run.Usage.PromptTokens == 0 || *run.Usage.TokensUsed == 0 {
			t.Errorf("usage %d %d %d", *run.Usage.LLMCalls, *run.Usage.PromptTokens, *run.Usage.TokensUsed)
		}
	}
}

// nobodyAt is an address on which nothing listens.
func nobodyAt(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address := listener.Addr().String()
	must(t, listener.Close())
	return address
}

// TestNoOllama: three attempts, then an error that says where it was looked for and what to do.
func TestNoOllama(t *testing.T) {
	t.Parallel()
	address := nobodyAt(t)
	u := withOllama(t, address)
	u.File("flow.yaml", chain)
	p := u.Start("run", "flow.yaml", "-o", "json")
	p.Exits(4)
	ended := time.Now()
	run, err := parseRun(p.Stdout.String())
	must(t, err)
	failed := run.task("first")
	if *failed.Status != "failed" || *failed.Attempts != 3 || *failed.Error.Name != "PROVIDER_NOT_AVAILABLE" {
		t.Errorf("status %s, %d attempts, %s", *failed.Status, *failed.Attempts, *failed.Error.Name)
	}
	wantLines(t, "the message", *failed.Error.Message, "Ollama at http://"+address+" cannot be reached")
	wantLines(t, "standard error", p.Stderr.String(), "Ollama at http://"+address+" cannot be reached", "start it with `ollama serve`", "OLLAMA_HOST")
	// Two pauses, of 1 s and 2 s at the most, lie between the attempts.
	lastAttempt := run.StartedAt.Add(time.Duration((*failed.Duration) * float64(time.Second)))
	if late := ended.Sub(lastAttempt); late > 10*time.Second {
		t.Errorf("the program ended %s after the last attempt", late)
	}
}

func TestUnknownModel(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	u.File("flow.yaml", strings.Replace(chain, "{prompt: \"Tell", "{model: \"mistral:7b\", prompt: \"Tell", 1))
	p := u.Start("run", "flow.yaml", "-o", "json")
	p.Exits(5)
	run, err := parseRun(p.Stdout.String())
	must(t, err)
	failed := run.task("first")
	if *failed.Status != "failed" || *failed.Attempts != 1 || *failed.Error.Name != "TASK_VALIDATION_FAILED" || *failed.Error.Retryable {
		t.Errorf("status %s, %d attempts, %s, retryable %v", *failed.Status, *failed.Attempts, *failed.Error.Name, *failed.Error.Retryable)
	}
	wantLines(t, "standard error", p.Stderr.String(), `has no model "mistral:7b"`, "run `ollama pull mistral:7b`")

	// Of many files it is told once while they run, with their number at the end, and once in the results, beside a file that failed otherwise.
	for i := range 14 {
		u.File(fmt.Sprintf("docs/%d.txt", i), "text")
	}
	u.File("docs/empty.txt", "")
	u.File("many.yaml", "name: Many\nbatch: {directory: docs}\ntemplate: {method: llm/chat, prompt: x, model: \"mistral:7b\"}\n")
	stdout, stderr := u.Gleitzeit(5, "run", "many.yaml")
	progress, _, _ := strings.Cut(stderr, "\nbatch (")
	if lines := strings.Count(progress, "✗ batch["); lines < 1 || lines > 2 || strings.Count(progress, "mistral:7b") != 2 || !strings.Contains(progress, " more failed: `gleitzeit batch show ") {
		t.Errorf("the model is not reported once:\n%s", progress)
	}
	if grouped := regexp.MustCompile("(?m)^1[45] × Ollama at \\S+ has no model \"mistral:7b\", for example \\d+\\.txt\n  run `ollama pull mistral:7b`, or name a model that it has: .*llama3.2"); !grouped.MatchString(stdout) || strings.Count(stdout, "mistral:7b") != 2 {
		t.Errorf("the model is not one line of the results:\n%s", stdout)
	}
}

// TestFilesThatTasksName: a path that stands in the workflow may lead anywhere, one that comes from a value may not.
func TestFilesThatTasksName(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	u.File("inside.txt", "A PINEAPPLE is in here.")
	u.File("../elsewhere/outside.txt", "A PINEAPPLE is in here, too.")
	u.File("flow.yaml", `name: Files
tasks:
  - {id: inside, method: llm/chat, parameters: {prompt: "What is in it?", file_path: inside.txt}}
  - {id: outside, method: llm/chat, parameters: {prompt: "What is in it?", file_path: ../elsewhere/outside.txt}}
  - {id: led, method: llm/chat, parameters: {prompt: "What is in it?", file_path: "${inputs.path}"}}
inputs: {path: inside.txt}
outputs: {inside: "${inside.response}", outside: "${outside.response}", led: "${led.response}"}
`)
	const seen = `"I saw the PINEAPPLE."`
	stdout, _ := u.Gleitzeit(0, "run", "flow.yaml", "-o", "json")
	run, err := parseRun(stdout)
	must(t, err)
	wantFields(t, "outputs", run.Outputs, map[string]string{"inside": seen, "outside": seen, "led": seen})

	u.File("../elsewhere/secret.txt", "A PINEAPPLE.")
	stdout, _ = u.Gleitzeit(5, "run", "flow.yaml", "--input", "path=../elsewhere/secret.txt", "-o", "json")
	run, err = parseRun(stdout)
	must(t, err)
	if led := run.task("led"); *led.Attempts != 1 || *led.Error.Name != "TASK_VALIDATION_FAILED" {
		t.Errorf("%d attempts, %s", *led.Attempts, *led.Error.Name)
	}
	u.File("gone.yaml", "name: Gone\ntasks: [{id: a, method: llm/chat, parameters: {prompt: x, file_path: gone.txt}}]\n")
	_, stderr := u.Gleitzeit(2, "run", "gone.yaml")
	wantLines(t, "standard error", stderr, `gone.yaml:2:70: file_path "gone.txt" does not exist`)
}

// TestServerKilledAndRestarted: an answer that was cut off is asked for again at once, and by the next attempts until the server
// is back.
func TestServerKilledAndRestarted(t *testing.T) {
	t.Parallel()
	server := ollamatest.StartPrivate(t)
	address, answering := relay(t, server.URL)
	u := withOllama(t, address)
	u.File("flow.yaml", `name: Slow
tasks:
  - id: slow
    method: llm/chat
    parameters: {prompt: SLOWLY, max_tokens: 1900}
    retry: {max_attempts: 100, base_delay: 2, backoff: fixed}
  - id: after
    method: llm/chat
    parameters: {prompt: "PINEAPPLE, and not ${slow.done_reason}"}
outputs: {after: "${after.response}", tokens: "${slow.tokens_used}"}
`)
	p := u.Start("run", "flow.yaml", "-o", "json")
	<-answering
	server.Kill(t)
	p.Says("↻ slow  retrying: Ollama at " + address + " cannot be reached: 502 Bad Gateway")
	server.Restart(t)
	p.Exits(0)
	run, err := parseRun(p.Stdout.String())
	must(t, err)
	wantFields(t, "outputs", run.Outputs, map[string]string{"after": `"I saw the PINEAPPLE."`, "tokens": "1900"})
	if slow := run.task("slow"); *slow.Status != "completed" || *slow.Attempts < 2 {
		t.Errorf("slow: %s after %d attempts", *slow.Status, *slow.Attempts)
	}
}

// TestOutage: Ollama is unreachable for longer than all attempts take, and the batch continues when it is back.
func TestOutage(t *testing.T) {
	t.Parallel()
	server := ollamatest.StartPrivate(t)
	u := withOllama(t, server.URL)
	const files = 24
	for i := range files {
		u.File(fmt.Sprintf("documents/%02d.txt", i), fmt.Sprintf("SLOWLY %d", i))
	}
	u.File("flow.yaml", "name: Night\ntype: batch\nbatch: {directory: documents}\ntemplate: {method: llm/chat, prompt: Go on, max_tokens: 120}\n")
	p := u.Start("run", "flow.yaml", "-o", "jsonl")
	eventually(t, "a file is done", func() bool { return strings.Contains(p.Stdout.String(), `"status":"completed"`) })
	server.Kill(t)
	<-time.After(5 * time.Second) // Three attempts take 3 s.
	server.Restart(t)
	p.Exits(0)
	wantLines(t, "standard output", p.Stdout.String(), fmt.Sprintf(`"items":{"total":%d,"succeeded":%d,"failed":0,"skipped":0}`, files, files))
}

// relay is a proxy that signals the first piece of an answer.
func relay(t *testing.T, server string) (address string, answering <-chan struct{}) {
	t.Helper()
	to, err := url.Parse(server)
	must(t, err)
	began := make(chan struct{})
	first := sync.OnceFunc(func() { close(began) })
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		FlushInterval: -1,
		ErrorLog:      slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		ModifyResponse: func(r *http.Response) error {
			r.Body = &noticed{r.Body, first}
			return nil
		},
	}
	relaying := httptest.NewServer(proxy)
	t.Cleanup(relaying.Close)
	return relaying.URL, began
}

// noticed is a body whose first bytes are noticed.
type noticed struct {
	io.ReadCloser
	first func()
}

func (n *noticed) Read(into []byte) (int, error) {
	read, err := n.ReadCloser.Read(into)
	if read > 0 {
		n.first()
	}
	return read, err
}

// TestHealthOfLlamaServer: what the server of llama.cpp reports of itself is shown.
func TestHealthOfLlamaServer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/props":
			fmt.Fprint(w, `{"default_generation_settings":{"n_ctx":4096},"total_slots":2,"modalities":{"vision":true,"video":false,"audio":false},"build_info":"b9000-abc"}`)
		case "/v1/models":
			fmt.Fprint(w, `{"data":[{"id":"m"}]}`)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	u := newUser(t)
	u.File("../home/gleitzeit/config.yaml", "providers: {openai: {url: \""+server.URL+"/v1\"}}\n")
	stdout, _ := u.Gleitzeit(0, "provider", "health", "openai")
	wantLines(t, "health", stdout, server.URL+"/v1 works on 2 calls at once, with a context of 4096 tokens, and accepts text, vision")
	stdout, _ = u.Gleitzeit(0, "provider", "health", "openai", "-o", "json")
	for _, field := range []string{`"slots": 2`, `"context": 4096`, `"version": "b9000-abc"`, `"vision"`} {
		if !strings.Contains(stdout, field) {
			t.Errorf("no %s in %s", field, stdout)
		}
	}
}
