package definition

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Locator finds the places of characters of a text in the file, through quotes, escapes, folding and indentation. It
// walks the text once: ask for offsets in rising order.
type Locator struct {
	source *source
	node   *Node
	read   int // Bytes of the text behind it.
	offset int // Bytes of the file behind it; -1 where text and file do not match.
}

// Locate returns a Locator for a string of the file.
func (w *Workflow) Locate(n *Node) *Locator {
	l := &Locator{source: w.source, node: n, offset: -1}
	if n.read {
		l.offset = l.begin(w.source.offset(n.Line, n.Column))
	}
	return l
}

// begin skips what precedes the text itself: anchors and tags, the opening quote, a block's header.
func (l *Locator) begin(at int) int {
	text := l.source.text
	for at < len(text) && (text[at] == '&' || text[at] == '!') {
		for at < len(text) && !isWhite(rune(text[at])) {
			at++
		}
		for at < len(text) && isWhite(rune(text[at])) {
			at++
		}
	}
	switch l.node.style {
	case singleQuoted, doubleQuoted:
		return at + 1
	case block:
		return l.source.lineEnd(l.source.lineOf(at))
	}
	return at
}

// At returns the place of the character that begins at the offset, in bytes, of the node's text. Where it cannot be
// found, that is the place of the node.
//
// White space is what YAML changes (it folds, trims and indents); everything else is the same in the text and in the file,
// in the same order. So the n-th character that is not white is the same one in both.
func (l *Locator) At(offset int) Position {
	for l.offset >= 0 && l.read < offset {
		r, size := utf8.DecodeRuneInString(l.node.Text[l.read:])
		l.read += size
		if isWhite(r) {
			continue
		}
		l.skipWhite()
		inFile, width := l.unit()
		if inFile != r || width == 0 {
			l.offset = -1
			break
		}
		l.offset += width
	}
	if l.offset < 0 {
		return l.node.Position
	}
	l.skipWhite()
	return l.source.positionOf(l.offset)
}

// Comment returns the comment that follows a text written without quotes in its line, which may be meant as a part of it, and its place;
// empty if there is none.
func (l *Locator) Comment() (at Position, comment string) {
	if l.node.style != plain {
		return at, ""
	}
	l.At(len(l.node.Text))
	if l.offset < 0 || l.offset >= len(l.source.text) || l.source.text[l.offset] != '#' {
		return at, ""
	}
	before := strings.TrimRight(string(l.source.text[max(0, l.offset-200):l.offset]), " \t")
	if before == "" || strings.HasSuffix(before, "\n") {
		return at, ""
	}
	line := l.source.text[l.offset:l.source.lineEnd(l.source.lineOf(l.offset))]
	return l.source.positionOf(l.offset), strings.TrimSpace(string(line))
}

func (l *Locator) skipWhite() {
	for {
		r, width := l.unit()
		if width == 0 || !isWhite(r) {
			return
		}
		l.offset += width
	}
}

// unit reads what makes one character of the text, and its width in the file; 0 at the end.
func (l *Locator) unit() (rune, int) {
	rest := l.source.text[l.offset:]
	if len(rest) == 0 {
		return 0, 0
	}
	r, width := utf8.DecodeRune(rest)
	if l.node.style == singleQuoted && r == '\'' {
		return r, 2
	}
	if l.node.style == doubleQuoted && r == '\\' && len(rest) > 1 {
		return escape(rest)
	}
	return r, width
}

// escape reads an escape of double quotes.
func escape(text []byte) (rune, int) {
	const letters, meanings = `0abtnvfreN_LP`, "\x00\a\b\t\n\v\f\r\x1b\u0085\u00a0\u2028\u2029"
	letter, size := utf8.DecodeRune(text[1:])
	if at := strings.IndexRune(letters, letter); at >= 0 {
		return []rune(meanings)[at], 2
	}
	digits := map[rune]int{'x': 2, 'u': 4, 'U': 8}[letter]
	if digits == 0 || len(text) < 2+digits {
		return letter, 1 + size // `\"`, `\\`, `\/`, and a break of the line.
	}
	code, err := strconv.ParseUint(string(text[2:2+digits]), 16, 32)
	if err != nil {
		return utf8.RuneError, 0
	}
	if !utf16.IsSurrogate(rune(code)) {
		return rune(code), 2 + digits
	}
	// JSON has characters beyond U+FFFF in two halves. A half alone is no character.
	if low := text[6:]; len(low) >= 6 && low[0] == '\\' && low[1] == 'u' {
		if code2, err := strconv.ParseUint(string(low[2:6]), 16, 16); err == nil {
			if whole := utf16.DecodeRune(rune(code), rune(code2)); whole != utf8.RuneError {
				return whole, 12
			}
		}
	}
	return utf8.RuneError, 6
}
