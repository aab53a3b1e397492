package reference_test

import (
	"cmp"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

func TestParseErrors(t *testing.T) {
	tests := []struct {
		text  string
		wrong string // The text that the error covers.
		want  string
	}{
		{"${}", "${}", "invalid reference ${}: it is empty"},
		{"a ${ \n } b", "${ \n }", `invalid reference ${ \n }: it is empty`},
		{"${:-x}", "${:-x}", `invalid reference ${:-x}: a name is missing before ":-"`},
		{"${.a}", "${.a}", `invalid reference ${.a}: a name is missing before "."`},
		{"${a..b} c", "${a..b}", `invalid reference ${a..b}: a name is missing after "."`},
		{"${a.}", "${a.}", `invalid reference ${a.}: a name is missing after "."`},
		{"${a. }", "${a. }", `invalid reference ${a. }: a name is missing after "."`},
		{"${a.[0]}", "${a.[0]}", `invalid reference ${a.[0]}: a name is missing after "."`},
		{"${a.:-x}", "${a.:-x}", `invalid reference ${a.:-x}: a name is missing after "."`},
		{"${a.*}", "${a.*}", "invalid reference ${a.*}: write [*] for all elements of a list"},
		{"${a .b}", "${a .b}", `invalid reference ${a .b}: a name that ends with a space must be in brackets and quotes, such as ["a b "]`},
		{"${a. b}", "${a. b}", `invalid reference ${a. b}: a name that ends with a space must be in brackets and quotes, such as ["a b "]`},
		{`${"a.b"}`, `${"a.b"}`, `invalid reference ${"a.b"}: a name in quotes must be in brackets, such as ["a b"]`},
		{`${a.'b'}`, `${a.'b'}`, `invalid reference ${a.'b'}: a name in quotes must be in brackets, such as ["a b"]`},
		{"${{ a.b }}", "${{ a.b }}", "${{ a.b }} is not a reference here"},
		{"${{ a b }}", "${{ a b }", `invalid reference ${{ a b }: a name with "{" must be in brackets and quotes, such as ["a b"]`},
		{"${a]}", "${a]}", `invalid reference ${a]}: a name with "]" must be in brackets and quotes, such as ["a b"]`},
		{"${a[]}", "${a[]}", "invalid reference ${a[]}: the brackets are empty"},
		{"${a[b]}", "${a[b]}", `invalid reference ${a[b]}: brackets must contain an index, a slice, a key in quotes or *, such as [0], [2:5], ["a b"] or [*]`},
		{"${a[1:2:3]}", "${a[1:2:3]}", `invalid reference ${a[1:2:3]}: brackets must contain an index, a slice, a key in quotes or *, such as [0], [2:5], ["a b"] or [*]`},
		{"${a[1:x]}", "${a[1:x]}", `invalid reference ${a[1:x]}: brackets must contain an index, a slice, a key in quotes or *, such as [0], [2:5], ["a b"] or [*]`},
		{"${a[1:02]}", "${a[1:02]}", `invalid reference ${a[1:02]}: brackets must contain an index, a slice, a key in quotes or *, such as [0], [2:5], ["a b"] or [*]`},
		{"${[1:2].x}", "${[1:2].x}", `invalid reference ${[1:2].x}: a name in brackets must be in quotes, such as ["a b"]`},
		{"${a[007]}", "${a[007]}", `invalid reference ${a[007]}: brackets must contain an index, a slice, a key in quotes or *, such as [0], [2:5], ["a b"] or [*]`},
		{"${a[99999999999999999999]}", "${a[99999999999999999999]}", `invalid reference ${a[99999999999999999999]}: brackets must contain an index, a slice, a key in quotes or *, such as [0], [2:5], ["a b"] or [*]`},
		{"${a[*.b]}", "${a[*.b]}", `invalid reference ${a[*.b]}: brackets must contain an index, a slice, a key in quotes or *, such as [0], [2:5], ["a b"] or [*]`},
		{`${a["b"}`, `${a["b"}`, `invalid reference ${a["b"}: expected "]" after the quote`},
		{`${a["b]}`, `${a["b]}`, `invalid reference ${a["b]}: a quote is not closed`},
		{"${a[\"b\n\"]}", "${a[", `invalid reference ${a[: a quote is not closed on its line; write \n for a line break in a key`},
		{`${a["\x"]}`, `${a["\x"]}`, `invalid reference ${a["\x"]}: invalid escape sequence: in quotes, \ must be followed by one of " ' \ / b f n r t, or by u and four hexadecimal digits`},
		{`${a["\ud83d"]}`, `${a["\ud83d"]}`, `invalid reference ${a["\ud83d"]}: invalid escape sequence: in quotes, \ must be followed by one of " ' \ / b f n r t, or by u and four hexadecimal digits`},
		{"${a[0]b}", "${a[0]b}", `invalid reference ${a[0]b}: expected ".", "[", ":-" or "}" after "]"`},
		{"${a[0] .b}", "${a[0] .b}", `invalid reference ${a[0] .b}: expected ".", "[", ":-" or "}" after "]"`},
		{"${[0].a}", "${[0].a}", `invalid reference ${[0].a}: a name in brackets must be in quotes, such as ["a b"]`},
		{`${[""]}`, `${[""]}`, `invalid reference ${[""]}: the name is empty`},
		{"${a:-${b}} c", "${a:-${b}", "invalid reference ${a:-${b}: a default is plain text and cannot contain another reference"},
		{"x ${", "${", `${ is missing its closing "}"`},
		{"${a.b", "${a.b", `${a.b is missing its closing "}"`},
		{"${a[", "${a[", `${a[ is missing its closing "}"`},
		{"${a[0", "${a[0", `${a[0 is missing its closing "}"`},
		{"${a[0]", "${a[0]", `${a[0] is missing its closing "}"`},
		{"${a:-b", "${a:-b", `${a:-b is missing its closing "}"`},
		{"${a and\nmore}", "${a and", `${a and is missing its closing "}"`},
		{"${env}", "${env}", `invalid reference ${env}: "env" must be followed by exactly one name, such as ${env.NAME}`},
		{"${secrets.a.b}", "${secrets.a.b}", `invalid reference ${secrets.a.b}: "secrets" must be followed by exactly one name, such as ${secrets.NAME}`},
		{"${env[0]}", "${env[0]}", `invalid reference ${env[0]}: "env" must be followed by exactly one name, such as ${env.NAME}`},
		{"${" + strings.Repeat("ä", 50) + "..}", "${" + strings.Repeat("ä", 50) + "..}", "invalid reference ${" + strings.Repeat("ä", 39) + `…: a name is missing after "."`},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			parts, errs := reference.Parse(test.text)
			if len(errs) != 1 {
				t.Fatalf("parts %+v, errs %+v", parts, errs)
			}
			m := errs[0]
			if wrong := test.text[m.Offset : m.Offset+m.Length]; wrong != test.wrong {
				t.Errorf("the error covers %q", wrong)
			}
			if m.Message != test.want {
				t.Errorf("got  %s\nwant %s", m.Message, test.want)
			}
			hint := map[string]string{"${a.b": "write ${a.b}", "${a[0]": "write ${a[0]}", "${a and\nmore}": "write ${a}", "${{ a.b }}": "write ${a.b}"}[test.text]
			if m.Hint != cmp.Or(hint, "write $${ for a literal ${") {
				t.Errorf("hint %q", m.Hint)
			}
			for _, part := range parts {
				if part.Ref != nil {
					t.Errorf("a reference was found: %+v", part.Ref)
				}
			}
		})
	}
}

func TestParseFindsAllErrors(t *testing.T) {
	parts, errs := reference.Parse("é ${a..b} ${ok} ${} ${c ${fine.x} ${")
	var messages, heads []string
	var offsets []int
	for _, m := range errs {
		messages, offsets = append(messages, m.Message), append(offsets, m.Offset)
	}
	for _, part := range parts {
		if part.Ref != nil {
			heads = append(heads, part.Ref.Head)
		}
	}
	equal(t, messages, []string{
		`invalid reference ${a..b}: a name is missing after "."`,
		"invalid reference ${}: it is empty",
		`${c is missing its closing "}"`,
		`${ is missing its closing "}"`,
	})
	equal(t, offsets, []int{3, 17, 21, 35})
	equal(t, heads, []string{"ok", "fine"})
}

func TestParseTellsAtMost100Errors(t *testing.T) {
	parts, errs := reference.Parse(strings.Repeat("${}", 101) + "${a}")
	if len(errs) != 100 || len(parts) != 1 || parts[0].Ref.Head != "a" {
		t.Errorf("%d errs, parts %+v", len(errs), parts)
	}
}

func TestParseCode(t *testing.T) {
	parts, errs := reference.ParseCode("a = ${x:-1\n2}\nb = ${}\n")
	if len(parts) != 3 {
		t.Errorf("parts %+v", parts)
	}
	equal(t, errs, []reference.Error{
		{Offset: 4, Length: 9, Message: `${x:-1\n2} spans several lines; in code a reference must be on one line`, Hint: "write $${ for a literal ${"},
		{Offset: 18, Length: 3, Message: "invalid reference ${}: it is empty", Hint: "write $${ for a literal ${"},
	})
}
