package stories_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"
)

// TestRestoreKilled: a kill in the middle leaves no home, or the one of before.
func TestRestoreKilled(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("short.yaml", shortFlow)
	u.Gleitzeit(0, "run", "short.yaml", "--input", "n=1")
	db, err := sql.Open("sqlite", "file:"+filepath.Join(u.Home, "results.db"))
	must(t, err)
	for _, statement := range []string{"CREATE TABLE padding (data BLOB)", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 60) INSERT INTO padding SELECT randomblob(1000000) FROM n"} {
		_, err = db.ExecContext(context.Background(), statement)
		must(t, err)
	}
	must(t, db.Close())
	u.Gleitzeit(0, "backup", "backup.zip")
	target := filepath.Join(u.Work, "restored")
	restoring := u.Start("restore", "backup.zip", "--home", target)
	half := filepath.Join(u.Work, ".restored.restore-*", "results.db")
	eventually(t, "a part of the store is written", func() bool {
		found, err := filepath.Glob(half)
		must(t, err)
		return len(found) == 1
	})
	restoring.Kill()
	if _, err := os.Stat(target); !os.IsNotExist(err) {
		t.Fatalf("a restore that was killed leaves %s: %v", target, err)
	}
	u.Gleitzeit(0, "restore", "backup.zip", "--home", target)
	stdout, _ := u.Gleitzeit(0, "list", "--home", target)
	wantLines(t, "list", stdout, "Short", "completed")

	restoring = u.Start("restore", "backup.zip", "--home", target, "--force")
	eventually(t, "a part of the store is written again", func() bool {
		found, err := filepath.Glob(half)
		must(t, err)
		return len(found) == 2
	})
	restoring.Kill()
	stdout, _ = u.Gleitzeit(0, "list", "--home", target)
	wantLines(t, "list in the home of before", stdout, "Short", "completed")
}
