package stories_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// ask sends a request with the token, and headers, names and values; into may be nil. An error is one of the connection.
func (s *apiServer) ask(method, path, kind string, body io.Reader, into any, headers ...string) (status int, text string, err error) {
	request, err := http.NewRequestWithContext(context.Background(), method, s.url+path, body)
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	request.Header.Set("Content-Type", kind)
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	data, err := io.ReadAll(response.Body)
	if closing := response.Body.Close(); err == nil {
		err = closing
	}
	if err == nil && into != nil && response.StatusCode == http.StatusOK {
		programtest.JSON(s.T, string(data), into)
	}
	return response.StatusCode, string(data), err
}

// upload uploads a file of requests, and returns its id.
func (s *apiServer) upload(requests string) string {
	s.T.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	must(s.T, form.WriteField("purpose", "batch"))
	part, err := form.CreateFormFile("file", "requests.jsonl")
	must(s.T, err)
	_, err = io.WriteString(part, requests)
	must(s.T, err)
	must(s.T, form.Close())
	var file struct{ ID string }
	status, text, err := s.ask(http.MethodPost, "/files", form.FormDataContentType(), &body, &file)
	if err != nil || status != http.StatusOK {
		s.T.Fatalf("%v %d %s", err, status, text)
	}
	return file.ID
}

// create creates a batch of a file.
func (s *apiServer) create(input, more string) (b apiBatch) {
	s.T.Helper()
	status, text, err := s.ask(http.MethodPost, "/batches", "application/json",
		strings.NewReader(fmt.Sprintf(`{"input_file_id":%q,"endpoint":"/v1/chat/completions"%s}`, input, more)), &b)
	if err != nil || status != http.StatusOK {
		s.T.Fatalf("%v %d %s", err, status, text)
	}
	return b
}

// batch returns a batch as it is now.
func (s *apiServer) batch(id string) (b apiBatch) {
	s.T.Helper()
	status, text, err := s.ask(http.MethodGet, "/batches/"+id, "", nil, &b)
	if err != nil || status != http.StatusOK {
		s.T.Fatalf("%v %d %s", err, status, text)
	}
	return b
}

// ends waits until a batch has ended.
func (s *apiServer) ends(id string) (b apiBatch) {
	s.T.Helper()
	for done := -1; ; {
		// As long as it continues, it may take any time.
		eventually(s.T, "the batch continues", func() bool {
			b = s.batch(id)
			return b.Counts.Completed+b.Counts.Failed > done || isEnd(b.Status)
		})
		if isEnd(b.Status) {
			return b
		}
		done = b.Counts.Completed + b.Counts.Failed
	}
}

func isEnd(status string) bool {
	return status == "completed" || status == "failed" || status == "cancelled" || status == "expired"
}

// TestKillsOfABatchAPI: a server that is killed at random moments of a batch, and started again each time, ends it: each request is in one of
// the files, once. GLEITZEIT_TEST_REQUESTS=2000 and GLEITZEIT_TEST_KILLS=10 are more of both.
func TestKillsOfABatchAPI(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	total, kills := programtest.Number(t, "GLEITZEIT_TEST_REQUESTS", 100), programtest.Number(t, "GLEITZEIT_TEST_KILLS", 4)
	var requests strings.Builder
	for i := range total {
		body := hello
		if i%(total/10) == 5 {
			body = `{"model":"llama3.2","messages":[]}`
		}
		requests.WriteString(chatLine(fmt.Sprintf("request-%d", i), body))
	}
	s := u.serveAPI()
	input := s.upload(requests.String())
	b := s.create(input, `,"completion_window":"24h"`)
	for kill := range kills {
		// The first one comes at once: while the requests are validated, or the run starts.
		until, wanted := time.Now().Add(time.Duration(rand.IntN(1+kill*2000))*time.Millisecond), rand.IntN(1+kill*total/kills)
		eventually(t, "the moment of a kill", func() bool {
			now := s.batch(b.ID)
			return time.Now().After(until) && now.Counts.Completed >= min(wanted, total/2) || isEnd(now.Status)
		})
		now := s.batch(b.ID)
		t.Logf("killed when it is %s with %+v", now.Status, now.Counts)
		s.Kill()
		s = u.serveAPI()
	}
	b = s.ends(b.ID)
	if b.Status != "completed" || b.Counts.Total != total || b.Counts.Completed != total-10 || b.Counts.Failed != 10 {
		t.Fatalf("the batch is %+v", b)
	}
	for file, id := range map[string]string{"output.jsonl": b.Output, "errors.jsonl": b.Error} {
		status, text, err := s.ask(http.MethodGet, "/files/"+id+"/content", "", nil, nil)
		if err != nil || status != http.StatusOK {
			t.Fatalf("%v %d", err, status)
		}
		u.File(file, text)
	}
	verifyResults(t, u, total)
	var files struct {
		Data []struct{ ID string }
	}
	if _, _, err := s.ask(http.MethodGet, "/files", "", nil, &files); err != nil || len(files.Data) != 3 {
		t.Errorf("the files are %+v (%v)", files, err)
	}
	listed, _ := u.Gleitzeit(0, "list", "-o", "json")
	if strings.Count(listed, `"run": "`+b.ID) != 1 {
		t.Errorf("the runs are\n%s", listed)
	}
	if left, err := os.ReadDir(filepath.Join(u.Home, "batch-api", "uploads")); err != nil || len(left) > 0 {
		t.Errorf("%v are left (%v)", left, err)
	}
	if claims, err := filepath.Glob(filepath.Join(u.Home, "runs", "*.json")); err != nil || len(claims) > 0 {
		t.Errorf("the claims %q stay", claims)
	}
}

// TestBatchAPIGuard: without the token, from a web page, and with a wrong Host, nobody gets anything, and other users of the machine cannot
// read the token.
func TestBatchAPIGuard(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	s := u.serveAPI()
	for name, c := range map[string]struct {
		status          int
		token, host     string
		header, content string
	}{
		"the token":           {200, s.token, "", "", ""},
		"no token":            {401, "", "", "", ""},
		"another token":       {401, s.token[:len(s.token)-1] + "x", "", "", ""},
		"a page":              {403, s.token, "", "Origin", "http://127.0.0.1:3000"},
		"a page of nobody":    {403, s.token, "", "Origin", "null"},
		"a page of a site":    {403, s.token, "", "Sec-Fetch-Site", "cross-site"},
		"a name of this host": {421, s.token, "evil.example", "", ""},
	} {
		for _, path := range []string{"/files", "/batches", "/models", "/files/file-1/content", "/nothing"} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
			must(t, err)
			if c.token != "" {
				request.Header.Set("Authorization", "Bearer "+c.token)
			}
			if c.header != "" {
				request.Header.Set(c.header, c.content)
			}
			request.Host = c.host
			response, err := http.DefaultClient.Do(request)
			must(t, err)
			text, err := io.ReadAll(response.Body)
			must(t, err)
			must(t, response.Body.Close())
			want := c.status
			if want == 200 && (path == "/nothing" || strings.HasPrefix(path, "/files/")) {
				want = 404
			}
			if want == 200 && path == "/models" {
				want = 503 // No server of models runs here.
			}
			if response.StatusCode != want || want != 200 && !strings.HasPrefix(string(text), `{"error":{"message":"`) || response.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s, %s: %d %s", name, path, response.StatusCode, text)
			}
		}
	}
	if mode := fileMode(t, filepath.Join(u.Home, "api.token")); mode != 0o600 {
		t.Errorf("the file of the token has the mode %v", mode)
	}
	for _, folder := range []string{"content", "files", "batches", "uploads"} {
		if info, err := os.Stat(filepath.Join(u.Home, "batch-api", folder)); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s has the mode %v (%v)", folder, info.Mode(), err)
		}
	}
	if strings.Contains(s.Stdout.String()+s.Stderr.String(), s.token) {
		t.Error("the server prints the token")
	}
	other := u.Start("server", "--batch-api", "--no-ui")
	if other.Wait() == 0 || !strings.Contains(other.Stderr.String(), "a server is already running") {
		t.Errorf("a second server says %s", other.Stderr)
	}
}

// TestStopDuringAnOnlineCall: a call that a server of models does not answer ends with an error when the server stops.
func TestStopDuringAnOnlineCall(t *testing.T) {
	t.Parallel()
	models, err := url.Parse(ollamatest.Start(t))
	must(t, err)
	proxy, called, over := httputil.NewSingleHostReverseProxy(models), make(chan struct{}, 10), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/chat/completions") {
			called <- struct{}{}
			select {
			case <-r.Context().Done():
			case <-over:
			}
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(over) })
	u := withOllama(t, server.URL)
	s := u.serveAPI()
	go func() {
		<-called
		s.Signal(syscall.SIGTERM)
	}()
	status, text, err := s.ask(http.MethodPost, "/chat/completions", "application/json", strings.NewReader(hello), nil)
	if err != nil || status != http.StatusServiceUnavailable || !strings.Contains(text, `{"error":{"message":"The server is being stopped. Try again later."`) {
		t.Errorf("%v %d %s", err, status, text)
	}
	began := time.Now()
	s.Exits(0)
	t.Logf("stopped after %s", time.Since(began))
}
