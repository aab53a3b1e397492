package definition

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// keyOfLine is the key, or the dash and the key, that a line begins with.
var keyOfLine = regexp.MustCompile(`^( *)((?:- +)*)(["']?[\w./-]+["']?)(:?)`)

// begun is where an entry of a list or a mapping begins in a line before.
type begun struct {
	line, column int // The column from 0.
	text         string
}

// mostAbove is how many lines before a mistake are looked at for what it belongs to.
const mostAbove = 100

// misindented finds an entry of a list, or a key, that stands nearly below one of a line before.
func (s *source) misindented(found document, at Position) slip {
	line := s.line(at.Line)
	indent := indentation(line)
	if found.problem != noDash && found.problem != noKey || indent < 0 || at.Column != indent+1 {
		return slip{}
	}
	isEntry := bytes.HasPrefix(line[indent:], []byte("- "))
	if !isEntry && !beginsEntry.Match(line) {
		return slip{}
	}
	nearest, distance := begun{}, 4
	for number := at.Line - 1; number > max(at.Line-mostAbove, 0); number-- {
		parts := keyOfLine.FindSubmatch(s.line(number))
		if parts == nil {
			continue
		}
		dashes := len(parts[1]) + len(parts[2])
		var candidates []begun
		if isEntry && len(parts[2]) > 0 {
			candidates = append(candidates, begun{number, len(parts[1]), "- " + string(parts[3])})
		}
		if !isEntry && len(parts[4]) > 0 {
			candidates = append(candidates, begun{number, dashes, string(parts[3])})
		}
		for _, other := range candidates {
			if away := max(other.column-indent, indent-other.column); away < distance {
				nearest, distance = other, away
			}
		}
	}
	if nearest.line == 0 || distance == 0 {
		return slip{}
	}
	below := fmt.Sprintf(" before it, so that it is below %s (line %d)", Quote(nearest.text), nearest.line)
	wrong := slip{s.offset(at.Line, at.Column), "this key is not below the others of its mapping", ""}
	if isEntry {
		wrong.message = "this entry is not below the others of its list"
	}
	if nearest.column > indent {
		wrong.hint = "put " + spaces(distance, "more ") + below
	} else {
		wrong.hint = "remove " + spaces(distance, "") + below
	}
	return wrong
}

func spaces(count int, which string) string {
	if count == 1 {
		return "one " + which + "space"
	}
	return []string{"", "", "two", "three"}[count] + " " + which + "spaces"
}

// comment finds a text within brackets that a comment ends: the bracket that closes them is part of the comment.
func (s *source) comment(found document, noticed int) slip {
	if found.opened.Line < 1 || !slices.Contains([]string{noComma, noCommaMap}, found.problem) {
		return slip{}
	}
	from := s.offset(found.opened.Line, found.opened.Column)
	line := s.lineOf(from)
	if line > s.lineOf(noticed) || from >= len(s.text) {
		return slip{}
	}
	rest := bytes.TrimRight(s.text[from:s.lineEnd(line)], " \t\r\n")
	begin, quote := 0, byte(0) // Where the last value begins.
	for i := 0; i < len(rest); i++ {
		switch char := rest[i]; {
		case quote != 0:
			if char == quote {
				quote = 0
			}
		case isQuote(char) && len(bytes.TrimSpace(rest[begin:i])) == 0:
			quote = char
		case bytes.IndexByte([]byte("[{,"), char) >= 0, char == ':' && i+1 < len(rest) && rest[i+1] == ' ':
			begin = i + 1
		case char == '#' && i > 0 && isWhite(rune(rest[i-1])) && bytes.ContainsAny(rest[i:], "]}"):
			text := strings.TrimRight(strings.TrimSpace(string(rest[begin:])), "]} ")
			return slip{from + i, `" #" begins a comment, which hides the bracket that closes ` + string(rest[:1]), "write " + InQuotes(text)}
		}
	}
	return slip{}
}

// unclosed finds a bracket that nothing closes before the text ends.
func (s *source) unclosed(found document, noticed int) slip {
	if found.opened.Line < 1 || len(bytes.TrimSpace(s.text[noticed:])) > 0 {
		return slip{}
	}
	at := s.offset(found.opened.Line, found.opened.Column)
	switch {
	case found.problem == noComma && at < len(s.text) && s.text[at] == '[':
		return slip{at, "the list that begins here is not closed", `the text ends before its "]": it may be cut off`}
	case found.problem == noCommaMap && at < len(s.text) && s.text[at] == '{':
		return slip{at, "the mapping that begins here is not closed", `the text ends before its "}": it may be cut off`}
	}
	return slip{}
}

// otherSpace returns the first character among the blanks at the beginning of a text that looks like a space and is none in YAML, as web pages
// and word processors have it.
func otherSpace(text []byte) (at int, char rune) {
	for at < len(text) {
		r, size := utf8.DecodeRune(text[at:])
		switch {
		case r == ' ', r == '\t':
		case r > unicode.MaxASCII && unicode.Is(unicode.Zs, r):
			return at, r
		default:
			return 0, 0
		}
		at += size
	}
	return 0, 0
}

// otherSpaceMessage says what is wrong with such a character, and what to do.
func (s *source) otherSpaceMessage(char rune) (message, hint string) {
	count := 0
	for number := range s.lines {
		if _, other := otherSpace(s.line(number + 1)); other != 0 {
			count++
		}
	}
	message, hint = "a space that YAML does not know ("+codePoint(char)+") stands here", "write a space instead"
	if char == '\u00A0' {
		message = "a no-break space (" + codePoint(char) + ") stands here, where YAML wants a space"
	}
	if count > 1 {
		hint = fmt.Sprintf("write spaces instead, in %d lines", count)
	}
	return message, hint
}

// afterColon is a key with what follows it.
var afterColon = regexp.MustCompile(`^[ ]*(?:- +)*["']?[\w./-]+["']?:`)

// noBreakSpace finds such a character in the line of a problem, or in one before it: where it indents, or behind the colon of a key.
func (s *source) noBreakSpace(last int) slip {
	for number := last; number > max(last-mostAbove, 0); number-- {
		line := s.line(number)
		at, char := otherSpace(line)
		if char == 0 && number >= last-1 {
			if colon := afterColon.Find(line); colon != nil {
				at, char = otherSpace(line[len(colon):])
				at += len(colon)
			}
		}
		if char != 0 {
			message, hint := s.otherSpaceMessage(char)
			return slip{s.lines[number-1].start + at, message, hint}
		}
	}
	return slip{}
}
