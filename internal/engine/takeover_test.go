package engine

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

func TestTakeOver(t *testing.T) {
	for _, end := range []struct {
		name string
		of   func(*process)
	}{
		{"killed", (*process).kill},
		{"exited", (*process).exit},
	} {
		t.Run(end.name, func(t *testing.T) {
			h := testHome(t)
			other := startProcess(t, h.Path)
			if !other.holds() {
				t.Fatal("the first process does not hold the engine")
			}
			e := join(t, h)
			if e.Holder() {
				t.Fatal("two processes hold the engine")
			}
			before, err := e.Info()
			must(t, err)
			b := newBench(t, e)
			run := b.start(t)
			<-b.reached
			end.of(other)
			gone := time.Now()
			eventually(t, "the engine to be taken over", e.Holder)
			t.Logf("taken over after %v", time.Since(gone).Round(time.Millisecond))
			close(b.released)
			b.expectDone(t, run)
			t.Logf("the workflow ended after %v", time.Since(gone).Round(time.Millisecond))
			after, err := e.Info()
			must(t, err)
			if after.Address != before.Address {
				t.Errorf("the engine moved from %s to %s although its port was free", before.Address, after.Address)
			}
		})
	}
}

// A client comes about although the process that had the engine ends between the look at it and the connection.
func TestClientOfAnEngineThatChangesHands(t *testing.T) {
	h := testHome(t)
	other := startProcess(t, h.Path)
	if !other.holds() {
		t.Fatal("the first process does not hold the engine")
	}
	joined := join(t, h)
	looker, err := Connect(t.Context(), Options{Home: h})
	must(t, err)
	other.kill()
	client, err := joined.Client(t.Context(), nil)
	must(t, err)
	client.Close()
	eventually(t, "the engine to be taken over", joined.Holder)
	must(t, joined.Stop(t.Context()))
	if _, err := looker.Client(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "it does not answer") {
		t.Errorf("without an engine that anybody could take over: %v", err)
	}
}

func TestConcurrentColdStart(t *testing.T) {
	h := testHome(t)
	processes := make([]*process, 4)
	for i := range processes {
		processes[i] = startProcess(t, h.Path)
	}
	holders := 0
	for _, p := range processes {
		if p.holds() {
			holders++
		}
	}
	if holders != 1 {
		t.Errorf("%d processes hold the engine, want one", holders)
	}
}

// Where another program took the engine's port in the meantime, the engine moves, and clients find it.
func TestPortTaken(t *testing.T) {
	h := testHome(t)
	other := startProcess(t, h.Path)
	if !other.holds() {
		t.Fatal("the first process does not hold the engine")
	}
	watcher, err := Connect(testContext(t), Options{Home: h})
	must(t, err)
	before, err := watcher.Info()
	must(t, err)
	b := newBench(t, watcher)
	run := b.start(t)
	<-b.reached
	other.kill()
	taken, err := net.Listen("tcp", before.Address)
	must(t, err)
	defer taken.Close()

	var lines strings.Builder
	next, err := Join(testContext(t), Options{Home: h, Log: slog.New(slog.NewTextHandler(&lines, nil)), LogLevel: slog.LevelWarn})
	must(t, err)
	t.Cleanup(func() { stop(t, next) })
	after, err := watcher.Info()
	must(t, err)
	want := fmt.Sprintf(`msg="the engine's last port is in use; using another" taken=%d port=%d`, portOf(before.Address), portOf(after.Address))
	if !strings.Contains(lines.String(), want) {
		t.Errorf("the log does not say %s:\n%s", want, lines.String())
	}
	began := time.Now()
	close(b.released)
	b.expectDone(t, run)
	t.Logf("the workflow ended after %v", time.Since(began).Round(time.Millisecond))
}

// A port that is lost between choosing and using it fails the start, not the process, and the next start works.
func TestPortLostWhileStarting(t *testing.T) {
	h := testHome(t)
	e := open(Options{Home: h})
	own, err := ensureIdentity(h)
	must(t, err)
	must(t, e.prepareDatabase(testContext(t)))
	ports, err := freePorts(len(services), 0)
	must(t, err)
	taken, err := net.Listen("tcp", at(ports[2]))
	must(t, err)
	defer taken.Close()
	_, err = e.startAt(ports, own)
	want := fmt.Sprintf("Failed to start gRPC listener: listen tcp 127.0.0.1:%d: bind: address already in use", ports[2])
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v,\nwant %s", err, want)
	}
	if !join(t, h).Holder() {
		t.Error("the engine does not run")
	}
}

// An error that keeps a process from taking over is reported, retried, and cleared once it is gone.
func TestTakeOverFailsAtFirst(t *testing.T) {
	h := testHome(t)
	other := startProcess(t, h.Path)
	if !other.holds() {
		t.Fatal("the first process does not hold the engine")
	}
	e := join(t, h)
	must(t, os.Rename(h.EngineDB(), h.EngineDB()+".aside"))
	must(t, os.Mkdir(h.EngineDB(), 0o700))
	other.kill()
	eventually(t, "the trouble to be shown", func() bool { return e.Err() != nil })
	want := fmt.Sprintf("cannot write the engine's database %q (make the file and its folder writable, "+
		"or set GLEITZEIT_HOME or --home to a folder that you can write)", h.EngineDB())
	if e.Err().Error() != want {
		t.Errorf("trouble %q,\n   want %q", e.Err(), want)
	}
	must(t, os.Remove(h.EngineDB()))
	must(t, os.Rename(h.EngineDB()+".aside", h.EngineDB()))
	eventually(t, "the engine to be taken over", e.Holder)
	if e.Err() != nil {
		t.Errorf("after the take-over there is still trouble: %v", e.Err())
	}
}
