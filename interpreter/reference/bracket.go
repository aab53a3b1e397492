package reference

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// quotedHead reads a head that has other signs in it than a name can: `["my.name"]`.
func (s *scanner) quotedHead() (string, *scanError) {
	start := s.at
	step, wrong := s.bracket()
	switch {
	case wrong != nil:
		return "", wrong
	case step.IsIndex, step.Every, step.Slice != nil:
		return "", &scanError{at: s.at, why: `a name in brackets must be in quotes, such as ["a b"]`}
	case step.Field == "":
		return "", &scanError{at: start, why: "the name is empty"}
	}
	return step.Field, nil
}

// bracket reads `[0]`, `[-1]`, `[2:5]`, `[*]`, `["any key"]` or `['any key']`.
func (s *scanner) bracket() (Step, *scanError) {
	s.at++
	s.skip(" ")
	step := Step{Brackets: true}
	switch {
	case s.ended():
		return step, &scanError{at: s.at, open: true}
	case s.is("]"):
		return step, &scanError{at: s.at, why: "the brackets are empty"}
	case s.is("*"):
		s.at++
		step.Every = true
	case s.is(`"`), s.is(`'`):
		var wrong *scanError
		if step.Field, wrong = s.quoted(); wrong != nil {
			return step, wrong
		}
	default:
		from := s.at
		if !s.indexOrSlice(&step) {
			return step, &scanError{at: from, why: bracketsHold}
		}
	}
	s.skip(" ")
	switch {
	case s.is("]"):
		s.at++
		return step, nil
	case s.ended():
		return step, &scanError{at: s.at, open: true}
	case step.IsIndex, step.Every, step.Slice != nil:
		return step, &scanError{at: s.at, why: bracketsHold}
	}
	return step, &scanError{at: s.at, why: `expected "]" after the quote`}
}

const bracketsHold = `brackets must contain an index, a slice, a key in quotes or *, such as [0], [2:5], ["a b"] or [*]`

// indexOrSlice reads what has no quotes in brackets: a number, or two with a colon between them, each of which may be missing.
func (s *scanner) indexOrSlice(step *Step) bool {
	first, ok := s.number()
	if !ok {
		return false
	}
	if blanks := s.at; !s.isAfterBlanks(":") {
		s.at = blanks
		if first != nil {
			step.IsIndex, step.Index = true, *first
		}
		return first != nil
	}
	s.at++
	s.skip(" ")
	last, ok := s.number()
	step.Slice = &Slice{From: first, To: last}
	return ok
}

// number reads a whole number, if there is one.
func (s *scanner) number() (*int, bool) {
	from := s.at
	for !s.ended() && strings.IndexByte("-0123456789", s.text[s.at]) >= 0 {
		s.at++
	}
	if s.at == from {
		return nil, true
	}
	number, ok := asIndex(s.text[from:s.at])
	return &number, ok
}

func (s *scanner) isAfterBlanks(what string) bool {
	s.skip(" ")
	return s.is(what)
}

// quoted reads a key in the quotes that the scanner is at, with the escapes of JSON and `\'`.
func (s *scanner) quoted() (string, *scanError) {
	start, quote := s.at, s.text[s.at]
	var key strings.Builder
	for s.at++; !s.ended(); {
		switch c := s.text[s.at]; c {
		case quote:
			s.at++
			return key.String(), nil
		case '\n':
			return "", &scanError{at: start, why: `a quote is not closed on its line; write \n for a line break in a key`}
		case '\\':
			r, size := unescape(s.text[s.at:])
			if size == 0 {
				return "", &scanError{at: s.at, why: `invalid escape sequence: in quotes, \ must be followed by one of " ' \ / b f n r t, or by u and four hexadecimal digits`}
			}
			key.WriteRune(r)
			s.at += size
		default:
			key.WriteByte(c)
			s.at++
		}
	}
	return "", &scanError{at: start, why: "a quote is not closed"}
}

// unescape reads the escape at the text's beginning; the size is 0 where it is none.
func unescape(text string) (r rune, size int) {
	if len(text) < 2 {
		return 0, 0
	}
	if which := strings.IndexByte(`"'\/bfnrt`, text[1]); which >= 0 {
		return rune("\"'\\/\b\f\n\r\t"[which]), 2
	}
	r, ok := codeUnit(text)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	low, ok := codeUnit(text[6:])
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return 0, 0
	}
	return r, 12
}

func codeUnit(text string) (rune, bool) {
	if len(text) < 6 || text[:2] != `\u` {
		return 0, false
	}
	unit, err := strconv.ParseUint(text[2:6], 16, 16)
	return rune(unit), err == nil
}
