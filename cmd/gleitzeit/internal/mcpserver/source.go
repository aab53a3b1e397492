package mcpserver

import (
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

// source is the workflow that the arguments of a call name. One that a client wrote is only ever looked at, unless the
// server was started for any workflow.
func (s *Server) source(given arguments, run bool) (interpreter.Input, error) {
	file, hasFile := given.text(argumentFile)
	text, hasText := given.text(argumentText)
	switch {
	case hasFile && hasText:
		return interpreter.Input{}, protocol.Errorf(protocol.InvalidParams, "give either %q or %q, not both", argumentFile, argumentText)
	case hasFile:
		return s.sourceFile(file)
	case hasText && run && !s.options.Any:
		return interpreter.Input{}, protocol.Errorf(protocol.InvalidParams, "this server does not run workflows given as text").
			WithHint("give the %q of a workflow that list_workflows shows, or have the server started with --allow-any-workflow", argumentFile)
	case hasText:
		in := s.input(textName, s.options.Folder)
		in.Text = []byte(text)
		if !s.options.Any {
			in.Files = beneath(s.folders)
		}
		return in, nil
	}
	return interpreter.Input{}, protocol.Errorf(protocol.InvalidParams, "no workflow is given").
		WithHint("list_workflows shows the values for %q", argumentFile)
}

// input is what all workflows have in common. They run in the folder of their file: wherever a client has started this
// server, it has not asked for what lies there.
func (s *Server) input(file, folder string) interpreter.Input {
	return interpreter.Input{File: file, Files: os.DirFS("/"), Folder: folder, FlowFolder: folder, Specs: s.options.Specs}
}

// sourceFile reads a workflow file: of the folders, or with Options.Any from anywhere.
func (s *Server) sourceFile(file string) (interpreter.Input, error) {
	for _, f := range s.folders {
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
			return s.sourceOf(file, filepath.Join(f.path, name), text), nil
		}
	}
	if !s.options.Any {
		return interpreter.Input{}, protocol.Errorf(protocol.WorkflowNotFound, "there is no workflow file %q beneath %s", file, s.places()).
			WithHint("list_workflows shows the workflows that exist")
	}
	path := file
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.options.Folder, path)
	}
	text, err := readAny(path)
	if err != nil {
		return interpreter.Input{}, protocol.Errorf(protocol.WorkflowNotFound, "cannot read workflow file %q: %s", file, cause(err)).
			WithHint("relative paths start at %s", s.places())
	}
	return s.sourceOf(file, path, text), nil
}

func (s *Server) sourceOf(file, path string, text []byte) interpreter.Input {
	in := s.input(file, filepath.Dir(path))
	in.Path, in.Text = path, text
	return in
}

// readAny reads a file from anywhere, wherever links lead.
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
	if closed := f.root.Close(); err == nil {
		err = closed
	}
	return text, err
}

// places names the folders, for people.
func (s *Server) places() string {
	var paths []string
	for _, f := range s.folders {
		paths = append(paths, f.path)
	}
	if s.options.Any {
		paths = append(paths, s.options.Folder)
	}
	return strings.Join(paths, ", ")
}
