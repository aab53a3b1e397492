package mcp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/gleitzeit/gleitzeit/internal/mcptask"
)

// exactKey is the key in a result's metadata for the structured content as text, because the SDK turns numbers into floats.
const exactKey = "gleitzeit/structured-content"

var structured = []byte(`"structuredContent"`)

// addExactContent adds the structured content of a server's message to its metadata as text. It returns any other message
// unchanged.
func addExactContent(message []byte) []byte {
	message = mcptask.KeepInResult(message)
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

// lineRewriter reads from a server and rewrites each line.
type lineRewriter struct {
	from    io.Closer
	lines   *bufio.Reader
	rewrite func([]byte) []byte
	rest    []byte
	err     error
}

// newExactReader reads the messages of a server's standard output, one per line, with their exact content added.
func newExactReader(from io.ReadCloser) io.ReadCloser {
	return &lineRewriter{from: from, lines: bufio.NewReaderSize(from, 64<<10), rewrite: func(line []byte) []byte {
		text, end := bytes.TrimRight(line, "\r\n"), []byte("\n")
		return append(addExactContent(text), end...)
	}}
}

// Read implements io.Reader.
func (r *lineRewriter) Read(data []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		var line []byte
		line, r.err = r.line()
		if len(line) > 0 {
			r.rest = r.rewrite(line)
		}
	}
	n := copy(data, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// line reads one line including its end.
func (r *lineRewriter) line() ([]byte, error) {
	var line []byte
	for {
		part, err := r.lines.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxMessage {
			return nil, fmt.Errorf("a message of the server is larger than the limit of %d MiB", maxMessage>>20)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// Close implements io.Closer.
func (r *lineRewriter) Close() error { return r.from.Close() }

// exactEvent rewrites a line of a stream of server-sent events.
func exactEvent(line []byte) []byte {
	data, is := bytes.CutPrefix(line, []byte("data:"))
	if !is {
		return line
	}
	text := bytes.TrimRight(data, "\r\n")
	return append(append([]byte("data: "), addExactContent(bytes.TrimPrefix(text, []byte(" ")))...), '\n')
}

// messageBody is a response body that is one message.
type messageBody struct {
	from io.ReadCloser
	read *bytes.Reader
}

// Read implements io.Reader.
func (w *messageBody) Read(data []byte) (int, error) {
	if w.read == nil {
		message, err := io.ReadAll(io.LimitReader(w.from, maxMessage+1))
		if err == nil && len(message) > maxMessage {
			err = fmt.Errorf("a message of the server is larger than the limit of %d MiB", maxMessage>>20)
		}
		if err != nil {
			return 0, err
		}
		w.read = bytes.NewReader(addExactContent(message))
	}
	return w.read.Read(data)
}

// Close implements io.Closer.
func (w *messageBody) Close() error { return w.from.Close() }
