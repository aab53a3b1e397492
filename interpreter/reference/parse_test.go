package reference_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

type (
	ref  = reference.Reference
	step = reference.Step
)

func TestParseOneReference(t *testing.T) {
	bound := func(n int) *int { return &n }
	slice := func(from, to *int) step { return step{Slice: &reference.Slice{From: from, To: to}, Brackets: true} }
	tests := []struct {
		text string
		want ref
	}{
		{"${a}", ref{Head: "a"}},
		{"${a.b}", ref{Head: "a", Steps: []step{{Field: "b"}}}},
		{"${ a.b }", ref{Head: "a", Steps: []step{{Field: "b"}}}},
		{"${\n\ta.b\n}", ref{Head: "a", Steps: []step{{Field: "b"}}}},
		{"${fetch-it_2.x-y}", ref{Head: "fetch-it_2", Steps: []step{{Field: "x-y"}}}},
		{"${größe.日本}", ref{Head: "größe", Steps: []step{{Field: "日本"}}}},
		{"${My Task.response}", ref{Head: "My Task", Steps: []step{{Field: "response"}}}},
		{"${Step 1: fetch.x y}", ref{Head: "Step 1: fetch", Steps: []step{{Field: "x y"}}}},
		{"${it's.b}", ref{Head: "it's", Steps: []step{{Field: "b"}}}},
		{`${["my.name"].x}`, ref{Head: "my.name", Steps: []step{{Field: "x"}}}},
		{`${['a "b"[0]']}`, ref{Head: `a "b"[0]`}},
		{"${a.0}", ref{Head: "a", Steps: []step{{IsIndex: true}}}},
		{"${a.12.b}", ref{Head: "a", Steps: []step{{IsIndex: true, Index: 12}, {Field: "b"}}}},
		{"${a.007}", ref{Head: "a", Steps: []step{{Field: "007"}}}},
		{"${a.-1}", ref{Head: "a", Steps: []step{{Field: "-1"}}}},
		{"${a.99999999999999999999}", ref{Head: "a", Steps: []step{{Field: "99999999999999999999"}}}},
		{"${a[0]}", ref{Head: "a", Steps: []step{{IsIndex: true, Brackets: true}}}},
		{"${a[-1]}", ref{Head: "a", Steps: []step{{IsIndex: true, Index: -1, Brackets: true}}}},
		{"${a[ 3 ][ * ]}", ref{Head: "a", Steps: []step{{IsIndex: true, Index: 3, Brackets: true}, {Every: true, Brackets: true}}}},
		{"${a[2:5]}", ref{Head: "a", Steps: []step{slice(bound(2), bound(5))}}},
		{"${a[ -2 : ][:0][:-1].b:-x}", ref{Head: "a", Steps: []step{slice(bound(-2), nil), slice(nil, bound(0)), slice(nil, bound(-1)), {Field: "b"}},
			HasDefault: true, Default: "x"}},
		{"${a[:]}", ref{Head: "a", Steps: []step{slice(nil, nil)}}},
		{"${a[*].b}", ref{Head: "a", Steps: []step{{Every: true, Brackets: true}, {Field: "b"}}}},
		{`${a["b.c"]['d e'].f}`, ref{Head: "a", Steps: []step{
			{Field: "b.c", Brackets: true}, {Field: "d e", Brackets: true}, {Field: "f"}}}},
		{`${a["0"]}`, ref{Head: "a", Steps: []step{{Field: "0", Brackets: true}}}},
		{`${a[""]}`, ref{Head: "a", Steps: []step{{Brackets: true}}}},
		{`${a["}"]['${x}']}`, ref{Head: "a", Steps: []step{{Field: "}", Brackets: true}, {Field: "${x}", Brackets: true}}}},
		{`${a["\"\\\/\n\t\u00e9\ud83d\ude00'"]}`, ref{Head: "a", Steps: []step{{Field: "\"\\/\n\té😀'", Brackets: true}}}},
		{`${a['it\'s']}`, ref{Head: "a", Steps: []step{{Field: "it's", Brackets: true}}}},
		{"${a.b:-text}", ref{Head: "a", Steps: []step{{Field: "b"}}, HasDefault: true, Default: "text"}},
		{"${a.b:-}", ref{Head: "a", Steps: []step{{Field: "b"}}, HasDefault: true}},
		{"${a.b:- two words }", ref{Head: "a", Steps: []step{{Field: "b"}}, HasDefault: true, Default: " two words "}},
		{"${ a.b :-x}", ref{Head: "a", Steps: []step{{Field: "b"}}, HasDefault: true, Default: "x"}},
		{"${a[0] :-x}", ref{Head: "a", Steps: []step{{IsIndex: true, Brackets: true}}, HasDefault: true, Default: "x"}},
		{`${a:-{"k": [1\}]\}}`, ref{Head: "a", HasDefault: true, Default: `{"k": [1}]}`}},
		{`${a:-C:\dir "x" :- $y}`, ref{Head: "a", HasDefault: true, Default: `C:\dir "x" :- $y`}},
		{`${a:-$${b\}}`, ref{Head: "a", HasDefault: true, Default: "${b}"}},
		{"${a:-1\n2}", ref{Head: "a", HasDefault: true, Default: "1\n2"}},
		{"${env.HOME}", ref{Head: "env", Steps: []step{{Field: "HOME"}}}},
		{`${secrets["api.key"]}`, ref{Head: "secrets", Steps: []step{{Field: "api.key", Brackets: true}}}},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			parts, errs := reference.Parse(test.text)
			if len(errs) > 0 || len(parts) != 1 || parts[0].Ref == nil {
				t.Fatalf("parts %+v, errs %+v", parts, errs)
			}
			test.want.Text = test.text
			if !reflect.DeepEqual(*parts[0].Ref, test.want) {
				t.Errorf("got  %+v\nwant %+v", *parts[0].Ref, test.want)
			}
		})
	}
}

func TestParseParts(t *testing.T) {
	x := func(offset int) reference.Part {
		return reference.Part{Ref: &ref{Text: "${x}", Offset: offset, Head: "x"}}
	}
	literal := func(text string) reference.Part { return reference.Part{Literal: text} }
	tests := []struct {
		text string
		want []reference.Part
	}{
		{"", nil},
		{"no $x, {y} or $ (z)", []reference.Part{literal("no $x, {y} or $ (z)")}},
		{`f"{x}$"`, []reference.Part{literal(`f"{x}$"`)}},
		{"$${x}", []reference.Part{literal("${x}")}},
		{"$$${x}", []reference.Part{literal("$${x}")}},
		{"$${$${", []reference.Part{literal("${${")}},
		{"$${${x}", []reference.Part{literal("${"), x(3)}},
		{"ä ${x}${x}, $${x} ${x}.", []reference.Part{literal("ä "), x(3), x(7), literal(", ${x} "), x(19), literal(".")}},
		{"${x}$${", []reference.Part{x(0), literal("${")}},
		{"$ ${x} $", []reference.Part{literal("$ "), x(2), literal(" $")}},
		{"${x}}", []reference.Part{x(0), literal("}")}},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			parts, errs := reference.Parse(test.text)
			if !reflect.DeepEqual(parts, test.want) || errs != nil {
				t.Errorf("got %+v, errs %+v", parts, errs)
			}
		})
	}
}

func TestContains(t *testing.T) {
	for text, want := range map[string]bool{"": false, "$x {y}": false, "a ${b": true, "$${": true, "$ {": false} {
		if reference.Contains(text) != want {
			t.Errorf("Contains(%q) is not %v", text, want)
		}
	}
}

// The limit is far above what linear reading takes (a fraction of a second) and far below what quadratic reading would.
func TestParseIsLinear(t *testing.T) {
	const size = 1 << 20
	for _, piece := range []string{"${", "${a", "${a.b:-", `${["`, `${a['\'`, "${a:-$${", "${a:-x ${b", "${a}", "${a[", "${a\n", "$${", `${a:-\}`, "${ ", "${a..}"} {
		text := strings.Repeat(piece, size/len(piece))
		for _, text := range []string{text, text + "}"} {
			began := time.Now()
			reference.Parse(text)
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("1 MiB of %q took %v", piece, took)
			}
		}
	}
}
