package mcpserver

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter"
)

// The arguments that name a workflow.
const (
	argumentFile = "file"
	argumentText = "text"
)

// textName stands for a file in messages about a workflow that was given as text.
const textName = "text"

// library reads the workflows that clients name: files beneath its folders, or, if any is set, every file and text.
type library struct {
	folders []folder
	any     bool
	folder  string // Options.Folder.
	specs   []protocol.Spec
}

func openLibrary(o Options) (*library, error) {
	l := &library{any: o.Any, folder: o.Folder, specs: o.Specs}
	for _, path := range o.Folders {
		f, err := openFolder(path)
		if err != nil {
			return nil, errors.Join(err, l.close())
		}
		l.folders = append(l.folders, f)
	}
	return l, nil
}

func (l *library) close() error {
	var err error
	for _, f := range l.folders {
		err = errors.Join(err, f.root.Close())
	}
	return err
}

// find returns the workflow that the arguments of a call name. A workflow given as text can always be validated; to run
// one needs any.
func (l *library) find(args arguments, run bool) (interpreter.Input, error) {
	file, hasFile := args.text(argumentFile)
	text, hasText := args.text(argumentText)
	switch {
	case hasFile && hasText:
		return interpreter.Input{}, protocol.Errorf(protocol.InvalidParams, "give either %q or %q, not both", argumentFile, argumentText)
	case hasFile:
		return l.readFile(file)
	case hasText && run && !l.any:
		return interpreter.Input{}, protocol.Errorf(protocol.InvalidParams, "this server does not run workflows given as text").
			WithHint("give the %q of a workflow that list_workflows shows, or have the server started with --allow-any-workflow", argumentFile)
	case hasText:
		in := l.input(textName, l.folder)
		in.Text = []byte(text)
		if !l.any {
			in.Files = foldersFS(l.folders)
		}
		return in, nil
	}
	return interpreter.Input{}, protocol.Errorf(protocol.InvalidParams, "no workflow is given").
		WithHint("list_workflows shows the values for %q", argumentFile)
}

// input returns what all workflows have in common. They run in the folder of their file, because the working directory of
// this server is the choice of the client that started it.
func (l *library) input(file, folder string) interpreter.Input {
	return interpreter.Input{File: file, Files: os.DirFS("/"), Folder: folder, FlowFolder: folder, Specs: l.specs}
}

// readFile reads a workflow file beneath the folders, or, if any is set, from anywhere.
func (l *library) readFile(file string) (interpreter.Input, error) {
	for _, f := range l.folders {
		name := filepath.FromSlash(file)
		if filepath.IsAbs(name) {
			within := false
			if name, within = f.within(name); !within {
				continue
			}
		}
		if !filepath.IsLocal(name) || !isYAML(name) {
			continue
		}
		if text, err := f.read(name); err == nil {
			return l.fileInput(file, filepath.Join(f.path, name), text), nil
		}
	}
	if !l.any {
		return interpreter.Input{}, protocol.Errorf(protocol.WorkflowNotFound, "there is no workflow file %q beneath %s", file, l.places()).
			WithHint("list_workflows shows the workflows that exist")
	}
	path := file
	if !filepath.IsAbs(path) {
		path = filepath.Join(l.folder, path)
	}
	text, err := readAny(path)
	if err != nil {
		return interpreter.Input{}, protocol.Errorf(protocol.WorkflowNotFound, "cannot read workflow file %q: %s", file, withoutPath(err)).
			WithHint("relative paths start at %s", l.places())
	}
	return l.fileInput(file, path, text), nil
}

func (l *library) fileInput(file, path string, text []byte) interpreter.Input {
	in := l.input(file, filepath.Dir(path))
	in.Path, in.Text = path, text
	return in
}

// readAny reads a file from anywhere and follows all links.
func readAny(path string) ([]byte, error) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	f, err := openFolder(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	text, err := f.read(filepath.Base(path))
	if closeErr := f.root.Close(); err == nil {
		err = closeErr
	}
	return text, err
}

// places lists the folders that relative paths may start at, as text.
func (l *library) places() string {
	var paths []string
	for _, f := range l.folders {
		paths = append(paths, f.path)
	}
	if l.any {
		paths = append(paths, l.folder)
	}
	return strings.Join(paths, ", ")
}
