package schema

import (
	"regexp"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// methods are those that a template can name: in full, each with what it does, and short where the protocol is named, in
// the template or beside it.
func (w *writer) methods() protocol.Value {
	var all []protocol.Value
	var short []string
	for _, spec := range w.specs {
		for _, method := range spec.Methods {
			all = append(all, described(method.Name, method.Summary))
			short = append(short, regexp.QuoteMeta(shortName(method)))
		}
	}
	all = append(all, protocol.OfObject(
		of("description", protocol.OfString("A method by its short name, where the protocol is given.")),
		of("type", protocol.OfString("string")),
		of("pattern", protocol.OfString("^("+strings.Join(short, "|")+")$")),
	))
	return protocol.OfObject(of("anyOf", protocol.OfList(all...)))
}

func (w *writer) protocols() protocol.Value {
	var all []protocol.Value
	for _, spec := range w.specs {
		all = append(all, described(spec.Name, spec.Summary))
	}
	return nullable(protocol.OfObject(of("anyOf", protocol.OfList(all...))))
}

// described is one word of several, with what it means where that is known.
func described(word, about string) protocol.Value {
	schema := protocol.OfObject(of("const", protocol.OfString(word)))
	if about == "" {
		return schema
	}
	return schema.With("description", protocol.OfString(about))
}

// shortName is the name of a method for those who name the protocol: "execute" of "python/execute".
func shortName(method protocol.Method) string {
	_, short, _ := strings.Cut(method.Name, "/")
	return short
}

// methodsByProtocol says which methods a task can name beside a protocol, and which without one.
func (w *writer) methodsByProtocol() []protocol.Value {
	var all, alone []protocol.Value
	for _, spec := range w.specs {
		var beside []protocol.Value
		for _, method := range spec.Methods {
			full := described(method.Name, method.Summary)
			alone = append(alone, full)
			beside = append(beside, described(shortName(method), method.Summary), full)
		}
		all = append(all, when(having([]protocol.Field{of("protocol", described(spec.Name, ""))}), naming(beside)))
	}
	return append(all, when(parsed(`{"properties": {"protocol": {"type": "null"}}}`), naming(alone)))
}

// naming is the schema of a task that names one of some methods.
func naming(methods []protocol.Value) protocol.Value {
	return protocol.OfObject(of("properties", protocol.OfObject(of("method", protocol.OfObject(of("anyOf", protocol.OfList(methods...)))))))
}

func when(is, then protocol.Value) protocol.Value {
	return protocol.OfObject(of("if", is), of("then", then))
}

// having is the schema of a mapping in which these keys have these values.
func having(keys []protocol.Field) protocol.Value {
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = key.Name
	}
	return protocol.OfObject(of("required", texts(names)), of("properties", protocol.OfObject(keys...)))
}

// calling is what a task has that calls a method, by its full name or by its short one.
func calling(spec protocol.Spec, method protocol.Method) protocol.Value {
	return protocol.OfObject(of("anyOf", protocol.OfList(
		having([]protocol.Field{of("method", described(method.Name, ""))}),
		having([]protocol.Field{of("protocol", described(spec.Name, "")), of("method", described(shortName(method), ""))}),
	)))
}

// parametersByMethod says which parameters a task has, by its method.
func (w *writer) parametersByMethod() []protocol.Value {
	var all []protocol.Value
	for _, spec := range w.specs {
		for _, method := range spec.Methods {
			schema, needed := parametersOf(method)
			to := w.parametersOfTask(method, schema)
			then := protocol.OfObject(of("properties", protocol.OfObject(of("parameters", to), of("params", to))))
			if needed {
				then = then.With("anyOf", parsed(`[{"required": ["parameters"]}, {"required": ["params"]}]`))
			}
			all = append(all, when(calling(spec, method), then))
		}
	}
	return all
}

// templatesByMethod says which parameters stand in a template, by its method: beside its own keys, or in `parameters`. None
// has to be there, as the file of each item is handed over.
func (w *writer) templatesByMethod(own []definition.Key) []protocol.Value {
	var all []protocol.Value
	for _, spec := range w.specs {
		for _, method := range spec.Methods {
			all = append(all, when(calling(spec, method), template(method, own)))
		}
	}
	return all
}

func template(method protocol.Method, own []definition.Key) protocol.Value {
	schema, _ := parametersOf(method)
	var inside, beside []protocol.Field
	for _, key := range own {
		for _, name := range key.Names {
			beside = append(beside, of(name, protocol.OfBool(true)))
		}
	}
	keys := protocol.OfObject(beside...)
	properties, _ := schema.Get("properties")
	for _, parameter := range properties.Fields() {
		to := of(parameter.Name, refer(method.Name, "properties", parameter.Name))
		inside = append(inside, to)
		if _, isKey := keys.Get(parameter.Name); !isKey {
			keys = keys.With(to.Name, to.Value)
		}
	}
	parameters := protocol.OfObject(of("properties", protocol.OfObject(inside...)))
	then := protocol.OfObject()
	if closed(schema) {
		parameters = parameters.With("additionalProperties", protocol.OfBool(false))
		then = then.With("additionalProperties", protocol.OfBool(false))
	}
	for _, name := range []string{"parameters", "params"} {
		keys = keys.With(name, parameters)
	}
	return then.With("properties", keys)
}

// closed tells whether the properties of a schema are all that there can be.
func closed(schema protocol.Value) bool {
	others, has := schema.Get("additionalProperties")
	_, patterns := schema.Get("patternProperties")
	return has && others.Kind() == protocol.Boolean && !others.Bool() && !patterns
}
