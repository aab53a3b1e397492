package cluster_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// lasting is a run whose script writes its user id when it starts, and ends when a file appears.
const lasting = `
name: Lasting
inputs: {marks: {type: string, required: true}}
tasks:
  - id: before
    method: mcp/tool.add
    parameters: {a: 2, b: 3}
  - id: wait
    method: python/execute
    parameters:
      context: {marks: "${inputs.marks}", before: "${before.result}"}
      code: |
        import os, time
        log = os.open(context["marks"] + "/begun", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(log, b"%d\n" % os.getuid())
        while not os.path.exists(context["marks"] + "/end"):
            time.sleep(0.05)
        result = context["before"] * 2
outputs: {result: "${wait.result}"}
`

const sizes = `
name: Sizes
type: batch
batch: {directory: texts, pattern: "*.txt"}
template:
  method: python/execute
  code: "result = len(open(context['file_path']).read())"
outputs: {succeeded: "${batch.succeeded}", sizes: "${batch.results[*].result.result}"}
`

// TestCluster starts everything that docker-compose.yml starts, but the model, and works with it: a worker is killed in
// the middle of a task, others execute what is submitted, and the run of the one that was killed completes.
func TestCluster(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.startPostgreSQL()
	m.setUpSchemas()
	m.setUpSchemas() // As each `docker compose up` does.
	m.startRedis()
	m.healthy("temporal", m.startTemporal())
	must(t, os.CopyFS(filepath.Join(m.documents(), "examples"), os.DirFS(filepath.Join(root, "examples"))))
	write(t, filepath.Join(m.documents(), "lasting.yaml"), lasting)
	write(t, filepath.Join(m.documents(), "sizes.yaml"), sizes)
	for i := range 5 {
		write(t, filepath.Join(m.documents(), fmt.Sprintf("texts/%d.txt", i)), strings.Repeat("x", i))
	}
	u := m.someone()

	check := healthCheck(t)
	if m.alive(check) {
		t.Error("the image calls a worker healthy where none runs")
	}
	first := m.ready(m.worker())
	if !m.alive(check) {
		t.Error("the image calls a worker that works unhealthy")
	}
	marks := m.marks("killed")
	interrupted, _ := u.Gleitzeit(0, "submit", "lasting.yaml", "--input", "marks="+marks)
	interrupted = strings.TrimSpace(interrupted)
	if by := m.appears(filepath.Join(marks, "begun")); os.Geteuid() == 0 && by != "10001\n" {
		t.Errorf("the script runs as user %q", by)
	}
	first.Kill()
	killed := time.Now()
	write(t, filepath.Join(marks, "end"), "")
	second, third := m.worker(), m.worker() // At the same time: for both, everything is prepared.
	m.ready(second)
	m.ready(third)

	checkResults(t, m, u)
	checkCancel(t, m, u)
	checkRoots(t, m, u)
	checkSearch(t, m)

	u.Gleitzeit(0, "watch", interrupted)
	t.Logf("the run whose worker was killed completed %.0f s later", time.Since(killed).Seconds())
	if stdout, _ := u.Gleitzeit(0, "results", interrupted); stdout != "result: 10\n" {
		t.Errorf("its result is %q", stdout)
	}
	if begun := read(t, filepath.Join(marks, "begun")); strings.Count(begun, "\n") != 2 {
		t.Errorf("its script has begun %q", begun)
	}
	stdout, _ := u.Gleitzeit(0, "list", "-o", "json")
	if n := strings.Count(stdout, `"status": "completed"`); n != 3 {
		t.Errorf("%d runs are completed, want 3:\n%s", n, stdout)
	}
	if _, err := os.Stat(filepath.Join(u.Home, "engine.db")); err == nil {
		t.Error("an engine was started beside the cluster")
	}
}

func checkResults(t *testing.T, m *machine, u *programtest.User) {
	stdout, said := u.Gleitzeit(0, "submit", "examples/02-python/flow.yaml", "--wait")
	if !strings.Contains(stdout, "report: 6 values arrived unchanged: text, big, small, code, rows, nothing\n") {
		t.Errorf("the result of the example is %q\n%s", stdout, said)
	}
	stdout, _ = u.Gleitzeit(0, "submit", "sizes.yaml", "--wait", "-o", "json")
	var run struct {
		Status  string
		Outputs struct {
			Succeeded int
			Sizes     []int
		}
	}
	programtest.JSON(t, stdout, &run)
	if got := fmt.Sprint(run); got != "{completed {5 [0 1 2 3 4]}}" {
		t.Errorf("the result of the batch is %s:\n%s", got, stdout)
	}
	shown, _ := u.Gleitzeit(0, "status", "-o", "json")
	if n := strings.Count(shown, `"identity": `); n < 2 || !strings.Contains(shown, `"address": "`+m.at("7233")+`"`) {
		t.Errorf("status shows\n%s", shown)
	}
}

func checkCancel(t *testing.T, m *machine, u *programtest.User) {
	marks := m.marks("cancelled")
	stdout, _ := u.Gleitzeit(0, "submit", "lasting.yaml", "--input", "marks="+marks)
	id := strings.TrimSpace(stdout)
	m.appears(filepath.Join(marks, "begun"))
	if stdout, _ = u.Gleitzeit(0, "cancel", id); stdout != id+" cancelled\n" {
		t.Errorf("cancel says %q", stdout)
	}
	if stdout, _ = u.Gleitzeit(0, "status", id); !strings.Contains(stdout, "  ✓ before") || !strings.Contains(stdout, "- wait") {
		t.Errorf("status shows %q", stdout)
	}
}

// checkRoots: a worker reads no file outside the documents, whoever asks for it.
func checkRoots(t *testing.T, m *machine, u *programtest.User) {
	outside := filepath.Join(m.folder, "outside.txt")
	write(t, outside, "outside")
	write(t, filepath.Join(m.documents(), "outside.yaml"), fmt.Sprintf(
		"name: Outside\ntasks:\n  - {id: read, method: llm/chat, parameters: {prompt: What is it, file_path: %q}}\n", outside))
	_, said := u.Gleitzeit(5, "submit", "outside.yaml", "--wait")
	for _, want := range []string{"it is outside the folders that may be read", "this worker reads only beneath " + m.documents()} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
}

func checkSearch(t *testing.T, m *machine) {
	c, err := client.Dial(client.Options{HostPort: m.at("7233"), Logger: silent{}})
	must(t, err)
	defer c.Close()
	eventually(t, "Temporal finds the batch by its name and status", func() bool {
		found, err := c.ListWorkflow(context.Background(), &workflowservice.ListWorkflowExecutionsRequest{
			Query: `GleitzeitWorkflow = "Sizes" AND GleitzeitStatus = "completed"`,
		})
		must(t, err)
		return len(found.GetExecutions()) == 1
	})
}

// silent drops the log of an SDK client.
type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}

// marks is a folder that every script may write to.
func (m *machine) marks(name string) string {
	m.t.Helper()
	path := filepath.Join(m.folder, name)
	must(m.t, os.Mkdir(path, 0o755))
	must(m.t, os.Chmod(path, 0o777))
	return path
}

// healthCheck is that of the image, a line for a shell.
func healthCheck(t *testing.T) string {
	t.Helper()
	for _, i := range dockerfile(t) {
		if i.name == "HEALTHCHECK" {
			_, check, _ := strings.Cut(i.rest, " CMD ")
			return check
		}
	}
	t.Fatal("the image has no health check")
	return ""
}
