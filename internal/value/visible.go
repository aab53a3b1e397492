package value

import (
	"strconv"
	"strings"
	"unicode"
)

// Visible writes characters that steer a terminal, or what readers see, as escapes: what a message repeats of a file stays
// on its line and is what it looks like. Bytes that are no UTF-8 become U+FFFD.
func Visible(text string) string {
	if text = strings.ToValidUTF8(text, "\uFFFD"); !strings.ContainsFunc(text, steers) {
		return text
	}
	var visible strings.Builder
	for _, r := range text {
		if steers(r) {
			quoted := strconv.QuoteRuneToASCII(r)
			visible.WriteString(quoted[1 : len(quoted)-1])
		} else {
			visible.WriteRune(r)
		}
	}
	return visible.String()
}

func steers(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}
