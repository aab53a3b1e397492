package llm

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
)

// longestLine is the size in bytes of the longest line of a stream.
const longestLine = 16 << 20

// linesOf reads the lines of a stream, of which each holds a piece of an answer.
func linesOf(stream io.Reader) *bufio.Scanner {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, longestLine)
	lines.Split(splitLines)
	return lines
}

// splitLines leaves out a last line that was cut in its midst: it is nothing that the server said.
func splitLines(data []byte, atEnd bool) (advance int, line []byte, err error) {
	if atEnd && bytes.IndexByte(data, '\n') < 0 && isCut(data) {
		return len(data), nil, nil
	}
	return bufio.ScanLines(data, atEnd)
}

func isCut(line []byte) bool {
	line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte("data:")))
	return len(line) == 0 || (line[0] == '{' || line[0] == '[') && !json.Valid(line)
}
