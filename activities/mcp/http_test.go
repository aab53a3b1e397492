package mcp_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// served is the server of testdata over streamable HTTP.
type served struct {
	t       *testing.T
	notes   string
	address string // Host and port, the same after a restart.
	process *exec.Cmd
}

func serveHTTP(t *testing.T, token string, variables ...string) *served {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	s := &served{t: t, notes: t.TempDir(), address: "127.0.0.1:0"}
	s.start(program, token, variables...)
	t.Cleanup(s.kill)
	return s
}

func (s *served) start(program, token string, variables ...string) {
	s.t.Helper()
	s.process = exec.Command(program, "-http", s.address)
	s.process.Env = append(os.Environ(), "NOTES="+s.notes, "TOKEN="+token)
	s.process.Env = append(s.process.Env, variables...)
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	started := func() string {
		text, err := os.ReadFile(filepath.Join(s.notes, "address"))
		if err != nil {
			return ""
		}
		s.address = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(string(text)), "http://"), "/mcp")
		return s.address
	}
	eventually(s.t, "the server listens", func() bool { return started() != "" })
	if err := os.Remove(filepath.Join(s.notes, "address")); err != nil {
		s.t.Fatal(err)
	}
}

func (s *served) kill() {
	if err := s.process.Process.Kill(); err == nil {
		_ = s.process.Wait() // It was killed.
	}
}

// with is a handler whose server "test" is this one.
func (s *served) with(path string, headers ...protocol.Setting) *bench {
	b := withServer(s.t, s.t.TempDir(), protocol.ToolServer{Name: "test", URL: "http://" + s.address + path, Headers: headers})
	return b
}

func overHTTP(t *testing.T) *bench { return serveHTTP(t, "").with("/mcp") }

func TestStreamableHTTP(t *testing.T) {
	s := serveHTTP(t, "swordfish")
	b := s.with("/mcp", protocol.Setting{Name: "Authorization", Value: "Bearer ${secrets.PASSWORD}"})
	if got := response(b.call("mcp/test.tool.strict", `{"n": 1}`)); got != `{"n":1}` {
		t.Error(got)
	}
	var reported []string
	if _, err := b.handler.Handle(t.Context(), request(t, "mcp/test.tool.steps", `{}`), recordProgress(t, s.notes, &reported)); err != nil || len(reported) != 3 {
		t.Errorf("%q, %v", reported, err)
	}
	late := request(t, "mcp/test.tool.wait", `{}`)
	late.Timeout = 500 * time.Millisecond
	wantError(t, b.fails(late), protocol.TaskTimeout, protocol.TaskFault)
	eventually(t, "the server hears of it", func() bool {
		text, err := os.ReadFile(filepath.Join(s.notes, "calls"))
		return err == nil && strings.Contains(string(text), "cancelled")
	})

	wantError(t, s.with("/mcp").fails(request(t, "mcp/test.tools/list", `{}`)), protocol.ConfigurationError, protocol.Permanent, "401", "headers")
	got := s.with("/elsewhere", protocol.Setting{Name: "Authorization", Value: "Bearer ${secrets.PASSWORD}"}).fails(request(t, "mcp/test.tools/list", `{}`))
	wantError(t, got, protocol.ConfigurationError, protocol.Permanent, "redirects to another address (307")
}

// TestARestartedHTTPServer knows the session no more, and nothing is the worse for it.
func TestARestartedHTTPServer(t *testing.T) {
	s := serveHTTP(t, "")
	b := s.with("/mcp")
	b.call("mcp/test.tool.strict", `{"n": 1}`)
	s.kill()
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	s.start(program, "")
	b.call("mcp/test.tool.strict", `{"n": 2}`)
}

// TestForgottenSessions: a server that does not know a session any more has not done the call, whatever it answers.
func TestForgottenSessions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ status, body string }{
		"specification":   {"404", ""},
		"Python SDK":      {"404", `{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"Session not found"}}`},
		"TypeScript SDK":  {"404", `{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}`},
		"its samples":     {"400", `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Bad Request: No valid session ID provided"}}`},
		"with the id":     {"400", `{"jsonrpc":"2.0","id":ID,"error":{"code":-32000,"message":"Bad Request: No valid session ID provided"}}`},
		"without an id":   {"400", `{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: Server not initialized"}}`},
		"text":            {"400", "Invalid or missing session ID\n"},
		"another message": {"400", `{"error":"unknown session"}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := serveHTTP(t, "", "FORGET="+test.status, "FORGET_BODY="+test.body)
			b := s.with("/mcp")
			for range 3 {
				b.call("mcp/test.tool.shell", `{"command": "x"}`) // Not idempotent.
			}
			if notes := (&bench{t: t, notes: s.notes}).noted("forgotten"); fmt.Sprint(notes) != "[tools/call tools/call]" && fmt.Sprint(notes) != "[tools/call DELETE tools/call DELETE]" {
				t.Errorf("the server forgot %q", notes)
			}
		})
	}
}

// TestWordsOfAServer: the error has what a server says with a status.
func TestWordsOfAServer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status, body string
		code         protocol.Code
		kind         protocol.ErrorKind
		want         string
	}{
		"rejected": {"400", `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Bad Request: the tool is for admins"}}`,
			protocol.TaskExecutionFailed, protocol.TaskFault, "rejected the request: 400 Bad Request: Bad Request: the tool is for admins"},
		"an answer": {"400", `{"jsonrpc":"2.0","id":ID,"error":{"code":-32602,"message":"no such city"}}`,
			protocol.InvalidParams, protocol.Permanent, "rejected the parameters: no such city"},
		"text":      {"422", "too\n many   words", protocol.TaskExecutionFailed, protocol.TaskFault, "rejected the request: 422 Unprocessable Entity: too many words"},
		"a failure": {"500", `{"detail":"out of memory"}`, protocol.ProviderNotAvailable, protocol.TaskFault, "500 Internal Server Error: out of memory"},
		"a page":    {"500", "<html>x</html>", protocol.ProviderNotAvailable, protocol.TaskFault, "500 Internal Server Error"},
		"forbidden": {"403", `{"error":"insufficient_scope","error_description":"needs the scope tools"}`,
			protocol.ConfigurationError, protocol.Permanent, "requires authentication: 403 Forbidden: needs the scope tools"},
		"overloaded": {"429", `{"error":{"message":"100 calls a day"}}`, protocol.ProviderOverloaded, protocol.Transient, "is overloaded: 429 Too Many Requests: 100 calls a day"},
	} {
		t.Run(name, func(t *testing.T) {
			b := serveHTTP(t, "", "FORGET="+test.status, "FORGET_BODY="+test.body).with("/mcp")
			b.call("mcp/test.tool.shell", `{}`)
			wantError(t, b.fails(request(t, "mcp/test.tool.shell", `{}`)), test.code, test.kind, test.want)
		})
	}
}

// TestADeadHTTPServer fails a call soon, and within its timeout.
func TestADeadHTTPServer(t *testing.T) {
	const soon = 10 * time.Second
	timed := func(b *bench, r protocol.Request) *protocol.Error {
		t.Helper()
		began := time.Now()
		got := b.fails(r)
		if took := time.Since(began); took > soon {
			t.Errorf("it took %s", took)
		}
		return got
	}
	s := serveHTTP(t, "")
	b := s.with("/mcp")
	b.call("mcp/test.tool.strict", `{"n": 1}`)

	// In mid-call.
	ended := make(chan *protocol.Error, 1)
	go func() {
		_, err := b.handler.Handle(t.Context(), request(t, "mcp/test.tool.wait", `{}`), nil)
		ended <- protocol.AsError(err, 0)
	}()
	eventually(t, "the call has arrived", func() bool {
		text, err := os.ReadFile(filepath.Join(s.notes, "calls"))
		return err == nil && strings.Contains(string(text), "wait")
	})
	s.kill()
	began := time.Now()
	wantError(t, <-ended, protocol.ProviderNotAvailable, protocol.TaskFault, "was lost during the call", "the tool may have completed its work")
	if took := time.Since(began); took > soon {
		t.Errorf("it took %s", took)
	}

	// Before one.
	wantError(t, timed(b, request(t, "mcp/test.tool.strict", `{"n": 1}`)), protocol.ProviderNotAvailable, protocol.Transient, "cannot be reached", "refused")

	// One that takes connections and never answers.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	mute := withServer(t, t.TempDir(), protocol.ToolServer{Name: "mute", URL: "http://" + listener.Addr().String() + "/mcp"})
	r := request(t, "mcp/mute.tool.x", `{}`)
	r.Timeout = time.Second
	wantError(t, timed(mute, r), protocol.TaskTimeout, protocol.TaskFault)
}
