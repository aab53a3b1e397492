package view

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// Wrap breaks the lines of a text between words so that they fit into rows of a width in columns; 0 is no limit. What follows a break
// is indented. A command in backquotes, which people copy, stays whole where it fits, and a word is never broken.
func Wrap(text string, width int) string {
	if width <= 0 {
		return text
	}
	var wrapped strings.Builder
	for line := range strings.Lines(text) {
		end := ""
		if strings.HasSuffix(line, "\n") {
			line, end = line[:len(line)-1], "\n"
		}
		wrapped.WriteString(wrapLine(line, width) + end)
	}
	return wrapped.String()
}

func wrapLine(line string, width int) string {
	if runewidth.StringWidth(line) <= width {
		return line
	}
	indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
	next := indent + "  "
	if len(next) > width/2 {
		next = ""
	}
	rows, row, columns := []string(nil), indent, len(indent)
	gap := ""
	for _, word := range splitWords(line[len(indent):], width-len(next)) {
		if strings.TrimLeft(word, " ") == "" {
			gap = word
			continue
		}
		if wide := runewidth.StringWidth(word); columns+len(gap)+wide > width && strings.TrimSpace(row) != "" {
			rows, row, columns, gap = append(rows, row), next, len(next), ""
		}
		row += gap + word
		columns += len(gap) + runewidth.StringWidth(word)
		gap = ""
	}
	return strings.Join(append(rows, row), "\n")
}

// splitWords returns the words of a line and the spaces between them. What is in backquotes is one word, if that fits into a row.
func splitWords(line string, width int) (words []string) {
	quoted, whole, start := false, false, 0
	for i := range len(line) {
		before := whole
		if line[i] == '`' {
			end := strings.IndexByte(line[i+1:], '`')
			quoted = !quoted && end >= 0
			whole = quoted && runewidth.StringWidth(line[i:i+end+2]) <= width
		}
		if i > start && !before && (line[i] == ' ') != (line[i-1] == ' ') {
			words = append(words, line[start:i])
			start = i
		}
	}
	return append(words, line[start:])
}
