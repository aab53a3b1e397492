package mcp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// exactKey is where a result's structured content stands as text: the SDK makes floats of its numbers.
const exactKey = "gleitzeit/structured-content"

var structured = []byte(`"structuredContent"`)

// keepExact is a message of a server in which structured content, if there is any, stands a second time, as text. What is no
// such message is left as it is.
func keepExact(message []byte) []byte {
	if !bytes.Contains(message, structured) {
		return message
	}
	var outer, result, meta map[string]json.RawMessage
	if json.Unmarshal(message, &outer) != nil || json.Unmarshal(outer["result"], &result) != nil {
		return message
	}
	content, is := result["structuredContent"]
	if !is {
		return message
	}
	if given, is := result["_meta"]; is && json.Unmarshal(given, &meta) != nil {
		return message
	}
	if meta == nil {
		meta = map[string]json.RawMessage{}
	}
	for _, step := range []struct {
		in    map[string]json.RawMessage
		name  string
		value any
	}{{meta, exactKey, string(content)}, {result, "_meta", meta}, {outer, "result", result}} {
		encoded, err := json.Marshal(step.value)
		if err != nil {
			return message
		}
		step.in[step.name] = encoded
	}
	encoded, err := json.Marshal(outer)
	if err != nil {
		return message
	}
	return encoded
}

// rewritten reads from a server, line by line, through a change of each line.
type rewritten struct {
	from   io.Closer
	lines  *bufio.Reader
	change func([]byte) []byte
	rest   []byte
	err    error
}

// exactly reads the messages of a server's standard output, of which each is a line.
func exactly(from io.ReadCloser) io.ReadCloser {
	return &rewritten{from: from, lines: bufio.NewReaderSize(from, 64<<10), change: func(line []byte) []byte {
		text, end := bytes.TrimRight(line, "\r\n"), []byte("\n")
		return append(keepExact(text), end...)
	}}
}

// Read implements io.Reader.
func (r *rewritten) Read(data []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		var line []byte
		line, r.err = r.line()
		if len(line) > 0 {
			r.rest = r.change(line)
		}
	}
	n := copy(data, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// line reads one line with its end.
func (r *rewritten) line() ([]byte, error) {
	var line []byte
	for {
		part, err := r.lines.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > largest {
			return nil, fmt.Errorf("a message of the server is larger than %d MiB", largest>>20)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// Close implements io.Closer.
func (r *rewritten) Close() error { return r.from.Close() }

// exactEvent is a line of a stream of events.
func exactEvent(line []byte) []byte {
	data, is := bytes.CutPrefix(line, []byte("data:"))
	if !is {
		return line
	}
	text := bytes.TrimRight(data, "\r\n")
	return append(append([]byte("data: "), keepExact(bytes.TrimPrefix(text, []byte(" ")))...), '\n')
}

// whole is a body that is one message.
type whole struct {
	from io.ReadCloser
	read *bytes.Reader
}

// Read implements io.Reader.
func (w *whole) Read(data []byte) (int, error) {
	if w.read == nil {
		message, err := io.ReadAll(io.LimitReader(w.from, largest+1))
		if err == nil && len(message) > largest {
			err = fmt.Errorf("a message of the server is larger than %d MiB", largest>>20)
		}
		if err != nil {
			return 0, err
		}
		w.read = bytes.NewReader(keepExact(message))
	}
	return w.read.Read(data)
}

// Close implements io.Closer.
func (w *whole) Close() error { return w.from.Close() }
