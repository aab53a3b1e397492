package stories_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
)

// TestResumeOfABatch: `batch resume` does what failed in a batch, in a run of its own that takes over the rest, while its server runs and
// afterwards; also if the batch has ended and its request file is deleted. So does `retry`. The batch stays as it is.
func TestResumeOfABatch(t *testing.T) {
	t.Parallel()
	models, err := url.Parse(ollamatest.Start(t))
	must(t, err)
	var broken atomic.Bool
	var calls atomic.Int64
	proxy := httputil.NewSingleHostReverseProxy(models)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/chat/completions") {
			if calls.Add(1); broken.Load() {
				http.Error(w, `{"error":{"message":"model not found"}}`, http.StatusNotFound)
				return
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	u := withOllama(t, server.URL)
	s := u.serveAPI()
	requests := func(from, to int) (text string) {
		for i := from; i < to; i++ {
			text += chatLine(fmt.Sprintf("request-%d", i), hello)
		}
		return text
	}
	broken.Store(true)
	input := s.upload(requests(0, 3))
	b := s.ends(s.create(input, `,"completion_window":"24h"`).ID)
	if b.Status != "completed" || b.Counts.Failed != 3 {
		t.Fatalf("the batch is %+v", b)
	}
	broken.Store(false)
	_, said := u.Gleitzeit(0, "batch", "resume", b.ID, "--ordered", "--output", "again.jsonl")
	if output := read(t, u.Path("again.jsonl")); strings.Count(output, "Hello from the scripted model.") != 3 {
		t.Errorf("the output is\n%s\n%s", output, said)
	}
	if now := s.batch(b.ID); now.Status != "completed" || now.Counts != b.Counts || now.Error != b.Error || now.Output != b.Output {
		t.Errorf("the batch is %+v", now)
	}
	if shown, _ := u.Gleitzeit(0, "status", b.ID); !strings.Contains(shown, "continues an earlier execution of this run: 0 of 3 items taken over") {
		t.Errorf("the status is\n%s", shown)
	}
	made := calls.Load()
	u.Gleitzeit(0, "batch", "resume", b.ID, "--ordered", "--output", "more.jsonl")
	if now := calls.Load(); now != made || read(t, u.Path("more.jsonl")) != read(t, u.Path("again.jsonl")) {
		t.Errorf("what has completed is not taken over: %d more calls", now-made)
	}
	broken.Store(true)
	other := s.ends(s.create(input, `,"completion_window":"24h"`).ID)
	broken.Store(false)
	u.Gleitzeit(0, "retry", other.ID)
	if now := s.batch(other.ID); other.Counts.Failed != 3 || now.Status != "completed" || now.Counts != other.Counts || now.Error != other.Error || now.Output != other.Output {
		t.Errorf("after a retry the batch is %+v", now)
	}
	if exported, _ := u.Gleitzeit(0, "batch", "export", other.ID); strings.Count(exported, "Hello from the scripted model.") != 3 {
		t.Errorf("the results of the retry are\n%s", exported)
	}
	s.Kill()
	u.Gleitzeit(0, "batch", "resume", b.ID, "--output", "alone.jsonl")
	s = u.serveAPI()
	if now := s.batch(b.ID); now.Counts != b.Counts {
		t.Errorf("the batch of the next server is %+v", now)
	}
	if status, text, err := s.ask(http.MethodDelete, "/files/"+input, "", nil, nil); err != nil || status != http.StatusOK {
		t.Fatalf("%v %d %s", err, status, text)
	}
	_, said = u.Gleitzeit(2, "batch", "resume", b.ID)
	wantLines(t, "standard error", said, "cannot resume run \""+b.ID+"\": its request file ", "is no longer there", "upload the requests again")
	if shown, _ := u.Gleitzeit(0, "batch", "show", b.ID); !strings.Contains(shown, "completed  ") || !strings.Contains(shown, "3 of 3 items") {
		t.Errorf("the results are\n%s", shown)
	}
}
