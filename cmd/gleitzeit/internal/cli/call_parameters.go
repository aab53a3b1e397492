package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// givenParameters reads name=value pairs as the method's schema means them. What is no parameter of the method is for
// the rules to refuse. The schema is that of a server's tool; nil for that of the protocol.
func (p callCommand) givenParameters(method string, pairs []string, schema []byte) (value.Value, error) {
	if m := findMethod(runs.Specs(p.options(), false), method); m != nil && schema == nil {
		schema = m.Parameters
	}
	properties := propertiesOf(schema)
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

// needsSchema reports whether a call is of a server's tool, and only the tool's schema says whether a value is text.
func (p callCommand) needsSchema(method string, pairs []string) bool {
	m := findMethod(runs.Specs(p.options(), false), method)
	return m != nil && m.IsServerTool && slices.ContainsFunc(pairs, func(pair string) bool {
		_, text, _ := strings.Cut(pair, "=")
		_, err := value.Parse([]byte(text))
		return err == nil
	})
}

// describeTool returns the schema of a server's tool; nil if the server does not say it: then the call fails too, and reports
// why. A signal cancels the call.
func describeTool(ctx context.Context, e *runs.Executor, method string, signals <-chan os.Signal) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	described := make(chan []byte, 1)
	go func() {
		tool, err := e.DescribeTool(ctx, method)
		if err != nil {
			tool.Parameters = nil
		}
		described <- tool.Parameters
	}()
	select {
	case schema := <-described:
		return schema, nil
	case <-signals:
		return nil, failedCall{protocol.Errorf(protocol.TaskCancelled, "the call was cancelled")}
	}
}

// findMethod returns the method with the name; nil if there is none.
func findMethod(specs []protocol.Spec, name string) *protocol.Method {
	for _, spec := range specs {
		if m, found := spec.Find(name); found {
			return &m
		}
	}
	return nil
}

// propertiesOf returns the schemas of parameters by their names; null if there are none.
func propertiesOf(parameters []byte) value.Value {
	schema, err := value.Parse(parameters)
	if err != nil {
		return value.Value{} // The rules report what is wrong with it.
	}
	properties, _ := schema.Get("properties")
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
