package engine

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/gleitzeit/gleitzeit/internal/home"
)

// What the engine keeps for itself grows neither with the runs of a process nor with the processes of a home.
func TestGrowth(t *testing.T) {
	few, many := leftBy(t, 1, 5), leftBy(t, 1, 50)
	if !maps.Equal(few, many) {
		t.Errorf("rows after 50 runs: %v,\n    after 5 runs: %v", many, few)
	}
	if again := leftBy(t, 3, 5); !maps.Equal(few, again) {
		t.Errorf("rows after three processes: %v,\n            after one: %v", again, few)
	}
}

// What killed processes leave is removed when another one stops in order.
func TestGrowthByKills(t *testing.T) {
	h := testHome(t)
	for i := range 3 {
		other := startProcess(t, h.Path)
		if !other.holds() {
			t.Fatal("the process does not hold the engine")
		}
		e, err := Connect(testContext(t), Options{Home: h})
		must(t, err)
		runEach(t, e, fmt.Sprint("killed-", i), 5)
		other.kill()
	}
	if left := rowsLeft(t, h); left["task_queues"] == 0 {
		t.Errorf("killed processes left nothing to remove: %v", left)
	}
	stop(t, join(t, h))
	if killed, ended := rowsLeft(t, h), leftBy(t, 1, 5); !maps.Equal(killed, ended) {
		t.Errorf("rows after kills: %v,\n without kills: %v", killed, ended)
	}
}

// Processes that exit as soon as their run has ended do what the last one left, and do not leave it to the next one.
func TestGrowthByShortProcesses(t *testing.T) {
	const processes, queuedByRun, mostRuns = 12, 7, 3
	h := testHome(t)
	for i := range processes {
		command := exec.Command(os.Args[0])
		command.Env = append(os.Environ(), helperHome+"="+h.Path, helperRun+"="+fmt.Sprint("short-", i))
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	if left := rowsLeft(t, h); left["transfer_tasks"]+left["visibility_tasks"] > mostRuns*queuedByRun {
		t.Errorf("%d processes with a run each left the tasks of more than %d runs: %v", processes, mostRuns, left)
	}
}

// A task of an open run, or of an activity without a workflow, waits for a worker while engines stop, are killed, and start again.
func TestTasksOfOpenRunsWait(t *testing.T) {
	h := testHome(t)
	e, err := Join(testContext(t), Options{Home: h})
	must(t, err)
	c, err := e.Client(testContext(t), nil)
	must(t, err)
	_, err = c.ExecuteWorkflow(testContext(t), client.StartWorkflowOptions{ID: "waiting", TaskQueue: benchQueue}, steps)
	must(t, err)
	_, err = c.ExecuteActivity(testContext(t), client.StartActivityOptions{ID: "call", TaskQueue: benchQueue, StartToCloseTimeout: time.Minute}, "second")
	must(t, err)
	eventually(t, "the tasks to wait in their queue", func() bool { return rowsLeft(t, h)["tasks"] == 2 })
	c.Close()
	stop(t, e)
	other := startProcess(t, h.Path)
	if !other.holds() {
		t.Fatal("the process does not hold the engine")
	}
	other.kill()
	if left := rowsLeft(t, h); left["tasks"] != 2 {
		t.Errorf("after a stop and a kill: %v, want 2 tasks", left)
	}
	e, err = Join(testContext(t), Options{Home: h})
	must(t, err)
	b := newBench(t, e)
	close(b.released)
	b.expectDone(t, b.client.GetWorkflow(testContext(t), "waiting", ""))
	var answer string
	must(t, b.client.GetActivityHandle(client.GetActivityHandleOptions{ActivityID: "call"}).Get(testContext(t), &answer))
	if answer != "two" {
		t.Errorf("the activity without a workflow returned %q, want %q", answer, "two")
	}
	stop(t, e)
	if left := rowsLeft(t, h); left["tasks"] != 0 || left["task_queues"] != 0 {
		t.Errorf("after the runs have ended: %v", left)
	}
}

// Timeouts of runs that have closed are removed before the next start, which would handle each of them; those of open runs stay.
func TestSweepTimeouts(t *testing.T) {
	const runs = 5
	h := testHome(t)
	other := startProcess(t, h.Path)
	if !other.holds() {
		t.Fatal("the process does not hold the engine")
	}
	e, err := Connect(testContext(t), Options{Home: h})
	must(t, err)
	b := newBench(t, e)
	_, err = b.client.ExecuteWorkflow(testContext(t), client.StartWorkflowOptions{ID: "open", TaskQueue: benchQueue}, steps)
	must(t, err)
	<-b.reached
	runEach(t, e, "closed", runs)
	other.kill()
	const ofRuns = "SELECT count(*) FROM timer_tasks WHERE visibility_timestamp < datetime('now', '+30 seconds') AND instr(data, ?) > 0"
	if open, closed := count(t, h, ofRuns, "open"), count(t, h, ofRuns, "closed"); open == 0 || closed == 0 {
		t.Fatalf("before: %d timers of the open run and %d of closed ones", open, closed)
	}
	must(t, sweepHome(testContext(t), h))
	if open, closed := count(t, h, ofRuns, "open"), count(t, h, ofRuns, "closed"); open == 0 || closed != 0 {
		t.Errorf("after: %d timers of the open run and %d of closed ones, want some and none", open, closed)
	}
	const ofRetention = "SELECT count(*) FROM timer_tasks WHERE visibility_timestamp > datetime('now', '+1 day') AND instr(data, ?) > 0"
	if kept := count(t, h, ofRetention, "closed"); kept != runs {
		t.Errorf("after: %d timers that end the retention of a closed run, want %d", kept, runs)
	}
	close(b.released)
}

func count(t *testing.T, h *home.Home, query, of string) (rows int) {
	t.Helper()
	db, err := openDatabase(h.EngineDB())
	must(t, err)
	defer func() { must(t, db.Close()) }()
	must(t, db.QueryRow(query, []byte(of)).Scan(&rows))
	return rows
}

// leftBy returns the rows of a home where each of so many processes made so many runs and stopped in order.
func leftBy(t *testing.T, processes, runs int) map[string]int {
	t.Helper()
	h := testHome(t)
	for i := range processes {
		e, err := Join(testContext(t), Options{Home: h})
		must(t, err)
		runEach(t, e, fmt.Sprint("run-", i), runs)
		stop(t, e)
	}
	return rowsLeft(t, h)
}

// runEach makes runs that have a task queue and a worker of their own.
func runEach(t *testing.T, e *Engine, name string, runs int) {
	t.Helper()
	c, err := e.Client(testContext(t), nil)
	must(t, err)
	defer c.Close()
	for i := range runs {
		w, err := runWith(testContext(t), c, fmt.Sprintf("%s-%d", name, i))
		must(t, err)
		w.Stop()
	}
}

// runWith makes a run with a task queue and a worker of its own, which it returns.
func runWith(ctx context.Context, c client.Client, id string) (worker.Worker, error) {
	w := worker.New(c, id, worker.Options{})
	w.RegisterWorkflow(steps)
	w.RegisterActivityWithOptions(nothing, activity.RegisterOptions{Name: "first"})
	w.RegisterActivityWithOptions(nothing, activity.RegisterOptions{Name: "second"})
	if err := w.Start(); err != nil {
		return nil, err
	}
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: id}, steps)
	if err == nil {
		err = run.Get(ctx, nil)
	}
	return w, err
}

func nothing(context.Context) (string, error) { return "", nil }

// rowsLeft counts, in the database of an engine that has ended, what belongs to no run. Timers that are not due stay until they are.
func rowsLeft(t *testing.T, h *home.Home) map[string]int {
	t.Helper()
	db, err := openDatabase(h.EngineDB())
	must(t, err)
	defer func() { must(t, db.Close()) }()
	left := map[string]int{}
	for name, query := range map[string]string{
		"transfer_tasks":      "SELECT count(*) FROM transfer_tasks",
		"visibility_tasks":    "SELECT count(*) FROM visibility_tasks",
		"due timer_tasks":     "SELECT count(*) FROM timer_tasks WHERE visibility_timestamp < datetime('now', '-1 second')",
		"tasks":               "SELECT (SELECT count(*) FROM tasks) + (SELECT count(*) FROM tasks_v2)",
		"task_queues":         "SELECT (SELECT count(*) FROM task_queues) + (SELECT count(*) FROM task_queues_v2)",
		"histories of no run": "SELECT count(*) FROM history_tree WHERE tree_id NOT IN (SELECT run_id FROM executions)",
		"indexes of runs":     "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND tbl_name = 'executions_visibility' AND sql IS NOT NULL",
	} {
		var rows int
		must(t, db.QueryRow(query).Scan(&rows))
		left[name] = rows
	}
	return left
}
