package condition

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// scopeOf binds the input x to a JSON text, and the tasks done and gone to what their names say.
func scopeOf(t testing.TB, x string) *reference.Scope {
	t.Helper()
	value := func(text string) protocol.Payload {
		v, err := value.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return protocol.Payload{Inline: &v}
	}
	return &reference.Scope{Bindings: []protocol.Binding{
		{Head: "inputs", Value: value(`{"x": ` + x + `}`)},
		{Head: "done", Task: "done", Status: protocol.Completed, Value: value(`{"result": {"score": 0.75, "words": ["tea", "milk"], "none": null, "o": {"k": 1}}}`)},
		{Head: "gone", Task: "gone", Status: protocol.Skipped},
	}}
}

func decide(t testing.TB, text, x string) (bool, error) {
	t.Helper()
	c, errs := Compile(text)
	if len(errs) > 0 {
		t.Fatalf("%s: %+v", text, errs)
	}
	return c.Holds(t.Context(), scopeOf(t, x))
}

func TestConditions(t *testing.T) {
	for _, c := range []struct {
		text, x string
		want    bool
	}{
		{`${inputs.x}`, `true`, true},
		{`${inputs.x}`, `false`, false},
		{`not ${inputs.x}`, `false`, true},
		{`true`, `0`, true},
		{`${done.score} > 0.5 and ${done.status} == "completed"`, `0`, true},
		{`${gone.status} == 'skipped' || ${gone.score} > 1`, `0`, true}, // What nothing comes to is not asked for.
		{`${gone.score:-} == ""`, `0`, true},
		{`${gone.error} == null and ${done.none} == nil`, `0`, true},
		{`${done.words}[0] == "tea" && "milk" in ${done.words}`, `0`, true},
		{`${done.o}.k == 1 and "k" in ${done.o} and ${done.o}["z"] == null`, `0`, true},
		{`any(${done.words}, # startsWith "mi") and all(${done.words}, len(#) >= 3)`, `0`, true},
		{`count(${done.words}, # contains "e") == 1`, `0`, true},
		{`len(filter(${inputs.x}, .price > 2)) == 1`, `[{"price": 1}, {"price": 2.5}]`, true},
		{`sum(map(${inputs.x}, .price)) == 3.5`, `[{"price": 1}, {"price": 2.5}]`, true},
		{`${inputs.x} matches "^[a-z]+$"`, `"abc"`, true},
		{`lower(trim(${inputs.x})) == "yes"`, `" YES\n"`, true},
		{`${inputs.x} + "b" == "ab"`, `"a"`, true},
		{`${inputs.x} + 1 == 3`, `2`, true},
		{`number(${inputs.x}) > 9`, `" 10 "`, true},
		{`kind(${inputs.x}) == "null" and text(${inputs.x}) == "null"`, `null`, true},
		{`text(${inputs.x}) == '{"a":[1,2.5],"b":null}'`, `{"b": null, "a": [1, 2.5]}`, true},
		{`last(split(${inputs.x}, ",")) == "c"`, `"a,b,c"`, true},
		{`(${inputs.x} ? 1 : 2) == 2`, `false`, true},
		{`${inputs.x} in 1..3`, `3`, true},
		{`${inputs.x} == "$${a}"`, `"${a}"`, true},
		{`${inputs.x} == "größer" and "ö" in split("a ö", " ")`, `"größer"`, true},
		// Parts of texts are characters.
		{`${inputs.x}[0] == "Y" and ${inputs.x}[-1] == "ß" and ${inputs.x}[1:3] == "äß" and ${inputs.x}[:-1] == "Yä"`, `"Yäß"`, true},
		{`"äbc"[0] == "ä" and "äbc"[1:] == "bc" and "äbc"[2:1] == "" and "äbc"[:99] == "äbc"`, `0`, true},
		{`${inputs.x}.a[0].b[1] == "😀"`, `{"a": [{"b": "x😀"}]}`, true},
		{`${inputs.x}[-1] == 3 and ${inputs.x}[1:] == [2, 3] and ${inputs.x}[-99:2] == [1, 2] and ${inputs.x}[2:1] == []`, `[1, 2, 3]`, true},
		{`any(${inputs.x}, #[0] == "b") and all(${inputs.x}, len(#[1:]) == 1)`, `["äb", "bc"]`, true},
		{`${inputs.x}?.[0] == null and ${inputs.x}?.a[0] == null and ${inputs.x}?.[0].a[1:] == null`, `null`, true},
		{`${inputs.x}?.a[0] == "ä"`, `{"a": "äb"}`, true},
		{`${inputs.x} contains "ä" and ${inputs.x} startsWith "x" and ${inputs.x} endsWith "b" and not (${done.none} contains "a")`, `"xäb"`, true},
		// Numbers: whole ones are exact up to 64 bits, and a text is never equal to a number.
		{`${inputs.x} == 1152921504606846977`, `1152921504606846977`, true},
		{`${inputs.x} == 1152921504606846976`, `1152921504606846977`, false},
		{`${inputs.x} == 1`, `1.0`, true},
		{`${inputs.x} == 1000 and ${inputs.x} >= 999.5`, `1e3`, true},
		{`${inputs.x} == "5"`, `5`, false},
		{`${inputs.x} > 9223372036854775807`, `1e400`, true},
		{`${inputs.x} > 9000000000000000000`, `18446744073709551616`, true},
		// Beyond 64 bits whole numbers are compared by their digits, and what does not fit becomes a floating-point number.
		{`${inputs.x} + 1 > 0 and ${inputs.x} + 1 == 9223372036854775808.0`, `9223372036854775807`, true},
		{`sum([${inputs.x}, 1]) > 0 and sum([${inputs.x}, 1], # * 2) > 0`, `9223372036854775807`, true},
		{`9223372036854775807 + 1 > 0 and -9223372036854775807 - 2 < 0`, `0`, true},
		{`abs(-9223372036854775807 - 1) > 0 and -(-9223372036854775807 - 1) > 0`, `0`, true},
		{`${inputs.x} * 2 > 0 and ${inputs.x} * -2 < 0 and ${inputs.x} * ${inputs.x} > 0`, `4611686018427387904`, true},
		{`${inputs.x} * -1 > 0`, `-9223372036854775808`, true},
		{`${inputs.x} + 1 == 9007199254740994 and ${inputs.x} * 3 - ${inputs.x} == 18014398509481986`, `9007199254740993`, true},
		{`${inputs.x}[0] == ${inputs.x}[1] or ${inputs.x}[0] >= ${inputs.x}[1]`, `[18446744073709551617, 18446744073709551618]`, false},
		{`${inputs.x}[0] != ${inputs.x}[1] and ${inputs.x}[0] < ${inputs.x}[1] and ${inputs.x}[0] in ${inputs.x}`, `[18446744073709551617, 18446744073709551618]`, true},
		{`max(${inputs.x}) == ${inputs.x}[1] and min(${inputs.x}, 3) == 3 and ceil(${inputs.x}[0]) == ${inputs.x}[0]`, `[18446744073709551617, 18446744073709551618]`, true},
		{`text(${inputs.x}) == "18446744073709551617" and number("18446744073709551617") == ${inputs.x} and text(-${inputs.x}) == "-18446744073709551617"`, `18446744073709551617`, true},
		{`${inputs.x}.a == ${inputs.x}.b`, `{"a": {"n": [1, 18446744073709551617]}, "b": {"n": [1.0, 18446744073709551617]}}`, true},
		{`${inputs.x}.a == ${inputs.x}.b`, `{"a": {"n": [1, 18446744073709551617]}, "b": {"n": [1.0, 18446744073709551618]}}`, false},
		{`${inputs.x}[0] < ${inputs.x}[1]`, `[1e400, 1e401]`, true},
		{`"a" < "b" and "b" >= "b" and 7 % 4 == 3 and 7 / 2 == 3.5 and 2 ** 10 == 1024`, `0`, true},
		{`min([3, ${inputs.x}]) == 2 and max(1, 2) == 2 and round(2.5) == 3`, `2`, true},
	} {
		got, err := decide(t, c.text, c.x)
		if err != nil || got != c.want {
			t.Errorf("%s with %s: got %v, %v", c.text, c.x, got, err)
		}
	}
}

// TestAValueNeverBecomesPartOfTheExpression: whatever a model answers is compared, and not read.
func TestAValueNeverBecomesPartOfTheExpression(t *testing.T) {
	for _, attack := range []string{
		`x" == "x`, `" || true || "`, `'; true; '`, `${inputs.x}`, `true`, `"yes"`, "`yes`", `\" == \"`, `yes") or ("a" == "a`, `$0()`, "yes\x00", `1 == 1 // `,
	} {
		for _, text := range []string{`${inputs.x} == "yes"`, `"yes" == ${inputs.x}`, `${inputs.x} == 'yes' and true`, `${inputs.x} in ["yes"]`} {
			if holds, err := decide(t, text, string(value.String(attack).JSON())); holds || err != nil {
				t.Errorf("%s with %q: got %v, %v", text, attack, holds, err)
			}
		}
		if _, err := decide(t, `${inputs.x}`, string(value.String(attack).JSON())); err == nil {
			t.Errorf("%q alone is no truth", attack)
		}
	}
}

func TestWhatCannotBeDecidedSaysWhy(t *testing.T) {
	for _, c := range []struct{ text, x, message string }{
		{`${inputs.x}`, `"true"`, `the condition is the text "true", not true or false: ${inputs.x} (compare it with a value, as in ${…} == 3)`},
		{`${inputs.x}`, `1`, `the condition is the number 1, not true or false: ${inputs.x} (compare it with a value, as in ${…} == 3)`},
		{`${inputs.x}`, `null`, `the condition is null, not true or false: ${inputs.x} (compare it with a value, as in ${…} == 3)`},
		{`${inputs.x}`, `{"a": 1}`, `the condition is an object, not true or false: ${inputs.x} (compare it with a value, as in ${…} == 3)`},
		{`${done.scor} > 1`, `0`, `${done.scor}: done has no field "scor"; it has result, and its result has score, words, none, o (did you mean "score"?)`},
		{`${gone.score} > 1`, `0`, `${gone.score}: task "gone" has no result; its status is "skipped" (${gone.status} and ${gone.error} are always available)`},
		{`${inputs.x} > 1`, `"2"`, `the condition cannot be evaluated: cannot compute a text > a number, near "> 1"`},
		{`${inputs.x} > 1`, `null`, `the condition cannot be evaluated: cannot compute null > a number, near "> 1"`},
		{`${inputs.x} and true`, `"yes"`, `the condition cannot be evaluated: expected true or false, got a text, near "and true"`},
		{`not ${inputs.x}`, `1`, `the condition cannot be evaluated: expected true or false, got a number, near "not ${inputs.x}"`},
		{`lower(${inputs.x}) == "a"`, `1`, `the condition cannot be evaluated: expected a text, got a number, near "lower(${inputs.x}) == \"a\""`},
		{`number(${inputs.x}) > 1`, `"two"`, `the condition cannot be evaluated: number(…) requires text that is a number, not "two", near "number(${inputs.x}) > 1"`},
		{`any(${inputs.x}, # > 0)`, `7`, `the condition cannot be evaluated: expected a list, got the number 7, near "${inputs.x}, # > 0)"`},
		{`first(${inputs.x}) == "a"`, `"abc"`, `the condition cannot be evaluated: expected a list, got the text "abc", near "${inputs.x}) == \"a\""`},
		{`${inputs.x}.a.b == 1`, `{}`, `the condition cannot be evaluated: null has no b, near "b == 1"`},
		{`all(1..2000000, # > 0)`, `0`, `the condition cannot be evaluated: it creates lists of more than 1000000 elements, near "..2000000, # > 0)"`},
		{`all(1..1001, all(${inputs.x}, # == 0))`, `[0` + strings.Repeat(",0", 999) + `]`, `the condition cannot be evaluated: it processes more than 1000000 elements, near "# == 0))"`},
		{`len(split(${inputs.x}, "")) > 0`, `"` + strings.Repeat("x", 1_000_001) + `"`, `the condition cannot be evaluated: it processes more than 1000000 elements, near "split(${inputs.x}, \"\")) > 0"`},
		{`all(1..100, ${inputs.x} + "" != "")`, `"` + strings.Repeat("x", 1<<20) + `"`, `the condition cannot be evaluated: it creates more than 64 MiB of text, near "+ \"\" != \"\")"`},
		{`${inputs.x}[5] == 1`, `[1]`, `the condition cannot be evaluated: there is no [5]: the list has 1 element, near "[5] == 1"`},
		{`${inputs.x}[-4] == "a"`, `"äbc"`, `the condition cannot be evaluated: there is no [-4]: the text has 3 characters, near "[-4] == \"a\""`},
		{`${inputs.x}[1.5] == 1`, `[1]`, `the condition cannot be evaluated: […] of a list requires a whole number of at most 64 bits, not the number 1.5, near "[1.5] == 1"`},
		{`${inputs.x}[0] == 1`, `{"a": 1}`, `the condition cannot be evaluated: an object has fields with names, not the number 0, near "[0] == 1"`},
		{`${inputs.x}[0] == 1`, `null`, `the condition cannot be evaluated: null has no parts, near "[0] == 1"`},
		{`${inputs.x}[0:1] == []`, `7`, `the condition cannot be evaluated: […:…] requires a list or a text, not the number 7, near "[0:1] == []"`},
		{`${inputs.x} contains "7"`, `7`, `the condition cannot be evaluated: contains requires a text, not the number 7, near "contains \"7\""`},
		{`${inputs.x} contains "7"`, `["7"]`, `the condition cannot be evaluated: contains searches texts: write x in y to find an element of a list, near "contains \"7\""`},
		{`"a7" endsWith ${inputs.x}`, `7`, `the condition cannot be evaluated: endsWith requires a text behind it, not the number 7, near "endsWith ${inputs.x}"`},
		{`${inputs.x} matches "7"`, `7`, `the condition cannot be evaluated: matches requires a text, not the number 7, near "matches \"7\""`},
		{`-${inputs.x} == 1`, `"a"`, `the condition cannot be evaluated: - requires a number, not the text "a", near "-${inputs.x} == 1"`},
		{`1 / ${inputs.x} > 0`, `0`, `the condition cannot be evaluated: it divides by 0, near "/ ${inputs.x} > 0"`},
		{`1 % ${inputs.x} > 0`, `0`, `the condition cannot be evaluated: it divides by 0, near "% ${inputs.x} > 0"`},
		{`${inputs.x} ** -1 > 0`, `0.0`, `the condition cannot be evaluated: it divides by 0, near "** -1 > 0"`},
		{`${inputs.x} ** 0.5 > 0`, `-1`, `the condition cannot be evaluated: the result is not a number, near "** 0.5 > 0"`},
		{`5 % ${inputs.x} > 0`, `1.5`, `the condition cannot be evaluated: % requires whole numbers of at most 64 bits, near "% ${inputs.x} > 0"`},
		{`sum(${inputs.x}) > 0`, `[1, "2"]`, `the condition cannot be evaluated: sum(…) requires a number, not the text "2", near "sum(${inputs.x}) > 0"`},
		{`sum(${inputs.x}) > 0`, `7`, `the condition cannot be evaluated: expected a list, got the number 7, near "sum(${inputs.x}) > 0"`},
		{`len(${inputs.x}) > 0`, `18446744073709551617`, `the condition cannot be evaluated: len(…) does not support a number, near "len(${inputs.x}) > 0"`},
		{`[1][${inputs.x}] > 0`, `18446744073709551617`, `the condition cannot be evaluated: […] of a list requires a whole number of at most 64 bits, not the number 18446744073709551617, near "[${inputs.x}] > 0"`},
		{`${inputs.x}.digits == "1"`, `18446744073709551617`, `the condition cannot be evaluated: a number has no digits, near "digits == \"1\""`},
		{`-9223372036854775807..${inputs.x} == []`, `9223372036854775807`, `the condition cannot be evaluated: it creates lists of more than 1000000 elements, near "..${inputs.x} == []"`},
		{`any(1..1000, len(1..${inputs.x}) == 0)`, `100000`, `the condition cannot be evaluated: it creates lists of more than 1000000 elements, near "..${inputs.x}) == 0)"`},
		{`"a" + ${inputs.x} + ${inputs.x} + ${inputs.x} + ${inputs.x} == "a"`, `"` + strings.Repeat("x", 17<<20) + `"`, `the condition cannot be evaluated: it creates more than 64 MiB of text, near "+ ${inputs.x} + ${inputs.x} == \"a\""`},
	} {
		holds, err := decide(t, c.text, c.x)
		known, is := errors.AsType[*protocol.Error](err)
		switch {
		case !is || holds || known.Code != protocol.TaskParameterError:
			t.Errorf("%s: got %v, %v", c.text, holds, err)
		case err.Error() != c.message:
			t.Errorf("%s:\ngot  %s\nwant %s", c.text, err, c.message)
		}
	}
}

func TestErrorsHaveTheirPlaces(t *testing.T) {
	for _, c := range []struct {
		text string
		want string // Of each, what stands at its place, its message and its hint.
	}{
		{``, `|the condition is empty|remove it to always run the task`},
		{`"${inputs.x}" == "a"`, `${inputs.x}" == "a"|${inputs.x} is inside quotes, where references are not replaced|remove the quotes`},
		{`a${inputs.x} == 1 and ${done.n}b`, `${inputs.x} == 1 and ${done.n}b|${inputs.x} is joined to the text next to it|a reference stands for a whole value: put a space or an operator between them`},
		{`${inputs.x}.${done.n} == 1`, `${done.n} == 1|${done.n} cannot be the name of a field|write [${…}]`},
		{`${inputs.x}(1)`, `${inputs.x}(1)|${inputs.x} is a value and cannot be called|`},
		{`true // ${inputs.x}`, `${inputs.x}|${inputs.x} is inside a comment|remove the comment`},
		{`true /* ${inputs.x} */ and ${done.x}`, `${inputs.x} */ and ${done.x}|${inputs.x} is inside a comment|remove the comment`},
		{`status == "completed"`, `status == "completed"|unknown name "status"|`},
		{`${done.x} == 1 and lowr(${done.y}) == b`, `lowr(${done.y}) == b|unknown function "lowr"|
b|unknown name "b"|`},
		{`now() > ${inputs.x}`, `now() > ${inputs.x}|unknown function "now"|`},
		{`keys(${inputs.x}) == [] or reduce([1], #acc + #) == 1`, `keys(${inputs.x}) == [] or reduce([1], #acc + #) == 1|unknown function "keys"|
reduce([1], #acc + #) == 1|unknown function "reduce"|`},
		{`let a = 1; a == 1`, `a = 1; a == 1|"let" and ";" are not supported in conditions|repeat the expression instead`},
		{`$env == 1`, `$env == 1|unknown name "$env"|write values as ${…}`},
		{`$0() == ${inputs.x}`, `$0() == ${inputs.x}|unknown name "$0"|write values as ${…}`},
		{`lower == "a"`, `lower == "a"|"lower" is a function|write lower(…)`},
		{`${inputs.x} = 1`, `= 1|unexpected "="|compare values with ==`},
		{`true | len`, `| len|"|" is not supported in conditions|write || or the word or; pass values to functions in parentheses, as in len(${…})`},
		{`${inputs.x} ?? 0 > 5`, `> 5|"??" and ">" cannot be combined without parentheses|write (a ?? b) == c, for example`},
		{`${inputs.x} ==`, `=|unexpected end of the condition|`},
		{`${inputs.x} ${done.y}`, `${done.y}|unexpected "${done.y}"|`},
		{`${inputs.x} == "ä" and 1 + 2`, `and 1 + 2|"and" does not support true or false and a number|`},
		{`1 + 2`, `1 + 2|the condition is a number, not true or false|compare it with a value, as in ${…} == 3`},
		{`"yes"`, `"yes"|the condition is a text, not true or false|compare it with a value, as in ${…} == 3`},
		{`filter(${inputs.x}, # > 1)`, `filter(${inputs.x}, # > 1)|the condition is a list, not true or false|compare it with a value, as in ${…} == 3`},
		{`${inputs.x} matches ${done.y}`, `${done.y}|the pattern of matches must be a text in quotes|use contains to search for part of a text`},
		{`${inputs.x} contains 7`, `contains 7|"contains" requires two texts, not a value and a number|put the text into quotes, or convert a value with text(…)`},
		{`${inputs.x} matches "^\d+$"`, `d+$"|a backslash in quotes must be written twice|write "\\d" for \d, or put the text into backquotes`},
		{`${inputs.x} matches "(?=a)"`, `"(?=a)"|invalid or unsupported Perl syntax: ` + "`(?=`" + `|patterns are those of RE2, which has no lookahead and no lookbehind`},
		{`split(${inputs.x}, 1) == []`, `1) == []|split(…) expects a text, got a number|`},
		{`${inputs.x} matches "a("`, `"a("|missing closing ): ` + "`a(`" + `|`},
		{`1 == "a"`, `== "a"|"==" does not support a number and a text|`},
		{`${inputs.x} == "a`, `"a|this quote is not closed|`},
		{`${inputs.x`, `${inputs.x|${inputs.x is missing its closing "}"|write ${inputs.x}`},
		{`${inputs.x} == 99999999999999999999`, `9|a whole number of more than 64 bits|write it with a fraction or an exponent to make it a floating-point number`},
		{strings.Repeat("(", 3000) + "true" + strings.Repeat(")", 3000), strings.Repeat("(", 3000) + "true" + strings.Repeat(")", 3000) + `|the condition is longer than 4 KiB|compute it in a python/execute task`},
		{strings.Repeat("true&&", 600) + "true", ``},
	} {
		compiled, errs := Compile(c.text)
		var got strings.Builder
		for i, m := range errs {
			if i > 0 {
				got.WriteString("\n")
			}
			fmt.Fprintf(&got, "%s|%s|%s", c.text[m.Offset:], m.Message, m.Hint)
		}
		switch {
		case compiled != nil || len(errs) == 0:
			t.Errorf("%s: no error", c.text)
		case c.want == "":
			if !strings.HasSuffix(got.String(), "|the condition has more than 1000 operators and values|compute it in a python/execute task") {
				t.Error(got.String())
			}
		case got.String() != c.want:
			t.Errorf("%s:\ngot  %s\nwant %s", c.text, got.String(), c.want)
		}
	}
}

func TestADecisionEndsWithItsContext(t *testing.T) {
	c, errs := Compile(`all(1..1000, all(1..1000, all(${inputs.x}, # != "")))`)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Holds(ctx, scopeOf(t, `["a"]`)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAStoreThatIsAwayIsNoMistakeOfTheCondition(t *testing.T) {
	away := errors.New("away")
	c, _ := Compile(`${done.x} == 1`)
	scope := &reference.Scope{
		Bindings: []protocol.Binding{{Head: "done", Task: "done", Status: protocol.Completed, Value: protocol.Payload{Ref: &protocol.Ref{Hash: "h", Size: 1 << 20}}}},
		Load:     func(protocol.Ref) (value.Value, error) { return value.Value{}, away },
	}
	if _, err := c.Holds(t.Context(), scope); !errors.Is(err, away) {
		t.Error(err)
	}
}

// TestEveryFunctionWorks makes sure that the list, the parser and the environment have the same functions.
func TestEveryFunctionWorks(t *testing.T) {
	example := map[string]string{
		"value": `${inputs.x}`, "text": `"a"`, "text, separator": `"a", "b"`, "number": `1`, "list": `[1]`,
		"list, condition": `[1], # > 0`, "list, expression": `[1], #`,
	}
	for _, f := range Functions() {
		arguments := example[f.Takes]
		if f.Name == "number" {
			arguments = `"1"`
		}
		if holds, err := decide(t, fmt.Sprintf("[%s(%s)] != []", f.Name, arguments), `"a"`); err != nil || !holds {
			t.Errorf("%s: %v, %v", f.Name, holds, err)
		}
	}
}

func TestCompilingIsQuick(t *testing.T) {
	began := time.Now()
	for range 1000 {
		if _, err := decide(t, `${done.score} > 0.5 and any(${done.words}, # == "tea")`, `0`); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took > 30*time.Second { // It takes a fifth of a second; a busy machine with the race detector takes three.
		t.Errorf("a thousand conditions took %s", took)
	}
	t.Log(time.Since(began))
}

func FuzzCompile(f *testing.F) {
	for _, text := range []string{`${inputs.x} == "a"`, `all(${done.words}, # + "$${" != 'x')`, `let a = 1; a`, "`${a}` /* ${b}", `${a}.${b} ?? not ${c}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, errs := Compile(text)
		if (c == nil) == (len(errs) == 0) {
			t.Fatalf("%q: %v, %v", text, c, errs)
		}
		for _, m := range errs {
			if m.Offset < 0 || m.Offset > len(text) || m.Message == "" {
				t.Fatalf("%q: %+v", text, m)
			}
		}
		if c == nil {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Holds(ctx, scopeOf(t, `"x"`)); err != nil && strings.Contains(err.Error(), "runtime error: invalid memory") {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

// TestATextThatIsTooLargeIsNotMade: not even where its first part alone would do.
func TestATextThatIsTooLargeIsNotMade(t *testing.T) {
	d := &decision{}
	if made, err := d.plus(strings.Repeat("x", protocol.MaxValue-1), "yz"); err == nil {
		t.Errorf("%d bytes were made", len(made.(string)))
	}
}

// BenchmarkCompile has a text of its own each time, as the tasks of a large file have.
func BenchmarkCompile(b *testing.B) {
	for i := range b.N {
		if _, errs := Compile(fmt.Sprintf(`${task-%d.score} > 0.5 and ${inputs.x} == "tea"`, i)); len(errs) > 0 {
			b.Fatal(errs)
		}
	}
}
