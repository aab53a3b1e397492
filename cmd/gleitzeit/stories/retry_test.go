package stories_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// countedOllama is a real Ollama behind a proxy that counts the calls of models.
type countedOllama struct {
	url   string
	calls atomic.Int64
	seen  int64

	mu    sync.Mutex
	asked map[string]int // How often, by the last message.
}

func countOllama(t *testing.T) *countedOllama {
	t.Helper()
	to, err := url.Parse(ollamatest.Start(t))
	must(t, err)
	o := &countedOllama{asked: map[string]int{}}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		FlushInterval: -1,
		ErrorLog:      slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // Of callers that were killed.
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/chat" {
			o.calls.Add(1)
			o.note(t, r)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	o.url = server.URL
	return o
}

// note counts the prompt of a call.
func (o *countedOllama) note(t *testing.T, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // The caller was killed before it had sent the call, and so the model gets none either.
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var call struct{ Messages []struct{ Content string } }
	if err := json.Unmarshal(body, &call); err != nil || len(call.Messages) == 0 {
		t.Errorf("a call that cannot be read: %.200s", body)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked[call.Messages[len(call.Messages)-1].Content]++
}

// prompts returns how often the models were asked, by the last message of the calls.
func (o *countedOllama) prompts() map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.asked)
}

// wantCalls checks how many calls there were since the last time.
func (o *countedOllama) wantCalls(t *testing.T, what string, want int64) {
	t.Helper()
	calls := o.calls.Load()
	if calls-o.seen != want {
		t.Errorf("%s: the model was called %d times, want %d", what, calls-o.seen, want)
	}
	o.seen = calls
}

// TestRetryOfABatch: after a mended file, a changed one and an edited prompt, the model is asked about nothing else.
func TestRetryOfABatch(t *testing.T) {
	t.Parallel()
	ollama := countOllama(t)
	u := withOllama(t, ollama.url)
	must(t, os.Mkdir(u.Path("docs"), 0o755))
	files := programtest.Number(t, "GLEITZEIT_TEST_DOCUMENTS", 30)
	all := int64(files)
	broken := []int{4, 17, 29}
	for i := range files {
		u.File(fmt.Sprintf("docs/%03d.txt", i), fmt.Sprintf("Document %d.", i))
	}
	for _, i := range broken {
		must(t, os.WriteFile(u.Path(fmt.Sprintf("docs/%03d.txt", i)), []byte("\x00\xff\xfe\x00"), 0o644))
	}
	stdout, stderr := u.Gleitzeit(6, "batch", "docs", "--prompt", "Summarize.", "-o", "json")
	first := parseBatch(t, stdout)
	if first.Total != files || first.Succeeded != files-3 || first.Failed != 3 {
		t.Fatalf("%d results, %d succeeded, %d failed\n%s", first.Total, first.Succeeded, first.Failed, stderr)
	}
	for _, i := range broken {
		wantLines(t, "standard error", stderr, fmt.Sprintf("%03d.txt", i))
	}
	ollama.wantCalls(t, "the first run", all-3)

	for _, i := range broken {
		u.File(fmt.Sprintf("docs/%03d.txt", i), fmt.Sprintf("Document %d, mended.", i))
	}
	forecast, _ := u.Gleitzeit(0, "retry", first.Run, "--dry-run")
	wantLines(t, "the forecast", forecast, fmt.Sprintf("batch  %-10d  3      3 failed: 004.txt, 017.txt, 029.txt\n", files-3))
	ollama.wantCalls(t, "the forecast", 0)
	stdout, stderr = u.Gleitzeit(0, "batch", "resume", first.Run, "-o", "json")
	wantLines(t, "standard error", stderr, fmt.Sprintf("run %s: %d of %d items completed; what is unchanged is taken over\n", first.Run, files-3, files))
	second := parseBatch(t, stdout)
	if second.Succeeded != files || second.Run == first.Run {
		t.Errorf("after mending, %d succeeded in run %s", second.Succeeded, second.Run)
	}
	for i, entry := range second.Results { // What was taken over is what was there.
		if first.Results[i].Status == "completed" && (string(entry.Result["response"]) != string(first.Results[i].Result["response"]) || entry.Duration != first.Results[i].Duration) {
			t.Errorf("%s: %s in %v, and before %s in %v", entry.Item, entry.Result, entry.Duration, first.Results[i].Result, first.Results[i].Duration)
		}
	}
	ollama.wantCalls(t, "the retry", 3)
	stdout, stderr = u.Gleitzeit(0, "batch", "resume", second.Run, "-o", "json")
	wantLines(t, "standard error", stderr, "nothing to do: run "+second.Run+" completed everything, and nothing has changed since; showing its results from ")
	if third := parseBatch(t, stdout); third.Run != second.Run || third.Succeeded != files || len(third.Results) != files {
		t.Errorf("with nothing to do, run %s has %d results", third.Run, third.Succeeded)
	}
	u.Gleitzeit(0, "retry", second.Run)
	ollama.wantCalls(t, "nothing to do", 0)
	u.Gleitzeit(0, "retry", "@latest", "--items", "00[12].txt")
	ollama.wantCalls(t, "selected files", 2)
	_, stderr = u.Gleitzeit(2, "retry", "@latest", "--items", "*.pdf")
	wantLines(t, "standard error", stderr, `has no item "*.pdf"`)

	u.Gleitzeit(0, "batch", "docs", "--prompt", "What is it about?", "--changed-only")
	ollama.wantCalls(t, "an edited prompt", all)
	u.File("docs/008.txt", "Another document.")
	u.Gleitzeit(0, "batch", "docs", "--prompt", "What is it about?", "--changed-only")
	ollama.wantCalls(t, "a changed file", 1)
	u.File("docs/new.txt", "A new document.")
	must(t, os.Remove(u.Path("docs/000.txt")))
	u.Gleitzeit(0, "batch", "docs", "--prompt", "What is it about?", "--changed-only")
	ollama.wantCalls(t, "a new file", 1)
	u.Gleitzeit(0, "batch", "docs", "--prompt", "What is it about?")
	ollama.wantCalls(t, "all of it again", all)
}

// TestRetryOfABatchWithModels: what is taken over is the file with its model.
func TestRetryOfABatchWithModels(t *testing.T) {
	t.Parallel()
	ollama := countOllama(t)
	u := withOllama(t, ollama.url)
	for i := range 4 {
		u.File(fmt.Sprintf("docs/%d.txt", i), fmt.Sprintf("Document %d.", i))
	}
	must(t, os.WriteFile(u.Path("docs/2.txt"), []byte("\x00\xff\xfe\x00"), 0o644))
	stdout, said := u.Gleitzeit(6, "batch", "docs", "--prompt", "Summarize.", "--models", "tiny-script,tiny-think", "-o", "json")
	first := parseBatch(t, stdout)
	wantLines(t, "standard error", said, "2 files failed: `gleitzeit batch show "+first.Run+" --failed` shows why, `gleitzeit batch resume "+first.Run+" --format json` does the rest\n")
	if first.Total != 8 || first.Failed != 2 {
		t.Fatalf("%d results, %d failed", first.Total, first.Failed)
	}
	ollama.wantCalls(t, "the first run", 6)
	u.File("docs/2.txt", "Document 2, mended.")
	forecast, _ := u.Gleitzeit(0, "batch", "resume", first.Run, "--dry-run")
	wantLines(t, "the forecast", forecast, "batch  6           2      2 failed: 2.txt (tiny-script), 2.txt (tiny-think)\n")
	stdout, _ = u.Gleitzeit(0, "batch", "resume", first.Run, "-o", "json")
	second := parseBatch(t, stdout)
	if second.Total != 8 || second.Succeeded != 8 {
		t.Errorf("after mending, %d of %d succeeded", second.Succeeded, second.Total)
	}
	ollama.wantCalls(t, "the retry", 2)
	for i, entry := range second.Results {
		if first.Results[i].Status == "completed" && (entry.Item != first.Results[i].Item || string(entry.Result["model"]) != string(first.Results[i].Result["model"]) ||
			string(entry.Result["response"]) != string(first.Results[i].Result["response"])) {
			t.Errorf("%d: %s %s, and before %s %s", i, entry.Item, entry.Result, first.Results[i].Item, first.Results[i].Result)
		}
	}
	u.Gleitzeit(0, "retry", second.Run, "--items", "1.txt")
	ollama.wantCalls(t, "one file for both models", 2)
}

// TestRetryOfAnEditedWorkflow: what changed, and what depends on it, is done again.
func TestRetryOfAnEditedWorkflow(t *testing.T) {
	t.Parallel()
	ollama := countOllama(t)
	u := withOllama(t, ollama.url)
	const flow = `
name: Fruit
inputs: {fruit: pear}
tasks:
  - {id: first, method: llm/chat, parameters: {prompt: "Describe a ${inputs.fruit}."}}
  - {id: second, method: llm/chat, parameters: {prompt: "Shorten: ${first.response}"}}
  - {id: other, method: llm/chat, parameters: {prompt: "Say something else."}}
  - {id: last, method: python/execute, dependencies: [second, other], parameters: {code: "raise ValueError('no')"}}
`
	u.File("flow.yaml", flow)
	u.Gleitzeit(5, "run", "flow.yaml", "--input", "fruit=plum")
	ollama.wantCalls(t, "the first run", 3)
	run := strings.Fields(lastOf(t, u))[0]
	u.File("edited.yaml", strings.Replace(strings.Replace(flow, "raise ValueError('no')", "result = 1", 1), "Shorten:", "Translate:", 1))
	forecast, _ := u.Gleitzeit(0, "retry", run, "--file", "edited.yaml", "--dry-run")
	wantLines(t, "the forecast", forecast, "first   1           0      \n", "second  0           1      changed call\n", "other   1           0      \n", "last    0           ?      depends on what is done again\n")
	_, said := u.Gleitzeit(0, "retry", run, "--file", "edited.yaml")
	wantLines(t, "standard error", said, "run "+run+": 3 of 4 tasks completed; what is unchanged is taken over\n")
	ollama.wantCalls(t, "the edited workflow", 1)
	shown, _ := u.Gleitzeit(0, "status", "@latest")
	wantLines(t, "the status", shown, "continues "+run+": 2 of 4 tasks taken over\n")
	_, said = u.Gleitzeit(1, "retry", "unknown-run")
	wantLines(t, "standard error", said, `there is no run "unknown-run"`)
	_, said = u.Gleitzeit(2, "retry", run, "--failed", "--items", "3")
	wantLines(t, "standard error", said, "--failed and --items exclude each other\n")
}

// lastOf returns the line of the newest run.
func lastOf(t *testing.T, u *user) string {
	t.Helper()
	listed, _ := u.Gleitzeit(0, "list", "--limit", "1")
	lines := strings.Split(strings.TrimSpace(listed), "\n")
	return lines[len(lines)-1]
}

// TestNobodyReads: a command whose output is closed ends at once. An open run is resumed by the same command; the results of one that
// has ended are not shown again.
func TestNobodyReads(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", `
name: Slow
tasks:
  - id: each
    method: python/execute
    for_each: [0, 1, 2, 3]
    max_concurrent: 1
    parameters:
      code: |
        import os, time
        while ${item} == 3 and not os.path.exists("go"):
            time.sleep(0.01)
        result = "x" * 200_000
`)
	into := func(read int64, args ...string) (said string) {
		reader, writer, err := os.Pipe()
		must(t, err)
		command := exec.Command(programtest.Path(t), args...)
		var stderr strings.Builder
		command.Dir, command.Env, command.Stdout, command.Stderr = u.Work, u.Environment(), writer, &stderr
		must(t, command.Start())
		must(t, writer.Close())
		if _, err := io.CopyN(io.Discard, reader, read); err != nil {
			t.Error(err)
		}
		must(t, reader.Close())
		if exited, is := errors.AsType[*exec.ExitError](command.Wait()); !is || exited.ExitCode() != 141 {
			t.Errorf("%v has ended with %v, want 141\n%s", args, exited, stderr.String())
		}
		return stderr.String()
	}
	said := into(10, "run", "flow.yaml", "-o", "jsonl")
	wantLines(t, "standard error", said, "is unfinished: `gleitzeit run flow.yaml` resumes it")
	u.File("go", "")
	said = into(10, "run", "flow.yaml")
	wantLines(t, "standard error", said, "resumed run slow-", " completed in ")
	if _, said := u.Gleitzeit(0, "run", "flow.yaml"); strings.Contains(said, "earlier") || strings.Contains(said, "cached") {
		t.Errorf("after a run of whose results somebody read the beginning:\n%s", said)
	}
	if said := into(3, "results", "@latest", "each"); said != "" {
		t.Errorf("results says %q", said)
	}
}

// TestNobodyReadsWhatIsSaid: where standard error is closed too, the exit code is the same.
func TestNobodyReadsWhatIsSaid(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", "name: Slow\ntasks: [{id: each, method: python/execute, parameters: {code: 'import time; time.sleep(600)'}}]\n")
	for _, args := range [][]string{{"run", "flow.yaml"}, {"run", "flow.yaml", "-o", "jsonl"}, {"call", "unknown/method"}} {
		reader, writer, err := os.Pipe()
		must(t, err)
		command := exec.Command(programtest.Path(t), args...)
		command.Dir, command.Env, command.Stdout, command.Stderr = u.Work, u.Environment(), writer, writer
		if args[0] == "call" {
			must(t, reader.Close())
		}
		must(t, command.Start())
		must(t, writer.Close())
		if args[0] == "run" {
			_, err = io.CopyN(io.Discard, reader, 4)
			must(t, err)
			must(t, reader.Close())
			must(t, command.Process.Signal(syscall.SIGTERM)) // It has something to say.
		}
		if exited, is := errors.AsType[*exec.ExitError](command.Wait()); !is || exited.ExitCode() != 141 {
			t.Errorf("%v has ended with %v, want 141", args, exited)
		}
	}
}

// TestAKilledRetryIsResumed: the same command resumes the run that it had started, and repeats nothing.
func TestAKilledRetryIsResumed(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", `
name: Broken
tasks:
  - id: each
    method: python/execute
    for_each: [0, 1, 2]
    max_concurrent: 1
    parameters:
      code: |
        import os, time
        with open("ran", "a") as ran:
            ran.write("${item}")
        if ${item} == 2:
            os.stat("mended")
            open("waiting", "w").close()
            while not os.path.exists("go"):
                time.sleep(0.01)
        result = "done"
`)
	_, said := u.Gleitzeit(6, "run", "flow.yaml")
	wantLines(t, "standard error", said, "2 of 3 items, 1 failed", "\n1 item failed: `gleitzeit batch show broken-", " --failed` shows why, `gleitzeit retry broken-", "` does the rest\n")
	_, said = u.Gleitzeit(6, "run", "flow.yaml", "-o", "jsonl")
	wantLines(t, "standard error", said, `{"notice":"items_failed","run":"broken-`)
	must(t, os.Truncate(u.Path("ran"), 3))
	u.File("mended", "")
	p := u.Start("retry", "@latest")
	u.Appears("waiting")
	first := p.RunID()
	p.Kill()
	u.File("go", "")
	text, said := u.Gleitzeit(0, "status", first)
	wantLines(t, "status", text+said, "`gleitzeit retry broken-")
	_, said = u.Gleitzeit(0, "retry", "@latest")
	wantLines(t, "standard error", said, "resumed run "+first+"\n", "3 of 3 items (2 cached)")
	if ran := read(t, u.Path("ran")); ran != "012"+"22" {
		t.Errorf("the items ran as %q", ran)
	}
	document := struct {
		Continues struct {
			Run          string
			Tasks, Items struct {
				TakenOver int `json:"taken_over"`
				Total     int
			}
		}
	}{}
	for _, command := range []string{"status", "results"} { // In both forms.
		text, said = u.Gleitzeit(0, command, first)
		wantLines(t, command, text+said, "continues broken-", ": 2 of 3 items taken over\n")
		text, _ = u.Gleitzeit(0, command, first, "-o", "json")
		must(t, json.Unmarshal([]byte(text), &document))
		if of := document.Continues; !strings.HasPrefix(of.Run, "broken-") || of.Run == first || of.Items.TakenOver != 2 || of.Items.Total != 3 || of.Tasks.Total != 0 {
			t.Errorf("%s shows %+v", command, of)
		}
		text, said = u.Gleitzeit(0, command, document.Continues.Run)
		if strings.Contains(text+said, "continues") {
			t.Errorf("%s of the first run shows\n%s%s", command, text, said)
		}
	}
}
