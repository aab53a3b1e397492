package definition

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// Position is a place in the workflow file: line and column as editors count them, from 1, columns in characters.
type Position struct {
	Line   int
	Column int
}

// source is the file's text with what it takes to find places in it. YAML knows more line breaks than editors do
// (U+0085, U+2028, U+2029), so the parser's lines are kept apart from the lines that people are shown.
type source struct {
	text  []byte // Without a byte order mark.
	lines []line // The parser's, in order.

	marks map[int][]int // By line, from 1, of long lines that are not ASCII: the offset of every markEvery-th character.
}

// line is one line of the file as the YAML parser counts.
type line struct {
	start  int // Byte offset.
	shown  int // The line's number in an editor.
	before int // Characters that an editor shows before it in that line.
	ascii  bool
}

// badText returns the first place where a text cannot be YAML.
type badText struct {
	at      Position
	message string
	hint    string
}

const byteOrderMark = "\uFEFF"

// newSource indexes the lines. It returns a badText for the first byte that no YAML file may hold.
func newSource(text []byte) (*source, *badText) {
	if len(text) >= len(byteOrderMark) && string(text[:len(byteOrderMark)]) == byteOrderMark {
		text = text[len(byteOrderMark):]
	}
	s := &source{text: text, lines: make([]line, 1, 1+bytes.Count(text, []byte("\n"))), marks: map[int][]int{}}
	s.lines[0] = line{shown: 1, ascii: true}
	shown, column := 1, 0
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(text[i:])
			s.lines[len(s.lines)-1].ascii = false
			if r == utf8.RuneError && size == 1 {
				return s, &badText{Position{shown, column + 1}, "the file is not UTF-8 text", "save it as UTF-8"}
			}
		}
		if !allowed(r) {
			return s, &badText{Position{shown, column + 1}, "a control character (" + codePoint(r) + ") stands here",
				`remove it, or write it as an escape in double quotes`}
		}
		i += size
		column++
		if r == '\r' && i < len(text) && text[i] == '\n' {
			continue
		}
		switch r {
		case '\n', '\r':
			shown++
			column = 0
			s.lines = append(s.lines, line{start: i, shown: shown, ascii: true})
		case '\u0085', '\u2028', '\u2029':
			s.lines = append(s.lines, line{start: i, shown: shown, before: column, ascii: true})
		}
	}
	return s, nil
}

// allowed reports whether YAML allows the character in a file.
func allowed(r rune) bool {
	switch {
	case r == '\t', r == '\n', r == '\r', r == '\u0085':
		return true
	case r < ' ', r >= 0x7F && r < 0xA0:
		return false
	}
	return r != 0xFFFE && r != 0xFFFF
}

func codePoint(r rune) string {
	const digits = "0123456789ABCDEF"
	return "U+" + string([]byte{digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15]})
}

// position converts the parser's line and column, both from 1.
func (s *source) position(yamlLine, yamlColumn int) Position {
	if yamlLine < 1 || yamlLine > len(s.lines) {
		return Position{1, 1}
	}
	at := s.lines[yamlLine-1]
	return Position{at.shown, at.before + max(yamlColumn, 1)}
}

// offset converts the parser's line and column to a byte offset.
func (s *source) offset(yamlLine, yamlColumn int) int {
	if yamlLine < 1 || yamlLine > len(s.lines) {
		return 0
	}
	at := s.lines[yamlLine-1]
	if at.ascii {
		return min(at.start+yamlColumn-1, len(s.text))
	}
	marks := s.marksOf(yamlLine)
	mark := min((max(yamlColumn, 1)-1)/markEvery, len(marks)-1)
	offset := marks[mark]
	for column := 1 + mark*markEvery; column < yamlColumn && offset < len(s.text); column++ {
		_, size := utf8.DecodeRune(s.text[offset:])
		offset += size
	}
	return offset
}

// markEvery is how many characters are counted at most to find a place in a line, however long it is.
const markEvery = 1024

// marksOf returns the offsets of the line's characters number 1, 1+markEvery, and so on.
func (s *source) marksOf(yamlLine int) []int {
	if marks := s.marks[yamlLine]; marks != nil {
		return marks
	}
	offset, end := s.lines[yamlLine-1].start, s.lineEnd(yamlLine)
	marks := []int{offset}
	for count := 1; offset < end; count++ {
		_, size := utf8.DecodeRune(s.text[offset:])
		if offset += size; count%markEvery == 0 {
			marks = append(marks, offset)
		}
	}
	s.marks[yamlLine] = marks
	return marks
}

// lineOf returns the parser's line, from 1, that holds the byte.
func (s *source) lineOf(offset int) int {
	low, high := 0, len(s.lines)
	for high-low > 1 {
		middle := (low + high) / 2
		if s.lines[middle].start <= offset {
			low = middle
		} else {
			high = middle
		}
	}
	return low + 1
}

// lineEnd returns the offset after the line's break.
func (s *source) lineEnd(yamlLine int) int {
	if yamlLine >= len(s.lines) {
		return len(s.text)
	}
	return s.lines[yamlLine].start
}

// positionOf converts a byte offset.
func (s *source) positionOf(offset int) Position {
	offset = min(offset, len(s.text))
	at := s.lineOf(offset)
	if line := s.lines[at-1]; line.ascii {
		return s.position(at, 1+offset-line.start)
	}
	marks := s.marksOf(at)
	mark, _ := slices.BinarySearch(marks, offset+1)
	mark--
	return s.position(at, 1+mark*markEvery+utf8.RuneCount(s.text[marks[mark]:offset]))
}
