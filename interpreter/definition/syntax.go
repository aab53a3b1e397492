package definition

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// locate finds the place of a syntax error in the file. It may replace the problem by the one that led to it.
func (s *source) locate(found *document) Position {
	if found.problem == noColonHere {
		s.findOpenBracket(found)
	}
	at := found.at
	if tab, byTab := s.indentedByTab(at.Line); byTab && found.problem == cannotStart {
		found.problem = tabIndents
		return tab
	}
	switch {
	case strings.HasPrefix(found.problem, tooDeep):
		return s.firstCharacter(at.Line)
	case at.Line < 1:
		return Position{1, 1}
	case found.opened.Line > 0 && slices.Contains([]string{noComma, noCommaMap, notClosed, noColon}, found.problem):
		return Position{found.opened.Line, found.opened.Column}
	}
	return s.wordAt(found.problem, s.offset(at.Line, at.Column))
}

// findOpenBracket replaces the problem of a colon that is not allowed by that of a list or a mapping in brackets that an earlier
// line leaves open: it makes what follows part of a text.
func (s *source) findOpenBracket(found *document) {
	if found.at.Line < 2 || found.at.Line > len(s.lines) {
		return
	}
	before := decode(s.text[:s.lines[found.at.Line-1].start])
	if before.problem == noComma || before.problem == noCommaMap {
		*found = before
	}
}

// wordAt returns the place of the beginning of the word where the parser noticed a problem; at the end of the file, that of the
// last word.
func (s *source) wordAt(problem string, at int) Position {
	if len(bytes.TrimSpace(s.text[at:])) == 0 {
		at = max(0, len(bytes.TrimRight(s.text[:at], " \t\r\n"))-1)
	}
	for at > 0 && at < len(s.text) && !utf8.RuneStart(s.text[at]) {
		at--
	}
	if at >= len(s.text) || isWhite(rune(s.text[at])) {
		return s.positionOf(at)
	}
	if s.text[at] == ':' && at > 0 && (problem == noDash || problem == noKey) {
		at-- // It is the key that should not be there.
	}
	for at > 0 && !isWhite(rune(s.text[at-1])) && !bytes.ContainsRune([]byte("[]{},"), rune(s.text[at-1])) && !bytes.ContainsRune([]byte(`:"'[]{},\`), rune(s.text[at])) {
		at--
	}
	return s.positionOf(at)
}

// firstCharacter returns the place of the line's first character that is not white.
func (s *source) firstCharacter(line int) Position {
	if line < 1 || line > len(s.lines) {
		return Position{1, 1}
	}
	start, end := s.lines[line-1].start, s.lineEnd(line)
	at := start
	for at < end && isWhite(rune(s.text[at])) {
		at++
	}
	if at == end {
		at = start
	}
	return s.positionOf(at)
}

// indentedByTab returns the place of a tab among what indents the line.
func (s *source) indentedByTab(line int) (tab Position, found bool) {
	if line < 1 || line > len(s.lines) {
		return Position{}, false
	}
	for i := s.lines[line-1].start; i < len(s.text) && (s.text[i] == ' ' || s.text[i] == '\t'); i++ {
		if s.text[i] == '\t' {
			return s.positionOf(i), true
		}
	}
	return Position{}, false
}

// explain puts a problem of the parser into words that help. at is its place.
func (s *source) explain(found document, at Position) (rule, message, hint string) {
	rule, message, hint = explain(found.problem)
	offset := s.offset(found.at.Line, found.at.Column)
	noticed, size := utf8.DecodeRune(s.text[offset:])
	switch found.problem {
	case cannotStart:
		if bytes.HasPrefix(s.text[offset:], []byte("```")) {
			return rule, "``` is Markdown, not YAML", "remove the line, and that at the end"
		}
		message = "a value cannot begin with " + Quote(string(noticed))
	case noValue:
		if size > 0 && strings.ContainsRune("?:-", noticed) {
			message, hint = "a value cannot begin with "+Quote(string(noticed)), "put the text in quotes"
		}
	case noKey:
		if before := bytes.TrimRight(s.text[:offset], " \t"); len(before) > 0 && bytes.IndexByte([]byte(`"'`), before[len(before)-1]) >= 0 {
			message = "a quote ends the text before this place"
			hint = quoteHints[before[len(before)-1]]
		}
	case noColon, noColonHere:
		hint = cmp.Or(s.missingSpace(at.Line, found.problem), s.missingSpace(at.Line-1, found.problem), hint)
	case noComma, noCommaMap:
		before := bytes.TrimRight(s.text[:offset], " \t")
		switch {
		case s.refers(at):
			hint = "put the reference in quotes"
		case noticed == ':' && found.at.Line == at.Line:
			hint = `put text that contains ":" in quotes`
		case size > 0 && len(before) > 0 && bytes.IndexByte([]byte(`"'`), before[len(before)-1]) >= 0 && !isWhite(noticed):
			hint = fmt.Sprintf("put all of the text in quotes, %s too", Quote(string(noticed)))
		}
	case halfEscape:
		offset = s.offset(at.Line, at.Column)
		if whole, width := escape(s.text[offset:]); width == 12 {
			message = fmt.Sprintf("%s is one character in JSON, but two in YAML", s.text[offset:offset+width])
			hint = fmt.Sprintf(`write %c or \U%08X`, whole, whole)
		}
	}
	if line := s.line(at.Line); rule == ruleSyntax && bytes.ContainsAny(line, "\u201c\u201d\u201e\u2018\u2019") && !bytes.ContainsAny(line, `"`) {
		hint = "typographic quotes do not quote in YAML: write \" or '"
	}
	return rule, message, hint
}

// quoteHints says how a text has a quote within quotes.
var quoteHints = map[byte]string{
	'"':  `for a quote within double quotes write \", or put the text in single quotes`,
	'\'': `for an apostrophe within single quotes write two, or put the text in double quotes`,
}

// Lines of which the mistake is noticed only later.
var (
	noSpaceAfterColon = regexp.MustCompile(`^\s*(- )?[A-Za-z_]+:[^\s/:]`)
	noSpaceAfterDash  = regexp.MustCompile(`^\s*-[A-Za-z]`)
	openBlock         = regexp.MustCompile(`:\s+[|>][-+]?\s*$`)
)

// missingSpace says which space a line lacks that led to a problem; "" where it lacks none.
func (s *source) missingSpace(number int, problem string) string {
	line := s.line(number)
	switch {
	case noSpaceAfterColon.Match(line):
		return fmt.Sprintf(`write a space after ":" in line %d`, number)
	case noSpaceAfterDash.Match(line):
		return fmt.Sprintf(`write a space after "-" in line %d`, number)
	case problem == noColon && openBlock.Match(line):
		return fmt.Sprintf("indent the text of line %d further than its key", number)
	}
	return ""
}

// line is the text of a line; empty where there is none of that number.
func (s *source) line(number int) []byte {
	if number < 1 || number > len(s.lines) {
		return nil
	}
	return s.text[s.lines[number-1].start:s.lineEnd(number)]
}

// refers reports whether something that looks like a reference follows in the line.
func (s *source) refers(at Position) bool {
	return bytes.Contains(s.line(at.Line), []byte("${"))
}

// isWhite reports whether YAML may fold, trim or add the character where it reads text.
func isWhite(r rune) bool {
	switch r {
	case ' ', '\t', '\n', '\r':
		return true
	}
	return false
}
