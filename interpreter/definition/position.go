package definition

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Position is a place in the workflow file: line and column as editors count them, from 1, columns in characters.
type Position struct {
	Line   int
	Column int
}

// source is the file's text with what it takes to find places in it. Its lines are those of editors and of YAML 1.2, which end at
// line feeds and carriage returns only.
type source struct {
	text  []byte // Without a byte order mark.
	lines []line // In order.

	marks map[int][]int // By line, from 1, of long lines that are not ASCII: the offset of every markEvery-th character.
}

// line is one line of the file.
type line struct {
	start int // Byte offset.
	ascii bool
}

// badText returns the first place where a text cannot be YAML.
type badText struct {
	at       Position
	message  string
	hint     string
	encoding string // That the text probably has instead; empty if its encoding is not what is wrong.
}

const byteOrderMark = "\uFEFF"

// newSource indexes the lines of a text without a byte order mark. It returns a badText for the first byte that no file may hold:
// JSON allows more control characters within its strings than YAML does.
func newSource(text []byte, isJSON bool) (*source, *badText) {
	s := &source{text: text, lines: make([]line, 1, 1+bytes.Count(text, []byte("\n"))), marks: map[int][]int{}}
	s.lines[0] = line{ascii: true}
	column := 0
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(text[i:])
			s.lines[len(s.lines)-1].ascii = false
			if r == utf8.RuneError && size == 1 {
				return s, notUTF8(text, i, Position{len(s.lines), column + 1})
			}
		}
		if !isJSON && !allowed(r) {
			return s, &badText{at: Position{len(s.lines), column + 1}, message: "a control character (" + codePoint(r) + ") stands here",
				hint: `remove it, or write it as an escape in double quotes`}
		}
		i += size
		column++
		if r == '\n' || r == '\r' && (i == len(text) || text[i] != '\n') {
			column = 0
			s.lines = append(s.lines, line{start: i, ascii: true})
		}
	}
	return s, nil
}

// notUTF8 is the badText of a text that has another encoding, which is noticed at the offset.
func notUTF8(text []byte, at int, place Position) *badText {
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return &badText{at: place, message: "the file is UTF-16, not UTF-8 text", encoding: "UTF-16"}
	}
	bad := &badText{at: place, message: fmt.Sprintf("the file is not UTF-8 text: byte %02X", text[at]), encoding: "WINDOWS-1252"}
	if meant := charmap.Windows1252.DecodeByte(text[at]); unicode.IsPrint(meant) && meant != utf8.RuneError {
		bad.message += fmt.Sprintf(" is %q in Windows-1252", string(meant))
	}
	return bad
}

// convertFrom says how to give a file the encoding that it must have.
func convertFrom(encoding, file string) string {
	into := "new.yaml"
	if !plainWord.MatchString(file) || file == into {
		return "convert it with iconv -f " + encoding + " -t UTF-8"
	}
	return "convert it: iconv -f " + encoding + " -t UTF-8 " + file + " > " + into
}

// plainWord is a path that is one word of a shell as it is.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./][A-Za-z0-9_./-]*$`)

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

// position returns the parser's line and column, both from 1; of what has none, the beginning.
func (s *source) position(line, column int) Position {
	if line < 1 || line > len(s.lines) {
		return Position{1, 1}
	}
	return Position{line, max(column, 1)}
}

// offset converts a line and a column to a byte offset.
func (s *source) offset(line, column int) int {
	switch {
	case line < 1:
		return 0
	case line > len(s.lines):
		return len(s.text) // The parser notices a missing end there.
	}
	if at := s.lines[line-1]; at.ascii {
		return min(at.start+max(column, 1)-1, len(s.text))
	}
	marks := s.marksOf(line)
	mark := min((max(column, 1)-1)/markEvery, len(marks)-1)
	offset := marks[mark]
	for at := 1 + mark*markEvery; at < column && offset < len(s.text); at++ {
		_, size := utf8.DecodeRune(s.text[offset:])
		offset += size
	}
	return offset
}

// markEvery is how many characters are counted at most to find a place in a line, however long it is.
const markEvery = 1024

// marksOf returns the offsets of the line's characters number 1, 1+markEvery, and so on.
func (s *source) marksOf(line int) []int {
	if marks := s.marks[line]; marks != nil {
		return marks
	}
	offset, end := s.lines[line-1].start, s.lineEnd(line)
	marks := []int{offset}
	for count := 1; offset < end; count++ {
		_, size := utf8.DecodeRune(s.text[offset:])
		if offset += size; count%markEvery == 0 {
			marks = append(marks, offset)
		}
	}
	s.marks[line] = marks
	return marks
}

// lineOf returns the line, from 1, that holds the byte.
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
func (s *source) lineEnd(line int) int {
	if line >= len(s.lines) {
		return len(s.text)
	}
	return s.lines[line].start
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

// line is the text of a line; empty where there is none of that number.
func (s *source) line(number int) []byte {
	if number < 1 || number > len(s.lines) {
		return nil
	}
	return s.text[s.lines[number-1].start:s.lineEnd(number)]
}

// isWhite reports whether YAML may fold, trim or add the character where it reads text.
func isWhite(r rune) bool {
	switch r {
	case ' ', '\t', '\n', '\r':
		return true
	}
	return false
}
