package python

import (
	"context"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// The kinds of function.
const (
	kindSource  = "source"
	kindModule  = "module"
	kindBuiltIn = "built-in"
)

// callOf looks a function up by the name that a task calls it by.
func (h *Handler) callOf(ctx context.Context, name string, parameters protocol.Value) (*call, error) {
	args, _ := parameters.Get("args")
	kwargs, _ := parameters.Get("kwargs")
	switch {
	case args.Kind() != protocol.Null && args.Kind() != protocol.List:
		return nil, protocol.Errorf(protocol.InvalidParams, "args is a %s; it must be a list", args.Kind())
	case kwargs.Kind() != protocol.Null && kwargs.Kind() != protocol.Object:
		return nil, protocol.Errorf(protocol.InvalidParams, "kwargs is a %s; it must be an object", kwargs.Kind())
	}
	if known, is := builtInOf(name); is {
		return &call{name: name, module: known.module, attribute: known.attribute, args: args, kwargs: kwargs}, nil
	}
	kept, err := h.find(ctx, name)
	if err != nil {
		return nil, err
	}
	found := &call{name: name, module: textOf(kept, "module"), attribute: textOf(kept, "function"), args: args, kwargs: kwargs}
	if code, has := kept.Get("code"); has {
		source := code.Text()
		found.source = &source
	}
	return found, nil
}

// Identity implements protocol.Identifier: the function that a call means by its name, as it is now.
func (h *Handler) Identity(ctx context.Context, request protocol.Request) (protocol.Value, error) {
	name := textOf(request.Parameters, "function")
	if _, is := builtInOf(name); is || name == "" {
		return protocol.Value{}, nil
	}
	kept, err := h.find(ctx, name)
	return kept.With("registered_at", protocol.Value{}), err // When does not matter.
}

// find returns a registered function.
func (h *Handler) find(ctx context.Context, name string) (protocol.Value, error) {
	if h.options.Library != nil {
		kept, there, err := h.options.Library.Find(ctx, name)
		if err != nil || there {
			return kept, err
		}
	}
	return protocol.Value{}, protocol.Errorf(protocol.TaskValidationFailed, "there is no function %q", name).
		WithHint("`gleitzeit call %s` lists those that are there, and %s keeps another one", List, Register)
}

// register tries a function, and keeps it.
func (h *Handler) register(ctx context.Context, request protocol.Request) (protocol.Result, error) {
	p := request.Parameters
	name, module, function := textOf(p, "name"), textOf(p, "module"), textOf(p, "function")
	if _, is := builtInOf(name); is {
		return protocol.Result{}, protocol.Errorf(protocol.InvalidParams, "%q is built in; choose another name", name)
	}
	if function == "" {
		function = name
	}
	if request.Program != nil && len(request.Program.Variables) > 0 {
		return protocol.Result{}, protocol.Errorf(protocol.InvalidParams, "the code of a function holds the reference %s, which it would have no value for later",
			request.Program.Variables[0].Reference).WithHint("give the value as an argument where the function is called")
	}
	if h.options.Library == nil {
		return protocol.Result{}, protocol.Errorf(protocol.ConfigurationError, "functions cannot be registered here: there is no store for them")
	}
	w := &work{as: name, folder: request.Folder, inspect: true, call: &call{name: name, module: module, attribute: function}}
	fields := []protocol.Field{{Name: "name", Value: protocol.OfString(name)}}
	if module != "" {
		fields = append(fields, protocol.Field{Name: "kind", Value: protocol.OfString(kindModule)}, protocol.Field{Name: "module", Value: protocol.OfString(module)})
	} else {
		var err error
		if w, err = sourceOf(request, w); err != nil {
			return protocol.Result{}, err
		}
		fields = append(fields, protocol.Field{Name: "kind", Value: protocol.OfString(kindSource)}, protocol.Field{Name: "code", Value: protocol.OfString(*w.call.source)})
	}
	described, err := h.describe(ctx, request, w)
	if err != nil {
		return protocol.Result{}, err
	}
	fields = append(fields, protocol.Field{Name: "function", Value: protocol.OfString(function)})
	fields = append(fields, described...)
	kept := protocol.OfObject(append(fields, protocol.Field{
		Name: "registered_at", Value: protocol.OfString(time.Now().UTC().Format(time.RFC3339))})...)
	if given := textOf(p, "description"); given != "" {
		kept = kept.With("description", protocol.OfString(given))
	}
	if err := h.options.Library.Keep(ctx, name, kept); err != nil {
		return protocol.Result{}, err
	}
	return protocol.Result{Value: kept}, nil
}

// sourceOf adds the source that a function is registered with.
func sourceOf(request protocol.Request, w *work) (*work, error) {
	given, err := workOf(request)
	if err != nil {
		return nil, err
	}
	w.call.source = given.text
	return w, nil
}

// describe asks the interpreter for the signature and the docstring of a function.
func (h *Handler) describe(ctx context.Context, request protocol.Request, w *work) ([]protocol.Field, error) {
	ended, err := h.run(ctx, request, w)
	if err != nil {
		return nil, err
	}
	if err := ended.failure(); err != nil {
		return nil, err
	}
	return ended.script.Result.Fields(), nil
}

// list lists the functions that can be called.
func (h *Handler) list(ctx context.Context) (protocol.Result, error) {
	var all []protocol.Value
	if h.options.Library != nil {
		kept, err := h.options.Library.All(ctx)
		if err != nil {
			return protocol.Result{}, err
		}
		for _, function := range kept {
			var fields []protocol.Field
			for _, field := range function.Fields() {
				if field.Name != "code" {
					fields = append(fields, field)
				}
			}
			all = append(all, protocol.OfObject(fields...))
		}
	}
	for _, known := range builtIns() {
		all = append(all, protocol.OfObject(
			protocol.Field{Name: "name", Value: protocol.OfString(known.name)},
			protocol.Field{Name: "kind", Value: protocol.OfString(kindBuiltIn)}))
	}
	return protocol.Result{Value: protocol.OfObject(protocol.Field{Name: "functions", Value: protocol.OfList(all...)})}, nil
}

// info describes one function.
func (h *Handler) info(ctx context.Context, request protocol.Request) (protocol.Result, error) {
	name := textOf(request.Parameters, "name")
	known, is := builtInOf(name)
	if !is {
		kept, err := h.find(ctx, name)
		return protocol.Result{Value: kept}, err
	}
	described, err := h.describe(ctx, request, &work{
		as: name, folder: request.Folder, inspect: true, call: &call{name: name, module: known.module, attribute: known.attribute}})
	if err != nil {
		return protocol.Result{}, err
	}
	return protocol.Result{Value: protocol.OfObject(append([]protocol.Field{
		{Name: "name", Value: protocol.OfString(name)},
		{Name: "kind", Value: protocol.OfString(kindBuiltIn)},
		{Name: "module", Value: protocol.OfString(known.module)},
		{Name: "function", Value: protocol.OfString(known.attribute)},
	}, described...)...)}, nil
}

func textOf(object protocol.Value, name string) string {
	field, _ := object.Get(name)
	return field.Text()
}
