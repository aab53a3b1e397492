package redaction

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
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
// Python's repr and Go's %q quote it, and quoted once more, as in JSON within JSON, in hexadecimal digits, in base64, also as a part of
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
		for _, quoted := range quotedForms(text) {
			add(quoted)
			for _, twice := range quotedForms(quoted) {
				add(twice)
			}
		}
		escaped := url.QueryEscape(text)
		add(escaped)
		add(strings.ReplaceAll(escaped, "+", "%20"))
		add(strings.ReplaceAll(strings.ReplaceAll(escaped, "+", "%20"), "%2F", "/"))
		add(url.PathEscape(text))
		add(lowerHex(escaped))
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
	slices.Sort(all)
	return slices.Compact(all)
}

// quotedForms returns a text as it is, and as it is quoted, without the quotes.
func quotedForms(text string) []string {
	quotes := []string{string(value.String(text).JSON()), strconv.Quote(text)}
	if html, err := json.Marshal(text); err == nil {
		quotes = append(quotes, string(html))
	}
	forms := []string{text, asciiJSON(text), pythonRepr(text, unicode.MaxRune), pythonRepr(text, unicode.MaxASCII), pythonRepr(latin1(text), unicode.MaxASCII)}
	for _, quoted := range quotes {
		forms = append(forms, quoted[1:len(quoted)-1])
	}
	slices.Sort(forms)
	return slices.Compact(forms)
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

// latin1 returns a text with a character for each byte of another one.
func latin1(text string) string {
	runes := make([]rune, len(text))
	for i := range len(text) {
		runes[i] = rune(text[i])
	}
	return string(runes)
}

// pythonRepr returns the text as Python's repr writes a string, without the quotes, and with escapes for what is beyond last: that
// is its ascii, and that of a text with a character for each byte is the repr of the bytes.
func pythonRepr(text string, last rune) string {
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
		case r < ' ' || r == 0x7f || r > last && r <= 0xff:
			fmt.Fprintf(&repr, `\x%02x`, r)
		case r > last && r <= 0xffff:
			fmt.Fprintf(&repr, `\u%04x`, r)
		case r > last:
			fmt.Fprintf(&repr, `\U%08x`, r)
		default:
			repr.WriteRune(r)
		}
	}
	return repr.String()
}
