package schema

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// parametersOf is the schema of a method's parameters as a file has them: references can replace values, and `timeout`
// means the task's own where the method has no parameter of that name and is no tool of a server. needed: a task cannot leave
// them out.
func parametersOf(method protocol.Method) (schema value.Value, needed bool) {
	schema = value.Object()
	if len(method.Parameters) > 0 {
		schema = parsed(string(method.Parameters))
	}
	needed = needs(schema)
	schema = withReferences(schema).With("type", value.String("object")).With("title", value.String("parameters of "+method.Name))
	if !needed {
		schema = nullable(schema)
	}
	properties, _ := schema.Get("properties")
	if _, own := properties.Get("timeout"); !own && !method.IsServerTool {
		schema = schema.With("properties", value.Object(append(slices.Clone(properties.Fields()), of("timeout", timeout()))...))
	}
	return schema, needed
}

// timeout is what the key of a task takes that has this name.
func timeout() value.Value {
	for _, key := range definition.Language() {
		if key.Name() == "timeout" {
			return parsed(key.Schema).With("description", value.String("The same as timeout of the task."))
		}
	}
	panic("schema: the language has no timeout")
}

// needs reports whether a schema rejects an object without properties, as far as `required` says so.
func needs(schema value.Value) bool {
	if required, has := schema.Get("required"); has && len(required.Elements()) > 0 {
		return true
	}
	for _, name := range []string{"anyOf", "oneOf"} {
		if branches, has := schema.Get(name); has && !slices.ContainsFunc(branches.Elements(), func(branch value.Value) bool { return !needs(branch) }) {
			return true
		}
	}
	return false
}

// withReferences allows references for all values within those of a schema, which itself is for what it was.
func withReferences(schema value.Value) value.Value {
	fields := slices.Clone(schema.Fields())
	for i, field := range fields {
		switch field.Name {
		case "properties", "patternProperties":
			inside := slices.Clone(field.Value.Fields())
			for j := range inside {
				inside[j].Value = orReference(inside[j].Value)
			}
			fields[i].Value = value.Object(inside...)
		case "additionalProperties", "items":
			fields[i].Value = orReference(field.Value)
		case "prefixItems":
			fields[i].Value = each(field.Value, orReference)
		case "anyOf", "oneOf", "allOf":
			fields[i].Value = each(field.Value, withReferences)
		}
	}
	if schema.Kind() != value.KindObject {
		return schema
	}
	return value.Object(fields...)
}

func each(list value.Value, change func(value.Value) value.Value) value.Value {
	elements := slices.Clone(list.Elements())
	for i := range elements {
		elements[i] = change(elements[i])
	}
	return value.List(elements...)
}

// annotations are what a schema says to people. They stay where editors look for them.
var annotations = []string{"title", "description", "default", "examples", "deprecated"}

// orReference allows a reference in place of a value.
func orReference(schema value.Value) value.Value {
	inside := withReferences(schema)
	if takesText(schema) {
		return inside
	}
	var outer, inner []value.Field
	for _, field := range inside.Fields() {
		if slices.Contains(annotations, field.Name) {
			outer = append(outer, field)
		} else {
			inner = append(inner, field)
		}
	}
	return value.Object(append(outer, of("anyOf", value.List(value.Object(inner...), refer("reference"))))...)
}

// takesText reports whether a schema takes any text that can hold a reference, or no value at all.
func takesText(schema value.Value) bool {
	if schema.Kind() != value.KindObject {
		return true
	}
	for _, field := range schema.Fields() {
		switch field.Name {
		case "enum", "const", "pattern", "format", "maxLength", "anyOf", "oneOf", "allOf", "not", "if", "$ref":
			return false
		}
	}
	types, has := schema.Get("type")
	return !has || types.Text() == "string" || slices.ContainsFunc(types.Elements(), func(one value.Value) bool { return one.Text() == "string" })
}
