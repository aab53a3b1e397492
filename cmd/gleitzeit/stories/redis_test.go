package stories_test

import (
	"path/filepath"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/redistest"
)

const redisFlow = `
name: Kept
tasks:
  - id: text
    method: python/execute
    parameters: {code: "result = 'a text that is long ' * 2000"}
  - id: length
    method: python/execute
    parameters: {code: "result = len('''${text.result}''')"}
`

// TestResultsInRedis runs on one server with what another process then reads, and with what is said while the server is
// away.
func TestResultsInRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--requirepass", "s3cret")
	u := newUser(t)
	u.File("flow.yaml", redisFlow)
	run := func(code int, args ...string) (stdout, stderr string) {
		p := u.StartIn(u.Work, []string{
			"GLEITZEIT_PERSISTENCE_BACKEND=redis", "GLEITZEIT_REDIS_URL=" + server.URL("", 1), "GLEITZEIT_REDIS_PASSWORD=s3cret",
		}, args...)
		p.Exits(code)
		return p.Stdout.String(), p.Stderr.String()
	}
	stdout, _ := run(0, "run", "flow.yaml")
	wantLines(t, "run", stdout, "length: 40000\n")
	if exists(filepath.Join(u.Home, "results.db")) {
		t.Error("a file was made as well")
	}
	stdout, stderr := run(0, "results", "@latest", "length")
	if stdout != "40000\n" {
		t.Errorf("results: %q %q", stdout, stderr)
	}
	stdout, _ = run(0, "list", "--workflow", "Kept", "--status", "completed")
	wantLines(t, "list", stdout, "Kept")

	server.Kill()
	_, stderr = run(1, "results", "@latest")
	wantLines(t, "results", stderr, "gleitzeit: the Redis server redis://"+server.Address+"/1 cannot be reached: connection refused\n")
	server.Again()
	stdout, _ = run(0, "results", "@latest", "length")
	if stdout != "40000\n" {
		t.Errorf("results after a restart: %q", stdout)
	}
	server.Do("CONFIG", "SET", "appendonly", "no")
	_, stderr = run(0, "run", "flow.yaml", "--new")
	wantLines(t, "run", stderr, "warning: the Redis server redis://"+server.Address+"/1 loses results when it stops (appendonly no); set appendonly yes and appendfsync always\n")
}

// TestARunContinuesWhenRedisIsBack stops the server during a run: no finished work is lost.
func TestARunContinuesWhenRedisIsBack(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	u := newUser(t)
	u.File("flow.yaml", `
name: Waits
tasks:
  - id: work
    method: python/execute
    parameters:
      code: |
        import os, time
        open('started', 'a').write('x')
        while not os.path.exists('go'): time.sleep(0.01)
        result = 'done'
`)
	p := u.StartIn(u.Work, []string{"GLEITZEIT_REDIS_URL=" + server.URL("", 0)}, "run", "flow.yaml")
	u.Appears("started")
	server.Kill()
	u.File("go", "")
	p.Says("cannot be reached")
	server.Again()
	p.Exits(0)
	wantLines(t, "run", p.Stdout.String(), "work: done\n")
	if ran := read(t, u.Path("started")); ran != "x" {
		t.Errorf("the task ran %d times", len(ran))
	}
}
