package stories_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// serves starts a server that is ready.
func (u *user) serves(args ...string) *process {
	u.T.Helper()
	p := u.Start(append([]string{"server", "--ui-port", "0"}, args...)...)
	p.Prints("Ctrl-C stops it")
	return p
}

// works starts a worker that is ready.
func (u *user) works(args ...string) *process {
	u.T.Helper()
	p := u.Start(append([]string{"worker"}, args...)...)
	p.Says("worker ready: queue ")
	return p
}

// sum is a flow of one tool and one script.
const sum = `
name: Sum
inputs: {a: {type: integer, default: 2}}
tasks:
  - {id: add, method: mcp/tool.add, parameters: {a: "${inputs.a}", b: 3}}
  - {id: twice, method: python/execute, parameters: {code: "result = 2 * ${add.result}"}}
`

func TestServer(t *testing.T) {
	t.Parallel()
	u := newSleeper(t)
	u.File("sum.yaml", sum)
	_, said := u.Gleitzeit(7, "submit", "sum.yaml")
	if want := "gleitzeit: no server runs in " + u.Home + "\n  `gleitzeit server` in another terminal starts one, and `gleitzeit run FILE` needs none; TEMPORAL_ADDRESS or --address names a Temporal server elsewhere\n"; said != want {
		t.Errorf("without an engine submit says %s", said)
	}
	server := u.Start("server", "--ui-port", "0", "-o", "json")
	server.Prints("}\n")
	var page struct {
		Engine, Namespace, UI, Home, Store, Queue *string
		BatchAPI                                  *string `json:"batch_api"`
		PID                                       *int
	}
	must(t, programtest.StrictJSON(server.Stdout.String(), &page))
	if strings.Count(server.Stdout.String(), "\n") != 1 || page.BatchAPI != nil || *page.Home != u.Home || *page.Namespace != "default" || *page.Queue != "gleitzeit" ||
		*page.PID != server.Command.Process.Pid || !strings.HasPrefix(*page.UI, "http://127.0.0.1:") || !strings.HasPrefix(*page.Store, "sqlite:") {
		t.Errorf("the server says %s", server.Stdout)
	}
	_, said = u.Gleitzeit(1, "server")
	wantLines(t, "a second server", said, fmt.Sprintf("gleitzeit: a server is already running for %s: process %d, with its engine at %s\n", u.Home, *page.PID, *page.Engine))

	t.Run("submit and watch", func(t *testing.T) {
		id, said := u.Gleitzeit(0, "submit", "sum.yaml", "--input", "a=4")
		if said != "" {
			t.Errorf("submit says %s", said)
		}
		stdout, said := u.Gleitzeit(0, "watch", strings.TrimSpace(id))
		if stdout != "twice: 14\n" {
			t.Errorf("watch prints %q", stdout)
		}
		wantLines(t, "watch", said, "✓ add  mcp/tool.add  completed  ", strings.TrimSpace(id)+" completed in ")
		shown, _ := u.Gleitzeit(0, "workflow", "submit", "sum.yaml", "-o", "json")
		var submitted struct{ Run, Workflow *string }
		must(t, programtest.StrictJSON(shown, &submitted))
		document, _ := u.Gleitzeit(0, "watch", "@latest", "-o", "json")
		run, err := parseRun(document)
		must(t, err)
		if *run.Run != *submitted.Run || *submitted.Workflow != "Sum" || *run.Status != "completed" {
			t.Errorf("submit prints %s, watch %s", shown, document)
		}
	})
	t.Run("wait", func(t *testing.T) {
		stdout, said := u.Gleitzeit(0, "submit", "sum.yaml", "--wait")
		wantLines(t, "submit --wait", said, "run sum-", "✓ add  ")
		if stdout != "twice: 10\n" {
			t.Errorf("it prints %q", stdout)
		}
		u.File("bad.yaml", "name: Bad\ntasks: [{id: only, method: python/execute, parameters: {code: 1 / 0}}]\n")
		_, said = u.Gleitzeit(5, "submit", "bad.yaml", "--wait=60")
		wantLines(t, "submit --wait", said, "✗ only  ")
		u.Gleitzeit(2, "submit", "sum.yaml", "--wait=never")
	})
	t.Run("what is open", func(t *testing.T) {
		u.File("flow.yaml", "id: nightly\n"+sleeper)
		_, said := u.Gleitzeit(124, "submit", "flow.yaml", "--wait=500ms")
		wantLines(t, "submit", said, "gleitzeit: run nightly has not ended within the time given by --wait\n  it is still running: `gleitzeit watch nightly`")
		u.asleep()
		_, said = u.Gleitzeit(1, "submit", "flow.yaml")
		if said != "gleitzeit: run nightly is still open\n  `gleitzeit status nightly` shows it, `gleitzeit cancel nightly` cancels it\n" {
			t.Errorf("a second run of the id says %s", said)
		}
		watch := u.Start("watch", "nightly")
		watch.Says("✓ quick  ")
		watch.Signal(syscall.SIGINT)
		watch.Exits(130)
		wantLines(t, "watch", watch.Stderr.String(), "stopped watching; run nightly is still running: `gleitzeit watch nightly` follows it, `gleitzeit cancel nightly` cancels it\n")
		watch = u.Start("watch", "nightly")
		u.File("go", "")
		watch.Exits(0)
		if watch.Stdout.String() != "after: after\n" {
			t.Errorf("watch prints %q", watch.Stdout)
		}
	})
	t.Run("cancel", func(t *testing.T) {
		u.File("flow.yaml", strings.ReplaceAll(sleeper, `"go"`, `"never"`))
		id, _ := u.Gleitzeit(0, "submit", "flow.yaml")
		run := strings.TrimSpace(id)
		watch := u.Start("watch", run)
		watch.Says("✓ quick  ")
		stdout, _ := u.Gleitzeit(0, "cancel", run)
		if stdout != run+" cancelled\n" {
			t.Errorf("cancel says %q", stdout)
		}
		watch.Exits(130)
	})
	t.Run("system status", func(t *testing.T) {
		shown, _ := u.Gleitzeit(0, "status", "-o", "json")
		var system struct {
			Engine    struct{ Status, Address string }
			Workers   []struct{ Identity string }
			Store     struct{ OK bool }
			Providers []struct{ OK bool }
			Runs      map[string]int
		}
		programtest.JSON(t, shown, &system)
		if system.Engine.Status != "running" || system.Engine.Address != *page.Engine || len(system.Workers) != 1 || !system.Store.OK ||
			len(system.Providers) < 2 || system.Runs["completed"] != 4 || system.Runs["failed"] != 1 || system.Runs["cancelled"] != 1 {
			t.Errorf("status shows %s", shown)
		}
	})
	server.Signal(syscall.SIGTERM)
	server.Exits(0)
	shown, said := u.Gleitzeit(7, "status")
	wantLines(t, "status of what has stopped", shown+said, "engine        stopped\n", "no server runs in "+u.Home+", which is no error")
	if exists(u.Home + "/server.json") {
		t.Error("a server that has stopped still says where it is")
	}
}

// TestQueueWithoutWorkers: a run that was submitted to a queue without workers waits, is listed, and then runs.
func TestQueueWithoutWorkers(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("sum.yaml", sum)
	u.serves("--no-ui", "--queue", "another")
	id, said := u.Gleitzeit(0, "submit", "sum.yaml")
	run := strings.TrimSpace(id)
	wantLines(t, "submit", said, "run "+run+" is waiting for a worker on queue \"gleitzeit\": start `gleitzeit server` or `gleitzeit worker`\n")
	eventually(t, "list shows the run that waits", func() bool {
		listed, _ := u.Gleitzeit(0, "list")
		return strings.Contains(listed, run+"  Sum       running")
	})
	second, _ := u.Gleitzeit(0, "submit", "sum.yaml")
	if listed, _ := u.Gleitzeit(0, "list", "--limit", "1", "-o", "jsonl"); strings.Count(listed, "\n") != 1 {
		t.Errorf("list --limit 1 prints\n%s", listed)
	}
	document, said := u.Gleitzeit(0, "cancel", "-o", "json", strings.TrimSpace(second))
	wantLines(t, "cancel", document, `"status": "running"`)
	wantLines(t, "cancel", said, "requested; no worker serves its queue \"gleitzeit\": the run ends when one does\n")
	watch := u.Start("watch", run)
	u.works()
	watch.Exits(0)
	if watch.Stdout.String() != "twice: 10\n" {
		t.Errorf("its result is %q", watch.Stdout)
	}
	u.Gleitzeit(130, "watch", strings.TrimSpace(second))
}

// TestDrain: a worker that is stopped waits for its task and starts no other.
func TestDrain(t *testing.T) {
	t.Parallel()
	u := newSleeper(t)
	waiting := u.Start("worker")
	waiting.Says("no server runs in " + u.Home + "; waiting for one: `gleitzeit server` starts it\n")
	u.serves("--no-ui", "--queue", "another")
	waiting.Says("worker ready: queue gleitzeit at 127.0.0.1:")
	id, _ := u.Gleitzeit(0, "submit", "flow.yaml")
	u.asleep()
	waiting.Signal(syscall.SIGTERM)
	waiting.Says("stopping: no new tasks, and those in flight have 30s to end; press Ctrl-C again to quit immediately\n")
	u.File("go", "")
	waiting.Exits(0)
	shown, _ := u.Gleitzeit(0, "status", strings.TrimSpace(id), "-o", "json")
	run, err := parseRun(shown)
	must(t, err)
	if got := strings.Join(run.statuses(), ", "); got != "quick completed, sleeper completed, after pending" {
		t.Errorf("after the drain: %s", got)
	}
	u.works("--slots", "1")
	stdout, _ := u.Gleitzeit(0, "watch", strings.TrimSpace(id))
	if stdout != "after: after\n" {
		t.Errorf("the result of another worker is %q", stdout)
	}

	t.Run("a second signal leaves at once", func(t *testing.T) {
		must(t, removeAll(u.Path("go"), u.Path("pids")))
		one := u.works("--queue", "one")
		u.Gleitzeit(0, "submit", "flow.yaml", "--queue", "one")
		pids := u.asleep()
		one.Signal(syscall.SIGINT)
		one.Says("press Ctrl-C again to quit immediately")
		one.Signal(syscall.SIGINT)
		one.Exits(130)
		wantGone(t, pids)
	})
	t.Run("tasks that do not end in time are ended", func(t *testing.T) {
		must(t, removeAll(u.Path("go"), u.Path("pids")))
		one := u.works("--queue", "short", "--drain", "300ms")
		u.Gleitzeit(0, "submit", "flow.yaml", "--queue", "short")
		pids := u.asleep()
		one.Signal(syscall.SIGTERM)
		one.Says("stopping: no new tasks, and those in flight have 300ms to end")
		one.Exits(0)
		wantGone(t, pids)
	})
}
