package value

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// EscapeInvalid writes the bytes of a text that are not UTF-8 as \xff, for the names of files: JSON cannot have them.
func EscapeInvalid(text string) string {
	var to strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&to, `\x%02x`, text[0])
		} else {
			to.WriteString(text[:size])
		}
		text = text[size:]
	}
	return to.String()
}

// UnescapeInvalid reverses EscapeInvalid. It reports false if nothing is escaped. A text that has such escapes by itself looks the
// same.
func UnescapeInvalid(text string) (raw string, escaped bool) {
	const begin, length = `\x`, 4
	var to strings.Builder
	for len(text) > 0 {
		if strings.HasPrefix(text, begin) && len(text) >= length {
			if b, err := strconv.ParseUint(text[len(begin):length], 16, 8); err == nil && b >= utf8.RuneSelf {
				to.WriteByte(byte(b))
				text, escaped = text[length:], true
				continue
			}
		}
		to.WriteByte(text[0])
		text = text[1:]
	}
	raw = to.String()
	return raw, escaped && !utf8.ValidString(raw)
}
