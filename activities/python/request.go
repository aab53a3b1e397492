package python

import (
	"bytes"
	"embed"
	"encoding/binary"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

//go:embed runner/*.py
var runnerFiles embed.FS

// runnerParts are the runner's files in the order in which they are concatenated; the last one starts it.
var runnerParts = []string{"supervisor", "answer", "lists", "natural", "references", "requirements", "limits", "functions", "processes", "script", "parent"}

// runner is the program that an interpreter runs.
var runner = sync.OnceValue(func() string {
	var text strings.Builder
	for _, part := range runnerParts {
		data, err := runnerFiles.ReadFile("runner/" + part + ".py")
		if err != nil {
			panic("python: the runner has no " + part + ": " + err.Error())
		}
		text.Write(data)
		text.WriteByte('\n')
	}
	return text.String()
})

// script is what a process runs: a text, a function, or both.
type script struct {
	name      string // Name of the text in tracebacks.
	text      *string
	original  string
	variables []protocol.Variable
	path      string // Path of the script, if it is a file.
	folder    string // On the import path.
	module    string // The module's name: "__main__", or that of a function.

	call    *functionCall // Called after the text has run; nil = no call.
	inspect bool          // Describe the function instead of calling it.

	context      value.Value
	lists        []protocol.List // Those of the context.
	requirements []value.Value
}

// functionCall is a function and its arguments.
type functionCall struct {
	module    string // Empty if the script's text defines it.
	attribute string
	args      value.Value
	kwargs    value.Value

	source *string // The source with which the function was registered; nil if it is of a module.
	name   string
}

// newScript returns the script of a request. The caller adds the function, if there is one.
func newScript(request protocol.Request) (*script, error) {
	w := &script{module: "__main__", folder: request.Folder}
	var err error
	if w.context, err = contextWithDependencies(request); err != nil {
		return nil, err
	}
	w.lists = contextLists(request)
	if required, given := request.Parameters.Get("requirements"); given {
		if !isTextList(required) {
			return nil, protocol.Errorf(protocol.InvalidParams, "requirements must be a list of modules or packages")
		}
		w.requirements = required.Elements()
	}
	function, isFunction := request.Parameters.Get("function")
	switch {
	case request.Source != nil:
		text := strings.TrimPrefix(request.Source.Text, "\ufeff")
		w.name, w.text, w.original = request.Source.Path, &text, text
		w.path, w.folder = request.Source.Path, filepath.Dir(request.Source.Path)
	case request.Program != nil:
		if err := checkVariableNames(request.Program.Variables); err != nil {
			return nil, err
		}
		w.name, w.text, w.original, w.variables = "<code>", &request.Program.Text, request.Program.Original, request.Program.Variables
	case !isFunction || function.Text() == "":
		return nil, protocol.Errorf(protocol.InvalidParams, "%s requires one of file, file_path, code and function", request.Method)
	}
	return w, nil
}

func (w *script) subject() string {
	if w.call != nil {
		return "function"
	}
	return "script"
}

// encode returns what the runner's run_script gets.
func (w *script) encode(request protocol.Request, environment value.Value, limits Limits) frame {
	text := func(s string) value.Value { return value.String(s) }
	optional := func(s *string) value.Value {
		if s == nil {
			return value.Value{}
		}
		return text(*s)
	}
	name, source, original, as, path := w.name, w.text, w.original, w.module, value.Value{}
	if w.call != nil && w.call.source != nil {
		source, original, name, as = w.call.source, *w.call.source, "<"+w.call.name+">", w.call.name
	}
	if w.path != "" {
		path = text(w.path)
	}
	list := make([]value.Value, 0, len(w.variables))
	for _, variable := range w.variables {
		list = append(list, value.Object(
			value.Field{Name: "name", Value: text(variable.Name)},
			value.Field{Name: "reference", Value: text(variable.Reference)},
			value.Field{Name: "value", Value: variable.Value},
			value.Field{Name: "text", Value: text(variable.Text)}))
	}
	return newFrame(value.Object(
		value.Field{Name: "name", Value: text(name)},
		value.Field{Name: "text", Value: optional(source)},
		value.Field{Name: "original", Value: text(original)},
		value.Field{Name: "variables", Value: value.List(list...)},
		value.Field{Name: "path", Value: path},
		value.Field{Name: "folder", Value: text(w.folder)},
		value.Field{Name: "as", Value: text(as)},
		value.Field{Name: "cwd", Value: text(request.Folder)},
		value.Field{Name: "context", Value: w.context},
		value.Field{Name: "lists", Value: encodeLists(w.lists)},
		value.Field{Name: "plain", Value: value.Int(protocol.MaxPlainList)},
		value.Field{Name: "requirements", Value: value.List(w.requirements...)},
		value.Field{Name: "call", Value: w.call.encode()},
		value.Field{Name: "inspect", Value: value.Bool(w.inspect)},
		value.Field{Name: "environment", Value: environment},
		value.Field{Name: "limits", Value: limits.encode()},
		value.Field{Name: "limit", Value: value.Int(protocol.MaxValue)},
	))
}

// frame is a request as the runner reads it: JSON, and the large texts beside it, so that neither side copies them into JSON or
// has twice what stands in `context` and in a dependency.
type frame struct {
	json  []byte
	texts []string // First the key of the objects in the JSON that stand for a text, by its place among the others; empty if there is none.
}

func newFrame(request value.Value) frame {
	texts, key, rest := request.TakeOutTexts()
	if len(texts) > 0 {
		texts = append([]string{key}, texts...)
	}
	return frame{rest.JSON(), texts}
}

// appendSizes appends the size of the JSON and the number of texts.
func (f frame) appendSizes(to []byte) []byte {
	to = binary.BigEndian.AppendUint64(to, uint64(len(f.json)))
	return binary.BigEndian.AppendUint64(to, uint64(len(f.texts)))
}

// reader returns what follows the sizes, after what comes before: the JSON, and each text after its size.
func (f frame) reader(before string) io.Reader {
	first := bytes.NewReader(append([]byte(before), f.json...))
	if len(f.texts) == 0 {
		return first
	}
	all := []io.Reader{first}
	for _, text := range f.texts {
		size := binary.BigEndian.AppendUint64(nil, uint64(len(text)))
		all = append(all, bytes.NewReader(size), strings.NewReader(text))
	}
	return io.MultiReader(all...)
}

func (c *functionCall) encode() value.Value {
	if c == nil {
		return value.Value{}
	}
	module := value.Value{}
	if c.module != "" {
		module = value.String(c.module)
	}
	args, kwargs := c.args, c.kwargs
	if args.IsNull() {
		args = value.List()
	}
	if kwargs.IsNull() {
		kwargs = value.Object()
	}
	return value.Object(
		value.Field{Name: "module", Value: module},
		value.Field{Name: "attribute", Value: value.String(c.attribute)},
		value.Field{Name: "args", Value: args},
		value.Field{Name: "kwargs", Value: kwargs},
	)
}

// checkVariableNames checks that no name is the beginning of another one.
func checkVariableNames(variables []protocol.Variable) error {
	for i, one := range variables {
		for _, other := range variables[i+1:] {
			if one.Name != other.Name && (strings.HasPrefix(one.Name, other.Name) || strings.HasPrefix(other.Name, one.Name)) {
				return protocol.Errorf(protocol.InternalError,
					"cannot distinguish the variables %s and %s of %s", one.Name, other.Name, strconv.Quote(one.Reference))
			}
		}
	}
	return nil
}

// contextWithDependencies returns the parameter `context` with the results of the dependencies added. Its own keys take
// precedence.
func contextWithDependencies(request protocol.Request) (value.Value, error) {
	given, _ := request.Parameters.Get("context")
	if kind := given.Kind(); kind != value.KindObject && kind != value.KindNull {
		return given, protocol.Errorf(protocol.InvalidParams, "context must be an object, not a %s", kind)
	}
	fields := make([]value.Field, 0, len(given.Fields())+len(request.Dependencies))
	fields = append(fields, given.Fields()...)
	for _, dependency := range request.Dependencies {
		if _, own := given.Get(dependency.Name); !own {
			fields = append(fields, dependency)
		}
	}
	return value.Object(fields...), nil
}
