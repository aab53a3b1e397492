package value

import (
	"strings"
	"testing"
	"unsafe"
)

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "",
		`plain "ü" 👩‍💻 \n`:      `plain "ü" 👩‍💻 \n`,
		"a\nb\tc\r":             `a\nb\tc\r`,
		"\x1b[31mred\x00\x7f":   `\x1b[31mred\x00\x7f`,
		"\u0085\u009b1m\u2028x": `\u0085\u009b1m\u2028x`,
		"if \u202eevil\u2066":   `if \u202eevil\u2066`,
		"\xff\xfe":              "\uFFFD",
	} {
		if got := Visible(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestVisibleLines(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "",
		"a\n\tb\r\nc\n":              "a\n\tb\r\nc\n",
		"over\rwritten\r":            `over\rwritten\r`,
		"\x1b[31mred\nplain\u009b1m": "\\x1b[31mred\nplain\\u009b1m",
		"if \u202eevil\u2066\u2028x": `if \u202eevil\u2066\u2028x`,
		"\xff\n":                     "\uFFFD\n",
	} {
		if got := VisibleLines(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestALargeTextOfLinesIsNotCopied(t *testing.T) {
	text := strings.Repeat("a line\tü\r\n", 1000)
	if unsafe.StringData(VisibleLines(text)) != unsafe.StringData(text) {
		t.Error("it was copied")
	}
	if got := VisibleLines(text + "\x1b[2J\n\x07\n"); got != text+`\x1b[2J`+"\n"+`\a`+"\n" {
		t.Errorf("got %.50q", got[len(text):])
	}
}
