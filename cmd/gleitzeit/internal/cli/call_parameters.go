package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// givenParameters reads name=value pairs as the method's schema means them. What is no parameter of the method is for
// the rules to refuse.
func (p callCommand) givenParameters(method string, pairs []string) (value.Value, error) {
	properties := propertiesOf(runs.Specs(p.options(), false), method)
	var fields []value.Field
	for _, pair := range pairs {
		name, text, found := strings.Cut(pair, "=")
		if !found || name == "" {
			return value.Value{}, usageError{fmt.Errorf("%q: expected NAME=VALUE", pair)}
		}
		if slices.ContainsFunc(fields, func(f value.Field) bool { return f.Name == name }) {
			return value.Value{}, usageError{fmt.Errorf("the argument %q is given twice", name)}
		}
		schema, _ := properties.Get(name)
		fields = append(fields, value.Field{Name: name, Value: meant(text, typesOf(schema))})
	}
	return value.Object(fields...), nil
}

// propertiesOf are the schemas of a method's parameters by their names; nothing where there is no such method.
func propertiesOf(specs []protocol.Spec, method string) value.Value {
	for _, spec := range specs {
		m, found := spec.Find(method)
		if !found {
			continue
		}
		schema, err := value.Parse(m.Parameters)
		if err != nil {
			return value.Value{} // The rules report what is wrong with it.
		}
		properties, _ := schema.Get("properties")
		return properties
	}
	return value.Value{}
}

// typesOf lists the JSON types that a schema takes; nothing is any.
func typesOf(schema value.Value) []string {
	var types []string
	named, _ := schema.Get("type")
	for _, name := range append(named.Elements(), named) {
		if name.Kind() == value.KindString {
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
func meant(text string, types []string) value.Value {
	val, err := value.Parse([]byte(text))
	if err != nil {
		return value.String(text)
	}
	wanted := func(names ...string) bool {
		return len(types) == 0 || slices.ContainsFunc(names, func(name string) bool { return slices.Contains(types, name) })
	}
	is := false
	switch val.Kind() {
	case value.KindNull:
		is = wanted("null")
	case value.KindBool:
		is = wanted("boolean")
	case value.KindNumber:
		is = wanted("number", "integer")
	case value.KindList:
		is = wanted("array")
	case value.KindObject:
		is = wanted("object")
	case value.KindString:
		is = len(types) == 0
	}
	if !is {
		return value.String(text)
	}
	return val
}
