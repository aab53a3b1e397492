package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// The hints, word for word.
const (
	hintUnwritable = "make the file and its folder writable, or set GLEITZEIT_HOME or --home to a folder that you can write"
	hintDamaged    = "restore a backup, or move the file away with its -wal and -shm files to start with a new one; the results in it are lost"
	hintFull       = "free some space: finished work is not lost"
	hintLocked     = "look for a suspended gleitzeit, a backup or a SQLite shell that has it open, and end it"
	hintNewer      = "use the newer gleitzeit that wrote it, or set GLEITZEIT_HOME or --home to another folder"
)

func TestAFileThatIsNoDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("this is a text. ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), path)
	refused(t, err, protocol.Permanent, fmt.Sprintf("the result store %q is damaged: file is not a database (26)", path), hintDamaged)
}

func TestADamagedFile(t *testing.T) {
	s := opened(t)
	for i := range 200 {
		if err := s.Put(t.Context(), batchOf("r", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(data); i++ { // All pages but the first.
		data[i] = 0xaa
	}
	if err := os.WriteFile(s.path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	damagedStore := openedAt(t, s.path)
	want := fmt.Sprintf("the result store %q is damaged: Failed to read ptrmap key=10", s.path)
	_, err = damagedStore.Records(t.Context(), resultstore.Query{Run: "r"})
	refused(t, err, protocol.Permanent, want, hintDamaged)
	refused(t, damagedStore.Put(t.Context(), batchOf("r", 1)), protocol.Permanent, want, hintDamaged)
}

// TestDamageInTheMiddle: a page that nothing reads yet is found when the file is opened, before anything is written to it. A
// large file is not read as a whole first.
func TestDamageInTheMiddle(t *testing.T) {
	for _, megabytes := range []int{1, checkedFirst>>20 + 1} {
		s := opened(t)
		for i := range megabytes {
			batch := batchOf("r", i)
			batch.Values = append(batch.Values, random(t, 1<<20))
			if err := s.Put(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 200 {
			if err := s.Put(t.Context(), batchOf("later", i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		file, err := os.OpenFile(s.path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		info, err := file.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt(bytes.Repeat([]byte{0xaa}, 3*4096), info.Size()/2/4096*4096); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		again := openedAt(t, s.path)
		if _, err := again.Records(t.Context(), resultstore.Query{Run: "later", Limit: 1}); megabytes == 1 && !isDamaged(err) {
			t.Errorf("a small file is read although it is damaged: %v", err)
		}
		if err := again.Put(t.Context(), batchOf("more", 1)); !isDamaged(err) {
			t.Errorf("%d MiB are written to although they are damaged: %v", megabytes, err)
		}
		read, err := Open(t.Context(), s.path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = read.Records(t.Context(), resultstore.Query{Run: "later", Limit: 1})
		if closed := read.Close(); isDamaged(err) == isDamaged(closed) {
			t.Errorf("%d MiB are only read, and said to be damaged once and not twice: %v, %v", megabytes, err, closed)
		}
	}
}

func isDamaged(err error) bool {
	if err == nil {
		return false
	}
	failed := protocol.AsError(err, 0)
	return failed.Code == protocol.PersistenceFailed && strings.Contains(failed.Message, "is damaged: ") && failed.Hint == hintDamaged
}

func TestADamagedValue(t *testing.T) {
	s := opened(t)
	value := []byte(strings.Repeat("compress me ", 100))
	if err := s.Put(t.Context(), resultstore.Batch{Values: [][]byte{value}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ change, why string }{
		{"encoding = 'lzma'", `unknown encoding "lzma" of value f6b19a9751d3`},
		{"encoding = 'plain', data = x'22'", "value f6b19a9751d3 does not match its hash"},
		{"encoding = 'zstd', data = x'00'", "cannot decompress value f6b19a9751d3: unexpected EOF"},
	} {
		execute(t, raw(t, s.path), "UPDATE contents SET "+c.change)
		_, err := s.Value(t.Context(), protocol.RefOf(value))
		refused(t, err, protocol.Permanent, fmt.Sprintf("the result store %q is damaged: %s", s.path, c.why), hintDamaged)
	}
}

func TestAFolderThatIsAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(file, "results.db")
	_, err := Open(t.Context(), path)
	refused(t, err, protocol.Permanent, fmt.Sprintf("cannot open or write the result store %q: not a directory", path), hintUnwritable)
	folder := filepath.Dir(file)
	_, err = Open(t.Context(), folder)
	refused(t, err, protocol.Permanent, fmt.Sprintf("cannot open or write the result store %q: unable to open database file (14)", folder), hintUnwritable)
}

func TestAFileThatBecomesReadOnly(t *testing.T) {
	s := opened(t)
	execute(t, s.writer, "PRAGMA query_only = 1") // File modes do not bind root; to SQLite it is the same error.
	refused(t, s.Put(t.Context(), batchOf("r", 0)), protocol.Permanent,
		fmt.Sprintf("cannot open or write the result store %q: attempt to write a readonly database (8)", s.path), hintUnwritable)
}

func TestAFullDisk(t *testing.T) {
	s := opened(t)
	execute(t, s.writer, "PRAGMA max_page_count = 20") // SQLite's own limit gives the error of a disk that is full.
	err := s.Put(t.Context(), resultstore.Batch{Values: [][]byte{random(t, 1<<20)}})
	refused(t, err, protocol.Transient, fmt.Sprintf("the disk of the result store %q is full", s.path), hintFull)
	if err := s.Put(t.Context(), batchOf("r", 0)); err != nil {
		t.Error("what is small enough still fits:", err)
	}
}

func TestAFileThatStaysLocked(t *testing.T) {
	s := opened(t)
	s.busyTimeout = 20 * time.Millisecond
	other := raw(t, s.path)
	execute(t, other, "BEGIN IMMEDIATE")
	refused(t, s.Put(t.Context(), batchOf("r", 0)), protocol.Transient,
		fmt.Sprintf("the result store %q was locked by another process for 20ms", s.path), hintLocked)
	if _, err := s.Records(t.Context(), resultstore.Query{}); err != nil {
		t.Error("reading needs no lock:", err)
	}
	execute(t, other, "ROLLBACK")
	if err := s.Put(t.Context(), batchOf("r", 0)); err != nil {
		t.Error("once the lock is gone:", err)
	}
}

func TestAFileOfANewerProgram(t *testing.T) {
	s := opened(t)
	execute(t, s.writer, "PRAGMA user_version = 7")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), s.path)
	refused(t, err, protocol.Permanent,
		fmt.Sprintf("the result store %q has schema version 7, and this program supports versions up to 3", s.path), hintNewer)
}

func TestTheDatabaseOfAnotherProgram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "theirs.db")
	execute(t, raw(t, path), "CREATE TABLE theirs (a)")
	_, err := Open(t.Context(), path)
	refused(t, err, protocol.Permanent, fmt.Sprintf("%q is the database of another program, not a result store", path), "use another file")
}

func TestOpenIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, filepath.Join(t.TempDir(), "results.db")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
}
