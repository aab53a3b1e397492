package value_test

import (
	"testing"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

func TestBytesThatAreNoUTF8(t *testing.T) {
	for raw, want := range map[string]string{
		"a.txt": "a.txt", "ü�": "ü�", "a\xff.txt": `a\xff.txt`, "\xe9t\xe9": `\xe9t\xe9`, "ü\xc3": `ü\xc3`, `\x41` + "\xff": `\x41\xff`, "\xff\xfe": `\xff\xfe`, "": "",
	} {
		got := value.EscapeInvalid(raw)
		back, escaped := value.UnescapeInvalid(got)
		if got != want || escaped != !utf8.ValidString(raw) || back != raw {
			t.Errorf("%q: %q, back %q, %t", raw, got, back, escaped)
		}
	}
	for _, plain := range []string{`\x`, `\xf`, `\xgg`, `\x41`, `C:\xfiles`, `\xc3\xbc`} {
		if raw, escaped := value.UnescapeInvalid(plain); escaped {
			t.Errorf("%s: %q", plain, raw)
		}
	}
}
