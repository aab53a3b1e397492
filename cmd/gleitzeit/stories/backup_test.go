package stories_test

import (
	"database/sql"
	"encoding/json"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
)

// TestBackupOfAHomeInUse backs up while a run of `run` and a submitted one are open: both resume in the restored home.
func TestBackupOfAHomeInUse(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("open.yaml", openFlow)
	text, err := json.Marshal(map[string]any{"n": 1, "text": strings.Repeat("an input that is too long for a history ", 3000) + "the end."})
	must(t, err)
	u.File("run.json", string(text))
	u.File("submitted.json", strings.Replace(string(text), `"n":1`, `"n":2`, 1))
	_, said := u.Gleitzeit(1, "restore", "none.zip")
	wantLines(t, "restore of nothing", said, `gleitzeit: cannot restore the backup "none.zip": open none.zip: no such file or directory`)

	server := u.serves("--no-ui")
	run := u.Start("run", "open.yaml", "--inputs", "run.json")
	submitted, _ := u.Gleitzeit(0, "submit", "open.yaml", "--inputs", "submitted.json")
	u.Appears("started-1")
	u.Appears("started-2")
	id := run.RunID()
	stdout, _ := u.Gleitzeit(0, "backup", "backup.zip")
	wantLines(t, "backup", stdout, "backed up "+u.Home+" to backup.zip: engine.db (", "), results.db (", "), claims.json (")
	_, said = u.Gleitzeit(1, "restore", "backup.zip")
	wantLines(t, "restore into a home in use", said, `gleitzeit: the home folder "`+u.Home+`" is not empty`)
	_, said = u.Gleitzeit(1, "restore", "backup.zip", "--force")
	wantLines(t, "restore by force into a home in use", said, `gleitzeit: the home folder "`+u.Home+`" is in use`)
	run.Kill()
	server.Kill()

	restored := filepath.Join(u.Work, "restored")
	stdout, _ = u.Gleitzeit(0, "restore", "backup.zip", "--home", restored)
	wantLines(t, "restore", stdout, "restored "+restored+" from the backup of ")
	must(t, removeAll(u.Home))
	u.File("go-0", "")
	u.File("go-1", "")
	again := u.Start("run", "open.yaml", "--inputs", "run.json", "--home", restored)
	again.Exits(0)
	wantLines(t, "run in the restored home", again.Stderr.String(), "resumed run "+id)
	wantLines(t, "run in the restored home", again.Stdout.String(), "check: 30000 50000 the end.\n")
	other := u.Start("server", "--no-ui", "--home", restored)
	other.Prints("Ctrl-C stops it")
	stdout, _ = u.Gleitzeit(0, "watch", strings.TrimSpace(submitted), "--home", restored)
	wantLines(t, "the submitted run in the restored home", stdout, "check: 30000 50000 the end.\n")
}

// TestRetention: a server removes runs that ended longer ago, and what the retention is where none is set.
func TestRetention(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("short.yaml", shortFlow)
	_, said := u.Gleitzeit(2, "prune")
	wantLines(t, "prune", said, "gleitzeit: no retention is set, and no --older-than is given\n  use --older-than 30d, or set `retention: 30d` in config.yaml\n")
	_, said = u.Gleitzeit(2, "prune", "--older-than", "soon")
	wantLines(t, "prune", said, `"soon" is not a duration such as 30d, 12h or 90m`)
	u.Gleitzeit(0, "call", "mcp/tool.add", "a=1", "b=2") // Of a call there is a record, and no run.
	for n := range 3 {
		u.Gleitzeit(0, "run", "short.yaml", "--input", "n="+string(rune('0'+n)))
	}
	var stats struct {
		Store  struct{ Runs, Tasks, Values struct{ Count, Bytes int64 } }
		Engine struct{ Histories, Visibility, Queues struct{ Count, Bytes int64 } }
	}
	stdout, _ := u.Gleitzeit(0, "backend", "stats", "-o", "json")
	must(t, json.Unmarshal([]byte(stdout), &stats))
	if stats.Store.Runs.Count != 3 || stats.Store.Tasks.Count != 4 || stats.Store.Values.Bytes < 3*30_000 ||
		stats.Engine.Histories.Count < 3 || stats.Engine.Histories.Bytes < 10_000 || stats.Engine.Visibility.Bytes < 1000 {
		t.Errorf("backend stats: %s", stdout)
	}
	stdout, _ = u.Gleitzeit(0, "backend", "stats")
	wantLines(t, "backend stats", stdout, "KIND", "runs          3", "histories", "claims")

	db, err := sql.Open("sqlite", "file:"+filepath.Join(u.Home, "results.db")+"?_pragma=busy_timeout(10000)")
	must(t, err)
	for _, statement := range []string{ // Two of three ended two hours ago.
		"UPDATE records SET started_at = started_at - 7200000000000, body = json_set(body, '$.finished_at', '2026-01-01T00:00:00Z') WHERE rowid < (SELECT max(rowid) FROM records WHERE kind = 'run')",
		"UPDATE puts SET at = at - 7200000000000",
	} {
		_, err := db.ExecContext(t.Context(), statement)
		must(t, err)
	}
	must(t, db.Close())
	write(t, filepath.Join(u.Home, "config.yaml"), "retention: 1h\n")
	server := u.serves("--no-ui")
	server.Says("removed 2 runs, 3 records of tasks, ")
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{DisableFile: true, EnvLookup: u.environmentOf()})
	must(t, err)
	c, err := client.DialContext(t.Context(), options)
	must(t, err)
	defer c.Close()
	info, err := c.WorkflowService().DescribeNamespace(t.Context(), &workflowservice.DescribeNamespaceRequest{Namespace: options.Namespace})
	if kept := info.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(); err != nil || kept != time.Hour {
		t.Errorf("the engine keeps closed runs for %s, %v", kept, err)
	}
	stdout, _ = u.Gleitzeit(0, "list")
	if rows := strings.Count(stdout, "\n"); rows != 2 {
		t.Errorf("list after the server has pruned:\n%s", stdout)
	}
	server.Signal(syscall.SIGTERM)
	server.Exits(0)
}

// TestBackupNeedsAFile: of a store that is a server there is nothing to copy.
func TestBackupNeedsAFile(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	p := u.StartIn(u.Work, []string{"GLEITZEIT_REDIS_URL=redis://:s3cret@127.0.0.1:9/1"}, "backup", "backup.zip")
	p.Exits(1)
	wantLines(t, "backup", p.Stderr.String(), "gleitzeit: cannot back up the result store redis://:xxxxx@127.0.0.1:9/1: it is not a file\n")
}
