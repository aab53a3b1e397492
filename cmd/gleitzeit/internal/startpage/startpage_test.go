package startpage

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// recorded are runs that a test knows.
type recorded struct {
	mu     sync.Mutex
	runs   []*view.Run
	asked  atomic.Int64 // How often for the newest.
	failed error
}

func (r *recorded) Newest(_ context.Context, limit int) ([]*view.Run, error) {
	r.asked.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.runs[:min(limit, len(r.runs))], r.failed
}

func (r *recorded) Known(_ context.Context, run string) (*view.Run, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, known := range r.runs {
		if known.Run == run {
			return known, nil
		}
	}
	return nil, protocol.Errorf(protocol.WorkflowNotFound, "there is no run %q here", run).WithHint("`gleitzeit list` shows the runs that exist")
}

func (*recorded) Mark(*view.Run) error { return nil }

func (r *recorded) add(run *view.Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.runs = append([]*view.Run{run}, r.runs...)
}

// servers are servers of models that a test knows.
type servers struct {
	load   []protocol.ServerLoad
	states []protocol.ServerState
	asked  atomic.Int64
}

func (s *servers) Load() []protocol.ServerLoad { return s.load }

func (s *servers) Probe(context.Context) []protocol.ServerState {
	s.asked.Add(1)
	return s.states
}

func openRun(id, name string, tasks ...view.Task) *view.Run {
	return &view.Run{Run: id, Workflow: name, Status: protocol.Running, StartedAt: noon, Outputs: value.Object(), Tasks: tasks}
}

// serve serves the pages of runs until the test ends.
func serve(t *testing.T, runs *recorded, models *servers) (*httptest.Server, *Pages) {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	temporal := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Temporal", r.URL.Path)
	})
	p := newPages(ctx, Options{Runs: runs, Models: models, Store: memory.New(), Facts: []Fact{{Name: "Home", Text: "/home/<b>"}}}, temporal)
	server := httptest.NewUnstartedServer(p)
	server.Config.ReadTimeout = 2 * time.Second // As that of the Web UI, shorter.
	server.Start()
	t.Cleanup(func() {
		end()
		server.Close()
		p.hub.polling.Wait()
	})
	return server, p
}

// answer is what a request got.
type answer struct {
	status int
	header http.Header
}

func get(t *testing.T, address string) (answer, string) {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header}, string(body)
}

func TestStartPage(t *testing.T) {
	ollama := protocol.Server{Provider: "ollama", URL: "http://127.0.0.1:11434", MaxConcurrent: 4}
	models := &servers{
		load:   []protocol.ServerLoad{{Server: ollama, Calls: 3, Limit: 4, Models: []protocol.ModelLoad{{Name: "qwen3", Calls: 3}}, Waiting: 7}, {Server: protocol.Server{Provider: "openai", URL: "http://other"}, Limit: 2}},
		states: []protocol.ServerState{{Server: ollama, Version: "0.30", Loaded: []string{"qwen3:latest"}}, {Server: protocol.Server{Provider: "openai", URL: "http://other"}, Error: protocol.Errorf(protocol.ProviderNotAvailable, "connection refused")}},
	}
	ended := openRun("old 1", "</script><script>alert(1)</script>")
	finished := noon.Add(time.Minute)
	ended.Status, ended.FinishedAt, ended.Duration = protocol.Failed, &finished, 60
	runs := &recorded{runs: []*view.Run{
		openRun("a/b?c#d", "Letters \u202e<b>",
			view.Task{ID: "read", Status: protocol.Completed}, view.Task{ID: "each", Status: protocol.Running, Values: true, Items: &protocol.Counts{Total: 10, Succeeded: 3, Failed: 1}},
			view.Task{ID: "sign", Status: protocol.Running, Approval: &view.Approval{}}, view.Task{ID: "wait", Status: protocol.Running, Reason: "waiting for a slot"}),
		ended,
	}}
	server, _ := serve(t, runs, models)
	got, page := get(t, server.URL)
	for _, want := range []string{
		"2 runs · 1 open", "Letters \\u202e&lt;b&gt;", `href="/runs/a%2Fb%3Fc%23d/report"`, `href="/namespaces/default/workflows/a%2Fb%3Fc%23d"`,
		`value="5" max="13"`, `<span class="small bad">5 of 13, 1 failed</span>`, "each: 4 of 10 items, 1 failed", "sign waits for an answer: gleitzeit approve", "wait: waiting for a slot",
		`<span class="status failed">failed</span>`, "60 s", "&lt;/script&gt;&lt;script&gt;alert(1)", "/home/&lt;b&gt;",
		"qwen3: 3", "3 of 4", ">7<", "qwen3:latest", "0.30", "unavailable", "connection refused",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing in\n%s", want, page[strings.Index(page, "<body>"):])
		}
	}
	if strings.Contains(page, "<script>alert") || strings.Contains(page, "\u202e") {
		t.Error("the page has what a run has, as it is")
	}
	policy := got.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'", "script-src 'sha256-"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy %q does not have %q", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", got.header)
	}
}

// Requests that are not for these pages go to Temporal's.
func TestOtherRequests(t *testing.T) {
	server, _ := serve(t, &recorded{}, &servers{})
	for _, test := range []struct {
		method, path string
		status       int
		temporal     bool
	}{
		{"GET", "/namespaces/default/workflows", 200, true},
		{"GET", "/api/v1/settings", 200, true},
		{"POST", "/", 200, true},
		{"POST", "/runs/a/report", 200, true},
		{"GET", "/favicon.ico", 200, true},
		{"HEAD", "/", 200, false},
		{"GET", "/runs/none/report", 404, false},
		{"GET", "/runs//report", 404, false},
		{"GET", "/runs/%zz/report", 400, false},
		{"GET", "/runs/a", 404, false},
		{"GET", "/runs/..%2f..%2fetc/report", 404, false},
	} {
		request, err := http.NewRequest(test.method, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.URL.Opaque = strings.TrimPrefix(server.URL, "http:") + test.path
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err := errors.Join(err, response.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != test.status || (response.Header.Get("X-Temporal") != "") != test.temporal {
			t.Errorf("%s %s: %d, %v", test.method, test.path, response.StatusCode, response.Header)
		}
		if test.status == 404 && !strings.Contains(string(body), "<h1>Not Found</h1>") {
			t.Errorf("%s: %s", test.path, body)
		}
	}
}

func TestReportOverHTTP(t *testing.T) {
	server, p := serve(t, &recorded{runs: []*view.Run{openRun("a b/c", "Letters")}}, &servers{})
	got, page := get(t, server.URL+reportPath("a b/c"))
	if got.status != 200 || !strings.Contains(page, "<h1 dir=\"auto\">Letters</h1>") || !strings.Contains(page, `<a href="/">Gleitzeit</a>`) || !strings.HasSuffix(page, "</html>\n") {
		t.Errorf("%d\n%s", got.status, page)
	}
	if policy := got.header.Get("Content-Security-Policy"); strings.Contains(policy, "connect-src") || !strings.Contains(policy, "default-src 'none'") {
		t.Error(policy)
	}
	for range maxReports {
		p.reports <- struct{}{}
	}
	ctx, gone := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer gone()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+reportPath("a b/c"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if response, err := http.DefaultClient.Do(request); err == nil {
		response.Body.Close()
		t.Error("more reports are made at once than may be")
	}
}

// listen opens the events, and returns the parts of each state.
func listen(t *testing.T, server *httptest.Server) (next func() map[string]string, gone func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+livePath, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); response.Body.Close() })
	if response.StatusCode != 200 || response.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %v", response.StatusCode, response.Header)
	}
	lines := bufio.NewReader(response.Body)
	return func() map[string]string {
		t.Helper()
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if data, is := strings.CutPrefix(line, "data: "); is {
				parts := map[string]string{}
				if err := json.Unmarshal([]byte(data), &parts); err != nil {
					t.Fatal(err)
				}
				return parts
			}
		}
	}, cancel
}

// All pages that are open share one look at the runs, and see what changes, also beyond the time that a request may take to be read.
func TestLive(t *testing.T) {
	runs := &recorded{runs: []*view.Run{openRun("one", "One")}}
	server, p := serve(t, runs, &servers{})
	var all []func() map[string]string
	for range 5 {
		next, _ := listen(t, server)
		all = append(all, next)
	}
	for _, next := range all {
		if first := next(); !strings.Contains(first["runs"], "One") {
			t.Errorf("%v", first)
		}
	}
	began := time.Now()
	for time.Since(began) < server.Config.ReadTimeout+500*time.Millisecond { // The state changes each second: the run has a duration.
		all[0]()
	}
	runs.add(openRun("two", "Second run"))
	for _, next := range all {
		for !strings.Contains(next()["runs"], "Second run") {
		}
	}
	took := time.Since(began)
	if asked := runs.asked.Load(); asked > int64(took/shortest)+3 {
		t.Errorf("the runs were read %d times in %s for 5 pages", asked, took)
	}
	p.hub.mu.Lock()
	defer p.hub.mu.Unlock()
	if len(p.hub.listeners) != 5 {
		t.Errorf("%d listeners", len(p.hub.listeners))
	}
}

// Nothing is left of a client that is gone, and nobody reads anything for it.
func TestClientsThatGo(t *testing.T) {
	runs := &recorded{runs: []*view.Run{openRun("one", "One")}}
	server, p := serve(t, runs, &servers{})
	get(t, server.URL)
	http.DefaultClient.CloseIdleConnections()
	before := runtime.NumGoroutine()
	for range 3 {
		var goes []func()
		for range 10 {
			next, gone := listen(t, server)
			next()
			goes = append(goes, gone)
		}
		for _, gone := range goes {
			gone()
		}
	}
	until := time.Now().Add(10 * time.Second)
	left := func() int {
		p.hub.mu.Lock()
		defer p.hub.mu.Unlock()
		return len(p.hub.listeners)
	}
	for left() > 0 || runtime.NumGoroutine() > before+2 {
		if time.Now().After(until) {
			t.Fatalf("%d listeners and %d goroutines are left, before there were %d", left(), runtime.NumGoroutine(), before)
		}
		http.DefaultClient.CloseIdleConnections()
		runtime.Gosched()
	}
	p.hub.polling.Wait()
	p.hub.mu.Lock()
	defer p.hub.mu.Unlock()
	if p.hub.stop != nil {
		t.Error("the runs are still read")
	}
}

func TestTooManyListeners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		runs := &recorded{}
		h := newHub(ctx, &collector{options: Options{Runs: runs, Models: &servers{}}})
		var leaves []func()
		for range maxListeners {
			_, leave, ok := h.join()
			if !ok {
				t.Fatal("a page may not listen")
			}
			leaves = append(leaves, leave)
		}
		if _, _, ok := h.join(); ok {
			t.Error("there is no limit")
		}
		leaves[0]()
		if _, _, ok := h.join(); !ok {
			t.Error("nobody may take the place of a page that is gone")
		}
		// One that does not read gets the newest state, and holds up nobody.
		time.Sleep(30 * shortest)
		if asked := runs.asked.Load(); asked < 29 || asked > 32 {
			t.Errorf("the runs were read %d times in 30 s", asked)
		}
		end()
		h.polling.Wait()
		if _, _, ok := h.join(); ok {
			t.Error("a page may listen to a server that has ended")
		}
	})
}

// Servers of models are asked from time to time, not whenever the runs are read.
func TestServersAreAskedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		models := &servers{}
		models.load = []protocol.ServerLoad{{Limit: 1}}
		c := &collector{options: Options{Runs: &recorded{}, Models: models}}
		for range 60 {
			c.collect(t.Context())
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if asked := models.asked.Load(); asked != 4 {
			t.Errorf("they were asked %d times in a minute", asked)
		}
	})
}

// A page says that the runs cannot be read; one that was shown before keeps its state.
func TestRunsThatCannotBeRead(t *testing.T) {
	runs := &recorded{failed: errors.New("disk full")}
	server, _ := serve(t, runs, &servers{})
	if got, page := get(t, server.URL); got.status != 503 || !strings.Contains(page, "cannot be read now") || strings.Contains(page, "disk full") {
		t.Errorf("%d %s", got.status, page)
	}
}
