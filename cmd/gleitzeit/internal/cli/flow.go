package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/mistyped"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/parameters"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// maxFlow is a little more than the largest workflow file, so that the interpreter sees that it is too large.
const maxFlow = 8<<20 + 1

// compile reads a workflow file ("-" is standard input) and checks it. Mistakes in it come back as diagnostics; the
// error is for a file that cannot be read.
func (p *program) compile(file string, inputs given) (*plan.Plan, []definition.Diagnostic, error) {
	return p.compileFor(file, inputs, false)
}

// compileFor is compile for a run that may execute on another machine: then notes may come beside the plan.
func (p *program) compileFor(file string, inputs given, remote bool) (*plan.Plan, []definition.Diagnostic, error) {
	in, err := p.open(file, inputs, remote)
	if err != nil {
		return nil, nil, err
	}
	compiled, diagnostics := interpreter.Compile(in)
	return compiled, diagnostics, nil
}

// open reads a workflow file, and what else a plan depends on.
func (p *program) open(file string, inputs given, remote bool) (interpreter.Input, error) {
	folder, err := os.Getwd()
	if err != nil {
		return interpreter.Input{}, protocol.Errorf(protocol.ConfigurationError, "cannot find the current folder: %s", err)
	}
	specs, err := runs.Specs(p.options(), remote)
	if err != nil {
		return interpreter.Input{}, err
	}
	in := interpreter.Input{File: file, Files: os.DirFS("/"), Folder: folder, FlowFolder: folder, Specs: specs, Remote: remote}
	if err := inputs.onceRead(file); err != nil {
		return in, err
	}
	if err := p.readGiven(inputs, &in); err != nil {
		return in, err
	}
	if file == standardInput {
		if in.Text, err = p.readInputs(file); err != nil {
			return in, missingFile{protocol.Errorf(protocol.WorkflowNotFound, "cannot read standard input: %s", err)}
		}
		return in, nil
	}
	if in.Path, err = filepath.Abs(file); err != nil {
		return in, err
	}
	in.FlowFolder = filepath.Dir(in.Path)
	if in.Text, err = readFlow(in.Path); err != nil {
		if m := parameters.Method(specs, file); m != nil && errors.Is(err, fs.ErrNotExist) {
			return in, usageError{fmt.Errorf("%q is not a workflow but a method; `gleitzeit call %[1]s%s` calls it", file, mainParameter(m))}
		}
		return in, missingFlow(file, err)
	}
	return in, nil
}

func readFlow(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFlow))
	return text, errors.Join(err, file.Close())
}

// missingFile is a workflow file that cannot be read: it has an exit code of its own.
type missingFile struct{ why error }

func (e missingFile) Error() string { return e.why.Error() }

func (e missingFile) Unwrap() error { return e.why }

// whyUnread says why a file cannot be read.
func whyUnread(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("there is no such file")
	}
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		return of.Err
	}
	return err
}

// mainParameter is the parameter that calls of a method mostly have, as it is typed after the name.
func mainParameter(m *protocol.Method) string {
	if _, has := parameters.Properties(m.Parameters).Get("prompt"); has {
		return " prompt='…'"
	}
	return ""
}

func missingFlow(file string, err error) error {
	near := mistyped.File(file)
	if errors.Is(err, syscall.EISDIR) {
		folder, flows := protocol.Errorf(protocol.WorkflowNotFound, "%q is a folder, not a workflow", file), mistyped.Files(file)
		switch {
		case near != "":
			return missingFile{folder.WithHint("did you mean %q?", near)}
		case len(flows) > 0:
			return missingFile{folder.WithHint("name a file in it, such as %q", flows[0])}
		}
		return missingFile{folder.WithHint("no workflow is in it: `gleitzeit init` writes one; to ask a model about each file in it: gleitzeit batch %s --prompt 'Summarize this file'", view.ShellWords(file))}
	}
	missing := protocol.Errorf(protocol.WorkflowNotFound, "cannot read workflow file %q: %s", file, whyUnread(err))
	if near != "" {
		return missingFile{missing.WithHint("did you mean %q?", near)}
	}
	if folder, err := os.Getwd(); err == nil && !filepath.IsAbs(file) {
		missing = missing.WithHint("the path is relative to %s", folder)
	}
	return missingFile{missing}
}
