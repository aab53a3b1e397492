package schema

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// parametersOf is the schema of a method's parameters as a file has them: references may stand for values, and `timeout`
// means the task's own where the method has no parameter of that name. needed: a task cannot leave them out.
func parametersOf(method protocol.Method) (schema protocol.Value, needed bool) {
	schema = protocol.OfObject()
	if len(method.Parameters) > 0 {
		schema = parsed(string(method.Parameters))
	}
	needed = needs(schema)
	schema = withReferences(schema).With("type", protocol.OfString("object")).With("title", protocol.OfString("parameters of "+method.Name))
	if !needed {
		schema = nullable(schema)
	}
	properties, _ := schema.Get("properties")
	if _, own := properties.Get("timeout"); !own {
		schema = schema.With("properties", protocol.OfObject(append(slices.Clone(properties.Fields()), of("timeout", timeout()))...))
	}
	return schema, needed
}

// timeout is what the key of a task takes that has this name.
func timeout() protocol.Value {
	for _, key := range definition.Language() {
		if key.Name() == "timeout" {
			return parsed(key.Schema).With("description", protocol.OfString("The same as timeout of the task."))
		}
	}
	panic("schema: the language has no timeout")
}

// needs tells whether a schema refuses an object without properties, as far as `required` says so.
func needs(schema protocol.Value) bool {
	if required, has := schema.Get("required"); has && len(required.Elements()) > 0 {
		return true
	}
	for _, name := range []string{"anyOf", "oneOf"} {
		if branches, has := schema.Get(name); has && !slices.ContainsFunc(branches.Elements(), func(branch protocol.Value) bool { return !needs(branch) }) {
			return true
		}
	}
	return false
}

// withReferences lets references stand for all values within those of a schema, which itself is for what it was.
func withReferences(schema protocol.Value) protocol.Value {
	fields := slices.Clone(schema.Fields())
	for i, field := range fields {
		switch field.Name {
		case "properties", "patternProperties":
			inside := slices.Clone(field.Value.Fields())
			for j := range inside {
				inside[j].Value = orReference(inside[j].Value)
			}
			fields[i].Value = protocol.OfObject(inside...)
		case "additionalProperties", "items":
			fields[i].Value = orReference(field.Value)
		case "prefixItems":
			fields[i].Value = each(field.Value, orReference)
		case "anyOf", "oneOf", "allOf":
			fields[i].Value = each(field.Value, withReferences)
		}
	}
	if schema.Kind() != protocol.Object {
		return schema
	}
	return protocol.OfObject(fields...)
}

func each(list protocol.Value, change func(protocol.Value) protocol.Value) protocol.Value {
	elements := slices.Clone(list.Elements())
	for i := range elements {
		elements[i] = change(elements[i])
	}
	return protocol.OfList(elements...)
}

// annotations are what a schema says to people. They stay where editors look for them.
var annotations = []string{"title", "description", "default", "examples", "deprecated"}

// orReference lets a reference stand for a value too.
func orReference(schema protocol.Value) protocol.Value {
	inside := withReferences(schema)
	if takesText(schema) {
		return inside
	}
	var outer, inner []protocol.Field
	for _, field := range inside.Fields() {
		if slices.Contains(annotations, field.Name) {
			outer = append(outer, field)
		} else {
			inner = append(inner, field)
		}
	}
	return protocol.OfObject(append(outer, of("anyOf", protocol.OfList(protocol.OfObject(inner...), refer("reference"))))...)
}

// takesText tells whether a schema takes any text that can hold a reference, or no value at all.
func takesText(schema protocol.Value) bool {
	if schema.Kind() != protocol.Object {
		return true
	}
	for _, field := range schema.Fields() {
		switch field.Name {
		case "enum", "const", "pattern", "format", "maxLength", "anyOf", "oneOf", "allOf", "not", "if", "$ref":
			return false
		}
	}
	types, has := schema.Get("type")
	return !has || types.Text() == "string" || slices.ContainsFunc(types.Elements(), func(one protocol.Value) bool { return one.Text() == "string" })
}
