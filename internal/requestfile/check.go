package requestfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Summary is what a whole file has.
type Summary struct {
	Requests int       // Lines that are not blank.
	Invalid  int       // Those of them that cannot be sent.
	Model    string    // With Options.Uniform: that of all requests.
	File     []Problem // Why no line can be sent, whatever the lines have; empty if they can.
}

// Check reads a whole file and passes each problem of its lines, in their order, to report. A file has at most so many requests; 0 is
// no limit.
func Check(from io.Reader, o Options, most int, report func(Problem)) (Summary, error) {
	var s Summary
	lines := NewReader(from, o)
	for {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return s, err
		}
		s.Requests++
		if len(line.Problems) > 0 {
			s.Invalid++
		}
		for _, problem := range line.Problems {
			report(problem)
		}
	}
	s.Model = lines.model
	if s.Requests == 0 {
		s.File = append(s.File, Problem{Code: EmptyFile, Message: "the file has no requests"})
	}
	if most > 0 && s.Requests > most {
		p := Line{}
		p.report(TooManyTasks, "", "the file has %d requests, and at most %d are accepted", s.Requests, most)
		s.File = append(s.File, p.Problems...)
	}
	return s, nil
}

const (
	// maxHead is how much of a file is looked at to recognize it, in bytes,
	maxHead = 32 << 20
	// headLines is how many lines: the first ones may be broken.
	headLines = 20
)

// Recognize reports whether a file is a request file: one of its first lines is an object with custom_id, url and body. What cannot be
// read is none. Of a file that is none, blank reports whether it has nothing but blank lines.
func Recognize(from io.Reader) (is, blank bool) {
	blank = true
	head := bufio.NewReaderSize(io.LimitReader(from, maxHead), 64<<10)
	for range headLines {
		line, err := head.ReadBytes('\n')
		if isRequest(line) {
			return true, false
		}
		blank = blank && len(trimmed(line)) == 0
		if err != nil {
			return false, blank && errors.Is(err, io.EOF)
		}
	}
	return false, false
}

func trimmed(line []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\ufeff")))
}

func isRequest(line []byte) bool {
	line = trimmed(line)
	if len(line) == 0 || line[0] != '{' {
		return false
	}
	object, err := value.Parse(line)
	if err != nil {
		return false
	}
	for _, name := range []string{"custom_id", "url", "body"} {
		if _, has := object.Get(name); !has {
			return false
		}
	}
	return true
}
