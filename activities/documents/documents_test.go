package documents_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/documents"
	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// testdata reads the test data of the readers.
type testdata struct{}

func (testdata) Read(path string, _ int64) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join("../../internal/documents/testdata", path))
	if err != nil {
		return nil, protocol.Errorf(protocol.TaskValidationFailed, "cannot read file %q", path)
	}
	return data, nil
}

func read(t *testing.T, parameters string) (protocol.Result, error) {
	t.Helper()
	handler, err := documents.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	given, err := value.Parse([]byte(parameters))
	if err != nil {
		t.Fatal(err)
	}
	return handler.Handle(t.Context(), protocol.Request{Method: documents.Read, Parameters: given, Files: testdata{}}, nil)
}

func TestRead(t *testing.T) {
	schema, err := jsonschema.Compile(documents.Spec().Methods[0].Result)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		parameters, format, has, kind string
		pages                         int
	}{
		{`{"file_path": "docx/minutes.docx"}`, "docx", "", "", 1},
		{`{"file_path": "pptx/plan.pptx", "pages": 1}`, "pptx", "", "slide", 1},
		{`{"file_path": "xlsx/orders.xlsx"}`, "xlsx", "| --- |", "sheet", -1},
		{`{"file_path": "csv/people.csv"}`, "csv", "| --- |", "", 1},
		{`{"file_path": "eml/invoice.eml"}`, "eml", "", "", -1},
		{`{"file_path": "txt/windows-1252.log", "encoding": "windows-1252"}`, "text", "", "", 1},
	} {
		result, err := read(t, c.parameters)
		if err != nil {
			t.Errorf("%s: %v", c.parameters, err)
			continue
		}
		if found := schema.Check("result", result.Value); found != "" {
			t.Errorf("%s: %s", c.parameters, found)
		}
		format, _ := result.Value.Get("format")
		text, _ := result.Value.Get("text")
		pages, _ := result.Value.Get("pages")
		if format.Text() != c.format || text.Text() == "" || !strings.Contains(text.Text(), c.has) || c.pages >= 0 && len(pages.Elements()) != c.pages {
			t.Errorf("%s: %s", c.parameters, result.Value.JSON())
		}
		if kind, _ := pages.Elements()[0].Get("kind"); c.kind != "" && kind.Text() != c.kind {
			t.Errorf("%s: the first part is a %q", c.parameters, kind.Text())
		}
	}
}

func TestReadFails(t *testing.T) {
	for parameters, want := range map[string]string{
		`{}`:                                    "documents/read: parameters: missing property 'file_path'",
		`{"file_path": "txt/windows-1252.log"}`: `file "txt/windows-1252.log" is not UTF-8 text`,
		`{"file_path": "txt/missing.txt"}`:      `cannot read file "txt/missing.txt"`,
		`{"file_path": "pptx/plan.pptx", "pages": 99}`:                   `file "pptx/plan.pptx" has no page 99`,
		`{"file_path": "txt/plain.text", "pages": "0-2"}`:                `invalid pages "0-2"`,
		`{"file_path": "txt/plain.text", "encoding": "latin-nothing"}`:   `unknown encoding "latin-nothing"`,
		`{"file_path": "txt/plain.text", "pages": "first and the last"}`: "documents/read: parameters.pages",
	} {
		_, err := read(t, parameters)
		if failure := protocol.AsError(err, protocol.InternalError); err == nil || !strings.HasPrefix(failure.Message, want) || failure.Kind != protocol.Permanent {
			t.Errorf("%s: got %v, want %q", parameters, err, want)
		}
	}
}

// Calls about equal bytes are different ones if the names say different formats.
func TestIdentity(t *testing.T) {
	handler, err := documents.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	identity := func(path string) string {
		of, err := handler.Identity(t.Context(), protocol.Request{Method: documents.Read, Parameters: value.Object(value.Field{Name: "file_path", Value: value.String(path)})})
		if err != nil {
			t.Fatal(err)
		}
		return string(of.JSON())
	}
	if identity("a.csv") == identity("a.txt") || identity("x/a.CSV") != identity("b.csv") {
		t.Errorf("%s, %s, %s", identity("a.csv"), identity("a.txt"), identity("x/a.CSV"))
	}
}
