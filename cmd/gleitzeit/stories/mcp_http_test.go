package stories_test

import (
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// mcpHTTP is a `gleitzeit mcp serve --http`.
type mcpHTTP struct {
	*process
	URL   string `json:"url"`
	File  string `json:"token_file"`
	token string
}

func (u *user) mcpHTTP(args ...string) *mcpHTTP {
	u.T.Helper()
	s := &mcpHTTP{process: u.StartIn(u.Work, []string{"GLEITZEIT_LOG_LEVEL=debug"}, append([]string{"mcp", "serve", "--http", "0", "-o", "json"}, args...)...)}
	eventually(u.T, "the server says where it is", func() bool {
		if !s.Running() {
			u.T.Fatalf("the server ended:\n%s", s.Stderr)
		}
		return strings.Contains(s.Stdout.String(), "\n")
	})
	programtest.JSON(u.T, s.Stdout.String(), s)
	s.token = strings.TrimSpace(read(u.T, s.File))
	return s
}

func (s *mcpHTTP) client(header map[string]string) map[string]any {
	return map[string]any{"url": s.URL, "headers": header}
}

func TestMCPOverHTTP(t *testing.T) {
	t.Parallel()
	u := newSleeper(t)
	u.File("flows/party.yaml", party)
	s := u.mcpHTTP("--workflows", "flows", "--workflows", ".")
	if mode := fileMode(t, s.File); mode != 0o600 || len(s.token) < 43 {
		t.Errorf("the token's file has mode %v, and %d characters", mode, len(s.token))
	}
	bearer := map[string]string{"Authorization": "Bearer " + s.token}
	c := connectMCP(t, s.client(bearer))
	if tools := c.tools(); tools["tea_party"].Name == "" || tools["sleeper"].Name == "" {
		t.Errorf("the tools are %v", tools)
	}
	result := c.call("tea_party", map[string]any{"guests": 3})
	if got, want := result.Content[0].Text, `{"cups":6,"said":{"kind":"green","names":0,"big":1152921504606846977}}`; got != want {
		t.Errorf("its result is %s, want %s", got, want)
	}
	run := c.call("submit_workflow", map[string]any{"file": "party.yaml", "inputs": map[string]any{"guests": 5}}).run(t).Run
	// Another client sees the same runs.
	other := connectMCP(t, s.client(bearer))
	if got := other.call("follow_run", map[string]any{"run": run}).run(t); got.Status != "completed" {
		t.Errorf("the other client sees %+v", got)
	}
	told := 0
	for _, one := range c.lines() {
		if one.Progress != nil {
			told++
		}
	}
	if told == 0 {
		t.Error("there was no progress")
	}

	call := c.begin("sleeper", nil)
	pids := u.asleep()
	c.act("cancel", map[string]any{"of": call})
	c.answer(call)
	s.Says("no call waits for it any more")
	wantGone(t, pids)

	const how, wrong = "the Authorization header must be: Bearer TOKEN", "the token in the Authorization header is wrong"
	for header, want := range map[string]string{"": how, "Bearer " + s.token[1:] + "x": wrong, s.token: how} {
		var headers map[string]string
		if header != "" {
			headers = map[string]string{"Authorization": header}
		}
		refused := startMCP(t, s.client(headers))
		refused.Exits(1)
		if said := refused.Stdout.String(); !strings.Contains(said, want) {
			t.Errorf("with %q the client says %s", header, said)
		}
	}
	for status, header := range map[int]map[string]string{
		http.StatusForbidden:          {"Origin": "http://evil.example"},
		http.StatusMisdirectedRequest: {"Host": "evil.example"},
		http.StatusOK:                 nil,
	} {
		if got := s.initialize(t, header); got != status {
			t.Errorf("with %v the status is %d, want %d", header, got, status)
		}
	}
	s.Signal(syscall.SIGTERM)
	s.Exits(0)
	if said := s.Stderr.String() + s.Stdout.String(); strings.Contains(said, s.token) {
		t.Error("the token is in what the server says")
	}
}

// initialize begins a session with the token and returns the status.
func (s *mcpHTTP) initialize(t *testing.T, header map[string]string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, strings.NewReader(
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`))
	must(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	request.Header.Set("Authorization", "Bearer "+s.token)
	for name, value := range header {
		request.Header.Set(name, value)
	}
	if host := header["Host"]; host != "" {
		request.Host = host
	}
	answer, err := http.DefaultClient.Do(request)
	must(t, err)
	_, err = io.Copy(io.Discard, answer.Body)
	must(t, err)
	must(t, answer.Body.Close())
	return answer.StatusCode
}

// A server that stops leaves its runs open, and cancels none.
func TestMCPOverHTTPLeavesRunsOpen(t *testing.T) {
	t.Parallel()
	u := newSleeper(t)
	s := u.mcpHTTP("--workflows", ".")
	c := connectMCP(t, s.client(map[string]string{"Authorization": "Bearer " + s.token}))
	c.begin("sleeper", nil)
	u.asleep()
	run := between(s.Stderr.String(), "\nrun ", "\n")
	if run == "" {
		run = between(s.Stderr.String(), "run ", "\n")
	}
	s.Signal(syscall.SIGTERM)
	s.Exits(0)
	u.File("go", "")
	server := u.Start("server", "--no-ui")
	server.Says("took over run " + run)
	server.Says("run " + run + " has ended")
}
