package python

import (
	"context"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// The kinds of function.
const (
	kindSource  = "source"
	kindModule  = "module"
	kindBuiltIn = "built-in"
)

// resolveCall returns the call of the function with the name.
func (h *Handler) resolveCall(ctx context.Context, name string, parameters value.Value) (*functionCall, error) {
	args, _ := parameters.Get("args")
	kwargs, _ := parameters.Get("kwargs")
	switch {
	case args.Kind() != value.KindNull && args.Kind() != value.KindList:
		return nil, protocol.Errorf(protocol.InvalidParams, "args must be a list, not a %s", args.Kind())
	case kwargs.Kind() != value.KindNull && kwargs.Kind() != value.KindObject:
		return nil, protocol.Errorf(protocol.InvalidParams, "kwargs must be an object, not a %s", kwargs.Kind())
	}
	if known, is := findBuiltIn(name); is {
		return &functionCall{name: name, module: known.module, attribute: known.attribute, args: args, kwargs: kwargs}, nil
	}
	kept, err := h.find(ctx, name)
	if err != nil {
		return nil, err
	}
	found := &functionCall{name: name, module: textField(kept, "module"), attribute: textField(kept, "function"), args: args, kwargs: kwargs}
	if code, has := kept.Get("code"); has {
		source := code.Text()
		found.source = &source
	}
	return found, nil
}

// Identity implements protocol.Identifier: it returns the current definition of the function that a call names.
func (h *Handler) Identity(ctx context.Context, request protocol.Request) (value.Value, error) {
	name := textField(request.Parameters, "function")
	if _, is := findBuiltIn(name); is || name == "" {
		return value.Value{}, nil
	}
	kept, err := h.find(ctx, name)
	return kept.With("registered_at", value.Value{}), err // The time does not matter.
}

// find returns a registered function.
func (h *Handler) find(ctx context.Context, name string) (value.Value, error) {
	if h.options.Library != nil {
		kept, there, err := h.options.Library.Find(ctx, name)
		if err != nil || there {
			return kept, err
		}
	}
	return value.Value{}, protocol.Errorf(protocol.TaskValidationFailed, "unknown function %q", name).
		WithHint("list the functions with `gleitzeit call %s`, or register one with %s", List, Register)
}

// register checks a function, and stores it.
func (h *Handler) register(ctx context.Context, request protocol.Request) (protocol.Result, error) {
	p := request.Parameters
	name, module, function := textField(p, "name"), textField(p, "module"), textField(p, "function")
	if _, is := findBuiltIn(name); is {
		return protocol.Result{}, protocol.Errorf(protocol.InvalidParams, "%q is a built-in function; choose another name", name)
	}
	if function == "" {
		function = name
	}
	if request.Program != nil && len(request.Program.Variables) > 0 {
		return protocol.Result{}, protocol.Errorf(protocol.InvalidParams, "the code of a function must not contain references, such as %s",
			request.Program.Variables[0].Reference).WithHint("pass the value as an argument when the function is called")
	}
	if h.options.Library == nil {
		return protocol.Result{}, protocol.Errorf(protocol.ConfigurationError, "cannot register a function: this worker has no store for functions")
	}
	w := &script{module: name, folder: request.Folder, inspect: true, call: &functionCall{name: name, module: module, attribute: function}}
	fields := []value.Field{{Name: "name", Value: value.String(name)}}
	if module != "" {
		fields = append(fields, value.Field{Name: "kind", Value: value.String(kindModule)}, value.Field{Name: "module", Value: value.String(module)})
	} else {
		var err error
		if w, err = withSource(request, w); err != nil {
			return protocol.Result{}, err
		}
		fields = append(fields, value.Field{Name: "kind", Value: value.String(kindSource)}, value.Field{Name: "code", Value: value.String(*w.call.source)})
	}
	described, err := h.describe(ctx, request, w)
	if err != nil {
		return protocol.Result{}, err
	}
	fields = append(fields, value.Field{Name: "function", Value: value.String(function)})
	fields = append(fields, described...)
	kept := value.Object(append(fields, value.Field{
		Name: "registered_at", Value: value.String(time.Now().UTC().Format(time.RFC3339))})...)
	if given := textField(p, "description"); given != "" {
		kept = kept.With("description", value.String(given))
	}
	if err := h.options.Library.Keep(ctx, name, kept); err != nil {
		return protocol.Result{}, err
	}
	return protocol.Result{Value: kept}, nil
}

// withSource adds the source with which a function is registered.
func withSource(request protocol.Request, w *script) (*script, error) {
	given, err := newScript(request)
	if err != nil {
		return nil, err
	}
	w.call.source = given.text
	return w, nil
}

// describe asks the interpreter for the signature and the docstring of a function.
func (h *Handler) describe(ctx context.Context, request protocol.Request, w *script) ([]value.Field, error) {
	ended, err := h.run(ctx, request, w)
	if err != nil {
		return nil, err
	}
	if err := ended.failure(); err != nil {
		return nil, err
	}
	return ended.reply.Result.Fields(), nil
}

// list returns the functions that can be called by name.
func (h *Handler) list(ctx context.Context) (protocol.Result, error) {
	var all []value.Value
	if h.options.Library != nil {
		kept, err := h.options.Library.All(ctx)
		if err != nil {
			return protocol.Result{}, err
		}
		for _, function := range kept {
			var fields []value.Field
			for _, field := range function.Fields() {
				if field.Name != "code" {
					fields = append(fields, field)
				}
			}
			all = append(all, value.Object(fields...))
		}
	}
	for _, known := range builtIns() {
		all = append(all, value.Object(
			value.Field{Name: "name", Value: value.String(known.name)},
			value.Field{Name: "kind", Value: value.String(kindBuiltIn)}))
	}
	return protocol.Result{Value: value.Object(value.Field{Name: "functions", Value: value.List(all...)})}, nil
}

// info describes one function.
func (h *Handler) info(ctx context.Context, request protocol.Request) (protocol.Result, error) {
	name := textField(request.Parameters, "name")
	known, is := findBuiltIn(name)
	if !is {
		kept, err := h.find(ctx, name)
		return protocol.Result{Value: kept}, err
	}
	described, err := h.describe(ctx, request, &script{
		module: name, folder: request.Folder, inspect: true, call: &functionCall{name: name, module: known.module, attribute: known.attribute}})
	if err != nil {
		return protocol.Result{}, err
	}
	return protocol.Result{Value: value.Object(append([]value.Field{
		{Name: "name", Value: value.String(name)},
		{Name: "kind", Value: value.String(kindBuiltIn)},
		{Name: "module", Value: value.String(known.module)},
		{Name: "function", Value: value.String(known.attribute)},
	}, described...)...)}, nil
}

func textField(object value.Value, name string) string {
	field, _ := object.Get(name)
	return field.Text()
}

// Library stores registered functions for all workers. Its errors are *protocol.Error.
type Library interface {
	// Keep stores a function under the name, and replaces the previous one.
	Keep(ctx context.Context, name string, function value.Value) error
	// Find returns the function with the name; false if there is none.
	Find(ctx context.Context, name string) (value.Value, bool, error)
	// All returns all functions, sorted by name.
	All(ctx context.Context) ([]value.Value, error)
}

// builtIn is a function that needs no registration.
type builtIn struct{ name, module, attribute string }

// builtInNames are the built-in functions by module. None of them reads a file, runs code or uses the network, because their
// names may come from anywhere.
var builtInNames = []struct {
	module, prefix string
	names          []string
}{
	{"builtins", "", []string{
		"abs", "all", "any", "bin", "bool", "chr", "dict", "divmod", "enumerate", "float", "hex", "int", "len", "list", "max", "min",
		"oct", "ord", "pow", "range", "repr", "reversed", "round", "set", "sorted", "str", "sum", "tuple", "zip",
	}},
	{"base64", "base64.", []string{"b64decode", "b64encode"}},
	{"html", "html.", []string{"escape", "unescape"}},
	{"json", "json.", []string{"dumps", "loads"}},
	{"math", "math.", []string{
		"acos", "asin", "atan", "atan2", "ceil", "comb", "copysign", "cos", "cosh", "degrees", "dist", "erf", "exp", "expm1", "fabs",
		"factorial", "floor", "fmod", "frexp", "fsum", "gamma", "gcd", "hypot", "isclose", "isfinite", "isnan", "isqrt", "log", "log10",
		"log1p", "log2", "modf", "perm", "pow", "prod", "radians", "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
	}},
	{"re", "re.", []string{"escape", "findall", "split", "sub"}},
	{"statistics", "statistics.", []string{
		"fmean", "geometric_mean", "harmonic_mean", "mean", "median", "median_high", "median_low", "mode", "multimode", "pstdev",
		"pvariance", "quantiles", "stdev", "variance",
	}},
	{"textwrap", "textwrap.", []string{"dedent", "fill", "indent", "shorten", "wrap"}},
	{"unicodedata", "unicodedata.", []string{"normalize"}},
	{"urllib.parse", "urllib.parse.", []string{"quote", "quote_plus", "unquote", "unquote_plus", "urlencode", "urljoin"}},
}

func builtIns() []builtIn {
	var all []builtIn
	for _, of := range builtInNames {
		for _, name := range of.names {
			all = append(all, builtIn{of.prefix + name, of.module, name})
		}
	}
	return all
}

func findBuiltIn(name string) (builtIn, bool) {
	for _, candidate := range builtIns() {
		if candidate.name == name {
			return candidate, true
		}
	}
	return builtIn{}, false
}
