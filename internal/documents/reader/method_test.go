package reader_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/documents"
	"github.com/gleitzeit/gleitzeit/internal/documents/reader"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// A method gets the path of a copy of the document where its parameters have the placeholder, and its text is the document's.
func TestMethod(t *testing.T) {
	words := []string{"mcp/office.tool.to_text", "path={file}", `options={"from": ["{file}"], "n": 1}`, "mode={plain}"}
	r := reader.New(map[string]reader.Converter{".doc": &reader.Method{Words: words}})
	if _, err := r.ReadData(t.Context(), "a.doc", []byte("x"), documents.Options{}); protocol.AsError(err, protocol.InternalError).Code != protocol.ConfigurationError {
		t.Errorf("without protocols: %v", err)
	}
	for _, c := range []struct {
		result value.Value
		err    error
		want   string
		kind   protocol.ErrorKind
	}{
		{result: value.Object(value.Field{Name: "response", Value: value.String("as text")}, value.Field{Name: "result", Value: value.Int(1)}), want: "as text"},
		{result: value.Object(value.Field{Name: "result", Value: value.String("of a function")}), want: "of a function"},
		{result: value.Object(value.Field{Name: "result", Value: value.Int(1)}), want: `!file "a.doc" cannot be read by its converter "mcp/office.tool.to_text": its result is not text`},
		{err: protocol.Errorf(protocol.TaskExecutionFailed, "no such format"), want: `!file "a.doc" cannot be read by its converter "mcp/office.tool.to_text": no such format`},
		{err: protocol.Errorf(protocol.ProviderNotAvailable, "the server is gone").WithKind(protocol.Transient), want: "!the server is gone", kind: protocol.Transient},
	} {
		var content, path string
		r.SetCaller(reader.Caller{Call: func(_ context.Context, request protocol.Request) (protocol.Result, error) {
			given, _ := request.Parameters.Get("path")
			path = given.Text()
			data, err := os.ReadFile(path)
			if err != nil {
				t.Error(err)
			}
			content = string(data)
			if want := `{"path":"` + path + `","options":{"from":["` + path + `"],"n":1},"mode":"{plain}"}`; string(request.Parameters.JSON()) != want {
				t.Errorf("got %s, want %s", request.Parameters.JSON(), want)
			}
			return protocol.Result{Value: c.result}, c.err
		}})
		d, err := r.ReadData(t.Context(), "a.doc", []byte("binary"), documents.Options{})
		if _, missing := os.Stat(path); content != "binary" || !os.IsNotExist(missing) || !strings.HasSuffix(path, "/document.doc") {
			t.Errorf("the copy at %q had %q, and is now %v", path, content, missing)
		}
		if want, fails := strings.CutPrefix(c.want, "!"); fails {
			if failure := protocol.AsError(err, protocol.InternalError); err == nil || failure.Message != want || c.kind != "" && failure.Kind != c.kind {
				t.Errorf("got %v, want %q", err, want)
			}
		} else if err != nil || d.Text() != want {
			t.Errorf("got %q, %v, want %q", d.Text(), err, want)
		}
	}
}
