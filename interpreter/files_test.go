package interpreter_test

import (
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/gleitzeit/gleitzeit/interpreter"
)

// closed is a file system in which everything is there and nothing may be read.
type closed struct{}

func (closed) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
}

const oneFile = "name: x\ntasks: [{id: a, method: python/execute, parameters: {file: a.py}}]\n"

func TestFilesThatCannotBeRead(t *testing.T) {
	for _, test := range []struct {
		name  string
		files fs.FS
		want  string
	}{
		{"no permission", closed{}, "flow.yaml:2:60: file \"a.py\" cannot be read: /flow/a.py: permission denied [source-file]\n"},
		{"no files at all", nil, "flow.yaml:2:60: file \"a.py\" does not exist: looked for /flow/a.py; correct the path, or create it there [source-file]\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, found := interpreter.Compile(interpreter.Input{
				File: "flow.yaml", Text: []byte(oneFile), Files: test.files, Folder: "/flow", FlowFolder: "/flow", Specs: specs(),
			})
			if got := listed(found); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// TestLargestScript: a script of exactly the limit is read whole.
func TestLargestScript(t *testing.T) {
	p, found := compile([]byte("name: x\ntasks: [{id: a, method: python/execute, parameters: {file: exact.py}}]\n"))
	if p == nil {
		t.Fatal(listed(found))
	}
	if source := p.Tasks[0].Source; source == nil || len(source.Text) != 1<<20 || source.Path != "/flow/exact.py" {
		t.Error("the script was not read whole")
	}
}

// TestDiagnosticAsJSON is what programs read.
func TestDiagnosticAsJSON(t *testing.T) {
	_, found := compile([]byte("nam: x\ntasks: [{id: a}]\n"))
	data, err := json.Marshal(found)
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"line":1,"column":1,"rule":"unknown-key","message":"unknown key \"nam\" in a workflow","hint":"did you mean \"name\"?"},` +
		`{"line":2,"column":9,"rule":"missing","message":"task \"a\": required key \"method\" is missing","hint":"write method: llm/chat; ` + "`gleitzeit methods` lists all" + `"}]`
	if string(data) != want {
		t.Errorf("got\n%s\nwant\n%s", data, want)
	}
}
