package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/mattn/go-runewidth"
)

// Screen is standard error. On a terminal it has a few rows that are updated, below all lines that were written; every other
// write removes them first. It may be used by several goroutines.
type Screen struct {
	mu   sync.Mutex
	to   io.Writer
	file *os.File // Nil if it is not a terminal.
	rows int      // Number of rows that are drawn; the cursor is at the end of the last.
	open bool     // A line of running text has not ended.
}

// NewScreen returns the screen over a writer, which is a terminal if it is a file that is one.
func NewScreen(to io.Writer) *Screen {
	s := &Screen{to: to}
	if IsTerminal(to) {
		s.file = to.(*os.File)
	}
	return s
}

// IsTerminal reports whether a stream is a terminal.
func IsTerminal(stream any) bool {
	file, is := stream.(*os.File)
	return is && term.IsTerminal(int(file.Fd()))
}

// Width returns the width in columns of a writer that is a terminal; 0 of another one.
func Width(to io.Writer) int {
	s := NewScreen(to)
	if s.file == nil {
		return 0
	}
	width, _ := s.size()
	return width
}

// Terminal reports whether the screen is a terminal.
func (s *Screen) Terminal() bool { return s.file != nil }

// Fit returns a text whose lines fit into the rows of the terminal, broken between words; elsewhere as it is.
func (s *Screen) Fit(text string) string {
	if s.file == nil {
		return text
	}
	width, _ := s.size()
	return view.Wrap(text, width-1)
}

// size returns the current size of the terminal in columns and rows.
func (s *Screen) size() (width, height int) {
	if s.file != nil {
		if width, height, err := term.GetSize(int(s.file.Fd())); err == nil && width > 0 && height > 0 {
			return width, height
		}
	}
	return 80, 24
}

// Write implements io.Writer.
func (s *Screen) Write(data []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
	s.endLine()
	return s.to.Write(data)
}

// Clear removes the rows, and ends a line of running text.
func (s *Screen) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
	s.endLine()
}

// draw replaces the rows. None of them may be wider than the terminal, less one.
func (s *Screen) draw(rows []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
	fmt.Fprint(s.to, strings.Join(rows, "\r\n"))
	s.rows = len(rows)
}

// drawnOn reports whether rows are drawn.
func (s *Screen) drawnOn() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rows > 0
}

// run writes running text, which continues where the previous text ended.
func (s *Screen) run(text string) {
	if text == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
	fmt.Fprint(s.to, text)
	s.open = !strings.HasSuffix(text, "\n")
}

func (s *Screen) wipe() {
	if s.rows > 0 {
		fmt.Fprint(s.to, "\r"+strings.Repeat("\033[A", s.rows-1)+"\033[J")
		s.rows = 0
	}
}

func (s *Screen) endLine() {
	if s.open {
		fmt.Fprintln(s.to)
		s.open = false
	}
}

// wrapped returns the end of a text as at most most rows of a width in columns, with control characters escaped. They are broken between
// words, and a word that is wider than a row is broken, too, because rows that are updated must fit.
func wrapped(text string, width, most int) []string {
	text = strings.NewReplacer("\r\n", "\n", "\t", "    ").Replace(strings.TrimRight(text, "\r\n"))
	lines := strings.Split(text, "\n")
	if over := len(lines) - most; over > 0 {
		lines = lines[over:]
	}
	var rows []string
	for _, line := range lines {
		for _, rest := range view.Rows("", value.Visible(line), "", width) {
			for {
				row := fitting(rest, width)
				rows = append(rows, row)
				if rest = rest[len(row):]; rest == "" {
					break
				}
			}
		}
	}
	return rows[max(len(rows)-most, 0):]
}

// fitting returns the beginning of a text that fits into a row of a width in columns: at least one character.
func fitting(text string, width int) string {
	columns := 0
	for at, r := range text {
		columns += runewidth.RuneWidth(r)
		if columns > width && at > 0 {
			return text[:at]
		}
	}
	return text
}
