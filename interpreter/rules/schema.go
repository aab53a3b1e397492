package rules

import (
	"encoding/json"

	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// newMethod reads a method's schema.
func newMethod(from protocol.Method) *method {
	m := &method{Method: from}
	if len(from.Parameters) == 0 {
		return m
	}
	val, err := value.Parse(from.Parameters)
	if err != nil {
		m.problem = err.Error()
		return m
	}
	properties, _ := val.Get("properties")
	for _, field := range properties.Fields() {
		m.properties = append(m.properties, field.Name)
	}
	others, has := val.Get("additionalProperties")
	m.closed = has && others.Kind() == value.KindBool && !others.Bool()
	if m.schema, err = jsonschema.Compile(from.Parameters); err != nil {
		m.problem = err.Error()
	}
	return m
}

// instance converts a value to what the validator takes.
func instance(n *definition.Node) any {
	switch n.Kind {
	case value.KindBool:
		return n.Truth
	case value.KindNumber:
		return json.Number(n.Text)
	case value.KindString:
		return n.Text
	case value.KindList:
		elements := make([]any, len(n.Elements))
		for i, element := range n.Elements {
			elements[i] = instance(element)
		}
		return elements
	case value.KindObject:
		fields := make(map[string]any, len(n.Fields))
		for _, field := range n.Fields {
			fields[field.Name] = instance(field.Value)
		}
		return fields
	}
	return nil
}
