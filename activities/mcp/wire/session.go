// Package wire makes what MCP servers send readable for the SDK. The SDK ends a session, with all calls in flight, at the first
// line that is not a message and at the first message that it cannot decode; here such lines are left out, and a response that
// cannot be decoded becomes the error of its own call. It turns the numbers of structured content into floats; here the text of
// the content is kept beside it. The package must not know what servers, tools and tasks are.
package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"sync"
)

const (
	// MaxMessage is the maximum size of a server's message in bytes: somewhat more than the largest value that is stored.
	MaxMessage = 96 << 20
	// maxNesting is the maximum nesting depth of a message. The SDK ends the session when a message is deeper.
	maxNesting = 1000
)

// The codes of errors that no server sends: they stand for a response that the SDK could not decode.
const (
	// Undecodable is the code of a response that cannot be decoded. The message says why.
	Undecodable = -32799
	// WithoutID is the code of an error that the server sent without the id of a request. The message is the server's.
	WithoutID = -32798
)

// Session follows the messages of one session, to know which response belongs to which request.
type Session struct {
	report Report

	mu      sync.Mutex
	methods map[int64]string // Of the requests without a response, by id.
}

// Report receives what was left out. Its functions may be called by several goroutines.
type Report struct {
	// Stray receives output that is not a message; long if its end is missing.
	Stray func(text []byte, long bool)
	// Dropped receives what was left out of a list: what it is, such as "tool", its name, and why it cannot be read.
	Dropped func(element, name, reason string)
}

// NewSession returns a session without requests.
func NewSession(report Report) *Session {
	return &Session{report: report, methods: map[int64]string{}}
}

// request is the part of a sent message that tells what it asks for.
type request struct {
	ID     *int64 `json:"id"`
	Method string `json:"method"`
	Params struct {
		RequestID *int64 `json:"requestId"`
	} `json:"params"`
}

// sent notes a message on its way to the server. It returns the id of a request.
func (s *Session) sent(message []byte) (id int64, is bool) {
	var r request
	if json.Unmarshal(message, &r) != nil || r.Method == "" {
		return 0, false // A response to the server.
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.ID == nil {
		if r.Method == "notifications/cancelled" && r.Params.RequestID != nil {
			delete(s.methods, *r.Params.RequestID)
		}
		return 0, false
	}
	s.methods[*r.ID] = r.Method
	return *r.ID, true
}

// answered returns the method of a request, which then has its response.
func (s *Session) answered(id int64) (method string, is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	method, is = s.methods[id]
	delete(s.methods, id)
	return method, is
}

// only returns the id of the only request without a response.
func (s *Session) only() (id int64, is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id = range s.methods {
		return id, len(s.methods) == 1
	}
	return 0, false
}

// failed returns the message that ends a request with an error.
func failed(id int64, code int, format string, args ...any) []byte {
	text, err := json.Marshal(fmt.Sprintf(format, args...))
	if err != nil {
		panic(err) // A string can be encoded.
	}
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"error":{"code":%d,"message":%s}}`, id, code, text)
}

// tooLarge is the text of a response that is not read.
func tooLarge() string {
	return fmt.Sprintf("it is larger than the limit of %d MiB for one message", MaxMessage>>20)
}

// Writer returns a writer of messages to a server's standard input. Each call writes one message.
func (s *Session) Writer(to io.WriteCloser) io.WriteCloser { return noteWriter{to, s} }

type noteWriter struct {
	io.WriteCloser
	session *Session
}

// Write implements io.Writer.
func (w noteWriter) Write(message []byte) (int, error) {
	w.session.sent(message)
	return w.WriteCloser.Write(message)
}

var (
	idAtStart = regexp.MustCompile(`^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,18})\s*,`)
	idAtEnd   = regexp.MustCompile(`,\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,18})\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$`)
)

// large returns the message that stands for one that is too large, whose beginning and end are known; nil if no request can be
// found to which it belongs.
func (s *Session) large(start, end []byte) []byte {
	id, is := s.only()
	for _, place := range []struct {
		pattern *regexp.Regexp
		text    []byte
	}{{idAtEnd, end}, {idAtStart, start}} {
		if found := place.pattern.FindSubmatch(place.text); found != nil {
			if n, err := strconv.ParseInt(string(found[1]), 10, 64); err == nil {
				id, is = n, true
			}
		}
	}
	if !is {
		return nil
	}
	if _, open := s.answered(id); !open {
		return nil
	}
	return failed(id, Undecodable, "%s", tooLarge())
}

func isBlank(text []byte) bool { return len(bytes.TrimSpace(bytes.TrimPrefix(text, bom))) == 0 }

var bom = []byte("\ufeff")

func (s *Session) stray(text []byte, long bool) {
	const kept = 4 << 10
	if isBlank(text) {
		return
	}
	if len(text) > kept {
		text, long = text[:kept], true
	}
	s.report.Stray(text, long)
}
