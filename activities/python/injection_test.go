package python_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// attacks are values as a model, a file or a user might write them, each to become code somewhere.
var attacks = []string{
	`'`, `"`, `'''`, `"""`, `\`, `\\`, `\'`, `\"`, `{`, `}`, `{{`, `{}`, `%s`, `%(x)s`,
	`'); open('hacked', 'w'); ('`,
	`"); open('hacked', 'w'); ("`,
	`'''; open('hacked', 'w'); '''`,
	`""" + open('hacked', 'w').write('x') + """`,
	`{__import__('os').system('touch hacked')}`,
	`{open('hacked', 'w')!r}`,
	`{context.__class__.__init__.__globals__}`,
	"\nopen('hacked', 'w')\n",
	"\r\nopen('hacked', 'w')\r",
	"\x00open('hacked', 'w')\x00",
	"\u202eopen('hacked', 'w')\u202c",
	"\u2028open('hacked', 'w')\u2029\u0085\x0c\x0b",
	`${other}`, `$${other}`, `${env.HOME}`, `${a.b:-x}`, `__ref_61_`, `__ref_61_ + open('hacked', 'w')`,
	`\N{LATIN SMALL LETTER A}`, `\x41\u0041\101`, "# -*- coding: rot13 -*-\nbcra('unpxrq', 'j')", `*`, `/`, `;`, "`touch hacked`", `$(touch hacked)`,
	`lambda: open('hacked', 'w')`, `f'{open("hacked", "w")}'`, `!x:{1}`, `<script>`, "\ud7ff\ue000\ufffd\U0001f600",
}

// TestInjectionAttempts puts each of them wherever a reference may stand in code; it must come out as it went in.
func TestInjectionAttempts(t *testing.T) {
	if len(attacks) < 30 {
		t.Fatalf("%d attacks", len(attacks))
	}
	const code = `
bare = ${a}
single, double = '${a}', "${a}"
triple = '''${a}''' + """${a}"""
raw = r'${a}'
joined = 'x' '${a}' "y"
f = f'${a}' f"{${a}}" f'{"${a}"}{{}}' f'''${a}{len(${a})}'''
nested = f"{f'{${a}}'}"
def function(default='${a}'):
    'Doc: ${a}'
    return default, ${a}
listed = [*function(), {'${a}': ${a}}, *('${a}' for _ in '.')]
# ${a} in a comment: "${a}" {${a}}
compared = ${a} == '${a}' == "${a}"
result = [bare, single, double, triple, raw, joined, f, nested, function.__doc__, listed, compared, context["a"], "%s" % ${a}, sorted(k for k in globals() if k[0] != '_')]`
	names := value.List()
	for _, name := range []string{"bare", "compared", "context", "double", "f", "function", "joined", "listed", "nested", "raw", "result", "single", "triple"} {
		if name != "result" {
			names = value.List(append(names.Elements(), value.String(name))...)
		}
	}
	for _, attack := range attacks {
		v := value.String(attack)
		request := ofCode(t, "")
		request.Program = program(t, code, map[string]string{"a": string(v.JSON())})
		request.Parameters = value.Object(value.Field{Name: "context", Value: value.Object(value.Field{Name: "a", Value: v})})
		result, err := execute(t, request)
		if err != nil {
			t.Errorf("%q: %v", attack, err)
			continue
		}
		characters := value.Int(int64(len([]rune(attack)))).Digits()
		text := func(s string) value.Value { return value.String(s) }
		want := value.List(v, v, v, text(attack+attack), v, text("x"+attack+"y"),
			text(attack+attack+attack+"{}"+attack+characters), v, text("Doc: "+attack),
			value.List(v, v, value.Object(value.Field{Name: attack, Value: v}), v), value.Bool(true), v, v, names)
		if got := field(t, result, "result"); string(got.JSON()) != string(want.JSON()) {
			t.Errorf("%q:\ngot  %s\nwant %s", attack, got.JSON(), want.JSON())
		}
		if left, err := os.ReadDir(request.Folder); err != nil || len(left) > 0 {
			t.Errorf("%q ran: %v, %v", attack, left, err)
		}
		if _, err := os.Stat("hacked"); err == nil {
			t.Errorf("%q ran in %s", attack, filepath.Base(t.Name()))
		}
	}
}
