package reference_test

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

func TestProgram(t *testing.T) {
	tests := []struct{ name, code, text string }{
		{"none", "result = 1  # $x {y}\n", "result = 1  # $x {y}\n"},
		{"first use", "x = ${n.big}\ny = '${n.ref}'\nz = ${n.big} + 1\n", "x = __ref_0__\ny = '__ref_1__'\nz = __ref_0__ + 1\n"},
		{"written otherwise", "${n.big} ${ n.big }", "__ref_0__ __ref_1__"},
		{"literal", "print('$${HOME}', ${n.big}, f\"${n.no}$\")", "print('${HOME}', __ref_0__, f\"__ref_1__$\")"},
		{"name taken", "__ref_0__ = ${n.big}", "__ref_0__ = __refx_0__"},
		{"names taken", "ref_, refx_ = ${n.big}", "ref_, refx_ = __refxx_0__"},
		{"would join to a name", "${n.big}ref_0__", "__refx_0__ref_0__"},
		{"adjacent", "'${n.big}${n.no}'", "'__ref_0____ref_1__'"},
		{"line endings", "a = 1\r\nb = ${n.big}\r\n", "a = 1\r\nb = __ref_0__\r\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			program, err := reference.Program(test.code, nastyScope(t))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, program.Text, test.text)
			equal(t, program.Original, test.code)
		})
	}
}

func TestProgramVariables(t *testing.T) {
	program, err := reference.Program("${n.ref}\n${n.big}\n${item}\n${n.ref}\n${n.no:-d}", nastyScope(t))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, program.Variables, []protocol.Variable{
		{Name: "__ref_0__", Reference: "${n.ref}", Value: value.String("${llm.response} $${x}"), Text: "${llm.response} $${x}"},
		{Name: "__ref_1__", Reference: "${n.big}", Value: val(t, "1152921504606846976"), Text: "1152921504606846976"},
		{Name: "__ref_2__", Reference: "${item}", Value: val(t, `{"b": 1, "a": [1.0, "x"]}`), Text: `{"b":1,"a":[1.0,"x"]}`},
		{Name: "__ref_3__", Reference: "${n.no:-d}", Value: value.String("d"), Text: "d"},
	})
}

func TestProgramErrors(t *testing.T) {
	tests := []struct{ code, want string }{
		{"x = 1\nä = '${}' + ${n.big}", "line 2, column 6: invalid reference ${}: it is empty (write $${ for a literal ${)"},
		{"${a\n${..}\n", "line 1, column 1: ${a is missing its closing \"}\" (and 1 more) (write ${a})"},
		{"x\n\n  ${n.big\n}", `line 3, column 3: ${n.big\n} spans several lines; in code a reference must be on one line (write $${ for a literal ${)`},
		{"x = ${n.x}", `${n.x}: n has no field "x"; it has quotes, lines, ref, emoji, html, big, bigger, small, zeros, digits and 2 more`},
	}
	for _, test := range tests {
		program, err := reference.Program(test.code, nastyScope(t))
		if program != nil {
			t.Errorf("got %+v", program)
		}
		parameterError(t, err, test.want)
	}
}
