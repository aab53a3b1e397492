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
	// loggedLines is the maximum number of lines of one program's stderr in the log. Some servers log every call.
	loggedLines = 1000
)

// outputTail keeps the last lines that a server's program wrote to stderr.
type outputTail struct {
	mu    sync.Mutex
	lines []string
	done  chan struct{}
}

// read reads stderr to its end.
func (s *outputTail) read(from io.Reader, log *slog.Logger, secrets *redaction.Set) {
	defer close(s.done)
	reader := bufio.NewReaderSize(from, 4<<10)
	for logged := 0; ; logged++ {
		line, cut, err := reader.ReadLine()
		line, long := slices.Clone(line), cut
		for cut && err == nil {
			_, cut, err = reader.ReadLine() // The rest of a long line is left out.
		}
		text := redaction.NewRaw(strings.TrimRight(string(line), "\r"), false, long).Redact(secrets)
		if text.String() != "" {
			s.keep(text)
			switch {
			case logged < loggedLines:
				log.Info("output of the MCP server", "stderr", text.String())
			case logged == loggedLines:
				log.Warn("further output of the MCP server is not logged")
			}
		}
		if err != nil {
			return
		}
	}
}

func (s *outputTail) keep(text redaction.Text) {
	line, cut := text.First(keptBytes)
	if cut {
		line += "…"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lines) == keptLines {
		s.lines = s.lines[1:]
	}
	s.lines = append(s.lines, line)
}

// last returns the last lines, to be appended to a message; "" if there are none.
func (s *outputTail) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lines) == 0 {
		return ""
	}
	return "; its last output:\n  " + strings.Join(s.lines, "\n  ")
}
