package reader

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/documents"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/scratch"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Method is a Converter that calls a tool or Python. It gets the path of a copy of the document.
type Method struct {
	// Words are the method, then its parameters as NAME=VALUE, with Placeholder for the path. A value is JSON if it is an object or a list.
	Words []string

	caller *Caller // Nil in a process without protocols.
}

// Caller calls the methods of converters.
type Caller struct {
	Call func(context.Context, protocol.Request) (protocol.Result, error)
	// Identify returns what decides the result besides the request, as protocol.Identifier does. Nil: nothing else does.
	Identify func(context.Context, protocol.Request) (value.Value, error)
}

// PythonMethod is the method of converters that are Python: `file` is a script, `code` its text, `function` one that is registered.
const PythonMethod = "python/execute"

// maxScript is the maximum size of a script in bytes, as in workflows.
const maxScript = 1 << 20

// nobody is the number of the user without rights, and of its group.
const nobody = 65534

// SetCaller sets what calls the methods of converters, before the reader is used.
func (r *Reader) SetCaller(caller Caller) {
	if r == nil {
		return
	}
	for _, converter := range r.converters {
		if m, is := converter.(*Method); is {
			m.caller = &caller
		}
	}
}

// Identity implements Converter: the words, the text of a script, and the source of a function.
func (m *Method) Identity(ctx context.Context) (value.Value, error) {
	words, err := (&Command{Words: m.Words}).Identity(ctx)
	if err != nil {
		return value.Value{}, err
	}
	own := []value.Value{words}
	request, err := m.request(Placeholder)
	if err != nil {
		return value.Value{}, err
	}
	if request.Source != nil {
		own = append(own, value.String(request.Source.Text))
	}
	if m.caller != nil && m.caller.Identify != nil {
		called, err := m.caller.Identify(ctx, request)
		if err != nil {
			return value.Value{}, err
		}
		own = append(own, called)
	}
	return value.List(own...), nil
}

// Convert implements Converter.
func (m *Method) Convert(ctx context.Context, name string, data []byte) (text string, err error) {
	if m.caller == nil {
		return "", protocol.Errorf(protocol.ConfigurationError, "the converter %q is not available in this process", m.Words[0]).
			WithHint("use `gleitzeit call documents/read file_path=FILE`")
	}
	folder, err := scratch.New("document")
	if err != nil {
		return "", protocol.Errorf(protocol.ConfigurationError, "cannot create a temporary folder for a document: %v", err).WithCause(err)
	}
	defer func() { err = errors.Join(err, folder.Remove()) }()
	path := filepath.Join(folder.Path, "document"+strings.ToLower(filepath.Ext(name)))
	err = os.WriteFile(path, data, 0o644)
	if os.Geteuid() == 0 && err == nil {
		err = os.Chown(folder.Path, nobody, nobody) // A sandbox of root runs scripts as nobody.
	}
	if err != nil {
		return "", protocol.Errorf(protocol.ConfigurationError, "cannot write a copy of a document: %v", err).WithCause(err)
	}
	request, err := m.request(path)
	if err != nil {
		return "", err
	}
	request.Folder, request.Timeout = folder.Path, DefaultTimeout
	request.FlowFolder = folder.Path
	if request.Source != nil {
		request.FlowFolder = filepath.Dir(request.Source.Path) // What it imports lies there.
	}
	limited, cancel := context.WithTimeout(ctx, DefaultTimeout)
	defer cancel()
	result, err := m.caller.Call(limited, request)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case limited.Err() != nil:
		return "", m.problem(fmt.Sprintf("timed out after %s", DefaultTimeout))
	case err != nil:
		failure := protocol.AsError(err, protocol.TaskExecutionFailed)
		if failure.Kind != protocol.TaskFault && failure.Kind != protocol.Permanent {
			return "", failure // Another attempt may succeed.
		}
		return "", m.problem(failure.Message)
	}
	for _, field := range []string{"response", "result"} {
		if found, is := result.Value.Get(field); is && found.Kind() == value.KindString {
			return found.Text(), nil
		}
	}
	return "", m.problem("its result is not text")
}

// request returns the call for a document.
func (m *Method) request(path string) (r protocol.Request, err error) {
	r = protocol.Request{Method: m.Words[0], Parameters: value.Object()}
	for _, word := range m.Words[1:] {
		name, text, _ := strings.Cut(word, "=")
		given := valueOf(text, path)
		switch {
		case r.Method != PythonMethod:
		case name == "code":
			given = value.String(text) // Its braces are its own.
			r.Program = &protocol.Program{Text: text, Original: text}
		case name == "file" || name == "file_path":
			given = value.String(text)
			if r.Source, err = readScript(text); err != nil {
				return r, err
			}
		}
		r.Parameters = r.Parameters.With(name, given)
	}
	if r.Method == PythonMethod {
		r.Parameters = withPath(r.Parameters, path)
	}
	return r, nil
}

// withPath adds the path of the document where no parameter says what Python gets: as the argument of a function, and for a script as the
// item of a batch.
func withPath(parameters value.Value, path string) value.Value {
	has := func(name string) bool {
		_, is := parameters.Get(name)
		return is
	}
	switch {
	case has("function") && !has("args") && !has("kwargs"):
		return parameters.With("args", value.List(value.String(path)))
	case !has("function") && !has("context"):
		return parameters.With("context", value.Object(value.Field{Name: "file_path", Value: value.String(path)}))
	}
	return parameters
}

func readScript(path string) (*protocol.Script, error) {
	text, err := os.ReadFile(path)
	if pathError, is := errors.AsType[*fs.PathError](err); is {
		err = pathError.Err
	}
	if err == nil && len(text) > maxScript {
		err = fmt.Errorf("it is larger than %d MiB", maxScript>>20)
	}
	if err != nil {
		return nil, protocol.Errorf(protocol.ConfigurationError, "cannot read %q, the script of a converter: %v", path, err).
			WithHint("change `documents.converters` in the settings")
	}
	return &protocol.Script{Path: path, Text: string(text)}, nil
}

// valueOf is a parameter as it is written, with the path of the document.
func valueOf(text, path string) value.Value {
	if strings.HasPrefix(text, "{") && text != Placeholder || strings.HasPrefix(text, "[") {
		if parsed, err := value.Parse([]byte(text)); err == nil {
			return replaced(parsed, path)
		}
	}
	return replaced(value.String(text), path)
}

func replaced(v value.Value, path string) value.Value {
	switch v.Kind() {
	case value.KindString:
		return value.String(strings.ReplaceAll(v.Text(), Placeholder, path))
	case value.KindList:
		all := make([]value.Value, len(v.Elements()))
		for i, element := range v.Elements() {
			all[i] = replaced(element, path)
		}
		return value.List(all...)
	case value.KindObject:
		all := make([]value.Field, len(v.Fields()))
		for i, field := range v.Fields() {
			all[i] = value.Field{Name: field.Name, Value: replaced(field.Value, path)}
		}
		return value.Object(all...)
	}
	return v
}

func (m *Method) problem(why string) error {
	return &documents.Problem{Text: fmt.Sprintf("cannot be read by its converter %q: %s", m.Words[0], why), Hint: "the converter is that of `documents.converters` in the settings"}
}
