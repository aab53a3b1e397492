package python_test

import (
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// TestALargeTextIsSentOnce: the same text as an argument, in the context, in a dependency and in the code is one text in the
// script's process, whichever way that is started.
func TestALargeTextIsSentOnce(t *testing.T) {
	large := strings.Repeat("\"ü\" \U0001f469\n\\\u2028", 10_000)
	broken := strings.Repeat("\xff", 20_000)
	text := string(value.String(large).JSON())
	for name, handler := range map[string]*python.Handler{"warm": shared, "alone": newHandler(t, python.Options{NoFork: true})} {
		request := ofCode(t, "")
		request.Program = program(t, `
a, b, c = context["a"], context["b"], ${x}
result = [a is b["result"], a is c, a == "${x}", a == '"ü" \U0001f469\n\\\u2028' * 10_000, b["odd"] == "\ufffd" * 20_000, b["text"], a]`, map[string]string{"x": text})
		request.Parameters = val(t, `{"context": {"a": `+text+`}}`)
		request.Dependencies = []value.Field{{Name: "b", Value: value.Object(
			value.Field{Name: "result", Value: value.String(large)},
			value.Field{Name: "odd", Value: value.String(broken)},
			value.Field{Name: "text", Value: value.Object(value.Field{Name: "text_", Value: value.Int(0)})},
		)}}
		result, err := handler.Handle(t.Context(), request, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, want := string(field(t, result, "result").JSON()), `[true,true,true,true,true,{"text_":0},`+text+`]`; got != want {
			t.Errorf("%s: got %.100s", name, got)
		}
	}
}
