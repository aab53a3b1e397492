package value

import "strings"

// longestBrief is how many characters of a value Brief shows.
const longestBrief = 60

// Brief returns a short text for a value, for people: on one line, a string itself, any other value as JSON, and cut if it is
// long.
func (v Value) Brief() string {
	text := v.Text()
	if v.kind != KindString || strings.TrimSpace(text) == "" {
		text = string(v.JSON())
	}
	const maxBytes = 8 * longestBrief // Enough for that many characters and the space between them.
	more := len(text) > maxBytes
	if more {
		text = strings.ToValidUTF8(text[:maxBytes], "")
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
