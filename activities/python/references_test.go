package python_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/require"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// program makes code with references into what a handler gets: each `${name}` becomes a variable.
func program(t *testing.T, code string, values map[string]string) *protocol.Program {
	t.Helper()
	made := &protocol.Program{Original: code}
	text := strings.ReplaceAll(code, "$${", "\x00")
	for name, json := range values {
		reference := "${" + name + "}"
		v := val(t, json)
		as := v.Text()
		if v.Kind() != value.KindString {
			as = string(v.JSON())
		}
		variable := protocol.Variable{Name: "__ref_" + fmt.Sprintf("%x", name) + "_", Reference: reference, Value: v, Text: as}
		text = strings.ReplaceAll(text, reference, variable.Name)
		made.Variables = append(made.Variables, variable)
	}
	made.Text = strings.ReplaceAll(text, "\x00", "${")
	return made
}

func TestReferencesInCode(t *testing.T) {
	const hostile = `"'''\"\"\"\\n\\\\ {__import__('os')} ${x} \n\u0000\u202e%s #"`
	for _, test := range []struct {
		name, code string
		values     map[string]string
		want       string
	}{
		{"value with its type", `result = ${a}`, map[string]string{"a": `{"n": [1, 1e-7, null, true, "02139"]}`}, `{"n":[1,1e-7,null,true,"02139"]}`},
		{"value of 2^60", `result = ${a} + 1`, map[string]string{"a": `1152921504606846976`}, `1152921504606846977`},
		{"text alone", `result = "${a}"`, map[string]string{"a": `5`}, `"5"`},
		{"text among text", `result = 'x${a}y${a}0${b}'`, map[string]string{"a": `[1, "b"]`, "b": `"c"`}, `"x[1,\"b\"]y[1,\"b\"]0c"`},
		{"raw and triple quoted", "result = r'''\\d${a}\n''' + u'${a}'", map[string]string{"a": `"\\x"`}, `"\\d\\x\n\\x"`},
		{"implicit concatenation", "result = ('a' '${a}'\n  f'{1}${a}' \"z\")", map[string]string{"a": `"{v}"`}, `"a{v}1{v}z"`},
		{"both parts of an f-string", `result = f"${a} {${a} + 1} {{${a}}}"`, map[string]string{"a": `4`}, `"4 5 {4}"`},
		{"format specification", `result = f"{3.14159:.${n}f} {1:{${w}}}"`, map[string]string{"n": `2`, "w": `3`}, `"3.14   1"`},
		{"nested f-string", `result = f"{'${a}' + f'{${a}}'}"`, map[string]string{"a": `"q"`}, `"qq"`},
		{"docstring", "def f():\n  'Says ${a}'\nresult = f.__doc__", map[string]string{"a": `"hi"`}, `"Says hi"`},
		{"docstring of the module", "'''${a}'''\nresult = __doc__", map[string]string{"a": `"hi"`}, `"hi"`},
		{"in functions and classes", "class A:\n  x = ${a}\n  def f(self, y=${a}): return [self.x, y, ${a}, '${a}']\nresult = A().f()",
			map[string]string{"a": `1`}, `[1,1,1,"1"]`},
		{"in a comprehension", `result = [x * ${a} for x in ${l} if x > ${a}]`, map[string]string{"a": `2`, "l": `[1, 3]`}, `[6]`},
		{"as an argument", `result = dict(**${a}, b=${b})`, map[string]string{"a": `{"a": 1}`, "b": `2`}, `{"a":1,"b":2}`},
		{"attribute, index and call of a value", `result = [${a}.upper(), ${a}[0], len(${a})]`, map[string]string{"a": `"hi"`}, `["HI","h",2]`},
		{"guard and subject of match", "match ${a}:\n  case x if x == ${a}: result = '${a}'", map[string]string{"a": `1`}, `"1"`},
		{"in a comment", "# ${a} of ${a}\nresult = 1  # ${a}", map[string]string{"a": `"\nresult = 2"`}, `1`},
		{"escaped", `result = "$${a} ${a} $${b}"`, map[string]string{"a": `1`}, `"${a} 1 ${b}"`},
		{"nothing more in the namespaces", "def f(): return sorted(locals())\nresult = [f(), sorted(k for k in globals() if k[0] != '_'), ${a}]",
			map[string]string{"a": `1`}, `[[],["context","f"],1]`},
		{"hostile value", `result = ${a}`, map[string]string{"a": hostile}, hostile},
		{"hostile text", `result = "${a}"`, map[string]string{"a": hostile}, hostile},
		{"hostile text in triple quotes", `result = """${a}"""`, map[string]string{"a": hostile}, hostile},
		{"hostile text in an f-string", `result = f'${a}'`, map[string]string{"a": hostile}, hostile},
		{"hostile value in an f-string", `result = f'{${a}}'`, map[string]string{"a": hostile}, hostile},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			needsMatch(t, test.code)
			request := ofCode(t, "")
			request.Program = program(t, test.code, test.values)
			got := string(field(t, mustRun(t, request), "result").JSON())
			if want := string(val(t, test.want).JSON()); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestReferencesWhereNoneCanBe(t *testing.T) {
	values := map[string]string{"a": `"v"`, "b.c": `2`}
	for _, test := range []struct{ code, want string }{
		{`x = b"${a}"`, "line 1, column 7: the reference ${a} is not supported in a bytes literal"},
		{"x = 'é'\nx = rb'''\n   ${a}'''", "line 3, column 4: the reference ${a} is not supported in a bytes literal"},
		{"match 1:\n  case ${a}: pass", "line 2, column 8: the reference ${a} is not supported in a pattern of match"},
		{"match 1:\n  case '${a}': pass", "line 2, column 9: the reference ${a} is not supported in a pattern of match"},
		{"match 1:\n  case [1, {'k': ${a}.x}]: pass", "line 2, column 18: the reference ${a} is not supported in a pattern of match"},
		{"match 1:\n  case [*${a}]: pass", "line 2, column 10: the reference ${a} is not supported in a pattern of match"},
		{`x = my${a}`, "line 1, column 7: the reference ${a} is not supported in a longer name"},
		{`é = 1; x = ${a}_x`, "line 1, column 12: the reference ${a} is not supported in a longer name"},
		{`x = [${b.c}, ${a}${b.c}]`, "line 1, column 14: the reference ${a} is not supported in a longer name"},
		{`x = context.${a}`, "line 1, column 13: the reference ${a} is not supported in the name of an attribute"},
		{`x = dict(${a}=1)`, "line 1, column 10: the reference ${a} is not supported in the name of a keyword argument"},
		{`def ${a}(): pass`, "line 1, column 5: the reference ${a} is not supported in the name of a function"},
		{`async def ${a}(): pass`, "line 1, column 11: the reference ${a} is not supported in the name of a function"},
		{`class ${a}: pass`, "line 1, column 7: the reference ${a} is not supported in the name of a class"},
		{`f = lambda ${a}: 1`, "line 1, column 12: the reference ${a} is not supported in the name of a parameter"},
		{`import ${a}`, "line 1, column 8: the reference ${a} is not supported in an import"},
		{`import os as ${a}`, "line 1, column 14: the reference ${a} is not supported in an import"},
		{`from os.${a} import path`, "line 1, column 9: the reference ${a} is not supported in an import"},
		{`${a} = 1`, "line 1, column 1: the reference ${a} is not supported as the target of an assignment"},
		{`x = 1; ${b.c} += 1`, "line 1, column 8: the reference ${b.c} is not supported as the target of an assignment"},
		{`for ${a} in []: pass`, "line 1, column 5: the reference ${a} is not supported as the target of an assignment"},
		{`x = [1 for ${a} in []]`, "line 1, column 12: the reference ${a} is not supported as the target of an assignment"},
		{`(${a} := 1)`, "line 1, column 2: the reference ${a} is not supported as the target of an assignment"},
		{"try: pass\nexcept OSError as ${a}: pass", "line 2, column 19: the reference ${a} is not supported as the target of except"},
		{`del ${a}`, "line 1, column 5: the reference ${a} is not supported as the target of del"},
		{"def f():\n  global ${a}", "line 2, column 10: the reference ${a} is not supported in a global statement"},
		{"x = ['${a}', '$${a}', ${a}, b'${b.c}']", "line 1, column 31: the reference ${b.c} is not supported in a bytes literal"},
	} {
		t.Run(test.code, func(t *testing.T) {
			t.Parallel()
			needsMatch(t, test.code)
			request := ofCode(t, "")
			request.Program = program(t, test.code, values)
			err := mustFail(t, request)
			want := "code, " + test.want
			if err.Code != protocol.TaskParameterError || err.Message != want {
				t.Errorf("got  %s: %s\nwant %s", err.Name, err.Message, want)
			}
		})
	}
}

func TestErrorsShowTheCodeAsWritten(t *testing.T) {
	values := map[string]string{"fetch.body": `"v"`, "n": `0`}
	for _, test := range []struct{ code, want string }{
		{"x = 1\ny = ${fetch.body} +\n", "the script is not valid Python:\n" +
			"  File \"<code>\", line 2\n    y = ${fetch.body} +\n                       ^\nSyntaxError: invalid syntax"},
		{"s = '$${x} ${fetch.body}'; return ${n}", "the script is not valid Python:\n" +
			"  File \"<code>\", line 1\n    s = '$${x} ${fetch.body}'; return ${n}\n" +
			"                               ^^^^^^^^^^^\nSyntaxError: 'return' outside function"},
		{"def f(x):\n  return '${fetch.body}', 1 / ${n}\nf(${fetch.body})", "the script raised an exception:\n" +
			"Traceback (most recent call last):\n" +
			"  File \"<code>\", line 3, in <module>\n    f(${fetch.body})\n" +
			"  File \"<code>\", line 2, in f\n    return '${fetch.body}', 1 / ${n}\n" +
			"                            ^^^^^^^^\nZeroDivisionError: division by zero"},
	} {
		request := ofCode(t, "")
		request.Program = program(t, test.code, values)
		if got := mustFail(t, request).Message; withoutMarks(got) != withoutMarks(test.want) {
			t.Errorf("got\n%s\nwant\n%s", got, test.want)
		}
	}
}

// withoutMarks drops the lines that underline a place where the interpreter is one that draws them otherwise, or not at all.
func withoutMarks(message string) string {
	if pythonVersion() == "3.11" {
		return message
	}
	var kept []string
	for _, line := range strings.Split(message, "\n") {
		if strings.Trim(line, " ~^") != "" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

func TestNamesThatCannotBeToldApart(t *testing.T) {
	request := ofCode(t, "")
	request.Program = &protocol.Program{Text: "v1, v10", Original: "${a}, ${b}", Variables: []protocol.Variable{
		{Name: "v1", Reference: "${a}"}, {Name: "v10", Reference: "${b}"}}}
	if err := mustFail(t, request); err.Code != protocol.InternalError {
		t.Errorf("got %s: %s", err.Name, err.Message)
	}
}

// needsMatch skips a test of the match statement where the interpreter has none.
func needsMatch(t *testing.T, code string) {
	t.Helper()
	if version := pythonVersion(); strings.HasPrefix(code, "match") && (version == "3.8" || version == "3.9") {
		require.Skip(t, "Python "+version+" has no match statement")
	}
}
