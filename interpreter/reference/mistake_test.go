package reference_test

import (
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

func TestParseMistakes(t *testing.T) {
	tests := []struct {
		text  string
		wrong string // The text that the mistake covers.
		want  string
	}{
		{"${}", "${}", "${} is no reference: it names nothing"},
		{"a ${ \n } b", "${ \n }", `${ \n } is no reference: it names nothing`},
		{"${:-x}", "${:-x}", `${:-x} is no reference: a name stands before the ":-"`},
		{"${.a}", "${.a}", `${.a} is no reference: a name stands before the "."`},
		{"${a..b} c", "${a..b}", `${a..b} is no reference: a name stands after each "."`},
		{"${a.}", "${a.}", `${a.} is no reference: a name stands after each "."`},
		{"${a. }", "${a. }", `${a. } is no reference: a name stands after each "."`},
		{"${a.[0]}", "${a.[0]}", `${a.[0]} is no reference: a name stands after each "."`},
		{"${a.:-x}", "${a.:-x}", `${a.:-x} is no reference: a name stands after each "."`},
		{"${a.*}", "${a.*}", "${a.*} is no reference: all elements of a list are [*]"},
		{"${a .b}", "${a .b}", `${a .b} is no reference: a blank at the end of a name wants brackets and quotes, like ["a b "]`},
		{"${a. b}", "${a. b}", `${a. b} is no reference: a blank at the end of a name wants brackets and quotes, like ["a b "]`},
		{`${"a.b"}`, `${"a.b"}`, `${"a.b"} is no reference: a name in quotes stands in brackets, like ["a b"]`},
		{`${a.'b'}`, `${a.'b'}`, `${a.'b'} is no reference: a name in quotes stands in brackets, like ["a b"]`},
		{"${{ a.b }}", "${{ a.b }", `${{ a.b } is no reference: a "{" in a name wants brackets and quotes, like ["a b"]`},
		{"${a]}", "${a]}", `${a]} is no reference: a "]" in a name wants brackets and quotes, like ["a b"]`},
		{"${a[]}", "${a[]}", "${a[]} is no reference: its brackets are empty"},
		{"${a[b]}", "${a[b]}", `${a[b]} is no reference: in brackets stands an index, a key in quotes or *, like [0], ["a b"] or [*]`},
		{"${a[1:2]}", "${a[1:2]}", `${a[1:2]} is no reference: in brackets stands an index, a key in quotes or *, like [0], ["a b"] or [*]`},
		{"${a[007]}", "${a[007]}", `${a[007]} is no reference: in brackets stands an index, a key in quotes or *, like [0], ["a b"] or [*]`},
		{"${a[99999999999999999999]}", "${a[99999999999999999999]}", `${a[99999999999999999999]} is no reference: in brackets stands an index, a key in quotes or *, like [0], ["a b"] or [*]`},
		{"${a[*.b]}", "${a[*.b]}", `${a[*.b]} is no reference: in brackets stands an index, a key in quotes or *, like [0], ["a b"] or [*]`},
		{`${a["b"}`, `${a["b"}`, `${a["b"} is no reference: after the quote comes "]"`},
		{`${a["b]}`, `${a["b]}`, `${a["b]} is no reference: a quote is not closed`},
		{"${a[\"b\n\"]}", "${a[", `${a[ is no reference: a quote is not closed on its line; a new line in a key is \n`},
		{`${a["\x"]}`, `${a["\x"]}`, `${a["\x"]} is no reference: after a \ in quotes comes one of " ' \ / b f n r t, or u and four digits of a character`},
		{`${a["\ud83d"]}`, `${a["\ud83d"]}`, `${a["\ud83d"]} is no reference: after a \ in quotes comes one of " ' \ / b f n r t, or u and four digits of a character`},
		{"${a[0]b}", "${a[0]b}", `${a[0]b} is no reference: after a "]" comes ".", "[", ":-" or "}"`},
		{"${a[0] .b}", "${a[0] .b}", `${a[0] .b} is no reference: after a "]" comes ".", "[", ":-" or "}"`},
		{"${[0].a}", "${[0].a}", `${[0].a} is no reference: it begins with a name, and in brackets a name stands in quotes, like ["a b"]`},
		{`${[""]}`, `${[""]}`, `${[""]} is no reference: its name is empty`},
		{"${a:-${b}} c", "${a:-${b}", "${a:-${b} is no reference: a default is plain text and holds no other reference"},
		{"x ${", "${", "${ is not closed by }"},
		{"${a.b", "${a.b", "${a.b is not closed by }"},
		{"${a[", "${a[", "${a[ is not closed by }"},
		{"${a[0", "${a[0", "${a[0 is not closed by }"},
		{"${a[0]", "${a[0]", "${a[0] is not closed by }"},
		{"${a:-b", "${a:-b", "${a:-b is not closed by }"},
		{"${a and\nmore}", "${a and", "${a and is not closed by }"},
		{"${env}", "${env}", `${env} is no reference: after "env" comes exactly one name, like ${env.NAME}`},
		{"${secrets.a.b}", "${secrets.a.b}", `${secrets.a.b} is no reference: after "secrets" comes exactly one name, like ${secrets.NAME}`},
		{"${env[0]}", "${env[0]}", `${env[0]} is no reference: after "env" comes exactly one name, like ${env.NAME}`},
		{"${" + strings.Repeat("ä", 50) + "..}", "${" + strings.Repeat("ä", 50) + "..}", "${" + strings.Repeat("ä", 39) + `… is no reference: a name stands after each "."`},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			parts, mistakes := reference.Parse(test.text)
			if len(mistakes) != 1 {
				t.Fatalf("parts %+v, mistakes %+v", parts, mistakes)
			}
			m := mistakes[0]
			if wrong := test.text[m.Offset : m.Offset+m.Length]; wrong != test.wrong {
				t.Errorf("the mistake covers %q", wrong)
			}
			if m.Message != test.want {
				t.Errorf("got  %s\nwant %s", m.Message, test.want)
			}
			if m.Hint != "write $${ for a literal ${" {
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

func TestParseFindsAllMistakes(t *testing.T) {
	parts, mistakes := reference.Parse("é ${a..b} ${ok} ${} ${c ${fine.x} ${")
	var messages, heads []string
	var offsets []int
	for _, m := range mistakes {
		messages, offsets = append(messages, m.Message), append(offsets, m.Offset)
	}
	for _, part := range parts {
		if part.Ref != nil {
			heads = append(heads, part.Ref.Head)
		}
	}
	equal(t, messages, []string{
		`${a..b} is no reference: a name stands after each "."`,
		"${} is no reference: it names nothing",
		"${c is not closed by }",
		"${ is not closed by }",
	})
	equal(t, offsets, []int{3, 17, 21, 35})
	equal(t, heads, []string{"ok", "fine"})
}

func TestParseTellsAtMost100Mistakes(t *testing.T) {
	parts, mistakes := reference.Parse(strings.Repeat("${}", 101) + "${a}")
	if len(mistakes) != 100 || len(parts) != 1 || parts[0].Ref.Head != "a" {
		t.Errorf("%d mistakes, parts %+v", len(mistakes), parts)
	}
}

func TestParseCode(t *testing.T) {
	parts, mistakes := reference.ParseCode("a = ${x:-1\n2}\nb = ${}\n")
	if len(parts) != 3 {
		t.Errorf("parts %+v", parts)
	}
	equal(t, mistakes, []reference.Error{
		{Offset: 4, Length: 9, Message: `${x:-1\n2} goes over several lines; in code a reference stands on one`, Hint: "write $${ for a literal ${"},
		{Offset: 18, Length: 3, Message: "${} is no reference: it names nothing", Hint: "write $${ for a literal ${"},
	})
}
