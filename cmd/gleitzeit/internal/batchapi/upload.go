package batchapi

import (
	"errors"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/gate"
)

const (
	// maxUploads is how many files are received at once.
	maxUploads = 16
	// uploadWait is how long a client waits for others,
	uploadWait = 5 * time.Second
	// and then it is told to ask again after so many seconds.
	uploadRetry = 5
	// maxFields bounds what a form has beside the file, in bytes.
	maxFields = 64 << 10
	// maxParts bounds the number of its fields.
	maxParts = 16
	// maxFilename bounds the name of a file, in bytes.
	maxFilename = 512
)

// upload receives a file: it is streamed to the disk, and is there when all of it is.
func (a *api) upload(w http.ResponseWriter, r *http.Request) error {
	tooLarge := refusal(http.StatusRequestEntityTooLarge, "file", "file_too_large", "The file is too large: at most %d bytes are accepted.", a.options.MaxBytes)
	tooLarge.closing = true
	if r.ContentLength > a.options.MaxBytes+maxFields {
		return tooLarge
	}
	leave, err := a.enter(r)
	if err != nil {
		return err
	}
	defer leave()
	r.Body = http.MaxBytesReader(w, r.Body, a.options.MaxBytes+maxFields)
	form, err := r.MultipartReader()
	if err != nil {
		return invalid("", "The request must be a multipart form with the fields 'file' and 'purpose': %s.", err)
	}
	into, err := a.storage.newTemporary()
	if err != nil {
		return err
	}
	defer into.discard()
	u := &upload{into: into, most: a.options.MaxBytes, fields: map[string]string{}}
	err = u.read(form)
	if _, is := errors.AsType[*http.MaxBytesError](err); is || errors.Is(err, errTooLarge) {
		return tooLarge
	}
	if err != nil {
		return err
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // What follows is up to this server.
	f, err := u.file()
	if err != nil {
		return err
	}
	f.Owner = gate.Holder(r.Context())
	if err := into.finish(f); err != nil {
		return err
	}
	if err := a.storage.add(f, into.file.Name()); err != nil {
		return err
	}
	answer(w, http.StatusOK, f.document())
	return nil
}

// enter waits until few enough files are received, and returns what the caller calls in the end.
func (a *api) enter(r *http.Request) (leave func(), err error) {
	timer := time.NewTimer(a.wait)
	defer timer.Stop()
	select {
	case a.uploads <- struct{}{}:
		return func() { <-a.uploads }, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-timer.C:
		f := refusal(http.StatusTooManyRequests, "", "rate_limit_exceeded", "Too many files are uploaded at once: %d. Try again later.", maxUploads)
		f.body.Type, f.retryAfter, f.closing = "requests", uploadRetry, true
		return nil, f
	}
}

// upload is a form that is being read.
type upload struct {
	into   *temporary
	most   int64
	name   string
	has    bool // The file is there.
	fields map[string]string
}

var errTooLarge = errors.New("the file is too large")

// read reads all parts. What the client does not send to its end is an error.
func (u *upload) read(form *multipart.Reader) error {
	for range maxParts {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return unreadable(err)
		}
		switch name := part.FormName(); {
		case name == "file" && u.has:
			return invalid("file", "The form has several files.")
		case name == "file":
			u.has, u.name = true, part.FileName()
			n, err := io.Copy(u.into, io.LimitReader(part, u.most+1))
			if err != nil {
				return unreadable(err)
			}
			if n > u.most {
				return errTooLarge
			}
		default:
			text, err := io.ReadAll(io.LimitReader(part, maxFields))
			if err != nil {
				return unreadable(err)
			}
			u.fields[name] = string(text)
		}
	}
	return invalid("", "The form has more than %d fields.", maxParts)
}

// unreadable is the error of a body that cannot be read to its end, or is not a form. What cannot be written is an error of this server.
func unreadable(err error) error {
	if _, is := errors.AsType[*failure](err); is {
		return err
	}
	if _, is := errors.AsType[*http.MaxBytesError](err); is {
		return err
	}
	if _, is := errors.AsType[*fs.PathError](err); is {
		return err
	}
	f := invalid("", "The body of the request cannot be read: %s.", strings.TrimPrefix(err.Error(), "multipart: "))
	f.closing = true
	return f
}

// file returns the record of what was received.
func (u *upload) file() (*file, error) {
	for name := range u.fields {
		switch name {
		case "purpose", "expires_after[anchor]", "expires_after[seconds]":
		default:
			return nil, invalid(name, "Unknown parameter: '%.60s'.", name)
		}
	}
	f := &file{ID: newID(filePrefix), CreatedAt: time.Now().Unix(), Filename: cleanName(u.name), Purpose: u.fields["purpose"]}
	switch {
	case !u.has:
		return nil, invalid("file", "'file' is a required property.")
	case f.Purpose == "":
		return nil, invalid("purpose", "'purpose' is a required property.")
	case f.Purpose != ofBatch:
		return nil, invalid("purpose", "%.60q is not one of ['%s'] - 'purpose'.", f.Purpose, ofBatch)
	case u.into.bytes == 0:
		return nil, invalid("file", "File is empty.")
	}
	anchor, hasAnchor := u.fields["expires_after[anchor]"]
	text, hasSeconds := u.fields["expires_after[seconds]"]
	if !hasAnchor && !hasSeconds {
		return f, nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		seconds = 0
	}
	if err := checkExpiry("expires_after", anchor, seconds); err != nil {
		return nil, err
	}
	f.ExpiresAt = f.CreatedAt + seconds
	return f, nil
}

// The limits on when a file expires.
const (
	minExpiry = 3600
	maxExpiry = 2592000
)

func checkExpiry(param, anchor string, seconds int64) error {
	switch {
	case anchor != "created_at":
		return invalid(param+".anchor", "Invalid value for '%s.anchor': %.60q. Supported values are: 'created_at'.", param, anchor)
	case seconds < minExpiry || seconds > maxExpiry:
		return invalid(param+".seconds", "Invalid '%s.seconds': expected an integer from %d to %d.", param, minExpiry, maxExpiry)
	}
	return nil
}

// cleanName returns the name of a file for people: it becomes no path.
func cleanName(name string) string {
	name = strings.ToValidUTF8(name, "�")
	if len(name) > maxFilename {
		name = strings.ToValidUTF8(name[:maxFilename], "")
	}
	if name == "" {
		return "upload.jsonl"
	}
	return name
}
