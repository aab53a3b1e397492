package value

import (
	"strconv"
	"strings"
	"unicode"
)

// Visible escapes the characters that control a terminal or the direction of text, so that a text of unknown origin stays
// on its line and is what it looks like. Bytes that are not UTF-8 become U+FFFD.
func Visible(text string) string { return escape(text, func(string) bool { return false }) }

// VisibleLines is Visible for text of several lines: line breaks and tabs stay.
func VisibleLines(text string) string {
	return escape(text, func(rest string) bool {
		return rest[0] == '\n' || rest[0] == '\t' || strings.HasPrefix(rest, "\r\n")
	})
}

// escape escapes control characters, except where keep reports that the character at the beginning of the rest of the text
// is to stay.
func escape(text string, keep func(rest string) bool) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	first := -1
	for at, r := range text {
		if isControl(r) && !keep(text[at:]) {
			first = at
			break
		}
	}
	if first < 0 {
		return text
	}
	var visible strings.Builder
	visible.Grow(len(text))
	visible.WriteString(text[:first])
	for at, r := range text[first:] {
		at += first
		if isControl(r) && !keep(text[at:]) {
			quoted := strconv.QuoteRuneToASCII(r)
			visible.WriteString(quoted[1 : len(quoted)-1])
		} else {
			visible.WriteRune(r)
		}
	}
	return visible.String()
}

func isControl(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}
