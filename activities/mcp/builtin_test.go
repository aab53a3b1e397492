package mcp

import (
	"encoding/json"
	"strings"
	"testing"
	"unsafe"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

func builtinHandler(t *testing.T) *Handler {
	t.Helper()
	h, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// TestALargeMessageIsNotCopied: the text of a result is that of the parameters, however often the result has it, and also where
// secrets are known: eleven copies before.
func TestALargeMessageIsNotCopied(t *testing.T) {
	h := builtinHandler(t)
	text := strings.Repeat("\"large\"\n", 1<<20)
	secrets := &redaction.Set{}
	secrets.Add("[secrets.A]", "swordfish")
	request := protocol.Request{Method: "mcp/tool.echo", Secrets: secrets, Parameters: value.Object(value.Field{Name: "message", Value: value.String(text)})}
	var copied []byte
	allocated := testing.Benchmark(func(b *testing.B) {
		for range b.N {
			result, err := h.Handle(t.Context(), request, nil)
			if err != nil {
				t.Fatal(err)
			}
			texts, _, rest := secrets.Value(result.Value).TakeOutTexts()
			if len(texts) != 1 || unsafe.StringData(texts[0]) != unsafe.StringData(text) {
				t.Fatalf("%d texts", len(texts))
			}
			copied = rest.JSON()
		}
	}).AllocedBytesPerOp()
	want := `{"response":{"text_":0},"result":{"text_":0},"content":[{"type":"text","text":{"text_":0}}],"is_error":false,"echoed":{"text_":0},"length":8388608}`
	if string(copied) != want {
		t.Errorf("got %.300s", copied)
	}
	if allocated > int64(len(text))*5/4 { // The check of the schema copies each text for a moment.
		t.Errorf("a call with %d bytes allocates %d", len(text), allocated)
	}
}

// TestBuiltinToolsOfTheServer: a client of the built-in server gets what the handler returns.
func TestBuiltinToolsOfTheServer(t *testing.T) {
	h := builtinHandler(t)
	conn, err := h.servers[0].connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ tool, parameters string }{
		{"echo", `{"message":"[1, 2.50]\n"}`}, {"echo", `{"message":{"n":1.50,"text":"ü\u2028"}}`}, {"echo", `{"message":null}`}, {"echo", `{"message":1152921504606846977}`},
		{"add", `{"a":1152921504606846976,"b":0.10}`}, {"multiply", `{"a":1e2000,"b":1}`}, {"concat", `{"strings":["a","b"],"separator":"\n"}`},
	} {
		parameters, err := value.Parse([]byte(test.parameters))
		if err != nil {
			t.Fatal(err)
		}
		direct, failed := h.Handle(t.Context(), protocol.Request{Method: "mcp/tool." + test.tool, Parameters: parameters}, nil)
		answer, err := conn.session.CallTool(t.Context(), &mcp.CallToolParams{Name: test.tool, Arguments: json.RawMessage(test.parameters)})
		if err != nil {
			t.Fatal(err)
		}
		text := textOf(answer.Content)
		if answer.IsError {
			if want := "the tool " + test.tool + " failed: " + text; failed == nil || failed.Error() != want {
				t.Errorf("%s: got %v, want %s", test.parameters, failed, want)
			}
			continue
		}
		own, err := h.builtins[test.tool].fields(parameters, text)
		if err != nil {
			t.Fatal(err)
		}
		result, err := resultOf(answer, text)
		if err != nil || failed != nil {
			t.Fatal(err, failed)
		}
		for _, field := range own {
			result = result.With(field.Name, field.Value)
		}
		if got, want := string(direct.Value.JSON()), string(result.JSON()); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", test.parameters, got, want)
		}
	}
}
