// Package parameters reads the parameters of a method from a command line: name=value, as the method's schema means them.
package parameters

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Read reads name=value pairs. The schema is that of the method, or of a server's tool; nil if it is not known. What is no parameter
// is for the rules to report. It reads all pairs, and returns what is wrong with others.
func Read(pairs []string, schema []byte) (fields []value.Field, wrong []error) {
	properties := Properties(schema)
	for _, pair := range pairs {
		name, text, found := strings.Cut(pair, "=")
		if !found || name == "" {
			wrong = append(wrong, fmt.Errorf("%q: expected NAME=VALUE", pair))
			continue
		}
		if slices.ContainsFunc(fields, func(f value.Field) bool { return f.Name == name }) {
			wrong = append(wrong, fmt.Errorf("the argument %q is given twice", name))
			continue
		}
		schema, _ := properties.Get(name)
		fields = append(fields, value.Field{Name: name, Value: meant(text, typesOf(schema))})
	}
	return fields, wrong
}

// NeedSchema reports whether only the schema says whether one of the values is text.
func NeedSchema(pairs []string) bool {
	return slices.ContainsFunc(pairs, func(pair string) bool {
		_, text, _ := strings.Cut(pair, "=")
		_, err := value.Parse([]byte(text))
		return err == nil
	})
}

// Method returns the method with the name; nil if there is none.
func Method(specs []protocol.Spec, name string) *protocol.Method {
	for _, spec := range specs {
		if m, found := spec.Find(name); found {
			return &m
		}
	}
	return nil
}

// Properties returns the schemas of parameters by their names; null if there are none.
func Properties(schema []byte) value.Value {
	read, err := value.Parse(schema)
	if err != nil {
		return value.Value{} // The rules report what is wrong with it.
	}
	properties, _ := read.Get("properties")
	return properties
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
