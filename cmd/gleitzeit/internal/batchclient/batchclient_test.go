package batchclient

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// faulty is a Batch API with faults that a real one has now and then. What it does otherwise, the stories test with a real one.
type faulty struct {
	*httptest.Server
	t       *testing.T
	results string

	mu       sync.Mutex
	uploads  int
	creates  int
	batches  []batch
	ranges   []string
	requests map[string]int // By method and path.
	broken   func(w http.ResponseWriter, r *http.Request, times int) bool
}

// cut closes the connection without a response.
func cut(http.ResponseWriter) { panic(http.ErrAbortHandler) }

func newFaulty(t *testing.T, broken func(w http.ResponseWriter, r *http.Request, times int) bool) *faulty {
	t.Helper()
	f := &faulty{t: t, results: strings.Repeat(`{"custom_id":"a"}`+"\n", 1000), requests: map[string]int{}, broken: broken}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// ServeHTTP implements http.Handler.
func (f *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	what := r.Method + " " + r.URL.Path
	f.requests[what]++
	if f.broken(w, r, f.requests[what]) {
		return
	}
	f.answer(w, r)
}

func (f *faulty) answer(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "POST /v1/files":
		file, _, err := r.FormFile("file")
		if err != nil || r.FormValue("purpose") != "batch" {
			f.t.Errorf("%v, purpose %q", err, r.FormValue("purpose"))
			return
		}
		_ = file.Close()
		f.uploads++
		fmt.Fprintf(w, `{"id":"file-%d","created_at":%d}`, f.uploads, time.Now().Unix())
	case "POST /v1/batches":
		var b batch
		if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
			f.t.Error(err)
		}
		f.creates++
		b.ID, b.Status, b.OutputFile, b.CreatedAt, b.Counts = fmt.Sprintf("batch_%d", f.creates), "completed", "file-output", time.Now().Unix(), counts{1, 1, 0}
		f.batches = append(f.batches, b)
		_ = json.NewEncoder(w).Encode(b)
	case "GET /v1/batches":
		_ = json.NewEncoder(w).Encode(map[string][]batch{"data": f.batches})
	case "GET /v1/files/file-output/content":
		f.ranges = append(f.ranges, r.Header.Get("Range"))
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(f.results))
	default:
		for _, b := range f.batches {
			if r.URL.Path == "/v1/batches/"+b.ID {
				_ = json.NewEncoder(w).Encode(b)
				return
			}
		}
		http.Error(w, `{"error":{"message":"No batch found"}}`, http.StatusNotFound)
	}
}

// user is somebody with a home and a request file, whose pauses are short.
type user struct {
	home    *home.Home
	options Options
	said    bytes.Buffer
	printed bytes.Buffer
}

func newUser(t *testing.T, server string) *user {
	t.Helper()
	h, err := home.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "requests.jsonl")
	if err := os.WriteFile(file, []byte(`{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m"}}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return &user{home: h, options: Options{Server: server, Requests: file, Window: "24h"}}
}

func (u *user) run(t *testing.T) (*Result, error) {
	t.Helper()
	base, err := parseServer(u.options.Server)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(base, "key", keyVariable, func(text string) { fmt.Fprintln(&u.said, text) })
	c.first, c.longest, c.patience = time.Millisecond, 2*time.Millisecond, time.Second
	return (&command{Options: u.options, client: c, home: u.home, out: &u.printed}).run(t.Context())
}

func TestFaultsOfServers(t *testing.T) {
	t.Parallel()
	whole := newFaulty(t, nil).results
	for name, test := range map[string]struct {
		broken  func(w http.ResponseWriter, r *http.Request, times int) bool
		uploads int // 1 if 0.
	}{
		"an upload is turned away": {broken: func(w http.ResponseWriter, r *http.Request, times int) bool {
			if r.URL.Path == "/v1/files" && times < 3 {
				http.Error(w, "busy", http.StatusTooManyRequests)
				return true
			}
			return false
		}},
		"statuses are lost": {broken: func(w http.ResponseWriter, r *http.Request, times int) bool {
			if r.URL.Path != "/v1/batches/batch_1" {
				return false
			}
			switch times {
			case 1:
				http.Error(w, "no", http.StatusBadGateway)
			case 2:
				cut(w)
			}
			return times < 3
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFaulty(t, test.broken)
			u := newUser(t, f.URL)
			got, err := u.run(t)
			if err != nil || got.Status != "completed" || u.printed.String() != whole || f.uploads != 1 || len(f.batches) != 1 {
				t.Errorf("%v %+v, %d bytes, %d uploads, %d batches\n%s", err, got, u.printed.Len(), f.uploads, len(f.batches), &u.said)
			}
		})
	}
}

// The response to the creation of a batch is lost: before the server has done it, and afterwards. It exists once.
func TestCreationWithoutAResponse(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]bool{"before": false, "after": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var f *faulty
			f = newFaulty(t, func(_ http.ResponseWriter, r *http.Request, times int) bool {
				if r.Method != http.MethodPost || r.URL.Path != "/v1/batches" || times > 1 {
					return false
				}
				if after {
					f.answer(httptest.NewRecorder(), r)
				}
				cut(nil)
				return true
			})
			u := newUser(t, f.URL)
			got, err := u.run(t)
			if err != nil || got.Batch != "batch_1" || len(f.batches) != 1 || f.uploads != 1 {
				t.Errorf("%v %+v, %d batches of %d uploads\n%s", err, got, len(f.batches), f.uploads, &u.said)
			}
		})
	}
}

// An upload of which nobody knows whether the server has it is not repeated by itself.
func TestUploadWithoutAResponse(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, func(_ http.ResponseWriter, r *http.Request, times int) bool {
		if r.URL.Path == "/v1/files" && times == 1 {
			cut(nil)
		}
		return false
	})
	u := newUser(t, f.URL)
	if _, err := u.run(t); protocol.AsError(err, protocol.InternalError).Code != protocol.ProviderNotAvailable || f.uploads != 0 || f.requests["POST /v1/files"] != 1 {
		t.Errorf("%v, %d uploads of %d", err, f.uploads, f.requests["POST /v1/files"])
	}
	if got, err := u.run(t); err != nil || got.Status != "completed" {
		t.Errorf("the same command: %v %+v", err, got)
	}
}

// A download that is cut off continues where it was, also from a server without ranges.
func TestDownloadThatIsCutOff(t *testing.T) {
	t.Parallel()
	for name, ranges := range map[string]bool{"ranges": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var f *faulty
			f = newFaulty(t, func(w http.ResponseWriter, r *http.Request, times int) bool {
				if r.URL.Path != "/v1/files/file-output/content" {
					return false
				}
				if times < 3 {
					w.Header().Set("Content-Length", strconv.Itoa(len(f.results)))
					if from := r.Header.Get("Range"); ranges && from != "" {
						w.Header().Set("Content-Length", strconv.Itoa(len(f.results)-5000))
						w.WriteHeader(http.StatusPartialContent)
						_, _ = w.Write([]byte(f.results[5000:7000]))
					} else {
						_, _ = w.Write([]byte(f.results[:times*5000]))
					}
					_ = http.NewResponseController(w).Flush()
					cut(w)
				}
				if !ranges {
					r.Header.Del("Range")
				}
				return false
			})
			u := newUser(t, f.URL)
			u.options.Output = filepath.Join(t.TempDir(), "answers.jsonl")
			u.options.Errors = u.options.Output + ".errors"
			got, err := u.run(t)
			text, _ := os.ReadFile(u.options.Output)
			if err != nil || got.Status != "completed" || string(text) != f.results {
				t.Errorf("%v %+v, %d bytes of %d\n%s", err, got, len(text), len(f.results), &u.said)
			}
			if ranges && (len(f.ranges) != 1 || f.ranges[0] != "bytes=7000-") {
				t.Errorf("the ranges are %q", f.ranges)
			}
		})
	}
}

// A file that is not downloaded replaces nothing.
func TestDownloadThatFails(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.URL.Path == "/v1/files/file-output/content" {
			http.Error(w, `{"error":{"message":"gone"}}`, http.StatusNotFound)
			return true
		}
		return false
	})
	u := newUser(t, f.URL)
	folder := t.TempDir()
	u.options.Output, u.options.Errors = filepath.Join(folder, "answers.jsonl"), filepath.Join(folder, "errors.jsonl")
	if err := os.WriteFile(u.options.Output, []byte("earlier\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := u.run(t)
	text, _ := os.ReadFile(u.options.Output)
	if err == nil || !strings.Contains(err.Error(), "404 gone") || string(text) != "earlier\n" || !strings.Contains(u.said.String(), "batch batch_1 stays on the server") {
		t.Errorf("%v, %q\n%s", err, text, &u.said)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) > 2 {
		t.Errorf("%v %v", entries, err)
	}
}

func TestServers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"http://127.0.0.1:8235/v1":   "http://127.0.0.1:8235/v1",
		"HTTPS://Example.com/":       "https://example.com/v1",
		"http://h:1/openai/v1/":      "http://h:1/openai/v1",
		"127.0.0.1:8235":             "",
		"ftp://h/v1":                 "",
		"http://user:password@h/v1":  "",
		"http://h/v1?api_key=secret": "",
		"http://":                    "",
	} {
		got, err := parseServer(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q (%v), want %q", text, got, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "password@") {
			t.Errorf("the error repeats the password: %v", err)
		}
	}
}

// The key of a server goes to it whatever the path, and nowhere else.
func TestSameServer(t *testing.T) {
	t.Parallel()
	for other, want := range map[string]bool{
		"http://127.0.0.1:8235/v1": true, "HTTP://127.0.0.1:8235/api": true, "http://127.0.0.1:8235": true, "https://127.0.0.1:8235/v1": false, "http://127.0.0.1:8236/v1": false,
		"http://127.0.0.1:8235.example.com/v1": false, "http://localhost:8235/v1": false, "%": false,
	} {
		if got := sameServer("http://127.0.0.1:8235/v1", other); got != want {
			t.Errorf("%s: %t", other, got)
		}
	}
}

// What a server says of the key and of the URL is what is wrong.
func TestDeniedAndUnknown(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status    int
		body      string
		key       string
		says, how string
	}{
		"a wrong key":      {401, `{"error":{"message":"no"}}`, "key", "denies access: 401 no", "the key in OPENAI_API_KEY is not one of that server"},
		"no key":           {401, `{"error":{"message":"no"}}`, "", "denies access: 401 no", "set OPENAI_API_KEY to its key"},
		"another path":     {404, `{"error":{"message":"Unknown request URL","code":"unknown_url"}}`, "key", "there is no Batch API at ", "--server must be the base URL of a Batch API"},
		"another program":  {404, "404 page not found", "key", "there is no Batch API at ", "--server must be the base URL of a Batch API"},
		"a batch or file":  {404, `{"error":{"message":"No such File"}}`, "key", "refuses it: 404 No such File", ""},
		"an invalid value": {400, `{"error":{"message":"Invalid"}}`, "key", "refuses it: 400 Invalid", ""},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(test.status)
			_, _ = w.Write([]byte(test.body))
		}))
		t.Cleanup(server.Close)
		c := newClient(server.URL, test.key, keyVariable, func(string) {})
		err := protocol.AsError(c.failed("read it", c.get(t.Context(), "/batches/batch_1", &batch{})), protocol.InternalError)
		if !strings.Contains(err.Message, test.says) || !strings.HasPrefix(err.Hint, test.how) {
			t.Errorf("%s: %s; %s", name, err.Message, err.Hint)
		}
	}
}

// A batch that the server refuses leaves nothing: neither its file there, nor the record here.
func TestRefusedBatch(t *testing.T) {
	t.Parallel()
	deleted := false
	f := newFaulty(t, func(w http.ResponseWriter, r *http.Request, _ int) bool {
		switch r.Method + " " + r.URL.Path {
		case "POST /v1/batches":
			http.Error(w, `{"error":{"message":"Invalid value: '7d'"}}`, http.StatusBadRequest)
			return true
		case "DELETE /v1/files/file-1":
			deleted = true
			_, _ = w.Write([]byte("{}"))
			return true
		}
		return false
	})
	u := newUser(t, f.URL)
	_, err := u.run(t)
	if err == nil || !strings.Contains(err.Error(), "400 Invalid value: '7d'") || !deleted || strings.Contains(u.said.String(), "stays on the server") {
		t.Errorf("%v, deleted: %t\n%s", err, deleted, &u.said)
	}
	if left, err := os.ReadDir(u.home.SentBatches()); err != nil || len(left) > 0 {
		t.Errorf("%v are left (%v)", left, err)
	}
}

// What is said of a batch that does not exist, and of files that have nothing.
func TestWhatIsSaid(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, func(http.ResponseWriter, *http.Request, int) bool { return false })
	f.batches = []batch{
		{ID: "batch_answers", Status: "completed", OutputFile: "file-output", Counts: counts{1, 1, 0}}, {ID: "batch_errors", Status: "expired", ErrorFile: "file-output", Counts: counts{1, 0, 1}},
	}
	for id, want := range map[string][3]bool{"batch_answers": {true, false, false}, "batch_errors": {false, true, false}, "batch_nope": {false, false, false}} {
		u := newUser(t, f.URL)
		u.options.Requests, u.options.Batch, u.options.Output = "", id, filepath.Join(t.TempDir(), "answers.jsonl")
		u.options.Errors = u.options.Output + ".errors"
		_, err := u.run(t)
		said := u.said.String()
		got := [3]bool{
			strings.Contains(said, "wrote the results to "), strings.Contains(said, "wrote the requests without an answer to "), strings.Contains(said, "stays on the server"),
		}
		if got != want || (err != nil) != (id == "batch_nope") || id == "batch_errors" && !strings.Contains(said, "no request has an answer: ") {
			t.Errorf("%s: %v\n%s", id, err, said)
		}
	}
}
