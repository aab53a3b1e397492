package python

import (
	"bytes"
	"embed"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

//go:embed runner/*.py
var runnerFiles embed.FS

// runnerParts are the runner's files in the order in which they are put together; the last one starts it.
var runnerParts = []string{"answer", "references", "script", "supervisor"}

// bootstrap is all that stands on the interpreter's command line: it takes the runner from the control pipe. The folder
// that it runs in leaves the import path; it is the script's temporary folder, still empty, because some versions import
// modules before the first line and any file of the run's folder could pass for one of them.
const bootstrap = `import sys
if sys.path[:1] == [""]: del sys.path[0]
import os
control = os.fdopen(3, "rb")
exec(compile(control.read(int(control.readline())), "<gleitzeit>", "exec"), {"__name__": "gleitzeit", "control": control})`

// inputOf makes what goes into the control pipe: the runner and the request, each after a line with its size.
func inputOf(request protocol.Request) ([]byte, error) {
	asked, err := encode(request)
	if err != nil {
		return nil, err
	}
	var runner []byte
	for _, part := range runnerParts {
		text, err := runnerFiles.ReadFile("runner/" + part + ".py")
		if err != nil {
			return nil, err
		}
		runner = append(append(runner, text...), '\n')
	}
	var input bytes.Buffer
	for _, frame := range [][]byte{runner, asked} {
		fmt.Fprintf(&input, "%d\n", len(frame))
		input.Write(frame)
	}
	return input.Bytes(), nil
}

// encode writes the request as the runner's run_script reads it.
func encode(request protocol.Request) ([]byte, error) {
	context, err := contextOf(request)
	if err != nil {
		return nil, err
	}
	fields := []protocol.Field{
		{Name: "context", Value: context},
		{Name: "cwd", Value: protocol.OfString(request.Folder)},
		{Name: "limit", Value: protocol.OfInt(protocol.MaxValue)},
	}
	switch {
	case request.Source != nil:
		text := strings.TrimPrefix(request.Source.Text, "\ufeff")
		fields = append(fields, script(request.Source.Path, text, text, nil)...)
		fields = append(fields,
			protocol.Field{Name: "path", Value: protocol.OfString(request.Source.Path)},
			protocol.Field{Name: "folder", Value: protocol.OfString(filepath.Dir(request.Source.Path))})
	case request.Program != nil:
		if err := checkNames(request.Program.Variables); err != nil {
			return nil, err
		}
		fields = append(fields, script("<code>", request.Program.Text, request.Program.Original, request.Program.Variables)...)
		fields = append(fields,
			protocol.Field{Name: "path"},
			protocol.Field{Name: "folder", Value: protocol.OfString(request.Folder)})
	default:
		return nil, protocol.Errorf(protocol.InvalidParams, "%s needs one of file, file_path and code", Execute)
	}
	return protocol.OfObject(fields...).JSON(), nil
}

func script(name, text, original string, variables []protocol.Variable) []protocol.Field {
	list := make([]protocol.Value, 0, len(variables))
	for _, variable := range variables {
		list = append(list, protocol.OfObject(
			protocol.Field{Name: "name", Value: protocol.OfString(variable.Name)},
			protocol.Field{Name: "reference", Value: protocol.OfString(variable.Reference)},
			protocol.Field{Name: "value", Value: variable.Value},
			protocol.Field{Name: "text", Value: protocol.OfString(variable.Text)}))
	}
	return []protocol.Field{
		{Name: "name", Value: protocol.OfString(name)},
		{Name: "text", Value: protocol.OfString(text)},
		{Name: "original", Value: protocol.OfString(original)},
		{Name: "variables", Value: protocol.OfList(list...)},
	}
}

// checkNames makes sure that a name followed by more characters of the text cannot be taken for another name.
func checkNames(variables []protocol.Variable) error {
	for i, one := range variables {
		for _, other := range variables[i+1:] {
			if one.Name != other.Name && (strings.HasPrefix(one.Name, other.Name) || strings.HasPrefix(other.Name, one.Name)) {
				return protocol.Errorf(protocol.InternalError,
					"the variables %s and %s of %s cannot be told apart", one.Name, other.Name, strconv.Quote(one.Reference))
			}
		}
	}
	return nil
}

// contextOf is the parameter `context` with the results of the dependencies beneath it; its own keys win.
func contextOf(request protocol.Request) (protocol.Value, error) {
	given, _ := request.Parameters.Get("context")
	if kind := given.Kind(); kind != protocol.Object && kind != protocol.Null {
		return given, protocol.Errorf(protocol.InvalidParams, "context is a %s; it must be an object", kind)
	}
	fields := make([]protocol.Field, 0, len(given.Fields())+len(request.Dependencies))
	fields = append(fields, given.Fields()...)
	for _, dependency := range request.Dependencies {
		if _, own := given.Get(dependency.Name); !own {
			fields = append(fields, dependency)
		}
	}
	return protocol.OfObject(fields...), nil
}
