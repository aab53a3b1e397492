package definition

import (
	"bytes"
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

// explain puts a problem of the parser into words that help. at is its place, unless the mistake that led to it has another one.
func (s *source) explain(found document, at Position) (place Position, rule, message, hint string) {
	rule, message, hint = explain(found.problem)
	offset := s.offset(found.at.Line, found.at.Column)
	if rule == ruleSyntax && !alias.MatchString(found.problem) {
		if slip := s.slip(found, at, offset); slip.message != "" {
			return s.positionOf(slip.offset), rule, slip.message, slip.hint
		}
	}
	noticed, size := utf8.DecodeRune(s.text[offset:])
	switch found.problem {
	case cannotStart:
		message = "a value cannot begin with " + Quote(string(noticed))
	case noValue:
		if size > 0 && strings.ContainsRune("?:-", noticed) {
			message, hint = "a value cannot begin with "+Quote(string(noticed)), "put the text in quotes"
		}
	case noComma, noCommaMap:
		before := bytes.TrimRight(s.text[:offset], " \t")
		switch {
		case noticed == ':' && found.at.Line == at.Line:
			hint = `put text that contains ":" in quotes`
		case size > 0 && len(before) > 0 && isQuote(before[len(before)-1]) && !isWhite(noticed):
			hint = fmt.Sprintf("put all of the text in quotes, %s too", Quote(string(noticed)))
		}
	case halfEscape:
		offset = s.offset(at.Line, at.Column)
		if whole, width := escape(s.text[offset:]); width == 12 {
			message = fmt.Sprintf("%s is one character in JSON, but two in YAML", s.text[offset:offset+width])
			hint = fmt.Sprintf(`write %c or \U%08X`, whole, whole)
		}
	}
	return at, rule, message, hint
}

// slip is a mistake that led to a problem of the parser, which notices most of them only later in the text.
type slip struct {
	offset        int
	message, hint string
}

// slip finds the mistake that led to a problem; its message is empty if it is none of those that are known. at is the place of the problem,
// and noticed the offset where the parser noticed it.
func (s *source) slip(found document, at Position, noticed int) slip {
	opened := s.text[s.offset(found.opened.Line, found.opened.Column):]
	inBrackets := found.opened.Line > 0 && len(opened) > 0 && (opened[0] == '{' || opened[0] == '[')
	if rest, is := bytes.CutPrefix(s.text[noticed:], []byte("```")); is {
		fence := slip{noticed, "``` is Markdown, not YAML", "remove this line"}
		if end := bytes.LastIndex(rest, []byte("\n```")); end >= 0 {
			fence.hint += fmt.Sprintf(" and line %d", s.lineOf(len(s.text)-len(rest)+end+1))
		}
		return fence
	}
	for _, found := range []slip{
		s.noBreakSpace(s.lineOf(noticed)), s.comment(found, noticed), s.unclosed(found, noticed), s.misindented(found, at),
		s.backslash(s.offset(at.Line, at.Column)), s.typographic(noticed), s.bareReference(noticed, opened), s.quoteInText(noticed, inBrackets), s.braces(noticed), s.indicator(noticed, len(s.text)-len(opened)),
	} {
		if found.message != "" {
			return found
		}
	}
	if found.problem != noColon && found.problem != noColonHere {
		return slip{}
	}
	for _, line := range []int{at.Line, at.Line - 1} {
		if found := s.missingSpace(line); found.message != "" {
			return found
		}
	}
	if found.problem == noColon {
		return s.textNotIndented(at.Line)
	}
	return slip{}
}

func isQuote(char byte) bool { return char == '"' || char == '\'' }

// typographic finds the quotes of a word processor around a place.
func (s *source) typographic(at int) slip {
	before := s.text[s.lines[s.lineOf(at)-1].start:at]
	open := bytes.LastIndexAny(before, "“„‘")
	if open < 0 || bytes.ContainsAny(before[open:], "”’") {
		return slip{}
	}
	quote, size := utf8.DecodeRune(before[open:])
	from := at - len(before) + open
	text := s.text[from+size : s.lineEnd(s.lineOf(at))]
	end := bytes.IndexAny(text, "”’“")
	if end < 0 {
		return slip{from, fmt.Sprintf("%c is a typographic quote, which YAML does not know", quote), `write " instead`}
	}
	closing, _ := utf8.DecodeRune(text[end:])
	return slip{from, fmt.Sprintf("%c %c are typographic quotes, which YAML does not know", quote, closing), "write " + InQuotes(string(text[:end]))}
}

// bareReference finds a text with a reference that stands without quotes in brackets, where the brace of the reference opens a mapping.
func (s *source) bareReference(at int, opened []byte) slip {
	if at < 1 || at >= len(s.text) || s.text[at] != '{' || s.text[at-1] != '$' {
		return slip{}
	}
	inList := len(opened) > 0 && opened[0] == '['
	from := at - 1
	for from > 0 && bytes.IndexByte([]byte("{[,\r\n"), s.text[from-1]) < 0 && !(from > 1 && s.text[from-1] == ' ' && s.text[from-2] == ':') {
		from--
	}
	for from < at && isWhite(rune(s.text[from])) {
		from++
	}
	end := at - 1
	for end < len(s.text) && bytes.IndexByte([]byte("]}\r\n"), s.text[end]) < 0 && !(s.text[end] == ',' && (inList || nextKey.Match(s.text[end:]))) {
		width := 1
		if bytes.HasPrefix(s.text[end:], []byte("${")) {
			closing := bytes.IndexAny(s.text[end:], "}\r\n")
			if closing < 0 || s.text[end+closing] != '}' {
				return slip{}
			}
			width = closing + 1
		}
		end += width
	}
	text, what := strings.TrimSpace(string(s.text[from:end])), "a text with a reference"
	if strings.LastIndex(text, "${") == 0 && strings.HasSuffix(text, "}") {
		what = "a reference"
	}
	brackets := "{ }"
	if inList {
		brackets = "[ ]"
	}
	return slip{from, "within " + brackets + " " + what + " needs quotes", "write " + InQuotes(text)}
}

// nextKey is a comma after which another entry of a mapping begins.
var nextKey = regexp.MustCompile(`^,\s*["']?[\w-]+["']?\s*:\s`)

// quoteInText finds a quote that ends a text which goes on behind it.
func (s *source) quoteInText(at int, inBrackets bool) slip {
	start, end := s.lines[s.lineOf(at)-1].start, s.lineEnd(s.lineOf(at))
	before := bytes.TrimRight(s.text[start:at], " \t")
	rest := bytes.TrimRight(s.text[at:end], " \t\r\n")
	if len(before) == 0 || len(rest) == 0 || !isQuote(before[len(before)-1]) || isQuote(rest[0]) {
		return slip{}
	}
	quote := before[len(before)-1]
	found := slip{start + len(before) - 1, fmt.Sprintf("this %c ends the text, and more follows", quote), `write \" for a quote within the text`}
	if quote == '\'' {
		found.hint = "write '' for an apostrophe within the text"
	}
	within := found.offset+1 == at && rest[len(rest)-1] == quote
	if inBrackets {
		if !within && bytes.IndexByte(rest, quote) < 0 {
			return slip{} // What follows is no part of a text in these quotes.
		}
		return found
	}
	open := bytes.LastIndexByte(before[:len(before)-1], quote)
	if open < 0 {
		return found
	}
	text := string(s.text[start+open:at]) + string(rest)
	if within {
		text = text[1 : len(text)-1]
	} else {
		text, _, _ = strings.Cut(text, " #")
	}
	if !strings.Contains(text, `\`) && utf8.RuneCountInString(text) <= shownText {
		found.hint = "write " + InQuotes(text)
	}
	return found
}

// backslash finds one in double quotes that means nothing there, as in a path of Windows.
func (s *source) backslash(at int) slip {
	line := s.lineOf(at)
	before, rest := s.text[s.lines[line-1].start:min(at, len(s.text))], bytes.TrimRight(s.text[min(at, len(s.text)):s.lineEnd(line)], "\r\n")
	open, end := bytes.LastIndexByte(before, '"'), bytes.IndexByte(rest, '"')
	if open < 0 || end < 0 || len(rest) < 2 || rest[0] != '\\' || known.Match(rest) {
		return slip{}
	}
	return slip{at, fmt.Sprintf("unknown escape sequence %s in double quotes", rest[:2]), "write " + InQuotes(string(before[open+1:])+string(rest[:end]))}
}

// known begins with an escape sequence of double quotes.
var known = regexp.MustCompile(`^\\([0abtnvfre "/\\N_LP]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})`)

// alias is the problem of an alias that is one, and no text that begins with a star.
var alias = regexp.MustCompile("^" + unknownAnchor + "[A-Za-z0-9_-]+'")

// braced is a reference of other engines.
var braced = regexp.MustCompile(`\{\{-? *([A-Za-z_][\w.-]*?) *-?\}\}`)

// braces finds a reference of another engine at the beginning of a text that goes on behind it.
func (s *source) braces(at int) slip {
	line := s.lineOf(at)
	before, whole := s.text[s.lines[line-1].start:at], bytes.TrimRight(s.line(line), " \t\r\n")
	places := braced.FindIndex(before)
	if places == nil || len(bytes.TrimSpace(before[places[1]:])) > 0 {
		return slip{}
	}
	text := braced.ReplaceAllStringFunc(string(whole[places[0]:]), func(found string) string { return dollars(braced.FindStringSubmatch(found)[1]) })
	return slip{s.lines[line-1].start + places[0], string(before[places[0]:places[1]]) + " is not a reference here", "write " + InQuotes(text)}
}

// dollars is a reference as it is written here to what another engine names: what has no dot is an input there.
func dollars(name string) string {
	if !strings.Contains(name, ".") {
		name = "inputs." + name
	}
	return "${" + Shorten(name) + "}"
}

// alone is what may stand before the value that takes the rest of a line.
var alone = regexp.MustCompile(`^\s*(- +)*([^\s"'{\[][^"'{\[]*:\s+)?$`)

// indicator finds a text that begins with a character which has a meaning in YAML. The parser noticed that at the character or behind it.
func (s *source) indicator(noticed, opened int) slip {
	for _, at := range []int{noticed, opened} {
		if at >= len(s.text) || bytes.IndexByte([]byte("*&@`%"), s.text[at]) < 0 || s.lineOf(at) != s.lineOf(noticed) {
			continue
		}
		before := bytes.TrimRight(s.text[s.lines[s.lineOf(at)-1].start:at], " \t")
		if len(before) > 0 && bytes.IndexByte([]byte(":-[{,"), before[len(before)-1]) < 0 {
			continue
		}
		found := slip{at, "a value cannot begin with " + Quote(string(s.text[at:at+1])), "put the text in quotes"}
		if alone.Match(s.text[s.lines[s.lineOf(at)-1].start:at]) {
			found.hint = "write " + InQuotes(strings.TrimSpace(string(s.text[at:s.lineEnd(s.lineOf(at))])))
		}
		return found
	}
	return slip{}
}

// Lines of which the mistake is noticed only later.
var (
	noSpaceAfterColon = regexp.MustCompile(`^(\s*(?:- )?)([A-Za-z_]+):([^\s/:].*)$`)
	noSpaceAfterDash  = regexp.MustCompile(`^(\s*)-([A-Za-z].*)$`)
	openBlock         = regexp.MustCompile(`([^\s:]+):\s+[|>][-+]?\s*$`)
	beginsEntry       = regexp.MustCompile(`^\s*(- |[\w-]+:(\s|$))`)
)

// missingSpace finds a space that a line lacks.
func (s *source) missingSpace(number int) slip {
	line := strings.TrimRight(string(s.line(number)), " \t\r\n")
	if parts := noSpaceAfterColon.FindStringSubmatch(line); parts != nil {
		return slip{s.lines[number-1].start + len(parts[1]) + len(parts[2]), `a space is missing after ":"`, "write " + Shorten(parts[2]+": "+parts[3])}
	}
	parts := noSpaceAfterDash.FindStringSubmatch(line)
	if parts == nil {
		return slip{}
	}
	found := slip{s.lines[number-1].start + len(parts[1]), `a space is missing after "-"`, "write " + Shorten("- "+parts[2])}
	if indent := indentation(s.line(number + 1)); indent > len(parts[1]) && indent != len(parts[1])+2 {
		key, _, _ := strings.Cut(parts[2], ":")
		found.hint += ", and begin the next lines below " + Quote(key)
	}
	return found
}

// indentation is how many spaces a line begins with; -1 if it has nothing else.
func indentation(line []byte) int {
	text := bytes.TrimLeft(line, " ")
	if len(bytes.TrimSpace(text)) == 0 {
		return -1
	}
	return len(line) - len(text)
}

// textNotIndented finds a text of several lines that stands no further right than its key. Its first line, or the one before, is the given one.
func (s *source) textNotIndented(number int) slip {
	for _, above := range []int{number - 1, number - 2} {
		header := openBlock.FindSubmatch(s.line(above))
		if header == nil {
			continue
		}
		column, last := bytes.Index(s.line(above), header[1]), above+1
		for line := above + 1; line <= len(s.lines); line++ {
			indent := indentation(s.line(line))
			if indent >= 0 && (indent < column || indent == column && beginsEntry.Match(s.line(line))) || indent > column {
				break
			}
			if indent >= 0 {
				last = line
			}
		}
		which := fmt.Sprintf("line %d", above+1)
		switch {
		case last == above+2:
			which = fmt.Sprintf("lines %d and %d", above+1, last)
		case last > above+2:
			which = fmt.Sprintf("lines %d to %d", above+1, last)
		}
		return slip{s.offset(above+1, indentation(s.line(above+1))+1), fmt.Sprintf("the text of %s (line %d) must be indented further than %[1]s", Quote(string(header[1])), above),
			"put two more spaces before " + which}
	}
	return slip{}
}
