package reference_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// hidden is a secret that no error may tell.
const hidden = "hunter2-hidden"

// FuzzReferences: whatever the text, its parts and errors make it up again, it resolves to a value or to an error that
// people can read and that holds no secret, and as a program it keeps its lines, with no value in it.
func FuzzReferences(f *testing.F) {
	for _, seed := range []string{
		"", "plain $x {y}", "${a}", "x ${a.b[0]['k'][*].c:-d} y", "$${a} $$${b}", "${a:-$${\\}}", "${", "${}", "${a..b}", `${["my.name"].x}`,
		`${a["\u00e9\ud83d\ude00\"]"]}`, "${a:-${b}}", "${ My Task . x }", "${env}", "${a\n}", "\xff${\xfe.a}", "${a.-1[-1].007}", "${{ x }}",
		"${n.big}${n.ref}\n${n.emoji}", "print(${item.a[*]}, '${item.b}')\r\nx = ${n.no:-d}", "${secrets.key} ${secrets.other} ${env.X:-y}", "${run.id}: ${n.status} ${n.error.message} ${n.result.yes}",
		"__ref_0__ = ${n.digits} $${n.digits} ${n.digits}", "${secrets.key.x} ${secrets} ${item[*][*].x:-1}", "${item.a[1:-1]}${n[ : 2 ][0:][*]:-x}", "${a[:-1]} ${a[1:2:3]} ${a[:",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parts, errs := reference.Parse(text)
		checkParts(t, text, parts, len(errs) == 0)
		checkErrors(t, text, errs)
		scope := nastyScope(t)
		scope.Secret = func(name string) (string, bool) { return hidden, name == "key" }
		scope.Env = func(name string) (string, bool) { return hidden, name == "KEY" }

		literal, err := reference.ResolveText(strings.ReplaceAll(text, "${", "$${"), scope)
		if err != nil || literal.Text() != text {
			t.Errorf("escaped, it resolves to %q, %v", literal.Text(), err)
		}
		_, err = reference.Resolve(value.List(value.String(text)), scope)
		readable(t, err)
		if err == nil && len(errs) > 0 {
			t.Errorf("it resolves in spite of %+v", errs)
		}
		checkProgram(t, text, scope, err)
	})
}

func checkParts(t *testing.T, text string, parts []reference.Part, whole bool) {
	t.Helper()
	var joined strings.Builder
	end := 0
	for i, part := range parts {
		if part.Ref == nil {
			if part.Literal == "" || (i > 0 && parts[i-1].Ref == nil && whole) {
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
	if whole && joined.String() != text {
		t.Errorf("joined again: %q", joined.String())
	}
}

func checkErrors(t *testing.T, text string, errs []reference.Error) {
	t.Helper()
	end := 0
	for _, m := range errs {
		if m.Offset < end || m.Length < 2 || m.Offset+m.Length > len(text) || !strings.HasPrefix(text[m.Offset:], "${") {
			t.Errorf("error %+v", m)
		}
		if strings.ContainsFunc(m.Message, unicode.IsControl) || !utf8.ValidString(m.Message) {
			t.Errorf("message %q", m.Message)
		}
		end = m.Offset + m.Length
	}
}

// checkProgram takes the text for a program; asText is the error that it resolves with as a text.
func checkProgram(t *testing.T, code string, scope *reference.Scope, asText error) {
	t.Helper()
	program, err := reference.Program(code, scope)
	readable(t, err)
	if err != nil {
		return
	}
	if asText != nil {
		t.Errorf("it is a program, and no text: %v", asText)
	}
	if strings.Count(program.Text, "\n") != strings.Count(code, "\n") || program.Original != code {
		t.Errorf("lines were lost: %q", program.Text)
	}
	back := strings.ReplaceAll(program.Text, "${", "$${")
	for _, variable := range program.Variables {
		if strings.Contains(code, variable.Name) {
			t.Errorf("the variable %s stands in the program already", variable.Name)
		}
		back = strings.ReplaceAll(back, variable.Name, variable.Reference)
	}
	if back != code {
		t.Errorf("with its references again: %q", back)
	}
}

// readable wants nothing, or an error for people.
func readable(t *testing.T, err error) {
	t.Helper()
	var wrong *protocol.Error
	switch {
	case err == nil:
	case !errors.As(err, &wrong) || wrong.Code != protocol.TaskParameterError:
		t.Errorf("error %v", err)
	case strings.Contains(err.Error(), hidden) || strings.ContainsFunc(err.Error(), unicode.IsControl) || !utf8.ValidString(err.Error()):
		t.Errorf("message %q", err)
	}
}
