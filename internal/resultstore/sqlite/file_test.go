package sqlite

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

func random(t testing.TB, size int) []byte {
	t.Helper()
	data := make([]byte, size)
	if _, err := rand.Read(data); err != nil {
		t.Fatal(err)
	}
	return data
}

func TestOthersCannotReadTheFile(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "home", "inner")
	s := openedAt(t, filepath.Join(folder, "results.db"))
	if err := s.Put(t.Context(), batchOf("r", 0)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{
		filepath.Dir(folder): 0o700, folder: 0o700, s.path: 0o600, s.path + "-wal": 0o600, s.path + "-shm": 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Error(err)
		} else if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
}

func TestAnyPathMayBeTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "100% a?mode=ro#b c", "Ünïcode & 'q'.db")
	s := openedAt(t, path)
	if err := s.Put(t.Context(), batchOf("r", 0)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 1 || files[0].Name() != filepath.Base(path) {
		t.Errorf("the folder holds %v, %v; want the file alone", files, err)
	}
	found, err := openedAt(t, path).Records(t.Context(), resultstore.Query{Run: "r"})
	if err != nil || len(found) != 1 {
		t.Errorf("%d records, %v; want 1", len(found), err)
	}
}

func TestDurability(t *testing.T) {
	s := opened(t)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2"} {
		var got string
		if err := s.writer.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", pragma, got, err, want)
		}
	}
}

func TestReadersCannotWrite(t *testing.T) {
	s := opened(t)
	if _, err := s.readers.ExecContext(t.Context(), "DELETE FROM records"); err == nil {
		t.Error("a connection for reading has written")
	}
}

func TestValuesAreKeptOnceAndCompressed(t *testing.T) {
	text := []byte(`"` + strings.Repeat("The same sentence over and over. ", 100_000) + `"`) // 3.3 MB.
	noise := random(t, 1<<20)
	s := opened(t)
	for range 5 {
		if err := s.Put(t.Context(), resultstore.Batch{Values: [][]byte{text, noise, []byte("5")}}); err != nil {
			t.Fatal(err)
		}
	}
	db := raw(t, s.path)
	for encoding, want := range map[string]struct{ values, least, most int }{
		"zstd":  {1, 1, 10_000},
		"plain": {2, 1<<20 + 1, 1<<20 + 1},
	} {
		var values, bytes int
		err := db.QueryRowContext(t.Context(), "SELECT count(*), sum(length(data)) FROM contents WHERE encoding = ?", encoding).Scan(&values, &bytes)
		if err != nil || values != want.values || bytes < want.least || bytes > want.most {
			t.Errorf("%d values of %d bytes are %s, %v; want %+v", values, bytes, encoding, err, want)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(s.path)
	if err != nil || info.Size() > 1_300_000 {
		t.Errorf("the file has %d bytes, %v; want the noise and little more", info.Size(), err)
	}
}

// TestLargeValuesAreStoredInPieces, so that neither SQLite nor the program has them as a whole several times.
func TestLargeValuesAreStoredInPieces(t *testing.T) {
	s := opened(t)
	db := raw(t, s.path)
	noise, text := random(t, 5<<20+1), []byte(strings.Repeat("The same sentence. ", 300_000))
	count := func(query string, want int) {
		t.Helper()
		var got int
		if err := db.QueryRowContext(t.Context(), query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", query, got, err, want)
		}
	}
	for range 2 {
		batch := resultstore.Batch{Values: [][]byte{noise, text, noise}, Names: []string{"", "", "sealed"}}
		if err := s.Put(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	count("SELECT count(*) FROM pieces", 6+6+6)
	count("SELECT count(*) FROM pieces WHERE encoding = 'zstd' AND length(data) < 1000", 6)
	count("SELECT sum(length(data)) FROM contents", 0)
	count("SELECT max(length(data)) FROM pieces", 1<<20)
	for ref, want := range map[protocol.Ref][]byte{protocol.RefOf(noise): noise, protocol.RefOf(text): text, {Hash: "sealed", Size: 3}: noise} {
		if data, err := s.Value(t.Context(), ref); err != nil || !bytes.Equal(data, want) {
			t.Errorf("%v: %d bytes, %v", ref, len(data), err)
		}
	}
	sizes, err := s.Sizes(t.Context())
	if err != nil || sizes.Values.Count != 3 || sizes.Values.Bytes < int64(2*len(noise)) {
		t.Errorf("%+v, %v", sizes.Values, err)
	}
	name := protocol.RefOf(text).Hash[:12]
	for _, c := range []struct{ change, why string }{
		{"encoding = 'lzma'", "cannot read a piece of value " + name + `: unknown encoding "lzma", or too many bytes`},
		{"encoding = 'zstd', data = x'00'", "cannot read a piece of value " + name + ": unexpected EOF"},
		{"encoding = 'plain', data = x'22'", "value " + name + " does not match its hash"},
	} {
		execute(t, db, "UPDATE pieces SET "+c.change+" WHERE hash = '"+protocol.RefOf(text).Hash+"' AND number = 1")
		_, err := s.Value(t.Context(), protocol.RefOf(text))
		refused(t, err, protocol.Permanent, fmt.Sprintf("the result store %q is damaged: %s", s.path, c.why), hintDamaged)
	}
	execute(t, db, "DELETE FROM pieces WHERE hash = 'sealed'")
	if _, err := s.Value(t.Context(), protocol.Ref{Hash: "sealed"}); !errors.Is(err, resultstore.ErrNotFound) {
		t.Errorf("a value that is removed meanwhile: %v", err)
	}
	pruned, err := s.Prune(t.Context(), resultstore.PruneRequest{Unused: time.Now().Add(time.Minute)})
	if err != nil || pruned.Values.Count != 3 || pruned.Values.Bytes < int64(len(noise)) {
		t.Errorf("%+v, %v", pruned.Values, err)
	}
	count("SELECT count(*) FROM pieces", 0)
	// A value of an earlier version stays as it is.
	execute(t, db, "INSERT INTO contents VALUES ('"+protocol.RefOf(noise).Hash+"', 'plain', zeroblob(5))")
	if err := s.Put(t.Context(), resultstore.Batch{Values: [][]byte{noise}}); err != nil {
		t.Fatal(err)
	}
	count("SELECT count(*) FROM pieces", 0)
}

// TestQueriesUseIndexes looks at SQLite's own plans: what a query costs must follow what it finds, not the store.
func TestQueriesUseIndexes(t *testing.T) {
	db := raw(t, opened(t).path)
	record := resultstore.Query{Run: "r", Execution: "e"}
	byTask, byKind := record, record
	byTask.Task, byKind.Kind = "t", resultstore.Task
	type asked struct {
		statement string
		args      []any
		want      string
	}
	all := []asked{
		{newestRun, []any{"r"}, "SEARCH records USING INDEX executions (run=?)"},
		{getValue, []any{"h"}, "SEARCH contents USING INDEX sqlite_autoindex_contents_1 (hash=?)"},
		{getPieces, []any{"h"}, "SEARCH pieces USING INDEX sqlite_autoindex_pieces_1 (hash=?)"},
	}
	for _, q := range []struct {
		query resultstore.Query
		want  string
	}{
		{record, "SEARCH records USING INDEX sqlite_autoindex_records_1 (run=? AND execution=?)"},
		{byKind, "SEARCH records USING INDEX sqlite_autoindex_records_1 (run=? AND execution=?)"},
		{byTask, "SEARCH records USING INDEX sqlite_autoindex_records_1 (run=? AND execution=? AND task=?)"},
		{resultstore.Query{Limit: 10}, "SCAN records USING INDEX runs"},
		{resultstore.Query{Workflow: "w", Limit: 10}, "SCAN records USING INDEX runs"},
	} {
		statement, args := selection(q.query)
		all = append(all, asked{statement, args, q.want})
	}
	for _, a := range all {
		rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+a.statement, a.args...)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var steps []string
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			steps = append(steps, step)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(steps, "; "); got != a.want {
			t.Errorf("%s\n is done by %q\nwant %q", a.statement, got, a.want)
		}
	}
}
