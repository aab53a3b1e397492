package mcp_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/mcp"
	"github.com/gleitzeit/gleitzeit/internal/programtest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/secretsource"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

var eventually = programtest.Eventually

func TestMain(m *testing.M) { os.Exit(programtest.Main(m)) }

// built is the server of testdata.
var built = sync.OnceValues(func() (string, error) {
	folder, err := programtest.Folder()
	if err != nil {
		return "", err
	}
	program := filepath.Join(folder, "server")
	return program, programtest.Build(program, "./activities/mcp/testdata/server")
})

// bench is a handler with one server, the one of testdata.
type bench struct {
	t       *testing.T
	notes   string
	log     *programtest.Output
	handler *mcp.Handler
}

// described is the server of testdata, with arguments.
func described(t *testing.T, name, notes string, args ...string) protocol.ToolServer {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return protocol.ToolServer{Name: name, Command: program, Args: args, Env: []protocol.Setting{{Name: "NOTES", Value: notes}}}
}

// withServer starts a handler whose settings have these servers.
func withServer(t *testing.T, notes string, servers ...protocol.ToolServer) *bench {
	t.Helper()
	b := &bench{t: t, notes: notes, log: &programtest.Output{}}
	variables := map[string]string{"PATH": os.Getenv("PATH"), "HOME": "/somewhere", "GLEITZEIT_SECRET_PASSWORD": "swordfish", "KEY": "hidden"}
	var err error
	b.handler, err = mcp.New(mcp.Options{
		Servers: servers,
		Log:     slog.New(slog.NewTextHandler(b.log, nil)),
		Env: func(name string) (string, bool) {
			value, is := variables[name]
			return value, is
		},
		Secrets: secretsource.Sources{Dir: notes},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.handler.Close(); err != nil {
			t.Error(err)
		}
		b.wantNoProcesses()
	})
	return b
}

// withTest is withServer with the server of testdata, called "test".
func withTest(t *testing.T, args ...string) *bench {
	t.Helper()
	notes := t.TempDir()
	server := described(t, "test", notes, args...)
	server.Env = append(server.Env, protocol.Setting{Name: "PASSWORD", Value: "${secrets.PASSWORD}"})
	return withServer(t, notes, server)
}

// noted returns the lines of a note.
func (b *bench) noted(name string) []string {
	b.t.Helper()
	text, err := os.ReadFile(filepath.Join(b.notes, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.t.Fatal(err)
	}
	return strings.Fields(string(text))
}

// wantNoProcesses waits until all started processes have ended.
func (b *bench) wantNoProcesses() {
	b.t.Helper()
	for _, line := range b.noted("started") {
		pid, err := strconv.Atoi(line)
		if err != nil {
			b.t.Fatal(err)
		}
		eventually(b.t, "process "+line+" is gone", func() bool { return !alive(pid) })
	}
}

// alive tells whether there is a process that has not ended. One that nobody has waited for yet has.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z")
}

// call calls a method and wants no error.
func (b *bench) call(method, parameters string) value.Value {
	b.t.Helper()
	result, err := b.handler.Handle(b.t.Context(), request(b.t, method, parameters), nil)
	if err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	return result.Value
}

// fails calls a method and wants an error.
func (b *bench) fails(r protocol.Request) *protocol.Error {
	b.t.Helper()
	result, err := b.handler.Handle(b.t.Context(), r, nil)
	if err == nil {
		b.t.Fatalf("%s: no error, but %s", r.Method, result.Value.JSON())
	}
	return protocol.AsError(err, 0)
}

func wantError(t *testing.T, got *protocol.Error, code protocol.Code, kind protocol.ErrorKind, texts ...string) {
	t.Helper()
	if got.Code != code || got.Kind != kind {
		t.Errorf("got %s (%s), not %s (%s): %v", got.Name, got.Kind, code.Info().Name, kind, got)
	}
	for _, text := range texts {
		if !strings.Contains(got.Error(), text) {
			t.Errorf("%q lacks %q", got.Error(), text)
		}
	}
}

func response(v value.Value) string {
	text, _ := v.Get("response")
	return text.Text()
}

// recordProgress returns a progress function that also writes the messages to the notes of the server of testdata.
func recordProgress(t *testing.T, notes string, reported *[]string) protocol.Progress {
	return func(message string) {
		*reported = append(*reported, message)
		if err := os.WriteFile(filepath.Join(notes, "heard"), []byte(strings.Join(*reported, "\n")+"\n"), 0o600); err != nil {
			t.Error(err)
		}
	}
}
