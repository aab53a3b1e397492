package schema

import (
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// defaults is the schema of defaults: a mapping by the names of protocols and methods, each with the parameters that there
// are.
func (w *writer) defaults(key definition.Key, to protocol.Value) protocol.Value {
	var names []protocol.Field
	add := func(name, about string, methods []protocol.Method) {
		parameters := w.anyOf(methods)
		names = append(names, of(name, protocol.OfObject(
			of("description", protocol.OfString(about)),
			of("type", texts([]string{"object", "null"})),
			of("$ref", to.Fields()[0].Value),
			of("properties", protocol.OfObject(of("parameters", parameters), of("params", parameters))),
		)))
	}
	for _, spec := range w.specs {
		add(spec.Name, "What all tasks of "+spec.Name+" have that do not say otherwise.", spec.Methods)
		for _, method := range spec.Methods {
			add(method.Name, "What all tasks of "+method.Name+" have that do not say otherwise.", []protocol.Method{method})
		}
	}
	return nullable(parsed(key.Schema)).With("properties", protocol.OfObject(names...)).With("additionalProperties", protocol.OfBool(false))
}

// anyOf is the schema of parameters of one of several methods, of which none has to be there.
func (w *writer) anyOf(methods []protocol.Method) protocol.Value {
	var names []string
	ways := map[string][]protocol.Value{}
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
	var fields []protocol.Field
	for _, name := range names {
		if all := ways[name]; len(all) == 1 {
			fields = append(fields, of(name, all[0]))
		} else {
			fields = append(fields, of(name, protocol.OfObject(of("anyOf", protocol.OfList(all...)))))
		}
	}
	schema := protocol.OfObject(of("type", texts([]string{"object", "null"})), of("properties", protocol.OfObject(fields...)))
	if shut {
		schema = schema.With("additionalProperties", protocol.OfBool(false))
	}
	return schema
}

// parametersByDefaults says which parameters the tasks have, by their methods. Where there are defaults, what a method needs
// may stand there; where there are none, it stands in the task.
func (w *writer) parametersByDefaults() protocol.Value {
	var loose []protocol.Value
	for _, spec := range w.specs {
		for _, method := range spec.Methods {
			parameters := w.anyOf([]protocol.Method{method})
			loose = append(loose, when(calling(spec, method), protocol.OfObject(of("properties", protocol.OfObject(of("parameters", parameters), of("params", parameters))))))
		}
	}
	const given, needed = "parameters beside defaults", "parameters"
	w.add(given, protocol.OfObject(of("allOf", protocol.OfList(loose...))))
	w.add(needed, protocol.OfObject(of("allOf", protocol.OfList(w.parametersByMethod()...))))
	tasks := func(name string) protocol.Value {
		return protocol.OfObject(of("properties", protocol.OfObject(of("tasks", protocol.OfObject(of("items", refer(name)))))))
	}
	return when(parsed(`{"required": ["defaults"], "properties": {"defaults": {"type": "object"}}}`), tasks(given)).With("else", tasks(needed))
}
