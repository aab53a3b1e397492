package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// lineReader reads lines of any length up to MaxMessage.
type lineReader struct {
	from  io.Closer
	lines *bufio.Reader
	rest  []byte // What the SDK has yet to read of a message.
}

func newLineReader(from io.ReadCloser) lineReader {
	return lineReader{from: from, lines: bufio.NewReaderSize(from, 64<<10)}
}

// take moves a part of the rest.
func (r *lineReader) take(data []byte) int {
	n := copy(data, r.rest)
	if r.rest = r.rest[n:]; len(r.rest) == 0 {
		r.rest = nil // Until the next message, which may come hours later, it would keep this one.
	}
	return n
}

// Close implements io.Closer. It may be called during a Read.
func (r *lineReader) Close() error { return r.from.Close() }

const (
	// startKept and endKept are what is kept of the beginning and the end of a line that is too long.
	startKept = 4 << 10
	endKept   = 512
)

// next returns the next line including its end. Of one that is too long it returns the beginning and the end.
func (r *lineReader) next() (line, end []byte, tooLong bool, err error) {
	var parts [][]byte // A slice that grows with the line would leave twice as much behind.
	size := 0
	for {
		part, err := r.lines.ReadSlice('\n')
		size += len(part)
		switch {
		case tooLong:
			end = append(end, part...)
			end = bytes.Clone(end[max(0, len(end)-endKept):])
		case size > MaxMessage:
			whole := bytes.Join(append(parts, part), nil)
			line, end, tooLong = bytes.Clone(whole[:startKept]), bytes.Clone(whole[len(whole)-endKept:]), true
		default:
			parts = append(parts, bytes.Clone(part))
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case tooLong:
			return line, end, true, err
		case len(parts) == 1:
			return parts[0], nil, false, err
		default:
			value.MakeRoom(size)
			return bytes.Join(parts, nil), nil, false, err
		}
	}
}

// Reader returns the messages of a server's standard output, one per line.
func (s *Session) Reader(from io.ReadCloser) io.ReadCloser {
	return &messageReader{lineReader: newLineReader(from), session: s}
}

type messageReader struct {
	lineReader
	session *Session
	err     error
}

// Read implements io.Reader.
func (r *messageReader) Read(data []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		var line, end []byte
		var tooLong bool
		line, end, tooLong, r.err = r.next()
		if tooLong {
			if r.rest = appendLine(nil, r.session.large(line, end)); r.rest == nil {
				r.session.stray(line, true)
			}
			continue
		}
		r.rest = r.session.line(line)
	}
	return r.take(data), nil
}

// Request notes a request on its way to an address.
func (s *Session) Request(message []byte) (id int64, is bool) { return s.sent(message) }

// Forget removes a request that will have no response.
func (s *Session) Forget(id int64) { s.answered(id) }

// Body returns the response body of a request as one message. A body that is none becomes the error of the request.
func (s *Session) Body(from io.ReadCloser, id int64) io.ReadCloser {
	return &bodyReader{from: from, session: s, id: id}
}

type bodyReader struct {
	from    io.ReadCloser
	session *Session
	id      int64
	read    *bytes.Reader
}

// Read implements io.Reader.
func (b *bodyReader) Read(data []byte) (int, error) {
	if b.read == nil {
		text, err := io.ReadAll(io.LimitReader(b.from, MaxMessage+1))
		if err != nil {
			return 0, err
		}
		b.read = bytes.NewReader(b.session.body(text, b.id))
	}
	return b.read.Read(data)
}

// Close implements io.Closer. It may be called during a Read.
func (b *bodyReader) Close() error { return b.from.Close() }

// body returns the message of a response body.
func (s *Session) body(text []byte, id int64) []byte {
	if len(text) > MaxMessage {
		s.answered(id)
		return failed(id, Undecodable, "%s", tooLarge())
	}
	s.mu.Lock()
	_, open := s.methods[id]
	s.mu.Unlock()
	message, is := s.message(bytes.TrimSpace(bytes.TrimPrefix(text, bom)))
	switch {
	case is && len(message) > 0:
		return message
	case !open:
		return text // It was answered before.
	}
	s.answered(id)
	if is {
		return failed(id, Undecodable, "it has the id of another request")
	}
	s.stray(text, false)
	return failed(id, Undecodable, "it is not a message of JSON-RPC 2.0")
}

// Events returns a stream of server-sent events whose data are messages. Events with other data are left out.
func (s *Session) Events(from io.ReadCloser) io.ReadCloser {
	return &eventReader{lineReader: newLineReader(from), session: s}
}

type eventReader struct {
	lineReader
	session *Session
	data    [][]byte // The lines of data of the event so far.
	err     error
}

// Read implements io.Reader.
func (r *eventReader) Read(data []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		var line, end []byte
		var tooLong bool
		line, end, tooLong, r.err = r.next()
		r.rest = r.event(line, end, tooLong)
		if r.err != nil && len(r.data) > 0 { // The stream ended without the empty line that ends an event.
			r.rest = append(r.rest, r.event([]byte("\n"), nil, false)...)
		}
	}
	return r.take(data), nil
}

// event handles a line of an event, and returns what the SDK reads.
func (r *eventReader) event(line, end []byte, tooLong bool) []byte {
	data, is := bytes.CutPrefix(line, []byte("data:"))
	data = bytes.TrimPrefix(data, []byte(" "))
	switch {
	case is && tooLong:
		return appendData(nil, r.session.large(data, end))
	case is:
		r.data = append(r.data, bytes.TrimRight(data, "\r\n"))
		return nil
	case !isBlank(line):
		return line
	}
	text := bytes.Join(r.data, []byte("\n"))
	r.data = nil
	if isBlank(text) {
		return line
	}
	messages, is := r.session.messages(bytes.TrimSpace(text))
	if !is {
		r.session.stray(text, false)
		return line
	}
	var events []byte
	for message := range bytes.Lines(messages) {
		if events != nil {
			events = append(events, '\n') // An event for each message of a batch.
		}
		events = appendData(events, bytes.TrimSpace(message))
	}
	return append(events, line...)
}

// appendData adds a line of data to an event.
func appendData(event, message []byte) []byte {
	if len(message) == 0 {
		return event
	}
	return append(append(append(event, "data: "...), message...), '\n')
}
