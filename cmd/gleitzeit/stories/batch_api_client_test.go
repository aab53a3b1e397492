package stories_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
)

// slow is a request that takes a while.
const slow = `{"model":"llama3.2","temperature":0,"max_tokens":40,"messages":[{"role":"user","content":"SLOWLY"}]}`

// requestsOf writes a request file, ten lines of which the server of models refuses, and returns its name.
func (u *user) requestsOf(name string, total int, body string) string {
	u.T.Helper()
	var requests strings.Builder
	for i := range total {
		one := body
		if body == hello && i%(total/10) == 5 {
			one = `{"model":"llama3.2","messages":[]}`
		}
		requests.WriteString(chatLine(fmt.Sprintf("request-%d", i), one))
	}
	u.File(name, requests.String())
	return name
}

// batches returns how many batches the server has.
func (s *apiServer) batches() int {
	s.T.Helper()
	var list struct{ Data []apiBatch }
	if _, text, err := s.ask("GET", "/batches", "", nil, &list); err != nil {
		s.T.Fatal(err, text)
	}
	return len(list.Data)
}

// idIn returns the id of the batch that a command has named.
func idIn(t *testing.T, text string) string {
	t.Helper()
	for word := range strings.FieldsSeq(text) {
		if strings.HasPrefix(word, "batch_") {
			return word
		}
	}
	t.Fatalf("no batch is named in\n%s", text)
	return ""
}

// TestBatchOnAServer: a request file is uploaded to the server of the home, whose key needs nobody, and the files are those of the batch.
func TestBatchOnAServer(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	s := u.serveAPI()
	requests := u.requestsOf("requests.jsonl", 60, hello)
	u.File("errors.jsonl", "of an earlier batch\n")
	out, said := u.Gleitzeit(6, "batch", requests, "--server", s.url, "--output", "output.jsonl", "--errors", "errors.jsonl")
	if out != "" {
		t.Errorf("it prints %q", out)
	}
	wantLines(t, "standard error", said, "uploading requests.jsonl", " completed: 60 of 60 requests, 10 failed", "wrote the results to output.jsonl")
	verifyResults(t, u, 60)
	if left, err := os.ReadDir(filepath.Join(u.Home, "sent-batches")); err != nil || len(left) > 0 {
		t.Errorf("%v are left (%v)", left, err)
	}
	if entries, err := filepath.Glob(filepath.Join(u.Work, ".*")); err != nil || len(entries) > 0 {
		t.Errorf("%q are left (%v)", entries, err)
	}

	u.File("one.jsonl", chatLine("a", hello)+chatLine("b", hello))
	out, _ = u.Gleitzeit(0, "batch", "one.jsonl", "--server", s.url)
	if strings.Count(out, "\n") != 2 || strings.Count(out, "Hello from the scripted model.") != 2 {
		t.Errorf("it prints %s", out)
	}
	u.Gleitzeit(0, "batch", "one.jsonl", "--server", s.url) // What has ended is done again.
	if n := s.batches(); n != 3 {
		t.Errorf("there are %d batches", n)
	}

	u.File("broken.jsonl", chatLine("a", hello)+"{broken\n"+chatLine("a", hello)+chatLine("b", `{"model":"m","messages":[]}`))
	out, said = u.Gleitzeit(2, "batch", "broken.jsonl", "--server", s.url, "--output", "none.jsonl")
	wantLines(t, "standard error", said, "broken.jsonl:2: the line is not JSON: ", " (invalid_json_line)", "broken.jsonl:3: an earlier line has the custom_id", "broken.jsonl:4: the model ", "failed: the server has answered none of the requests")
	if out != "" || exists(u.Path("none.jsonl")) {
		t.Errorf("it prints %q, and writes a file", out)
	}

	_, said = u.Gleitzeit(1, "batch", "one.jsonl", "--server", strings.Replace(s.url, "127.0.0.1", "localhost", 1)) // Another server, as far as is known: it does not get the token.
	wantLines(t, "standard error", said, "denies access: 401", "OPENAI_API_KEY")
	for _, deadline := range []string{"soon", "60d", "0s"} {
		_, said = u.Gleitzeit(2, "batch", "one.jsonl", "--server", s.url, "--deadline", deadline)
		wantLines(t, "standard error", said, `--deadline is "`+deadline+`": with --server it must be a duration of at most 30d`)
		if strings.Contains(said, "uploading") {
			t.Errorf("the file is uploaded:\n%s", said)
		}
	}
	_, said = u.Gleitzeit(2, "batch", "one.jsonl", "--server", strings.TrimSuffix(s.url, "/v1")+"/api")
	wantLines(t, "standard error", said, "there is no Batch API at "+strings.TrimSuffix(s.url, "/v1")+"/api: 404 Unknown request URL", "--server must be the base URL")
	u.Env = append(u.Env, "OPENAI_API_KEY=wrong")
	_, said = u.Gleitzeit(1, "batch", "one.jsonl", "--server", strings.Replace(s.url, "127.0.0.1", "localhost", 1))
	wantLines(t, "standard error", said, "denies access: 401 the token in the Authorization header is wrong", "the key in OPENAI_API_KEY is not one of that server")
	u.Env[len(u.Env)-1] = "OPENAI_API_KEY=" + s.token
	u.Gleitzeit(0, "batch", "one.jsonl", "--server", strings.Replace(s.url, "127.0.0.1", "localhost", 1))
	s.Kill()
	_, said = u.Gleitzeit(4, "batch", "one.jsonl", "--server", s.url)
	wantLines(t, "standard error", said, "is unreachable: ", "connection refused")
}

// TestInterruptedBatchOnAServer: whatever ends the command, the batch continues, and the same command, or one with its id, has the results.
func TestInterruptedBatchOnAServer(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	s := u.serveAPI()
	requests := u.requestsOf("requests.jsonl", 60, slow)
	command := []string{"batch", requests, "--server", s.url, "--output", "output.jsonl"}
	begun := func() *process {
		p := u.Start(command...)
		eventually(t, "the batch is created", func() bool { return strings.Contains(p.Stderr.String(), "in progress") })
		return p
	}
	begun().Kill()
	p := begun()
	wantLines(t, "standard error", p.Stderr.String(), "was created before; continuing")
	p.Signal(syscall.SIGINT)
	p.Exits(130)
	id := idIn(t, p.Stderr.String())
	wantLines(t, "standard error", p.Stderr.String(), "batch "+id+" stays on the server; the same command, or `gleitzeit batch --server "+s.url+" --batch "+id+" --output output.jsonl`, downloads its results")
	if exists(u.Path("output.jsonl")) || s.batches() != 1 {
		t.Errorf("there is a file, or there are %d batches", s.batches())
	}

	p = begun()
	s.Kill() // The command waits for the server.
	eventually(t, "the command notices", func() bool { return strings.Contains(p.Stderr.String(), "retrying") })
	at, err := url.Parse(s.url)
	must(t, err)
	s = u.serveAPI("--batch-api-port", at.Port())
	<-p.Ended
	p.Exits(0)
	output := read(t, u.Path("output.jsonl"))
	if strings.Count(output, "\n") != 60 || s.batches() != 1 {
		t.Errorf("the output has %d lines, and there are %d batches", strings.Count(output, "\n"), s.batches())
	}
	u.Gleitzeit(0, "batch", "--server", s.url, "--batch", id, "--output", "again.jsonl")
	if again := read(t, u.Path("again.jsonl")); again != output {
		t.Error("the files differ")
	}
	if left, err := os.ReadDir(filepath.Join(u.Home, "sent-batches")); err != nil || len(left) > 0 {
		t.Errorf("%v are left (%v)", left, err)
	}
}
