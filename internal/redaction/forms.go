package redaction

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// shortestLine is the length in bytes from which a line of a secret of several lines is redacted by itself: such a secret
// is often written line by line.
const shortestLine = 12

// formsOf returns the ways in which a secret of at least Shortest bytes is written: as it is, without the blanks at its ends
// (as a file's content ends), in JSON (as we write it, as encoding/json and as Python's json do), percent-encoded, as
// Python's repr and Go's %q quote it, as a JSON string within a JSON string, in hexadecimal digits, in base64, also as a part of
// something longer, and, of a secret of several lines, each long line.
func formsOf(secret string) []string {
	var all []string
	add := func(text string) {
		if len(text) >= Shortest {
			all = append(all, text)
		}
	}
	for _, text := range []string{secret, strings.TrimSpace(secret)} {
		if len(text) < Shortest {
			continue
		}
		add(text)
		ours := string(value.String(text).JSON())
		add(ours[1 : len(ours)-1])
		twice := string(value.String(ours[1 : len(ours)-1]).JSON())
		add(twice[1 : len(twice)-1])
		if html, err := json.Marshal(text); err == nil {
			add(string(html[1 : len(html)-1]))
		}
		add(asciiJSON(text))
		escaped := url.QueryEscape(text)
		add(escaped)
		add(strings.ReplaceAll(escaped, "+", "%20"))
		add(strings.ReplaceAll(strings.ReplaceAll(escaped, "+", "%20"), "%2F", "/"))
		add(url.PathEscape(text))
		add(lowerHex(escaped))
		quoted := strconv.Quote(text)
		add(quoted[1 : len(quoted)-1])
		add(pythonRepr(text))
		add(base64.StdEncoding.EncodeToString([]byte(text)))
		add(base64.RawStdEncoding.EncodeToString([]byte(text)))
		add(base64.RawURLEncoding.EncodeToString([]byte(text)))
		for skipped := range 3 {
			add(insideBase64(base64.RawStdEncoding, text, skipped))
			add(insideBase64(base64.RawURLEncoding, text, skipped))
		}
		add(hex.EncodeToString([]byte(text)))
	}
	if strings.Contains(strings.TrimSpace(secret), "\n") {
		for line := range strings.Lines(secret) {
			if line = strings.TrimSpace(line); len(line) >= shortestLine {
				add(line)
			}
		}
	}
	return all
}

// insideBase64 returns what the base64 of a longer text has of a text before which it has so many bytes: the characters that
// its neighbors do not change.
func insideBase64(encoding *base64.Encoding, text string, before int) string {
	encoded := encoding.EncodeToString([]byte(strings.Repeat("-", before) + text))
	if (before+len(text))%3 != 0 {
		encoded = encoded[:len(encoded)-1]
	}
	if before > 0 {
		encoded = encoded[before+1:]
	}
	return encoded
}

// asciiJSON returns the text as a JSON string of ASCII alone, without the quotes.
func asciiJSON(text string) string {
	plain := string(value.String(text).JSON())
	var ascii strings.Builder
	for _, r := range plain[1 : len(plain)-1] {
		switch {
		case r < unicode.MaxASCII:
			ascii.WriteRune(r)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&ascii, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&ascii, `\u%04x`, r)
		}
	}
	return ascii.String()
}

// lowerHex returns a percent-encoded text with the hexadecimal digits in lower case.
func lowerHex(escaped string) string {
	lower := []byte(escaped)
	for i := range lower {
		if lower[i] == '%' && i+2 < len(lower) {
			copy(lower[i+1:i+3], strings.ToLower(string(lower[i+1:i+3])))
		}
	}
	return string(lower)
}

// pythonRepr returns the text as Python's repr writes a string, without the quotes.
func pythonRepr(text string) string {
	quote := '\''
	if strings.Contains(text, "'") && !strings.Contains(text, `"`) {
		quote = '"'
	}
	var repr strings.Builder
	for _, r := range text {
		switch {
		case r == quote || r == '\\':
			repr.WriteRune('\\')
			repr.WriteRune(r)
		case r == '\n':
			repr.WriteString(`\n`)
		case r == '\r':
			repr.WriteString(`\r`)
		case r == '\t':
			repr.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&repr, `\x%02x`, r)
		default:
			repr.WriteRune(r)
		}
	}
	return repr.String()
}
