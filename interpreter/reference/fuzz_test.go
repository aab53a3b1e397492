package reference_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "plain $x {y}", "${a}", "x ${a.b[0]['k'][*].c:-d} y", "$${a} $$${b}", "${a:-$${\\}}", "${", "${}", "${a..b}", `${["my.name"].x}`,
		`${a["\u00e9\ud83d\ude00\"]"]}`, "${a:-${b}}", "${ My Task . x }", "${env}", "${a\n}", "\xff${\xfe.a}", "${a.-1[-1].007}", "${{ x }}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parts, mistakes := reference.Parse(text)
		var joined strings.Builder
		end := 0
		for i, part := range parts {
			if part.Ref == nil {
				if part.Literal == "" || (i > 0 && parts[i-1].Ref == nil && len(mistakes) == 0) {
					t.Errorf("a literal is empty or follows another: %+v", parts)
				}
				joined.WriteString(strings.ReplaceAll(part.Literal, "${", "$${"))
				continue
			}
			ref := part.Ref
			if ref.Offset < end || text[ref.Offset:ref.Offset+len(ref.Text)] != ref.Text || ref.Head == "" {
				t.Errorf("reference %+v", ref)
			}
			end = ref.Offset + len(ref.Text)
			joined.WriteString(ref.Text)
		}
		if len(mistakes) == 0 && joined.String() != text {
			t.Errorf("joined again: %q", joined.String())
		}
		end = 0
		for _, m := range mistakes {
			if m.Offset < end || m.Length < 2 || m.Offset+m.Length > len(text) || !strings.HasPrefix(text[m.Offset:], "${") {
				t.Errorf("mistake %+v", m)
			}
			if strings.Contains(m.Message, "\n") || !utf8.ValidString(m.Message) {
				t.Errorf("message %q", m.Message)
			}
			end = m.Offset + m.Length
		}
	})
}
