package requestfile

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Options are what a file is checked for. The zero value is what `gleitzeit batch` needs: each line stands for itself.
type Options struct {
	// AnyModel: a request needs no model, because the caller has one.
	AnyModel bool
	// Uniform: as the API has it, all requests have the same URL and the same model.
	Uniform bool
	// Endpoint is the URL that all requests have, with Uniform; empty is that of the first one.
	Endpoint string
	// MaxLine is the maximum size of a line in bytes; 0 is 64 MiB.
	MaxLine int
}

const defaultMaxLine = 64 << 20

// Reader reads the lines of a file. It keeps 16 bytes of each id, and one line at a time.
type Reader struct {
	from    *bufio.Reader
	options Options
	number  int
	seen    map[[idSize]byte]struct{}
	url     string // With Uniform: those of all requests.
	model   string
	hasOne  bool // Whether a request has set the model.
}

// idSize is how many bytes of the hash of an id are kept.
const idSize = 16

// NewReader returns a reader of a file.
func NewReader(from io.Reader, o Options) *Reader {
	if o.MaxLine == 0 {
		o.MaxLine = defaultMaxLine
	}
	return &Reader{from: bufio.NewReaderSize(from, 64<<10), options: o, seen: map[[idSize]byte]struct{}{}, url: o.Endpoint}
}

// Next returns the next line that is not blank, whether it is valid or not; io.EOF after the last one. Any other error is one of
// reading the file.
func (r *Reader) Next() (Line, error) {
	for {
		text, tooLong, err := r.line()
		if err != nil {
			return Line{}, err
		}
		r.number++
		if r.number == 1 {
			text = bytes.TrimPrefix(text, []byte("\ufeff"))
		}
		if text = bytes.TrimSpace(text); len(text) == 0 && !tooLong {
			continue
		}
		line := Line{Number: r.number}
		switch {
		case tooLong:
			line.report(InvalidRequest, "", "the line is larger than %d bytes", r.options.MaxLine)
		case !utf8.Valid(text):
			line.report(InvalidJSONLine, "", "the line is not valid UTF-8")
		default:
			r.read(&line, text)
		}
		return line, nil
	}
}

// line returns the next line without its end. Of one that is too long, nothing is kept.
func (r *Reader) line() (text []byte, tooLong bool, err error) {
	for {
		piece, err := r.from.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF) && len(text)+len(piece) == 0 && !tooLong:
			return nil, false, io.EOF
		case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull):
			return nil, false, err
		}
		if tooLong = tooLong || len(text)+len(bytes.TrimRight(piece, "\r\n")) > r.options.MaxLine; tooLong {
			text = nil
		} else {
			text = append(text, piece...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return text, tooLong, nil
		}
	}
}

func (l *Line) report(code Code, param, format string, args ...any) {
	l.Problems = append(l.Problems, Problem{Code: code, Message: fmt.Sprintf(format, args...), Param: param, Line: l.Number})
}

// read reads a line and reports all of its problems.
func (r *Reader) read(line *Line, text []byte) {
	object, err := value.ParseOwned(text)
	switch {
	case err != nil:
		line.report(InvalidJSONLine, "", "the line is %s", err)
		return
	case object.Kind() != value.KindObject:
		line.report(InvalidRequest, "", "the line is %s, not an object", object.Kind().Article())
		return
	}
	if id, has := line.text(object, "custom_id"); has {
		line.CustomID = id
	}
	if method, has := line.text(object, "method"); has && method != "POST" {
		line.report(InvalidRequest, "method", "the method must be POST, not %.40q", method)
	}
	if written, has := line.text(object, "url"); has {
		if url, known := knownURL(written); known {
			line.URL = url
		} else {
			line.report(InvalidRequest, "url", "the URL %.80q is not one of %s", written, strings.Join(urls, ", "))
		}
	}
	r.readBody(line, object)
	r.compare(line)
}

// text returns a field that is required, and reports one that is missing or empty.
func (l *Line) text(object value.Value, name string) (text string, has bool) {
	field, is := object.Get(name)
	switch {
	case !is:
		l.report(InvalidRequest, name, "%s is required", name)
	case field.Kind() != value.KindString:
		l.report(InvalidRequest, name, "%s must be a string, not %s", name, field.Kind().Article())
	case field.Text() == "":
		l.report(InvalidRequest, name, "%s is empty", name)
	default:
		return field.Text(), true
	}
	return "", false
}

func (r *Reader) readBody(line *Line, object value.Value) {
	body, is := object.Get("body")
	switch {
	case !is:
		line.report(InvalidRequest, "body", "body is required")
		return
	case body.Kind() != value.KindObject:
		line.report(InvalidRequest, "body", "body must be an object, not %s", body.Kind().Article())
		return
	}
	line.Body = body
	model, is := body.Get("model")
	switch {
	case !is && r.options.AnyModel:
	case !is:
		line.report(InvalidRequest, "body.model", "body.model is required")
	case model.Kind() != value.KindString:
		line.report(InvalidRequest, "body.model", "body.model must be a string, not %s", model.Kind().Article())
	case model.Text() == "" && !r.options.AnyModel:
		line.report(InvalidRequest, "body.model", "body.model is empty")
	}
	if stream, _ := body.Get("stream"); stream.Bool() {
		line.report(InvalidRequest, "body.stream", "body.stream is not supported: a response is one document")
	}
}

// compare reports what does not go with the lines before.
func (r *Reader) compare(line *Line) {
	if line.CustomID != "" {
		hash := sha256.Sum256([]byte(line.CustomID))
		id := [idSize]byte(hash[:])
		if _, twice := r.seen[id]; twice {
			line.report(DuplicateCustomID, "custom_id", "an earlier line has the custom_id %.80q", line.CustomID)
		}
		r.seen[id] = struct{}{}
	}
	if !r.options.Uniform {
		return
	}
	if line.URL != "" && r.url == "" {
		r.url = line.URL
	}
	if line.URL != "" && line.URL != r.url {
		line.report(URLMismatch, "url", "the URL %s is not that of the other requests, %s", line.URL, r.url)
	}
	model, _ := line.Body.Get("model")
	switch {
	case model.Text() == "":
	case !r.hasOne:
		r.model, r.hasOne = model.Text(), true
	case model.Text() != r.model:
		line.report(ModelMismatch, "body.model", "the model %.80q is not that of the other requests, %.80q", model.Text(), r.model)
	}
}
