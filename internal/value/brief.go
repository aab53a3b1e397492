package value

import "strings"

// longestBrief is how many characters of a value Brief shows.
const longestBrief = 60

// Brief tells a value from others of its kind, to people: on one line, a string as it is, anything else as JSON, and cut
// where it is long.
func (v Value) Brief() string {
	text := v.Text()
	if v.kind != KindString || strings.TrimSpace(text) == "" {
		text = string(v.JSON())
	}
	const mostBytes = 8 * longestBrief // Enough for so many characters and what is between them.
	more := len(text) > mostBytes
	if more {
		text = strings.ToValidUTF8(text[:mostBytes], "")
	}
	short := []rune(strings.Join(strings.Fields(text), " "))
	switch {
	case len(short) > longestBrief:
		return string(short[:longestBrief-1]) + "…"
	case more:
		return string(short) + "…"
	}
	return string(short)
}
