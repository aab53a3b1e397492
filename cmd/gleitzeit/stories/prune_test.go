package stories_test

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/gleitzeit/gleitzeit/internal/redistest"
)

// prunedRuns in the environment is how many runs are pruned under load; a twentieth of them stays open.
const prunedRuns = "GLEITZEIT_TEST_PRUNED_RUNS"

// pruner is a user's home with a store, which is a Redis server if there is one.
type pruner struct {
	*user
	redis *redistest.Server
	keys  string // Path of the file with the keys of an encrypted home.
}

func (p *pruner) start(args ...string) *process {
	var environment []string
	if p.redis != nil {
		environment = append(environment, "GLEITZEIT_REDIS_URL="+p.redis.URL("", 0))
	}
	if p.keys != "" {
		environment = append(environment, "GLEITZEIT_ENCRYPTION_KEY_FILE="+p.keys)
	}
	return p.StartIn(p.Work, environment, args...)
}

func (p *pruner) gleitzeit(args ...string) string {
	p.T.Helper()
	process := p.start(args...)
	process.Exits(0)
	return process.Stdout.String()
}

// submit submits a workflow many times, a few at once, and returns the ids of the runs.
func (p *pruner) submit(times int, args func(i int) []string) (ids []string) {
	p.T.Helper()
	const atOnce = 4
	var submitting []*process
	for i := range times {
		submitting = append(submitting, p.start(append([]string{"submit"}, args(i)...)...))
		if len(submitting) == atOnce || i == times-1 {
			for _, s := range submitting {
				s.Exits(0)
				ids = append(ids, strings.TrimSpace(s.Stdout.String()))
			}
			submitting = nil
		}
	}
	return ids
}

// runs lists the ids of runs in a status.
func (p *pruner) runs(status string) map[string]bool {
	p.T.Helper()
	var list struct {
		Runs []struct{ Run string }
	}
	must(p.T, json.Unmarshal([]byte(p.gleitzeit("list", "--limit", "0", "--status", status, "-o", "json")), &list))
	ids := map[string]bool{}
	for _, run := range list.Runs {
		ids[run.Run] = true
	}
	return ids
}

// age makes all values older than any time in which they could still be about to be used, as if the day had passed.
func (p *pruner) age() {
	p.T.Helper()
	if p.redis != nil {
		p.redis.Do("ZUNIONSTORE", "gleitzeit:valuetimes", 1, "gleitzeit:valuetimes", "WEIGHTS", "0.9")
		return
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(p.Home, "results.db")+"?_pragma=busy_timeout(10000)")
	must(p.T, err)
	_, err = db.ExecContext(p.T.Context(), "UPDATE puts SET at = at - 86400000000000")
	must(p.T, err)
	must(p.T, db.Close())
}

type prunedDocument struct {
	Runs, Tasks, Values struct{ Count, Bytes int64 }
	Histories, Freed    int64
	Claims              int64
}

func (p *pruner) prune(args ...string) prunedDocument {
	p.T.Helper()
	var document prunedDocument
	must(p.T, json.Unmarshal([]byte(p.gleitzeit(append([]string{"prune", "-o", "json"}, args...)...)), &document))
	return document
}

// size is that of a database with its log; 0 without one.
func (p *pruner) size(name string) (total int64) {
	p.T.Helper()
	for _, ending := range []string{"", "-wal"} {
		if info, err := os.Stat(filepath.Join(p.Home, name+ending)); err == nil {
			total += info.Size()
		}
	}
	return total
}

const (
	shortFlow = `
name: Short
inputs: {n: {type: integer}}
tasks:
  - id: text
    method: python/execute
    parameters: {code: "import random; random.seed(${inputs.n}); result = ''.join(random.choices('abcdefghijklmnopqrstuvwxyz', k=60000))"}
`
	// openFlow needs, after it has waited, a result and an input that only its history refers to.
	openFlow = `
name: Open
inputs: {n: {type: integer}, text: {type: string}}
tasks:
  - id: first
    method: python/execute
    parameters: {code: "open('started-${inputs.n}', 'w').close(); result = 'n${inputs.n} ' * 10000"}
  - id: wait
    depends_on: [first]
    method: python/execute
    timeout: 3600
    parameters:
      code: |
        import os, time
        while not os.path.exists('go-%d' % (${inputs.n} % 2)): time.sleep(0.2)
        result = 'n${inputs.n} waited ' * 5000
  - id: last
    method: python/execute
    depends_on: [wait]
    parameters: {code: "result = '%d %d %s' % (len('''${first.result}'''), len('''${wait.result}'''), '''${inputs.text}'''[-8:])"}
outputs: {check: "${last.result}"}
`
	batchFlow = `
name: Batch
max_parallel: 2
inputs: {text: {type: string}}
tasks:
  - id: all
    for_each: [0, 1, 2, 3, 4, 5]
    method: python/execute
    timeout: 3600
    parameters:
      code: |
        import os, time
        open('item', 'a').write('x')
        while ${item} > 2 and not os.path.exists('go-0'): time.sleep(0.2)
        result = '%d ' % ${item} * 12000 + '''${inputs.text}'''[-8:]
  - id: last
    method: python/execute
    depends_on: [all]
    parameters: {code: "result = '%d %d' % (len('''${all.results[0].result.result}'''), len('''${all.results[5].result.result}'''))"}
outputs: {check: "${last.result}"}
`
)

// TestPruneUnderLoad prunes many runs while others, and a batch that is older than all of them and was interrupted, are open,
// and while some of these continue. Then everything is executed anew from its history: nothing that is needed is gone, and
// the files have become smaller.
func TestPruneUnderLoad(t *testing.T) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		pruneUnderLoad(t, &pruner{user: newUser(t)})
	})
	t.Run("encrypted", func(t *testing.T) {
		t.Parallel()
		p := &pruner{user: newUser(t)}
		p.keys = p.File("keys", base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 32))+"\n")
		must(t, os.Chmod(p.keys, 0o600))
		pruneUnderLoad(t, p)
	})
	t.Run("Redis", func(t *testing.T) {
		t.Parallel()
		pruneUnderLoad(t, &pruner{user: newUser(t), redis: redistest.Start(t)})
	})
}

// TestPruneKeepsWhatIsTakenOver: a run that an open one continues stays, although it is too old, until what it has was taken over.
func TestPruneKeepsWhatIsTakenOver(t *testing.T) {
	t.Parallel()
	p := &pruner{user: newUser(t)}
	flow := func(first string) string {
		return `
name: Continued
tasks:
  - id: first
    method: python/execute
    parameters:
      code: |
        import os, time
        ` + first + `
  - {id: each, method: mcp/tool.echo, for_each: [1, 2, 3], depends_on: [first], parameters: {message: "value ${item}"}}
`
	}
	p.File("flow.yaml", flow("pass"))
	p.File("edited.yaml", flow(`open("waiting", "w").close()
        while not os.path.exists("go"): time.sleep(0.01)`))
	p.gleitzeit("run", "flow.yaml")
	run := strings.Fields(lastOf(t, p.user))[0]
	p.gleitzeit("run", "flow.yaml", "--new")
	continuing := p.start("retry", run, "--file", "edited.yaml")
	p.Appears("waiting")
	p.age()
	if pruned := p.prune("--older-than", "0s"); pruned.Runs.Count != 1 { // The second one.
		t.Errorf("%d runs were pruned", pruned.Runs.Count)
	}
	p.File("go", "")
	continuing.Exits(0)
	wantLines(t, "the status", p.gleitzeit("status", continuing.RunID()), "continues "+run+": 3 of 3 items taken over\n")
	p.age()
	if pruned := p.prune("--older-than", "0s"); pruned.Runs.Count != 2 {
		t.Errorf("%d runs were pruned after the end", pruned.Runs.Count)
	}
}

// TestPruneKeepsWhatASchedulePlans: a schedule starts its runs when all that it has started before is gone.
func TestPruneKeepsWhatASchedulePlans(t *testing.T) {
	t.Parallel()
	p := &pruner{user: newUser(t)}
	server := p.start("server", "--no-ui")
	server.Prints("Ctrl-C stops it")
	p.File("nightly.yaml", "name: Nightly\ntasks:\n  - id: each\n    method: python/execute\n    parameters:\n      code: |\n        result = 1\n        # "+
		strings.Repeat("x", 100_000)+"\n") // More than a history takes.
	p.gleitzeit("schedule", "create", "nightly.yaml", "--cron", "0 2 1 1 *")
	first := strings.TrimSpace(p.gleitzeit("schedule", "trigger", "nightly"))
	p.gleitzeit("watch", first)
	p.age()
	with := p.prune("--older-than", "0s")
	if with.Runs.Count != 1 {
		t.Errorf("%d runs were pruned", with.Runs.Count)
	}
	second := strings.TrimSpace(p.gleitzeit("schedule", "trigger", "nightly"))
	wantLines(t, "the next run", p.gleitzeit("watch", second), "each: 1\n")
	p.gleitzeit("schedule", "delete", "nightly")
	p.age()
	if without := p.prune("--older-than", "0s"); without.Runs.Count != 1 || without.Values.Count <= with.Values.Count {
		t.Errorf("with the schedule %+v was pruned, and without it %+v", with, without)
	}
}

func pruneUnderLoad(t *testing.T, p *pruner) {
	short := 20
	if text := os.Getenv(prunedRuns); text != "" {
		var err error
		short, err = strconv.Atoi(text)
		must(t, err)
	}
	open := max(6, short/20)
	text := strings.Repeat("an input that is too long for a history ", 3000) + "the end."
	inputs := func(name string, n int) string {
		data, err := json.Marshal(map[string]any{"n": n, "text": fmt.Sprint(n) + text})
		must(t, err)
		return p.File(name, string(data))
	}
	p.File("short.yaml", shortFlow)
	p.File("open.yaml", openFlow)
	p.File("batch.yaml", batchFlow)
	data, err := json.Marshal(map[string]string{"text": text})
	must(t, err)
	p.File("batch.json", string(data))

	batch := p.start("run", "batch.yaml", "--inputs", "batch.json")
	eventually(t, "three items have ended and others have started", func() bool {
		started, err := os.ReadFile(p.Path("item"))
		return err == nil && len(started) >= 5
	})
	batchID := batch.RunID()
	batch.Kill()
	server := p.start("server", "--no-ui")
	server.Prints("Ctrl-C stops it")

	began := time.Now()
	ended := p.submit(short, func(i int) []string { return []string{"short.yaml", "--input", fmt.Sprintf("n=%d", i)} })
	await(t, "all short runs have completed", func() bool { return len(p.runs("completed")) == short })
	allEnded := time.Now()
	opened := p.submit(open, func(i int) []string {
		return []string{"open.yaml", "--inputs", inputs(fmt.Sprintf("open-%d.json", i), i)}
	})
	await(t, "all others wait", func() bool {
		started, err := filepath.Glob(p.Path("started-*"))
		must(t, err)
		return len(started) == open
	})
	t.Logf("%d runs have ended and %d are open after %s", short, open+1, time.Since(began).Round(time.Second))
	if running := p.runs("running"); len(running) != open+1 || !running[batchID] {
		t.Fatalf("%d runs are open, want %d and the batch; %d have failed, %v", len(running), open, len(p.runs("failed")), p.runs("timed_out"))
	}
	p.age()

	would := p.prune("--older-than", "0s", "--dry-run")
	engineBefore, storeBefore := p.size("engine.db"), p.size("results.db")
	p.File("go-0", "") // Half of the runs, and the batch, continue meanwhile.
	began = time.Now()
	// Those that continue now end later.
	pruned := p.prune("--older-than", time.Since(allEnded).String())
	t.Logf("prune took %s: %+v", time.Since(began).Round(time.Millisecond), pruned)
	if would.Runs.Count != int64(short) || pruned.Runs.Count != int64(short) || pruned.Values.Count < int64(short) || would.Values.Count < int64(short) ||
		pruned.Histories < int64(short) {
		t.Errorf("%d runs: a dry run says %+v, and then %+v", short, would, pruned)
	}
	completed := p.runs("completed")
	for _, id := range ended {
		if completed[id] {
			t.Errorf("run %s is still listed", id)
		}
	}
	engineAfter, storeAfter := p.size("engine.db"), p.size("results.db")
	t.Logf("bytes of engine.db: %d, then %d; of results.db: %d, then %d", engineBefore, engineAfter, storeBefore, storeAfter)
	if p.redis == nil { // Where others read or write at that moment, the next prune makes the file smaller.
		await(t, "results.db has become smaller", func() bool {
			if p.size("results.db") <= storeBefore-int64(short)*20_000 {
				return true
			}
			p.prune("--older-than", time.Since(allEnded).String())
			return false
		})
	}

	// A new process knows of the runs only what is in the histories and in the store.
	server.Kill()
	again := p.start("server", "--no-ui")
	again.Prints("Ctrl-C stops it")
	p.File("go-1", "")
	for n, id := range append(opened, batchID) {
		want := fmt.Sprintf("\"%d %d the end.\"", 10000*len(fmt.Sprintf("n%d ", n)), 5000*len(fmt.Sprintf("n%d waited ", n)))
		if id == batchID {
			want = `"24008 24008"`
		}
		watch := p.start("watch", id, "-o", "json")
		if code := watch.Wait(); code != 0 {
			t.Errorf("run %s ends with %d: %s %s", id, code, watch.Stdout, watch.Stderr)
			continue
		}
		run, err := parseRun(watch.Stdout.String())
		must(t, err)
		wantFields(t, "the outputs of run "+id, run.Outputs, map[string]string{"check": want})
	}
	// At last all have ended, the batch with the claim of the process that was killed.
	p.age()
	if rest := p.prune("--older-than", "0s"); rest.Runs.Count != int64(open)+1 || rest.Claims != 1 || rest.Values.Count < int64(open) {
		t.Errorf("the rest of the runs: %+v", rest)
	}
	if left := p.runs("completed"); len(left) != 0 {
		t.Errorf("runs %v are still listed", left)
	}
}

// await is eventually for what takes as long as there are runs.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(20 * time.Minute); !holds(); <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatalf("it did not happen that %s", what)
		}
	}
}
