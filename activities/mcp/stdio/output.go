package stdio

import (
	"bufio"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/gleitzeit/gleitzeit/internal/redaction"
)

const (
	// keptLines is the number of a program's last lines that an error shows, and keptBytes the limit of each.
	keptLines = 8
	keptBytes = 300
	// loggedLines is the maximum number of lines of one stream of a program in the log. Some servers log every call.
	loggedLines = 1000
)

// outputTail keeps the last lines that a server's program wrote, and logs them.
type outputTail struct {
	stream  string // "stderr" or "stdout": the key in the log.
	log     *slog.Logger
	secrets *redaction.Set
	done    chan struct{} // Closed when the output has ended.

	mu     sync.Mutex
	lines  []string
	logged int
}

func newOutputTail(stream string, s Program) *outputTail {
	return &outputTail{stream: stream, log: s.Log, secrets: s.Secrets, done: make(chan struct{})}
}

// read reads the output to its end.
func (s *outputTail) read(from io.Reader) {
	defer close(s.done)
	reader := bufio.NewReaderSize(from, 4<<10)
	for {
		line, cut, err := reader.ReadLine()
		line, long := slices.Clone(line), cut
		for cut && err == nil {
			_, cut, err = reader.ReadLine() // The rest of a long line is left out.
		}
		s.add(line, long)
		if err != nil {
			return
		}
	}
}

// add adds a line; long if its end is missing.
func (s *outputTail) add(line []byte, long bool) {
	text := redaction.NewRaw(strings.TrimRight(string(line), "\r"), false, long).Redact(s.secrets)
	if text.String() == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(text)
	switch s.logged++; {
	case s.logged <= loggedLines:
		s.log.Info("output of the MCP server", s.stream, text.String())
	case s.logged == loggedLines+1:
		s.log.Warn("further output of the MCP server is not logged")
	}
}

// keep keeps a line; s.mu is held.
func (s *outputTail) keep(text redaction.Text) {
	line, cut := text.First(keptBytes)
	if cut {
		line += "…"
	}
	if len(s.lines) == keptLines {
		s.lines = s.lines[1:]
	}
	s.lines = append(s.lines, line)
}

// last returns the last lines, to be appended to a message after a title; "" if there are none.
func (s *outputTail) last(title string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lines) == 0 {
		return ""
	}
	return "; " + title + ":\n  " + strings.Join(s.lines, "\n  ")
}
