package engine

import (
	"database/sql"
	"fmt"
	"os"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

func TestDatabaseThatCannotBeUsed(t *testing.T) {
	const aside = "move the file away with its -wal and -shm files, and start again: open runs are lost, stored results are not"
	for _, test := range []struct {
		name          string
		spoil         func(*testing.T, *home.Home)
		message, hint string // With the path for %s.
	}{
		{"not a database", func(t *testing.T, h *home.Home) {
			must(t, os.WriteFile(h.EngineDB(), []byte("no database, and long enough to be taken for one: "+fmt.Sprint(make([]int, 100))), 0o600))
		}, "the engine's database %q is damaged: file is not a database", aside},
		{"empty", func(t *testing.T, h *home.Home) {
			must(t, os.WriteFile(h.EngineDB(), nil, 0o600))
		}, "the engine's database %q is damaged: it is not the database of an engine", aside},
		{"damaged inside", func(t *testing.T, h *home.Home) {
			file, err := os.OpenFile(h.EngineDB(), os.O_WRONLY, 0)
			must(t, err)
			_, err = file.WriteAt(make([]byte, 4096-200), 200)
			must(t, err)
			must(t, file.Close())
		}, "the engine's database %q is damaged: disk image is malformed", aside},
		{"of a newer server", func(t *testing.T, h *home.Home) {
			change(t, h, "UPDATE gleitzeit_engine SET server_version = '1.33.0'")
		}, "the engine's database %q was written by Temporal server 1.33.0, and this program has 1.32.1",
			"use the newer gleitzeit that wrote it, or set GLEITZEIT_HOME or --home to another folder"},
		{"of another schema", func(t *testing.T, h *home.Home) {
			change(t, h, "UPDATE gleitzeit_engine SET server_version = '1.20.0', schema_version = '0.7'")
		}, "the engine's database %q has the schema 0.7/0.1 of Temporal server 1.20.0, and this program needs 0.11/0.1",
			"finish the open runs with the gleitzeit that wrote it, then move the file away: stored results are not lost"},
		{"a folder", func(t *testing.T, h *home.Home) {
			must(t, os.Remove(h.EngineDB()))
			must(t, os.Mkdir(h.EngineDB(), 0o700))
		}, "cannot write the engine's database %q",
			"make the file and its folder writable, or set GLEITZEIT_HOME or --home to a folder that you can write"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := testHome(t)
			e := open(Options{Home: h})
			must(t, e.createDatabase(testContext(t), h.EngineDB()))
			test.spoil(t, h)
			_, err := Join(testContext(t), Options{Home: h})
			known := protocol.AsError(err, protocol.InternalError)
			if known.Code != protocol.EngineUnreachable || known.Kind != protocol.Permanent {
				t.Errorf("code %s, kind %s", known.Name, known.Kind)
			}
			if want := fmt.Sprintf(test.message, h.EngineDB()); known.Message != want {
				t.Errorf("message %q,\n   want %q", known.Message, want)
			}
			if known.Hint != test.hint {
				t.Errorf("hint %q,\nwant %q", known.Hint, test.hint)
			}
		})
	}
}

func TestDatabaseOfOlderServer(t *testing.T) {
	h := testHome(t)
	e := open(Options{Home: h})
	must(t, e.createDatabase(testContext(t), h.EngineDB()))
	change(t, h, "UPDATE gleitzeit_engine SET server_version = '1.31.7'")
	must(t, e.prepareDatabase(testContext(t)))
	if now := versionIn(t, h); now != "1.32.1" {
		t.Errorf("after a newer program used it, the database says server %s, want 1.32.1", now)
	}
}

// What a kill leaves of a database that was being made is thrown away.
func TestInterruptedCreation(t *testing.T) {
	h := testHome(t)
	for _, ending := range []string{"", "-wal", "-shm", "-journal"} {
		must(t, os.WriteFile(h.EngineDB()+".new"+ending, []byte("half"), 0o600))
	}
	e := join(t, h)
	if !e.Holder() {
		t.Error("the engine does not run")
	}
	if left, err := os.ReadDir(h.Path); err != nil || len(left) != 7 {
		t.Errorf("something is left over: %v, %v", left, err)
	}
}

func change(t *testing.T, h *home.Home, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+h.EngineDB())
	must(t, err)
	_, err = db.Exec(statement)
	must(t, err)
	must(t, db.Close())
}

func versionIn(t *testing.T, h *home.Home) string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+h.EngineDB())
	must(t, err)
	var version string
	must(t, db.QueryRow("SELECT server_version FROM gleitzeit_engine").Scan(&version))
	must(t, db.Close())
	return version
}
