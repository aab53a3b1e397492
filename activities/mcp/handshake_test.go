package mcp_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

var builtLegacy = sync.OnceValues(func() (string, error) {
	folder, err := programtest.Folder()
	if err != nil {
		return "", err
	}
	program := filepath.Join(folder, "legacy")
	return program, programtest.Build(program, "./activities/mcp/testdata/legacy")
})

// withLegacy starts a handler with the server of testdata that knows only initialize, called "old".
func withLegacy(t *testing.T, args ...string) *bench {
	t.Helper()
	program, err := builtLegacy()
	if err != nil {
		t.Fatal(err)
	}
	notes := t.TempDir()
	return withServer(t, notes, protocol.ToolServer{Name: "old", Command: program, Args: args, Timeout: 10, Env: []protocol.Setting{
		{Name: "NOTES", Value: notes}, {Name: "PASSWORD", Value: "${secrets.PASSWORD}"},
	}})
}

// legacyHTTP is withLegacy over HTTP.
func legacyHTTP(t *testing.T, args ...string) *bench {
	t.Helper()
	program, err := builtLegacy()
	if err != nil {
		t.Fatal(err)
	}
	notes := t.TempDir()
	process := exec.Command(program, append([]string{"-http", "127.0.0.1:0"}, args...)...)
	process.Env = append(os.Environ(), "NOTES="+notes, "PASSWORD=swordfish")
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := process.Process.Kill(); err == nil {
			_ = process.Wait() // It was killed.
		}
	})
	var address string
	eventually(t, "the server listens", func() bool {
		text, _ := os.ReadFile(filepath.Join(notes, "address"))
		address = strings.TrimSpace(string(text))
		return strings.HasSuffix(string(text), "\n")
	})
	// The process is not one of the handler's.
	if err := os.Remove(filepath.Join(notes, "started")); err != nil {
		t.Fatal(err)
	}
	return withServer(t, notes, protocol.ToolServer{Name: "old", URL: address, Timeout: 10, Headers: []protocol.Setting{{Name: "X-Password", Value: "${secrets.PASSWORD}"}}})
}

// sends calls the tool that sends a text, in which $ID stands for the id of the request.
func sends(t *testing.T, text string) protocol.Request {
	t.Helper()
	return patient(request(t, "mcp/old.tool.send", `{"text":`+string(value.String(text).JSON())+`}`))
}

// patient returns a request with a timeout beyond that of its server, which is short.
func patient(r protocol.Request) protocol.Request {
	r.Timeout = 2 * time.Minute
	return r
}

const fine = `{"jsonrpc":"2.0","id":$ID,"result":{"content":[{"type":"text","text":"fine"}]}}`

func (b *bench) wantFine() {
	b.t.Helper()
	b.wantResponse(sends(b.t, fine), "fine")
}

func (b *bench) wantResponse(r protocol.Request, want string) {
	b.t.Helper()
	result, err := b.handler.Handle(b.t.Context(), r, nil)
	if err != nil {
		b.t.Fatalf("%s: %v", r.Parameters.JSON(), err)
	}
	if got := response(result.Value); got != want {
		b.t.Errorf("%s: got %q", r.Parameters.JSON(), got)
	}
}

// TestServersThatKnowOnlyInitialize: whatever a server does with server/discover, it gets initialize, and alone where it does
// not answer, or where no session begins after its error. What it understands is remembered.
func TestServersThatKnowOnlyInitialize(t *testing.T) {
	for _, test := range []struct {
		first     string
		processes int
	}{{"exit", 2}, {"exit0", 2}, {"silent", 2}, {"null-id", 2}, {"text", 2}, {"error", 1}, {"empty", 1},
		{"error-exit", 2}, {"error-close", 2}, {"error-silent", 2}, {"error-stuck", 2}, {"error-error", 2}} {
		t.Run(test.first, func(t *testing.T) {
			t.Parallel()
			b := withLegacy(t, "-first", test.first)
			b.wantFine()
			pids := b.noted("started")
			if len(pids) != test.processes {
				t.Errorf("%d processes were started", len(pids))
			}
			received := slices.DeleteFunc(b.noted("received"), func(method string) bool { return method == "notifications/cancelled" })
			if strings.HasPrefix(test.first, "error-") && len(received) == 6 {
				received = slices.Compact(received) // The first process may have got initialize, too.
			}
			if n := len(received); received[0] != "server/discover" || received[n-4] != "initialize" || test.processes == 2 && n != 5 {
				t.Errorf("the server received %v", received)
			}
			pid, err := strconv.Atoi(pids[len(pids)-1])
			if err != nil {
				t.Fatal(err)
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the server is gone", func() bool { return syscall.Kill(pid, 0) != nil })
			before := len(b.noted("received"))
			b.wantFine()
			if again := b.noted("started"); len(again) != len(pids)+1 {
				t.Errorf("%d processes were started", len(again)-len(pids))
			}
			if again := b.noted("received")[before:]; again[0] != "initialize" {
				t.Errorf("the second time the server received %v", again)
			}
		})
	}
}

// TestAddressesThatKnowOnlyInitialize is the same over HTTP.
func TestAddressesThatKnowOnlyInitialize(t *testing.T) {
	for _, first := range []string{"silent", "null-id", "text", "error", "empty", "error-silent", "error-error"} {
		for _, form := range []string{"-events=false", "-events=true"} {
			t.Run(first+form, func(t *testing.T) {
				t.Parallel()
				legacyHTTP(t, "-first", first, form).wantFine()
			})
		}
	}
}

// TestASlowStart: a server that has not read the message yet is not started again.
func TestASlowStart(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("only Linux counts the bytes that a program has not read")
	}
	b := withLegacy(t, "-late", "-first", "silent")
	ended := make(chan error, 1)
	go func() {
		_, err := b.handler.Handle(t.Context(), sends(t, fine), nil)
		ended <- err
	}()
	eventually(t, "the time limit of the answer has passed", func() bool {
		return strings.Contains(b.log.String(), "still starting") || len(b.noted("started")) > 1
	})
	if started := b.noted("started"); len(started) != 1 && runtime.GOOS == "linux" {
		t.Errorf("%d processes were started", len(started))
	}
	programtest.Write(t, filepath.Join(b.notes, "go"), "")
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestTheReasonOfAFailedStart: it comes first, and how a program exited is said only of one that exited by itself.
func TestTheReasonOfAFailedStart(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want []string
		not  string
	}{
		"not a server": {[]string{"-usage"}, []string{
			`the MCP server "old" did not start: its program exited (exit status 0); on standard output, which is for messages only, it printed:`,
			"\n  usage: legacy COMMAND\n", "the password is [secrets.PASSWORD]",
		}, "swordfish"},
		"an unknown revision": {[]string{"-version", "2027-01-01"}, []string{`the MCP server "old" did not start: unsupported protocol version: "2027-01-01"`}, "exited"},
		"a banner":            {[]string{"-version", "2027-01-01", "-print", "Legacy 1.0\n"}, []string{"unsupported protocol version", "it printed:\n  Legacy 1.0"}, "exited"},
	} {
		t.Run(name, func(t *testing.T) {
			b := withLegacy(t, test.args...)
			got := b.fails(sends(t, fine))
			wantError(t, got, protocol.ProviderNotAvailable, protocol.Transient, test.want...)
			if strings.Contains(got.Error(), test.not) {
				t.Errorf("%q has %q", got.Error(), test.not)
			}
		})
	}
}

// whileAnotherWaits runs f while another call is in flight, which must not be harmed.
func (b *bench) whileAnotherWaits(f func()) {
	b.t.Helper()
	ended := make(chan error, 1)
	go func() {
		_, err := b.handler.Handle(context.WithoutCancel(b.t.Context()), patient(request(b.t, "mcp/old.tool.wait", `{}`)), nil)
		ended <- err
	}()
	eventually(b.t, "the call has arrived", func() bool { return strings.Contains(strings.Join(b.noted("received"), " "), "waiting") })
	f()
	b.call("mcp/old.tool.release", `{}`)
	if err := <-ended; err != nil {
		b.t.Errorf("the other call: %v", err)
	}
}
