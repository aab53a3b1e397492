package batchapi

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// put stores a file with a content.
func put(t *testing.T, s *storage, content string) *file {
	t.Helper()
	made, err := s.newTemporary()
	programtest.Must(t, err)
	defer made.discard()
	_, err = made.Write([]byte(content))
	programtest.Must(t, err)
	f := &file{ID: newID(filePrefix), Filename: "x", Purpose: ofBatch}
	programtest.Must(t, made.finish(f))
	programtest.Must(t, s.add(f, made.file.Name()))
	return f
}

func (s *storage) has(content string) bool {
	_, err := os.Stat(s.path(contentFolder, content))
	return err == nil
}

// What a killed process has left goes when the folder is opened again, and what a record needs stays.
func TestWhatAKilledProcessLeaves(t *testing.T) {
	folder := t.TempDir()
	s, err := openStorage(folder, slog.New(slog.DiscardHandler))
	programtest.Must(t, err)
	kept := put(t, s, "kept")
	needed := put(t, s, "needed")
	b := &record{document: document{ID: newID(batchPrefix), InputFile: needed.ID, Status: Validating}}
	programtest.Must(t, s.create(b))
	programtest.Must(t, s.remove(needed.ID))
	for _, path := range []string{s.path(uploadsFolder, "123"), s.path(contentFolder, "orphan"), s.path(filesFolder, "."+kept.ID+".json.123"), s.path(batchesFolder, ".x")} {
		programtest.Must(t, os.WriteFile(path, []byte("{"), 0o600))
	}
	s, err = openStorage(folder, slog.New(slog.DiscardHandler))
	programtest.Must(t, err)
	for folder, want := range map[string][]string{
		contentFolder: {kept.Content, needed.Content}, filesFolder: {kept.ID + ".json"}, batchesFolder: {b.ID + ".json"}, uploadsFolder: nil,
	} {
		var got []string
		entries, err := os.ReadDir(s.path(folder))
		programtest.Must(t, err)
		for _, entry := range entries {
			got = append(got, entry.Name())
		}
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", folder, got, want)
		}
	}
	if _, err := s.update(b.ID, func(b *record) error { b.move(Completed); return nil }); err != nil || s.has(needed.Content) {
		t.Errorf("the requests of a batch that has ended stay (%v)", err)
	}
}

func TestEqualContentsAreStoredOnce(t *testing.T) {
	s, err := openStorage(t.TempDir(), slog.New(slog.DiscardHandler))
	programtest.Must(t, err)
	one, other := put(t, s, "equal"), put(t, s, "equal")
	programtest.Must(t, s.add(one, func() string { // As after a kill between two steps.
		again, err := s.newTemporary()
		programtest.Must(t, err)
		_, err = again.Write([]byte("equal"))
		programtest.Must(t, errors.Join(err, again.finish(&file{})))
		return again.file.Name()
	}()))
	programtest.Must(t, s.remove(one.ID))
	if !s.has(other.Content) {
		t.Error("the content is gone, and another file has it")
	}
	programtest.Must(t, s.remove(other.ID))
	if s.has(other.Content) {
		t.Error("the content stays, and no file has it")
	}
	if err := s.remove(other.ID); !errors.Is(err, errNoRecord) {
		t.Errorf("the second time: %v", err)
	}
}

// Ids come from clients, and must not become other paths.
func TestIDs(t *testing.T) {
	first, second := newID(filePrefix), newID(filePrefix)
	if !isID(filePrefix, first) || first >= second || isID(batchPrefix, first) {
		t.Errorf("%s %s", first, second)
	}
	for _, text := range []string{"", "file-", "file-../../x", first + "/../x", first + "\n", "file-" + "ABCDEF0123456789ABCDEF0123456789", first[:36]} {
		if isID(filePrefix, text) {
			t.Errorf("%q is an id", text)
		}
	}
}

func TestPages(t *testing.T) {
	ids := []string{"1", "2", "3", "4", "5"}
	get := func(p page) ([]string, bool) {
		found, more, err := collect(p, slices.Clone(ids), func(id string) (string, bool, error) { return id, id != "3", nil })
		programtest.Must(t, err)
		return found, more
	}
	for _, c := range []struct {
		page page
		want []string
		more bool
	}{
		{page{limit: 2}, []string{"5", "4"}, true},
		{page{limit: 2, after: "4"}, []string{"2", "1"}, false},
		{page{limit: 2, after: "35"}, []string{"2", "1"}, false}, // It was removed meanwhile.
		{page{limit: 4}, []string{"5", "4", "2", "1"}, false},
		{page{limit: 2, after: "1"}, []string{}, false},
		{page{limit: 3, after: "1", ascending: true}, []string{"2", "4", "5"}, false},
		{page{limit: 2, after: "1", ascending: true}, []string{"2", "4"}, true},
	} {
		if got, more := get(c.page); !slices.Equal(got, c.want) || more != c.more {
			t.Errorf("%+v: %q, %t", c.page, got, more)
		}
	}
}

// A record that was damaged stops nothing but what it is the record of, the log names it, and no content is removed that it may need.
func TestDamagedRecords(t *testing.T) {
	folder := t.TempDir()
	s, err := openStorage(folder, slog.New(slog.DiscardHandler))
	programtest.Must(t, err)
	var damaged []string
	for i, text := range []string{"", "{", "{}", `{"id":"batch_other"}`} {
		f := put(t, s, strings.Repeat("x", i+1))
		b := &record{document: document{ID: newID(batchPrefix), InputFile: f.ID, Status: Validating}}
		programtest.Must(t, s.create(b))
		damaged = append(damaged, s.path(batchesFolder, b.ID+".json"), s.path(filesFolder, f.ID+".json"))
		for _, path := range damaged[2*i:] {
			programtest.Must(t, os.WriteFile(path, []byte(text), 0o600))
		}
	}
	whole := put(t, s, "whole")
	kept := &record{document: document{ID: newID(batchPrefix), InputFile: whole.ID, Status: Completed}}
	programtest.Must(t, s.create(kept))
	var said bytes.Buffer
	o := Options{MaxBytes: 1000, Log: slog.New(slog.NewTextHandler(&said, nil))}
	s, err = openStorage(folder, o.Log)
	programtest.Must(t, err)
	for _, path := range damaged {
		if strings.Count(said.String(), path) != 1 {
			t.Errorf("the log does not name %s once:\n%s", path, said.String())
		}
	}
	if contents, err := os.ReadDir(s.path(contentFolder)); err != nil || len(contents) != 5 {
		t.Errorf("%d contents are left (%v)", len(contents), err)
	}
	b := newBatches(t.Context(), o, s)
	programtest.Must(t, b.resume())
	programtest.Must(t, b.removeOld())
	for path, want := range map[string]string{"/v1/batches": kept.ID, "/v1/files": whole.ID, "/v1/batches/" + kept.ID: kept.ID} {
		w := httptest.NewRecorder()
		newAPI(o, s, b).routes().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if text := w.Body.String(); w.Code != http.StatusOK || strings.Count(text, `{"id":`) != 1 || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", path, w.Code, text)
		}
	}
}
