package view

import (
	"regexp"
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
	text := strings.TrimLeft(line, " ")
	indent := line[:len(line)-len(text)]
	next := indent + "  "
	if len(next) > width/2 {
		next = ""
	}
	return strings.Join(Rows(indent, text, next, width), "\n")
}

// seconds matches the space between a number and its unit, with what is around them.
var seconds = regexp.MustCompile(`^\d s(\W|$)`)

// carets matches a line of a traceback that marks a part of the line above it, and says nothing where that is broken.
var carets = regexp.MustCompile(`^[ ^~]+$`)

// Rows breaks one line of text between words into rows of a width in columns. The first begins with first, and each of the others with next.
func Rows(first, text, next string, width int) []string {
	columns := runewidth.StringWidth(first)
	if columns+runewidth.StringWidth(text) <= width {
		return []string{first + text}
	}
	if carets.MatchString(text) {
		return []string{first + text[:max(width-columns, 0)]}
	}
	rows, row, empty, gap := []string(nil), first, true, ""
	marked := false // The row has a mark only.
	for _, word := range splitWords(text, width-runewidth.StringWidth(next)) {
		if strings.TrimLeft(word, " ") == "" {
			gap = word
			continue
		}
		wide := runewidth.StringWidth(word)
		if tooWide := wide > width-runewidth.StringWidth(next); !empty && columns+len(gap)+wide > width && !(marked && tooWide) {
			rows, row, columns, gap = append(rows, row), next, runewidth.StringWidth(next), ""
		}
		row += gap + word
		columns += len(gap) + wide
		marked, empty, gap = empty && wide == 1, false, ""
	}
	return append(rows, row)
}

// splitWords returns the words of a line and the spaces between them. What is in backquotes is one word, if that fits into a row, and so is
// a number of seconds.
func splitWords(line string, width int) (words []string) {
	quoted, whole, start := false, false, 0
	space := func(i int) bool {
		return line[i] == ' ' && !(i > 0 && seconds.MatchString(line[i-1:min(i+3, len(line))]))
	}
	for i := range len(line) {
		before := whole
		if line[i] == '`' {
			end := strings.IndexByte(line[i+1:], '`')
			quoted = !quoted && end >= 0
			whole = quoted && runewidth.StringWidth(line[i:i+end+2]) <= width
		}
		if i > start && !before && space(i) != space(i-1) {
			words = append(words, line[start:i])
			start = i
		}
	}
	return append(words, line[start:])
}
