package batchapi

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// pace is how slow a client may be.
type pace struct {
	patience time.Duration // How long it may take for anything, beside the time that its bytes take.
	slowest  int64         // The rate of its bytes, in bytes per second.
}

var usualPace = pace{30 * time.Second, 16 << 10}

func (p pace) allowed(bytes int64) time.Duration {
	return p.patience + time.Duration(bytes)*time.Second/time.Duration(p.slowest)
}

// paced bounds the time of requests by what is sent: a client may send and receive files of any size, and holds nothing if it does not go
// on.
func paced(p pace, inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		_ = control.SetWriteDeadline(time.Time{}) // That of an earlier request of the connection.
		r.Body = &pacedBody{ReadCloser: r.Body, pace: p, control: control, began: time.Now()}
		inner.ServeHTTP(&pacedWriter{w, p, control}, r)
	})
}

// pacedBody is a body that must come at a rate.
type pacedBody struct {
	io.ReadCloser
	pace    pace
	control *http.ResponseController
	began   time.Time
	bytes   int64
}

// errSlow is the error of a client that sends too slowly.
var errSlow = &failure{status: http.StatusRequestTimeout, closing: true, body: failureBody{Message: "The request was sent too slowly", Type: invalidRequest}}

// Read implements io.Reader.
func (b *pacedBody) Read(into []byte) (int, error) {
	if err := b.control.SetReadDeadline(b.began.Add(b.pace.allowed(b.bytes))); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	n, err := b.ReadCloser.Read(into)
	b.bytes += int64(n)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = errSlow
	case errors.Is(err, io.EOF): // From now on only the server takes time.
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// pacedWriter is a response of which each piece must be taken within a time.
type pacedWriter struct {
	http.ResponseWriter
	pace    pace
	control *http.ResponseController
}

// Write implements io.Writer.
func (w *pacedWriter) Write(data []byte) (int, error) {
	if err := w.control.SetWriteDeadline(time.Now().Add(w.pace.allowed(int64(len(data))))); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return w.ResponseWriter.Write(data)
}

// Unwrap returns the response for a ResponseController.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
