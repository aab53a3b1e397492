package workflows_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.temporal.io/sdk/client"

	"github.com/gleitzeit/gleitzeit/internal/engine"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/sqlite"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/worker"
)

// killedWorkerEnv makes this test binary a worker of another process, to be killed: "HOME QUEUE".
const killedWorkerEnv = "GLEITZEIT_TEST_KILLED_WORKER"

// runKilledWorker serves the queue until it is killed, and prints the key of each task that waits.
func runKilledWorker() int {
	if err := workUntilKilled(os.Getenv(killedWorkerEnv)); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return 1
}

func workUntilKilled(where string) error {
	path, queue, _ := strings.Cut(where, " ")
	folder, err := home.Open(path)
	if err != nil {
		return err
	}
	ctx := context.Background()
	running, err := engine.Connect(ctx, engine.Options{Home: folder})
	if err != nil {
		return err
	}
	store, err := sqlite.Open(ctx, filepath.Join(path, "results.db"))
	if err != nil {
		return err
	}
	c, err := running.Client(ctx, func(o *client.Options) {
		o.Identity = "killed"
		worker.ConfigureClient(store)(o)
	})
	if err != nil {
		return err
	}
	probe := newProbe()
	w, _, err := newWorker(c, queue, store, probe)
	if err != nil {
		return err
	}
	if err := w.Start(); err != nil {
		return err
	}
	for key := range probe.waiting {
		fmt.Println(key)
	}
	return nil
}

// killedRun starts a run whose worker, in another process, is killed while the task `b` runs, and resumes it here.
func killedRun(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	return killedWhile(t, r, "b", compile(t, `
name: Killed
tasks:
  - {id: a, method: test/echo, parameters: {key: a, value: 1}}
  - {id: b, method: test/wait, parameters: {key: b, value: "${a.value}"}}
  - {id: c, method: test/echo, parameters: {key: c, value: "${b.value}"}}
outputs: {c: "${c.value}"}
`))
}

// killedWhile starts a run whose worker, in another process, is killed while something waits, and resumes it here.
func killedWhile(t *testing.T, r *rig, waits string, p *plan.Plan) client.WorkflowRun {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(r.Home.Path, "results.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	r.store = store
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	other := exec.CommandContext(t.Context(), program)
	other.Env = append(os.Environ(), killedWorkerEnv+"="+r.Home.Path+" "+r.Queue)
	other.Stderr = os.Stderr
	said, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	run := r.start(t, p)
	if line, err := bufio.NewReader(said).ReadString('\n'); line != waits+"\n" {
		t.Fatalf("the other process said %q, %v", line, err)
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := other.Wait(); err == nil {
		t.Fatal("the other process was not killed")
	}
	close(r.probe.release)
	r.work(t)
	return run
}

func TestAKilledWorkerLosesNoFinishedTaskAndCountsAsNoAttempt(t *testing.T) {
	r := newIdleRig(t)
	result, _ := end(t, killedRun(t, r))
	same(t, "status", result.Status, protocol.Completed)
	same(t, "output", string(result.Outputs.Inline.JSON()), `{"c":1}`)
	same(t, "calls of a here", r.probe.called("a"), 0)
	same(t, "calls of b here", r.probe.called("b"), 1)
	same(t, "attempts at b", r.tasks(t)["b"].Attempts, 1)
}

func TestAKilledWorkerCountsAsNoAttemptOfAnItem(t *testing.T) {
	r := newIdleRig(t)
	folder := folderOf(t, 3, func(i int) string { return []string{"wait", "1", "2"}[i] })
	result, _ := end(t, killedWhile(t, r, "f000.txt", batch(t, folder, ", max_concurrent: 1", "")))
	same(t, "counts", *result.Items, protocol.Counts{Total: 3, Succeeded: 3})
	first := 0
	records, err := r.store.Records(t.Context(), resultstore.Query{Run: "run-" + r.Queue, Task: "batch", Item: &first})
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	same(t, "attempts at the item", records[0].Attempts, 1)
	same(t, "Temporal's attempts are more", records[0].Attempt > 1, true)
}
