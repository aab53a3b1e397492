package worker_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/documents"
	"github.com/gleitzeit/gleitzeit/internal/documents/reader"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/worker"
)

// disk reads any file.
type disk struct{}

func (disk) Read(path string, _ int64) ([]byte, error) { return os.ReadFile(path) }

// Python and tools read documents: a script with what lies beside it, code whose braces are its own, and a registered function, each with
// the path of a copy. What they are decides which calls are equal.
func TestConverters(t *testing.T) {
	folder := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("swap.py", "def swap(text): return text[::-1]\n")
	script := write("to_text.py", "from swap import swap\nresult = swap(open(context['file_path']).read())\n")
	words := map[string][]string{
		".a": {"python/execute", "file=" + script},
		".b": {"python/execute", `code=path = context["at"]; result = f"{open(path).read()} {{file}}"`, `context={"at": "{file}"}`},
		".c": {"python/execute", "function=shout"},
		".d": {"python/execute", "function=shout", `kwargs={"path": "{file}", "times": 2}`},
		".e": {"mcp/tool.echo", "message=at {file}"},
		".f": {"python/execute", "code=raise ValueError('no such format')"},
		".g": {"python/execute", "code=result = 1"},
		".h": {"python/execute", "code=result = ''", "kwarg={}"},
		".i": {"python/execute", "file=" + filepath.Join(folder, "missing.py")},
		".j": {"mcp/tool.none"},
	}
	converters := map[string]reader.Converter{}
	for extension, of := range words {
		converters[extension] = &reader.Method{Words: of}
	}
	store := memory.New()
	all, closeAll, err := worker.Handlers(worker.HandlerOptions{Documents: reader.New(converters), Store: store})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closeAll(); err != nil {
			t.Error(err)
		}
	})
	python, handler := named(all, "python/v1").Handler, named(all, "documents/v1").Handler
	register := func(code string) {
		t.Helper()
		parameters := value.Object(value.Field{Name: "name", Value: value.String("shout")}, value.Field{Name: "code", Value: value.String(code)})
		if _, err := python.Handle(t.Context(), protocol.Request{Method: "python/register", Parameters: parameters, Folder: folder, Program: &protocol.Program{Text: code, Original: code}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	register("def shout(path, times=1): return open(path).read().upper() * times")
	request := func(extension string) protocol.Request {
		return protocol.Request{Method: documents.Read, Files: disk{}, Parameters: value.Object(value.Field{Name: "file_path", Value: value.String(write("x"+extension, "ab"))})}
	}
	for _, c := range []struct{ extension, want, failure string }{
		{".a", "ba", ""},
		{".b", "ab {file}", ""},
		{".c", "AB", ""},
		{".d", "ABAB", ""},
		{".e", "at /", ""},
		{".f", "", `cannot be read by its converter "python/execute": the script raised an exception:`},
		{".g", "", `cannot be read by its converter "python/execute": its result is not text`},
		{".h", "", `cannot be read by its converter "python/execute": python/execute: parameters`},
		{".i", "", `missing.py", the script of a converter: no such file or directory`},
		{".j", "", `cannot be read by its converter "mcp/tool.none": no MCP server has a tool "none"`},
	} {
		result, err := handler.Handle(t.Context(), request(c.extension), nil)
		text, _ := result.Value.Get("text")
		switch {
		case c.failure == "" && (err != nil || !strings.HasPrefix(text.Text(), c.want)):
			t.Errorf("%s: got %q, %v", c.extension, text.Text(), err)
		case c.failure != "" && (err == nil || !strings.Contains(err.Error(), c.failure)):
			t.Errorf("%s: got %v", c.extension, err)
		}
	}
	identity := func(extension string) string {
		t.Helper()
		found, err := handler.(protocol.Identifier).Identity(t.Context(), request(extension))
		if err != nil {
			t.Fatal(err)
		}
		return string(found.JSON())
	}
	before := map[string]string{".a": identity(".a"), ".b": identity(".b"), ".c": identity(".c"), ".e": identity(".e")}
	write("to_text.py", "result = ''\n")
	register("def shout(path): return path")
	for extension, was := range before {
		if is := identity(extension); (is == was) != (extension == ".b" || extension == ".e") {
			t.Errorf("%s: %s, and before %s", extension, is, was)
		}
	}
}
