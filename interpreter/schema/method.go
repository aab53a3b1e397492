package schema

import (
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// methods are those that a template can name: in full, each with what it does, and short where the protocol is named, in
// the template or beside it.
func (w *writer) methods() value.Value {
	var all []value.Value
	var short []string
	for _, spec := range w.specs {
		for _, method := range spec.Methods {
			all = append(all, named(method.Name, method, method.Summary))
			short = append(short, strings.Trim(patternOf(shortName(method), method), "^$"))
		}
	}
	all = append(all, value.Object(
		of("description", value.String("Short name of a method, if the protocol is given.")),
		of("type", value.String("string")),
		of("pattern", value.String("^("+strings.Join(short, "|")+")$")),
	))
	return value.Object(of("anyOf", value.List(all...)))
}

func (w *writer) protocols() value.Value {
	var all []value.Value
	for _, spec := range w.specs {
		all = append(all, described(spec.Name, spec.Summary))
	}
	return nullable(value.Object(of("anyOf", value.List(all...))))
}

// described is one word of several, with what it means where that is known.
func described(word, about string) value.Value {
	schema := value.Object(of("const", value.String(word)))
	if about == "" {
		return schema
	}
	return schema.With("description", value.String(about))
}

// named is a name of a method, with what it does; for an open one, all its names.
func named(name string, method protocol.Method, about string) value.Value {
	if !method.IsPattern() {
		return described(name, about)
	}
	schema := value.Object(of("type", value.String("string")), of("pattern", value.String(patternOf(name, method))))
	if about == "" {
		return schema
	}
	return schema.With("description", value.String(about))
}

func patternOf(name string, method protocol.Method) string {
	method.Name = name
	return method.Pattern()
}

// shortName is the name of a method for those who name the protocol: "execute" of "python/execute".
func shortName(method protocol.Method) string {
	_, short, _ := strings.Cut(method.Name, "/")
	return short
}

// methodsByProtocol says which methods a task can name beside a protocol, and which without one.
func (w *writer) methodsByProtocol() []value.Value {
	var all, alone []value.Value
	for _, spec := range w.specs {
		var beside []value.Value
		for _, method := range spec.Methods {
			full := named(method.Name, method, method.Summary)
			alone = append(alone, full)
			beside = append(beside, named(shortName(method), method, method.Summary), full)
		}
		all = append(all, when(having([]value.Field{of("protocol", described(spec.Name, ""))}), naming(beside)))
	}
	return append(all, when(parsed(`{"properties": {"protocol": {"type": "null"}}}`), naming(alone)))
}

// naming is the schema of a task that names one of some methods.
func naming(methods []value.Value) value.Value {
	return value.Object(of("properties", value.Object(of("method", value.Object(of("anyOf", value.List(methods...)))))))
}

func when(is, then value.Value) value.Value {
	return value.Object(of("if", is), of("then", then))
}

// having is the schema of a mapping in which these keys have these values.
func having(keys []value.Field) value.Value {
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = key.Name
	}
	return value.Object(of("required", texts(names)), of("properties", value.Object(keys...)))
}

// calling is what a task has that calls a method, by its full name or by its short one.
func calling(spec protocol.Spec, method protocol.Method) value.Value {
	return value.Object(of("anyOf", value.List(
		having([]value.Field{of("method", named(method.Name, method, ""))}),
		having([]value.Field{of("protocol", described(spec.Name, "")), of("method", named(shortName(method), method, ""))}),
	)))
}

// parametersByMethod says which parameters a task has, by its method.
func (w *writer) parametersByMethod() []value.Value {
	var all []value.Value
	for _, spec := range w.specs {
		for _, method := range spec.Methods {
			schema, needed := parametersOf(method)
			to := w.parametersOfTask(method, schema)
			then := value.Object(of("properties", value.Object(of("parameters", to), of("params", to))))
			if needed {
				then = then.With("anyOf", parsed(`[{"required": ["parameters"]}, {"required": ["params"]}]`))
			}
			all = append(all, when(calling(spec, method), then))
		}
	}
	return all
}

// templatesByMethod says which parameters a template has, by its method: beside its own keys, or in `parameters`. None
// has to be there, as the file of each item is handed over.
func (w *writer) templatesByMethod(own []definition.Key) []value.Value {
	var all []value.Value
	for _, spec := range w.specs {
		for _, method := range spec.Methods {
			all = append(all, when(calling(spec, method), template(method, own)))
		}
	}
	return all
}

func template(method protocol.Method, own []definition.Key) value.Value {
	schema, _ := parametersOf(method)
	var inside, beside []value.Field
	for _, key := range own {
		for _, name := range key.Names {
			beside = append(beside, of(name, value.Bool(true)))
		}
	}
	keys := value.Object(beside...)
	properties, _ := schema.Get("properties")
	for _, parameter := range properties.Fields() {
		to := of(parameter.Name, refer(method.Name, "properties", parameter.Name))
		inside = append(inside, to)
		if _, isKey := keys.Get(parameter.Name); !isKey {
			keys = keys.With(to.Name, to.Value)
		}
	}
	parameters := value.Object(of("properties", value.Object(inside...)))
	then := value.Object()
	if closed(schema) {
		parameters = parameters.With("additionalProperties", value.Bool(false))
		then = then.With("additionalProperties", value.Bool(false))
	}
	for _, name := range []string{"parameters", "params"} {
		keys = keys.With(name, parameters)
	}
	return then.With("properties", keys)
}

// closed reports whether the properties of a schema are all that there can be.
func closed(schema value.Value) bool {
	others, has := schema.Get("additionalProperties")
	_, patterns := schema.Get("patternProperties")
	return has && others.Kind() == value.KindBool && !others.Bool() && !patterns
}
