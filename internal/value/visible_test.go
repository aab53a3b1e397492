package value

import "testing"

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
