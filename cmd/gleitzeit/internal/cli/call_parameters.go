package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// givenParameters reads name=value pairs as the method's schema means them. What is no parameter of the method is for
// the rules to refuse.
func (p *program) givenParameters(method string, pairs []string) (protocol.Value, error) {
	properties := propertiesOf(p.specs(false), method)
	var fields []protocol.Field
	for _, pair := range pairs {
		name, text, found := strings.Cut(pair, "=")
		if !found || name == "" {
			return protocol.Value{}, usage{fmt.Errorf("%q is not name=value", pair)}
		}
		schema, _ := properties.Get(name)
		fields = append(fields, protocol.Field{Name: name, Value: meant(text, typesOf(schema))})
	}
	return protocol.OfObject(fields...), nil
}

// propertiesOf are the schemas of a method's parameters by their names; nothing where there is no such method.
func propertiesOf(specs []protocol.Spec, method string) protocol.Value {
	for _, spec := range specs {
		m, found := spec.Find(method)
		if !found {
			continue
		}
		schema, err := protocol.ParseValue(m.Parameters)
		if err != nil {
			return protocol.Value{} // The rules say what is wrong with it.
		}
		properties, _ := schema.Get("properties")
		return properties
	}
	return protocol.Value{}
}

// typesOf lists the JSON types that a schema takes; nothing is any.
func typesOf(schema protocol.Value) []string {
	var types []string
	named, _ := schema.Get("type")
	for _, name := range append(named.Elements(), named) {
		if name.Kind() == protocol.String {
			types = append(types, name.Text())
		}
	}
	for _, choice := range []string{"anyOf", "oneOf"} {
		choices, _ := schema.Get(choice)
		for _, one := range choices.Elements() {
			types = append(types, typesOf(one)...)
		}
	}
	return types
}

// meant reads a text as JSON where that is of a type that is wanted, else as the text that it is.
func meant(text string, types []string) protocol.Value {
	value, err := protocol.ParseValue([]byte(text))
	if err != nil {
		return protocol.OfString(text)
	}
	wanted := func(names ...string) bool {
		return len(types) == 0 || slices.ContainsFunc(names, func(name string) bool { return slices.Contains(types, name) })
	}
	is := false
	switch value.Kind() {
	case protocol.Null:
		is = wanted("null")
	case protocol.Boolean:
		is = wanted("boolean")
	case protocol.Number:
		is = wanted("number", "integer")
	case protocol.List:
		is = wanted("array")
	case protocol.Object:
		is = wanted("object")
	case protocol.String:
		is = len(types) == 0
	}
	if !is {
		return protocol.OfString(text)
	}
	return value
}
