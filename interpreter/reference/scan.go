package reference

import (
	"strconv"
	"strings"
)

// scanner reads one reference. It never goes beyond the next `${` outside quotes, so that reading a whole text stays
// linear however many of its references are broken.
type scanner struct {
	text string
	at   int
}

const blanks = " \t\r\n"

// scan reads the reference whose `${` is at start.
func scan(text string, start int) (*Reference, *Error) {
	s := &scanner{text: text, at: start + len(opening)}
	ref, wrong := s.reference()
	if wrong != nil {
		return nil, wrong.problem(text, start)
	}
	ref.Offset, ref.Text = start, text[start:s.at]
	if wrong := checkVariable(ref); wrong != "" {
		return nil, (&scanError{at: s.at - 1, why: wrong}).problem(text, start)
	}
	return ref, nil
}

func (s *scanner) reference() (*Reference, *scanError) {
	s.skip(blanks)
	ref := &Reference{}
	var wrong *scanError
	switch {
	case s.is("}"):
		return nil, &scanError{at: s.at, why: "it is empty"}
	case s.is("."):
		return nil, &scanError{at: s.at, why: `a name is missing before "."`}
	case s.is(":-"):
		return nil, &scanError{at: s.at, why: `a name is missing before ":-"`}
	case s.is("["):
		ref.Head, wrong = s.quotedHead()
	default:
		ref.Head, wrong = s.name()
	}
	for wrong == nil {
		var step Step
		switch {
		case s.is("}"):
			s.at++
			return ref, nil
		case s.is(":-"):
			ref.HasDefault = true
			s.at += len(":-")
			ref.Default, wrong = s.defaultText()
			continue
		case s.is("."):
			s.at++
			step, wrong = s.dotted()
		case s.is("["):
			step, wrong = s.bracket()
		default:
			wrong = s.stray()
			continue
		}
		ref.Steps = append(ref.Steps, step)
	}
	return nil, wrong
}

func (s *scanner) is(what string) bool { return strings.HasPrefix(s.text[s.at:], what) }

func (s *scanner) ended() bool { return s.at >= len(s.text) }

func (s *scanner) skip(what string) {
	for !s.ended() && strings.IndexByte(what, s.text[s.at]) >= 0 {
		s.at++
	}
}

// name reads a name without quotes: a head, or what follows a dot.
func (s *scanner) name() (string, *scanError) {
	start := s.at
	for ; !s.ended(); s.at++ {
		switch s.text[s.at] {
		case '.', '[', '}':
			return s.named(start)
		case ':':
			if s.is(":-") {
				return s.named(start)
			}
		case '$':
			if s.is(opening) {
				return "", &scanError{at: s.at, open: true}
			}
		case '{', ']':
			return "", &scanError{at: s.at, why: `a name with "` + s.text[s.at:s.at+1] + `" must be in brackets and quotes, such as ["a b"]`}
		}
	}
	return "", &scanError{at: s.at, open: true}
}

// named checks the text between start and the scanner.
func (s *scanner) named(start int) (string, *scanError) {
	name := s.text[start:s.at]
	if s.is("}") || s.is(":-") {
		name = strings.TrimRight(name, blanks)
	}
	switch {
	case strings.Contains(name, "\n"):
		return "", &scanError{at: start + strings.IndexByte(name, '\n'), open: true}
	case name == "":
		return "", &scanError{at: s.at, why: `a name is missing after "."`}
	case name[0] == '"', name[0] == '\'':
		return "", &scanError{at: start, why: `a name in quotes must be in brackets, such as ["a b"]`}
	case strings.Trim(name, blanks) != name:
		return "", &scanError{at: start, why: `a name that ends with a space must be in brackets and quotes, such as ["a b "]`}
	}
	return name, nil
}

// dotted reads what follows a dot. An index is a number as people write one; anything else (`007`) is a field.
func (s *scanner) dotted() (Step, *scanError) {
	start := s.at
	name, wrong := s.name()
	if wrong != nil {
		return Step{}, wrong
	}
	if name == "*" {
		return Step{}, &scanError{at: start, why: "write [*] for all elements of a list"}
	}
	if index, ok := asIndex(name); ok && index >= 0 {
		return Step{IsIndex: true, Index: index}, nil
	}
	return Step{Field: name}, nil
}

func asIndex(text string) (int, bool) {
	index, err := strconv.Atoi(text)
	return index, err == nil && strconv.Itoa(index) == text
}

// stray says what is wrong with what follows a bracket.
func (s *scanner) stray() *scanError {
	from := s.at
	s.skip(blanks)
	switch {
	case s.ended():
		return &scanError{at: from, open: true}
	case s.at > from && (s.is("}") || s.is(":-")):
		return nil
	case s.is(opening):
		return &scanError{at: s.at, open: true}
	}
	return &scanError{at: from, why: `expected ".", "[", ":-" or "}" after "]"`}
}

// defaultText reads up to the brace that closes the reference.
func (s *scanner) defaultText() (string, *scanError) {
	var text strings.Builder
	for ; !s.ended(); s.at++ {
		switch {
		case s.is("}"):
			return text.String(), nil
		case s.is(`\}`):
			s.at++
		case s.is(escape):
			text.WriteString(opening)
			s.at += len(escape) - 1
			continue
		case s.is(opening):
			return "", &scanError{at: s.at, nested: true, why: "a default is plain text and cannot contain another reference"}
		}
		text.WriteByte(s.text[s.at])
	}
	return "", &scanError{at: s.at, open: true}
}
