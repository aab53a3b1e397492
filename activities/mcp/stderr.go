package mcp

import (
	"bufio"
	"io"
	"log/slog"
	"strings"
	"sync"
)

const (
	// keptLines is how many of a program's last lines an error shows, and keptBytes how much of each.
	keptLines = 8
	keptBytes = 300
	// loggedLines is how many lines of one program's stderr go into the log. Some servers tell of every call.
	loggedLines = 1000
)

// said keeps what a server's program wrote to stderr last.
type said struct {
	mu    sync.Mutex
	lines []string
	ended chan struct{}
}

// hear reads stderr to its end.
func (s *said) hear(from io.Reader, log *slog.Logger, hide hidden) {
	defer close(s.ended)
	reader := bufio.NewReaderSize(from, 4<<10)
	for logged := 0; ; logged++ {
		line, cut, err := reader.ReadLine()
		for cut && err == nil {
			_, cut, err = reader.ReadLine() // What is beyond the buffer is left out.
		}
		text := hide.text(strings.ToValidUTF8(strings.TrimRight(string(line), "\r"), "\uFFFD"))
		if text != "" {
			s.keep(text)
			switch {
			case logged < loggedLines:
				log.Info("the MCP server says", "stderr", text)
			case logged == loggedLines:
				log.Warn("the MCP server says more, which is left out")
			}
		}
		if err != nil {
			return
		}
	}
}

func (s *said) keep(line string) {
	if len(line) > keptBytes {
		line = strings.ToValidUTF8(line[:keptBytes], "") + "…"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lines) == keptLines {
		s.lines = s.lines[1:]
	}
	s.lines = append(s.lines, line)
}

// last are the last lines, to go behind a message; nothing where there are none.
func (s *said) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lines) == 0 {
		return ""
	}
	return "; it said last:\n  " + strings.Join(s.lines, "\n  ")
}
