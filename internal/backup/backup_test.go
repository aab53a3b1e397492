package backup_test

import (
	"archive/zip"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/backup"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/sqlitefile"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openDatabase(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", sqlitefile.URI(path, "_pragma=busy_timeout(10000)", "_pragma=journal_mode(WAL)"))
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func execute(t *testing.T, db *sql.DB, statement string, args ...any) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), statement, args...)
	must(t, err)
}

func count(t *testing.T, db *sql.DB, statement string) (n int) {
	t.Helper()
	must(t, db.QueryRowContext(t.Context(), statement).Scan(&n))
	return n
}

// testHome is a home in use: an engine's database and a store that are open, a claim, and settings.
type testHome struct {
	*home.Home
	engine, store *sql.DB
}

func newHome(t *testing.T) testHome {
	t.Helper()
	h, err := home.Open(filepath.Join(t.TempDir(), "home"))
	must(t, err)
	made := testHome{h, openDatabase(t, h.EngineDB()), openDatabase(t, h.Results())}
	execute(t, made.engine, "CREATE TABLE history (value INTEGER)")
	execute(t, made.store, "CREATE TABLE contents (value INTEGER)")
	held, err := h.Claim(home.Claim{Run: "open/../run", File: "/flow.yaml", StartedAt: time.Now().UTC()})
	must(t, err)
	must(t, held.Release(false))
	must(t, os.WriteFile(h.Config(), []byte("log_level: error\n"), 0o600))
	must(t, os.WriteFile(h.UIToken(), []byte("secret"), 0o600))
	return made
}

// TestABackupIsConsistentWhileItIsWritten: every value that the engine's copy refers to is in the copy of the store, whatever
// is written meanwhile.
func TestABackupIsConsistentWhileItIsWritten(t *testing.T) {
	h := newHome(t)
	stop, written := make(chan struct{}), make(chan int)
	go func() { // As a worker does: the value first, and then the history that refers to it.
		n := 0
		defer func() { written <- n }()
		for ; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			for _, put := range []struct {
				db        *sql.DB
				statement string
			}{{h.store, "INSERT INTO contents VALUES (?)"}, {h.engine, "INSERT INTO history VALUES (?)"}} {
				if _, err := put.db.ExecContext(t.Context(), put.statement, n); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	file := filepath.Join(t.TempDir(), "backup.zip")
	last := -1
	for round := range 5 {
		_, err := backup.Create(t.Context(), h.Home, h.Results(), file)
		must(t, err)
		target := filepath.Join(t.TempDir(), "restored")
		_, err = backup.Restore(t.Context(), file, target, false)
		must(t, err)
		engine, store := openDatabase(t, filepath.Join(target, "engine.db")), openDatabase(t, filepath.Join(target, "results.db"))
		histories, values := count(t, engine, "SELECT coalesce(max(value), -1) FROM history"), count(t, store, "SELECT coalesce(max(value), -1) FROM contents")
		if values < histories || histories < last {
			t.Errorf("round %d: the engine's copy refers to value %d, and the store has %d; before it was %d", round, histories, values, last)
		}
		last = histories
	}
	close(stop)
	if n := <-written; n < 10 || last < 1 {
		t.Errorf("only %d values were written meanwhile, and the last copy has %d", n, last)
	}
}

func TestRestoreMakesTheHome(t *testing.T) {
	h := newHome(t)
	file := filepath.Join(t.TempDir(), "backup.zip")
	made, err := backup.Create(t.Context(), h.Home, h.Results(), file)
	must(t, err)
	info, err := os.Stat(file)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the backup has mode %v", info.Mode())
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 1 {
		t.Errorf("beside the backup: %v, %v", entries, err)
	}
	var names []string
	for _, f := range made.Files {
		names = append(names, f.Name)
	}
	if want := []string{"engine.db", "results.db", "claims.json", "config.yaml"}; !slices.Equal(names, want) {
		t.Errorf("the backup has %v, want %v", names, want)
	}

	target := filepath.Join(t.TempDir(), "a", "restored")
	restored, err := backup.Restore(t.Context(), file, target, false)
	must(t, err)
	if restored.Former != "" || restored.Home != h.Path {
		t.Errorf("restored %+v", restored)
	}
	to, err := home.Open(target)
	must(t, err)
	claims, err := to.Claims()
	if err != nil || len(claims) != 1 || claims[0].Run != "open/../run" {
		t.Errorf("claims %+v, %v", claims, err)
	}
	if data, err := os.ReadFile(to.Config()); err != nil || string(data) != "log_level: error\n" {
		t.Errorf("settings %q, %v", data, err)
	}
	for _, name := range []string{"ui.token", "claims.json", "manifest.json"} {
		if _, err := os.Stat(filepath.Join(target, name)); !os.IsNotExist(err) {
			t.Errorf("%s is in the restored home: %v", name, err)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(target)); err != nil || len(left) != 1 {
		t.Errorf("beside the restored home: %v, %v", left, err)
	}
}

func TestRestoreReplacesOnlyWhatItMay(t *testing.T) {
	h := newHome(t)
	file := filepath.Join(t.TempDir(), "backup.zip")
	_, err := backup.Create(t.Context(), h.Home, h.Results(), file)
	must(t, err)
	wants := func(force bool, message string) {
		t.Helper()
		_, err := backup.Restore(t.Context(), file, h.Path, force)
		if err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("force %v: %v, want %q", force, err, message)
		}
	}
	wants(false, "is not empty")
	held, err := h.TakeClaim(t.Context(), "open/../run")
	must(t, err)
	wants(true, "is in use")
	must(t, held.Release(false))
	release, err := h.Hold()
	must(t, err)
	wants(true, "is in use")
	must(t, release())

	execute(t, h.store, "INSERT INTO contents VALUES (7)")
	restored, err := backup.Restore(t.Context(), file, h.Path, true)
	must(t, err)
	if n := count(t, openDatabase(t, h.Results()), "SELECT count(*) FROM contents"); n != 0 {
		t.Errorf("the restored store has %d values", n)
	}
	if n := count(t, openDatabase(t, filepath.Join(restored.Former, "results.db")), "SELECT count(*) FROM contents"); n != 1 {
		t.Errorf("the former store has %d values", n)
	}

	empty := t.TempDir()
	_, err = backup.Restore(t.Context(), file, empty, false)
	must(t, err)
}

// entry is a file of a backup that a test makes.
type entry struct{ name, content string }

// TestRestoreRejects what is not a backup, or a damaged or a dangerous one, and leaves nothing.
func TestRestoreRejects(t *testing.T) {
	manifest := func(format int, files ...entry) entry {
		m := backup.Manifest{Format: format}
		for _, f := range files {
			sum := sha256.Sum256([]byte(f.content))
			m.Files = append(m.Files, backup.File{Name: f.name, Size: int64(len(f.content)), SHA256: hex.EncodeToString(sum[:])})
		}
		data, err := json.Marshal(m)
		must(t, err)
		return entry{"manifest.json", string(data)}
	}
	claims := entry{"claims.json", "[]"}
	for what, c := range map[string]struct {
		entries []entry
		message string
	}{
		"no manifest":                {[]entry{claims}, "it has no manifest"},
		"a newer format":             {[]entry{manifest(2, claims), claims}, "it has format 2, and this program reads formats up to 1"},
		"a path outside":             {[]entry{manifest(1, claims, entry{"../evil", "x"}), claims, {"../evil", "x"}}, `unexpected file "../evil"`},
		"an absolute path":           {[]entry{manifest(1, claims, entry{"/tmp/evil", "x"}), claims, {"/tmp/evil", "x"}}, `unexpected file "/tmp/evil"`},
		"a file twice":               {[]entry{manifest(1, claims, claims), claims, claims}, `unexpected file "claims.json"`},
		"a file more":                {[]entry{manifest(1, claims), claims, {"../evil", "x"}}, "it has files that are not in its manifest"},
		"a file less":                {[]entry{manifest(1, claims, entry{"engine.db", "x"}), claims}, "not all of them"},
		"another content":            {[]entry{manifest(1, claims, entry{"engine.db", "abc"}), claims, {"engine.db", "abd"}}, "its checksum does not match"},
		"more than the manifest":     {[]entry{manifest(1, claims, entry{"engine.db", "abc"}), claims, {"engine.db", strings.Repeat("abc", 1<<20)}}, "its checksum does not match"},
		"no claims":                  {[]entry{manifest(1)}, "no such file"},
		"a manifest that is no JSON": {[]entry{{"manifest.json", "{"}}, "invalid manifest"},
	} {
		folder := t.TempDir()
		file := filepath.Join(folder, "backup.zip")
		writeArchive(t, file, c.entries)
		_, err := backup.Restore(t.Context(), file, filepath.Join(folder, "home"), false)
		if err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: %v, want %q", what, err, c.message)
		}
		if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
			t.Errorf("%s leaves %v, %v", what, left, err)
		}
	}
	file := filepath.Join(t.TempDir(), "cut.zip")
	h := newHome(t)
	_, err := backup.Create(t.Context(), h.Home, h.Results(), file)
	must(t, err)
	info, err := os.Stat(file)
	must(t, err)
	must(t, os.Truncate(file, info.Size()/2))
	if _, err := backup.Restore(t.Context(), file, filepath.Join(t.TempDir(), "home"), false); err == nil || !strings.Contains(err.Error(), "zip: not a valid zip file") {
		t.Errorf("a backup that is cut: %v", err)
	}
}

func writeArchive(t *testing.T, path string, entries []entry) {
	t.Helper()
	out, err := os.Create(path)
	must(t, err)
	archive := zip.NewWriter(out)
	for _, e := range entries {
		to, err := archive.Create(e.name)
		must(t, err)
		_, err = io.WriteString(to, e.content)
		must(t, err)
	}
	must(t, archive.Close())
	must(t, out.Close())
}

func TestADamagedDatabaseIsNotBackedUp(t *testing.T) {
	h := newHome(t)
	execute(t, h.store, "CREATE TABLE more (value BLOB)")
	for i := range 50 {
		execute(t, h.store, "INSERT INTO more VALUES (?)", strings.Repeat(fmt.Sprint(i), 5000))
	}
	execute(t, h.store, "PRAGMA wal_checkpoint(TRUNCATE)")
	must(t, h.store.Close())
	data, err := os.OpenFile(h.Results(), os.O_RDWR, 0)
	must(t, err)
	_, err = data.WriteAt([]byte(strings.Repeat("damage", 2000)), 4096*2)
	must(t, err)
	must(t, data.Close())
	file := filepath.Join(t.TempDir(), "backup.zip")
	if _, err := backup.Create(t.Context(), h.Home, h.Results(), file); err == nil || !strings.Contains(err.Error(), "malformed") && !strings.Contains(err.Error(), "damaged") {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadDir(filepath.Dir(file)); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
