package schema

import (
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// defaults is the schema of defaults: a mapping by the names of protocols and methods, each with the parameters that there
// are.
func (w *writer) defaults(key definition.Key, to value.Value) value.Value {
	var names []value.Field
	var open []protocol.Method
	with := func(name string, methods ...protocol.Method) value.Value {
		parameters := w.anyOf(methods)
		return value.Object(
			of("description", value.String("Defaults of all tasks of "+name+"; keys of the task take precedence.")),
			of("type", texts([]string{"object", "null"})),
			of("$ref", to.Fields()[0].Value),
			of("properties", value.Object(of("parameters", parameters), of("params", parameters))),
		)
	}
	for _, spec := range w.specs {
		names = append(names, of(spec.Name, with(spec.Name, spec.Methods...)))
		for _, method := range spec.Methods {
			if method.IsPattern() {
				open = append(open, method)
			} else {
				names = append(names, of(method.Name, with(method.Name, method)))
			}
		}
	}
	schema := nullable(parsed(key.Schema)).With("properties", value.Object(names...))
	if len(open) == 0 {
		return schema.With("additionalProperties", value.Bool(false))
	}
	// No patternProperties: to strict validators it is an error that a pattern fits a name, as that of mcp/tool.NAME does.
	return schema.With("additionalProperties", with("the method", open...)).With("propertyNames", value.Object(of("anyOf", value.List(known(names, open)...))))
}

// known are the names that there are: these, and those of open methods.
func known(names []value.Field, open []protocol.Method) []value.Value {
	var words []string
	for _, name := range names {
		words = append(words, name.Name)
	}
	all := []value.Value{value.Object(of("enum", texts(words)))}
	for _, method := range open {
		all = append(all, named(method.Name, method, ""))
	}
	return all
}

// anyOf is the schema of parameters of one of several methods, of which none has to be there.
func (w *writer) anyOf(methods []protocol.Method) value.Value {
	var names []string
	ways := map[string][]value.Value{}
	shut := true
	for _, method := range methods {
		schema, _ := parametersOf(method)
		w.add(method.Name, schema)
		shut = shut && closed(schema)
		properties, _ := schema.Get("properties")
		for _, parameter := range properties.Fields() {
			if ways[parameter.Name] == nil {
				names = append(names, parameter.Name)
			}
			ways[parameter.Name] = append(ways[parameter.Name], refer(method.Name, "properties", parameter.Name))
		}
	}
	var fields []value.Field
	for _, name := range names {
		if all := ways[name]; len(all) == 1 {
			fields = append(fields, of(name, all[0]))
		} else {
			fields = append(fields, of(name, value.Object(of("anyOf", value.List(all...)))))
		}
	}
	schema := value.Object(of("type", texts([]string{"object", "null"})), of("properties", value.Object(fields...)))
	if shut {
		schema = schema.With("additionalProperties", value.Bool(false))
	}
	return schema
}

// parametersByDefaults says which parameters the tasks have, by their methods. Where there are defaults, what a method needs
// may have it; where there are none, the task has it.
func (w *writer) parametersByDefaults() value.Value {
	var loose []value.Value
	for _, spec := range w.specs {
		for _, method := range spec.Methods {
			parameters := w.anyOf([]protocol.Method{method})
			loose = append(loose, when(calling(spec, method), value.Object(of("properties", value.Object(of("parameters", parameters), of("params", parameters))))))
		}
	}
	const given, needed = "parameters beside defaults", "parameters"
	w.add(given, value.Object(of("allOf", value.List(loose...))))
	w.add(needed, value.Object(of("allOf", value.List(w.parametersByMethod()...))))
	tasks := func(name string) value.Value {
		return value.Object(of("properties", value.Object(of("tasks", value.Object(of("items", refer(name)))))))
	}
	return when(parsed(`{"required": ["defaults"], "properties": {"defaults": {"type": "object"}}}`), tasks(given)).With("else", tasks(needed))
}
