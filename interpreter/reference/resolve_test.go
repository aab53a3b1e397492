package reference_test

import (
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// nasty is what passing through other programs changes.
const nasty = `{"quotes":"'\"\\\"","lines":"a\nb\r\n","ref":"${llm.response} $${x}","emoji":"👩‍💻é","html":"<b>&</b>",` +
	`"big":1152921504606846976,"bigger":123456789012345678901234567890,"small":1e-7,"zeros":1.50,"digits":"02139","no":null,"yes":true}`

func nastyScope(t *testing.T) *reference.Scope {
	t.Helper()
	return &reference.Scope{Bindings: []protocol.Binding{
		{Head: "n", Task: "n", Status: protocol.Completed, Value: inline(t, nasty)},
		{Head: "item", Value: inline(t, `{"b": 1, "a": [1.0, "x"]}`)},
	}}
}

func TestResolveText(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", `""`},
		{"plain", `"plain"`},
		{"$${n.big}", `"${n.big}"`},
		{"a $${b} ${n.big}", `"a ${b} 1152921504606846976"`},
		{"${n.big}", `1152921504606846976`},
		{"${n.bigger}", `123456789012345678901234567890`},
		{"${n.small}", `1e-7`},
		{"${n.zeros}", `1.50`},
		{"${n.digits}", `"02139"`},
		{"${n.no}", `null`},
		{"${n.yes}", `true`},
		{"${ n.yes }", `true`},
		{" ${n.yes}", `" true"`},
		{"${n.yes}\n", `"true\n"`},
		{"${n.yes}${n.yes}", `"truetrue"`},
		{"<${n.quotes}>", `"<'\"\\\">"`},
		{"<${n.lines}>", `"<a\nb\r\n>"`},
		{"<${n.ref}>", `"<${llm.response} $${x}>"`},
		{"${n.ref}", `"${llm.response} $${x}"`},
		{"<${n.emoji}>", `"<👩‍💻é>"`},
		{"=${n.html}", `"=<b>&</b>"`},
		{"=${n.digits}, ${n.small}, ${n.zeros}, ${n.bigger}, ${n.no}", `"=02139, 1e-7, 1.50, 123456789012345678901234567890, null"`},
		{"=${item}", `"={\"b\":1,\"a\":[1.0,\"x\"]}"`},
		{"=${item.a}", `"=[1.0,\"x\"]"`},
		{"=${n.missing:-${\\}}", ""},
		{"=${n.missing:-$${n.big\\}}", `"=${n.big}"`},
	}
	scope := nastyScope(t)
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			got, err := reference.ResolveText(test.text, scope)
			if test.want == "" {
				parameterError(t, err, "invalid reference ${n.missing:-${\\}: a default is plain text and cannot contain another reference (write $${ for a literal ${)")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			equal(t, string(got.JSON()), test.want)
		})
	}
}

func TestResolveWholeResultKeepsEveryByte(t *testing.T) {
	got, err := reference.ResolveText("${n}", nastyScope(t))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, string(got.JSON()), nasty)
	got, err = reference.ResolveText("-${n}", nastyScope(t))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got.Text(), "-"+nasty)
}

func TestResolveNested(t *testing.T) {
	tests := []struct{ value, want string }{
		{`null`, `null`},
		{`[1, "x", {"y": [true]}]`, `[1,"x",{"y":[true]}]`},
		{`"${n.big}"`, `1152921504606846976`},
		{`{"z": "${n.small}", "a": ["x ${n.digits}", ["${item.a}", 2]], "${n.big}": "${item.b}", "last": 1e-7}`,
			`{"z":1e-7,"a":["x 02139",[[1.0,"x"],2]],"${n.big}":1,"last":1e-7}`},
		{`[1, 2, "$${x}", 3]`, `[1,2,"${x}",3]`},
		{`{"a": 1, "b": "${n.ref}", "c": 2}`, `{"a":1,"b":"${llm.response} $${x}","c":2}`},
	}
	scope := nastyScope(t)
	for _, test := range tests {
		before := val(t, test.value)
		written := string(before.JSON())
		got, err := reference.Resolve(before, scope)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, string(got.JSON()), test.want)
		equal(t, string(before.JSON()), written)
	}
}

func TestResolveErrors(t *testing.T) {
	tests := []struct{ value, want string }{
		{`{"a": [{"b": "x ${n.bigg}"}]}`, `${n.bigg}: n has no field "bigg"; it has quotes, lines, ref, emoji, html, big, bigger, small, zeros, digits and 2 more (did you mean "big"?)`},
		{`["${n.big}", "${n..big} ${}"]`, `invalid reference ${n..big}: a name is missing after "." (write $${ for a literal ${)`},
		{`"${HOME}"`, `${HOME}: unknown name "HOME" (write $${ for a literal ${)`},
	}
	for _, test := range tests {
		got, err := reference.Resolve(val(t, test.value), nastyScope(t))
		if !got.IsNull() {
			t.Errorf("got %s", got.JSON())
		}
		parameterError(t, err, test.want)
	}
}

func TestResolveLargeText(t *testing.T) {
	large := strings.Repeat("0123456789${n} \"<é\n", 5<<20/20)
	v := value.Object(value.Field{Name: "text", Value: value.String(large)})
	scope := &reference.Scope{Bindings: []protocol.Binding{{Head: "big", Task: "big", Value: protocol.Payload{Inline: &v}}}}
	got, err := reference.ResolveText("${big.text}", scope)
	if err != nil {
		t.Fatal(err)
	}
	if got.Text() != large {
		t.Error("a 5 MiB text came out changed")
	}
	got, err = reference.ResolveText("a ${big.text} b ${big.text} c", scope)
	if err != nil {
		t.Fatal(err)
	}
	if got.Text() != "a "+large+" b "+large+" c" {
		t.Error("a 5 MiB text came out of another text changed")
	}
}

func TestResolveDoesNotGrowWithoutEnd(t *testing.T) {
	v := value.String(strings.Repeat("x", 1<<20))
	scope := &reference.Scope{Bindings: []protocol.Binding{{Head: "item", Value: protocol.Payload{Inline: &v}}}}
	lines := make([]value.Value, 65)
	for i := range lines {
		lines[i] = value.String("${item}")
	}
	if _, err := reference.Resolve(value.List(lines...), scope); err != nil {
		t.Fatal(err)
	}
	for i := range lines {
		lines[i] = value.String("-${item}")
	}
	if _, err := reference.Resolve(value.List(lines[:64]...), scope); err != nil {
		t.Fatal(err)
	}
	_, err := reference.Resolve(value.List(lines...), scope)
	parameterError(t, err, "${item}: with it the text that values are put into has over 64 MiB")
}

// TestADefaultMayBeNoItems: where a list is wanted, `:-[]` and `:-` are an empty one; elsewhere, and beneath `[*]`, a default
// is text as ever.
func TestADefaultMayBeNoItems(t *testing.T) {
	val, err := value.Parse([]byte(`{"there": [1], "text": "[]", "null": null, "rows": [{"n": 1}, {}]}`))
	if err != nil {
		t.Fatal(err)
	}
	scope := &reference.Scope{Bindings: []protocol.Binding{{Head: "a", Value: protocol.Payload{Inline: &val}}}}
	for text, want := range map[string]string{
		"${a.gone:-[]}":      `[]`,
		"${a.null:-}":        `[]`,
		"${a.gone[*].n:-[]}": `[]`,
		"${a.there:-[]}":     `[1]`,
		"${a.text:-[]}":      `"[]"`,
		"${a.gone:-none}":    `"none"`,
		"${a.rows[*].n:-[]}": `[1,"[]"]`,
		"${a.gone:-[]} ":     `"[] "`,
		"$${a.gone:-[]}":     `"${a.gone:-[]}"`,
	} {
		got, err := reference.ResolveList(value.String(text), scope)
		if err != nil || string(got.JSON()) != want {
			t.Errorf("%s: got %s, %v; want %s", text, got.JSON(), err, want)
		}
	}
	list, err := reference.ResolveList(value.List(value.String("${a.gone:-[]}")), scope)
	if err != nil || string(list.JSON()) != `["[]"]` {
		t.Errorf("in a list: %s, %v", list.JSON(), err)
	}
}
