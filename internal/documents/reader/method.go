package reader

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/documents"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/scratch"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Method is a Converter that calls a tool or a Python function. It gets the path of a copy of the document.
type Method struct {
	// Words are the method, then its parameters as NAME=VALUE, with Placeholder for the path. A value is JSON if it is an object or a list.
	Words []string

	call func(context.Context, protocol.Request) (protocol.Result, error) // Nil in a process without protocols.
}

// nobody is the number of the user without rights, and of its group.
const nobody = 65534

// SetCaller sets what calls the methods of converters, before the reader is used.
func (r *Reader) SetCaller(call func(context.Context, protocol.Request) (protocol.Result, error)) {
	if r == nil {
		return
	}
	for _, converter := range r.converters {
		if m, is := converter.(*Method); is {
			m.call = call
		}
	}
}

// Identity implements Converter.
func (m *Method) Identity() value.Value { return (&Command{Words: m.Words}).Identity() }

// Convert implements Converter.
func (m *Method) Convert(ctx context.Context, name string, data []byte) (text string, err error) {
	if m.call == nil {
		return "", protocol.Errorf(protocol.ConfigurationError, "the converter %q is only available in runs", m.Words[0]).
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
	parameters := value.Object()
	for _, word := range m.Words[1:] {
		name, text, _ := strings.Cut(word, "=")
		parameters = parameters.With(name, valueOf(text, path))
	}
	limited, cancel := context.WithTimeout(ctx, DefaultTimeout)
	defer cancel()
	result, err := m.call(limited, protocol.Request{Method: m.Words[0], Parameters: parameters, Folder: folder.Path, FlowFolder: folder.Path, Timeout: DefaultTimeout})
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
