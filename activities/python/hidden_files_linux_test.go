package python_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// TestFilesAreHidden: a file with secrets in the folder of the run, which the sandbox shows, has nothing in it; also by a link.
func TestFilesAreHidden(t *testing.T) {
	needsBubblewrap(t)
	request := ofCode(t, `
def tried(name):
    try:
        with open(context["folder"] + "/" + name) as file:
            return file.read()
    except PermissionError:
        return ""
result = [tried(name) for name in ("data", ".env", "linked")]`)
	folder := request.Folder
	request.Parameters = value.Object(value.Field{Name: "context", Value: value.Object(value.Field{Name: "folder", Value: value.String(folder)})})
	write(t, folder, "data", "of the run")
	write(t, folder, ".env", "TOKEN=swordfish")
	write(t, folder, "real", "TOKEN=swordfish")
	for _, name := range []string{"data", ".env", "real"} { // A sandbox of root reads what everybody may read.
		if err := os.Chmod(filepath.Join(folder, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("real", filepath.Join(folder, "linked")); err != nil {
		t.Fatal(err)
	}
	hidden := []string{filepath.Join(folder, ".env"), filepath.Join(folder, "linked"), filepath.Join(folder, "nowhere")}
	handler := newHandler(t, python.Options{Sandbox: python.SandboxBwrap, HiddenFolders: hidden})
	result, err := handler.Handle(t.Context(), request, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := field(t, result, "result")
	if want := `["of the run","",""]`; string(got.JSON()) != want {
		t.Errorf("%s, want %s", got.JSON(), want)
	}
}
