package engine

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/gleitzeit/gleitzeit/internal/home"
)

func TestColdAndWarmStart(t *testing.T) {
	// A path that SQLite would read as a URI.
	h, err := home.Open(filepath.Join(t.TempDir(), "a b?c#d%20e"))
	must(t, err)
	for _, start := range []string{"cold", "warm"} {
		var lines strings.Builder
		began := time.Now()
		e, err := Join(testContext(t), Options{Home: h, Log: slog.New(slog.NewTextHandler(&lines, nil))})
		must(t, err)
		t.Logf("%s start: %v", start, time.Since(began).Round(time.Millisecond))
		if !e.Holder() || e.Err() != nil {
			t.Errorf("%s: holder %t, trouble %v", start, e.Holder(), e.Err())
		}
		b := newBench(t, e)
		close(b.released)
		b.expectDone(t, b.start(t))
		stop(t, e)
		if lines.Len() > 0 {
			t.Errorf("%s: the server logged errors: %s", start, lines.String())
		}
	}
}

func TestNamespace(t *testing.T) {
	e := join(t, testHome(t))
	c, err := e.Client(testContext(t), nil)
	must(t, err)
	defer c.Close()
	namespace, err := c.WorkflowService().DescribeNamespace(testContext(t),
		&workflowservice.DescribeNamespaceRequest{Namespace: "default"})
	must(t, err)
	if kept := namespace.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(); kept != 720*time.Hour {
		t.Errorf("closed runs are kept for %v, want 30 days", kept)
	}
	attributes, err := c.OperatorService().ListSearchAttributes(testContext(t),
		&operatorservice.ListSearchAttributesRequest{Namespace: "default"})
	must(t, err)
	for _, name := range []string{"GleitzeitWorkflow", "GleitzeitStatus"} {
		if got := attributes.GetCustomAttributes()[name]; got != enums.INDEXED_VALUE_TYPE_KEYWORD {
			t.Errorf("search attribute %s is %v, want a keyword", name, got)
		}
	}
}

func TestFileModes(t *testing.T) {
	h := testHome(t)
	join(t, h)
	for _, name := range []string{
		"engine.lock", "engine.db", "engine.db-wal", "engine.db-shm", "engine.json", "engine.crt", "engine.key",
	} {
		info, err := os.Stat(filepath.Join(h.Path, name))
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", name, info.Mode())
		}
	}
	entries, err := os.ReadDir(h.Path)
	must(t, err)
	if len(entries) != 7 {
		t.Errorf("the home holds other files than those: %v", entries)
	}
}

func TestConnectWithoutEngine(t *testing.T) {
	h := testHome(t)
	if _, err := Connect(testContext(t), Options{Home: h}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("Connect: %v, want %v", err, ErrNotRunning)
	}
	if _, err := os.Stat(h.EngineDB()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Connect made a database (%v)", err)
	}
}

func TestConnectToEngine(t *testing.T) {
	h := testHome(t)
	holder, err := Join(testContext(t), Options{Home: h})
	must(t, err)
	e, err := Connect(testContext(t), Options{Home: h})
	must(t, err)
	if e.Holder() {
		t.Error("Connect holds the engine")
	}
	info, err := e.Info()
	must(t, err)
	if info.PID != os.Getpid() || info.ServerVersion != "1.32.1" || !strings.HasPrefix(info.Address, "127.0.0.1:") {
		t.Errorf("engine.json says %+v", info)
	}
	stop(t, holder)
	if _, err := Connect(testContext(t), Options{Home: h}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after the engine stopped, Connect: %v, want %v", err, ErrNotRunning)
	}
}

func TestOverrides(t *testing.T) {
	h := testHome(t)
	e, err := Join(testContext(t), Options{Home: h, Overrides: "limit.historyCount.suggestContinueAsNew:\n  - value: 10\n"})
	must(t, err)
	t.Cleanup(func() { stop(t, e) })
	b := newBench(t, e)
	close(b.released)
	b.expectDone(t, b.start(t))
	run, err := b.client.ExecuteWorkflow(testContext(t), client.StartWorkflowOptions{TaskQueue: benchQueue}, untilSuggested)
	must(t, err)
	var events int
	must(t, run.Get(testContext(t), &events))
	if events < 10 || events > 20 {
		t.Errorf("continue as new is suggested after %d events, want 10 or little more", events)
	}
}

func TestOverridesMustBeKnown(t *testing.T) {
	_, err := Join(testContext(t), Options{Home: testHome(t), Overrides: "history.noSuchSetting:\n  - value: 1\n"})
	if err == nil || !strings.Contains(err.Error(), `unregistered key "history.nosuchsetting"`) {
		t.Errorf("an unknown setting: %v", err)
	}
}
