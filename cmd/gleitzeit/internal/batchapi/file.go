package batchapi

import (
	"errors"
	"mime"
	"net/http"
	"os"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/gate"
)

// file is the record of a file.
type file struct {
	ID        string `json:"id"`
	Bytes     int64  `json:"bytes"`
	CreatedAt int64  `json:"created_at"`
	ExpiresAt int64  `json:"expires_at,omitempty"`
	Filename  string `json:"filename"`
	Purpose   string `json:"purpose"`
	Content   string `json:"content"`         // The hash of its bytes.
	Owner     string `json:"owner,omitempty"` // Who has uploaded it, or the batch; empty: whoever has the token of the home.
}

// The purposes of files.
const (
	ofBatch  = "batch"
	ofOutput = "batch_output"
)

// fileDocument is a file as clients get it.
type fileDocument struct {
	ID        string `json:"id"`
	Object    string `json:"object"`
	Bytes     int64  `json:"bytes"`
	CreatedAt int64  `json:"created_at"`
	ExpiresAt int64  `json:"expires_at,omitempty"`
	Filename  string `json:"filename"`
	Purpose   string `json:"purpose"`
	Status    string `json:"status"`
}

func (f *file) document() fileDocument {
	return fileDocument{f.ID, "file", f.Bytes, f.CreatedAt, f.ExpiresAt, f.Filename, f.Purpose, "processed"}
}

func (f *file) expired() bool { return f.ExpiresAt > 0 && f.ExpiresAt <= time.Now().Unix() }

// mayUse reports whether a client may know of what an owner has: everything is for whoever has the token of the home.
func mayUse(r *http.Request, owner string) bool {
	holder := gate.Holder(r.Context())
	return holder == "" || holder == owner
}

// find returns the file of a request. One of somebody else is none.
func (a *api) find(r *http.Request, id string) (*file, error) {
	f, err := a.storage.file(id)
	if errors.Is(err, errNoRecord) || err == nil && (f.expired() || !mayUse(r, f.Owner)) {
		return nil, refusal(http.StatusNotFound, "id", "", "No such File object: %.60q", id)
	}
	return f, err
}

func (a *api) getFile(w http.ResponseWriter, r *http.Request) error {
	f, err := a.find(r, r.PathValue("id"))
	if err == nil {
		answer(w, http.StatusOK, f.document())
	}
	return err
}

func (a *api) deleteFile(w http.ResponseWriter, r *http.Request) error {
	f, err := a.find(r, r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := a.storage.remove(f.ID); err != nil && !errors.Is(err, errNoRecord) { // Another request may have removed it.
		return err
	}
	answer(w, http.StatusOK, struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		Deleted bool   `json:"deleted"`
	}{f.ID, "file", true})
	return nil
}

// content sends what a file has, or the ranges of it that the client wants.
func (a *api) content(w http.ResponseWriter, r *http.Request) error {
	f, err := a.find(r, r.PathValue("id"))
	if err != nil {
		return err
	}
	opened, err := os.Open(a.storage.path(contentFolder, f.Content))
	if err != nil {
		return err
	}
	defer func() { _ = opened.Close() }() // It was only read.
	header := w.Header()
	header.Set("Content-Type", "application/octet-stream")
	header.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.Filename}))
	header.Set("ETag", `"`+f.Content+`"`)
	http.ServeContent(&rangeWriter{ResponseWriter: w, wanted: r.Header.Get("Range")}, r, "", time.Unix(f.CreatedAt, 0), opened)
	return nil
}

// rangeWriter is the response with a part of a file. That to a range which the file does not have is an error as clients know them.
type rangeWriter struct {
	http.ResponseWriter
	wanted  string
	refused bool
}

// WriteHeader implements http.ResponseWriter.
func (w *rangeWriter) WriteHeader(status int) {
	if status != http.StatusRequestedRangeNotSatisfiable {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.refused = true
	w.Header().Del("Content-Disposition")
	refusal(status, "", "", "Invalid header Range: the file does not have %.60q.", w.wanted).write(w.ResponseWriter)
}

// Write implements io.Writer.
func (w *rangeWriter) Write(data []byte) (int, error) {
	if w.refused { // The text instead of which there is an error.
		return len(data), nil
	}
	return w.ResponseWriter.Write(data)
}

// The numbers of files in a page.
const (
	mostFiles  = 10_000
	mostListed = 100
	usualBatch = 20
)

func (a *api) listFiles(w http.ResponseWriter, r *http.Request) error {
	page, err := pageOf(r, filePrefix, mostFiles, mostFiles, "purpose", "order")
	if err != nil {
		return err
	}
	purpose := r.URL.Query().Get("purpose")
	found, more, err := collect(page, a.storage.ids(filesFolder), func(id string) (document fileDocument, wanted bool, err error) {
		f, err := a.storage.file(id)
		if errors.Is(err, errNoRecord) || err != nil || f.expired() || !mayUse(r, f.Owner) || purpose != "" && f.Purpose != purpose {
			return document, false, ignoreMissing(err)
		}
		return f.document(), true, nil
	})
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, listOf(found, more, func(f fileDocument) string { return f.ID }))
	return nil
}

// ignoreMissing returns no error of a record that is not there, or that was damaged: it is left out of what is about all of them.
func ignoreMissing(err error) error {
	if errors.Is(err, errNoRecord) || errors.Is(err, errUnreadable) {
		return nil
	}
	return err
}
