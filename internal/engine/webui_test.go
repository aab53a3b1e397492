package engine

import (
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/webui"
)

// The Web UI speaks to the engine of the home, and goes on with the next one where the engine changes hands and moves.
func TestWebUIFollowsTheEngine(t *testing.T) {
	h := testHome(t)
	other := startProcess(t, h.Path)
	if !other.holds() {
		t.Fatal("the first process does not hold the engine")
	}
	watcher, err := Connect(testContext(t), Options{Home: h})
	must(t, err)
	b := newBench(t, watcher)
	run := b.start(t)
	<-b.reached

	began := time.Now()
	ui, err := webui.Start(testContext(t), webui.Options{Home: h, Engine: func() (string, error) {
		info, err := watcher.Info()
		return info.Address, err
	}})
	must(t, err)
	t.Logf("ready after %v", time.Since(began).Round(time.Microsecond))
	t.Cleanup(func() {
		if err := ui.Stop(testContext(t)); err != nil {
			t.Error(err)
		}
	})
	jar, err := cookiejar.New(nil)
	must(t, err)
	browser := &http.Client{Jar: jar, Transport: &http.Transport{}, Timeout: 10 * time.Second}
	t.Cleanup(browser.CloseIdleConnections)
	shows := func(address, text string) bool {
		answer, err := browser.Get(address)
		must(t, err)
		defer answer.Body.Close()
		said, err := io.ReadAll(answer.Body)
		must(t, err)
		return answer.StatusCode == http.StatusOK && strings.Contains(string(said), text)
	}
	if !shows(ui.URL(), `<div id="svelte">`) {
		t.Fatal("the link does not show the UI")
	}
	api := "http://" + ui.Address() + "/api/v1/namespaces/" + Namespace
	history := api + "/workflows/" + run.GetID() + "/history"
	if !shows(history, "EVENT_TYPE_ACTIVITY_TASK_COMPLETED") {
		t.Fatal("the API does not show the run's history")
	}

	before, err := watcher.Info()
	must(t, err)
	other.kill()
	taken, err := net.Listen("tcp", before.Address)
	must(t, err)
	defer taken.Close()
	next, err := Join(testContext(t), Options{Home: h})
	must(t, err)
	t.Cleanup(func() { stop(t, next) })
	after, err := watcher.Info()
	must(t, err)
	if after.Address == before.Address {
		t.Fatalf("the engine did not move from %s", before.Address)
	}
	moved := time.Now()
	eventually(t, "the UI to find the engine where it is now", func() bool { return shows(history, "EVENT_TYPE_ACTIVITY_TASK_COMPLETED") })
	t.Logf("found again after %v", time.Since(moved).Round(time.Millisecond))
	close(b.released)
	b.expectDone(t, run)
}
