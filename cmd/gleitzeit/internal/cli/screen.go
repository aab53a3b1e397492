package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// screen is standard error. On a terminal it has, beneath all that was written, a few rows that are rewritten; whatever
// else is written, by whomever, makes them vanish first.
type screen struct {
	mu   sync.Mutex
	to   io.Writer
	file *os.File // Nil where it is no terminal.
	rows int      // Those that are drawn; the cursor stands at the end of the last.
	open bool     // A line of running text has not ended.
}

func newScreen(to io.Writer) *screen {
	s := &screen{to: to}
	if file, is := to.(*os.File); is && term.IsTerminal(int(file.Fd())) {
		s.file = file
	}
	return s
}

func (s *screen) terminal() bool { return s.file != nil }

// size is that of the terminal, now, in columns and rows.
func (s *screen) size() (width, height int) {
	if s.file != nil {
		if width, height, err := term.GetSize(int(s.file.Fd())); err == nil && width > 0 && height > 0 {
			return width, height
		}
	}
	return 80, 24
}

// Write implements io.Writer.
func (s *screen) Write(data []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
	s.endLine()
	return s.to.Write(data)
}

// clear makes the rows vanish, and ends a line of running text.
func (s *screen) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
	s.endLine()
}

// draw puts rows in place of those that are there. None of them may be wider than the terminal, less one.
func (s *screen) draw(rows []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
	fmt.Fprint(s.to, strings.Join(rows, "\r\n"))
	s.rows = len(rows)
}

// run writes running text, which goes on where the last of it ended.
func (s *screen) run(text string) {
	if text == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
	fmt.Fprint(s.to, text)
	s.open = !strings.HasSuffix(text, "\n")
}

func (s *screen) wipe() {
	if s.rows > 0 {
		fmt.Fprint(s.to, "\r"+strings.Repeat("\033[A", s.rows-1)+"\033[J")
		s.rows = 0
	}
}

func (s *screen) endLine() {
	if s.open {
		fmt.Fprintln(s.to)
		s.open = false
	}
}

// wrapped is the end of a text as at most so many rows of a width in columns. Nothing in it steers the terminal.
func wrapped(text string, width, most int) []string {
	text = strings.NewReplacer("\r\n", "\n", "\t", "    ").Replace(strings.TrimRight(text, "\r\n"))
	lines := strings.Split(text, "\n")
	if over := len(lines) - most; over > 0 {
		lines = lines[over:]
	}
	var rows []string
	for _, line := range lines {
		rest := value.Visible(line)
		for {
			row := fitting(rest, width)
			rows = append(rows, row)
			if rest = rest[len(row):]; rest == "" {
				break
			}
		}
	}
	return rows[max(len(rows)-most, 0):]
}

// fitting is as much of the beginning of a text as a row of a width in columns has room for, and a letter at the least.
func fitting(text string, width int) string {
	// The first letter of the first script whose letters are two columns wide. To count too many does no harm.
	const wide = 0x1100
	columns := 0
	for at, r := range text {
		columns++
		if r >= wide {
			columns++
		}
		if columns > width && at > 0 {
			return text[:at]
		}
	}
	return text
}
