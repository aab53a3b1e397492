package mcpserver

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// parameter is a parameter of a tool.
type parameter struct {
	name     string
	schema   string // JSON Schema.
	required bool
	hidden   bool // Not in the schema of the tool; a call that gives it gets a specific error.
}

// inputSchema returns the JSON Schema of a tool's arguments.
func inputSchema(parameters []parameter) value.Value {
	properties := value.Object()
	var required []value.Value
	for _, p := range advertised(parameters) {
		parsed, err := value.Parse([]byte(p.schema))
		if err != nil {
			panic("mcpserver: the schema of " + p.name + ": " + err.Error())
		}
		properties = properties.With(p.name, parsed)
		if p.required {
			required = append(required, value.String(p.name))
		}
	}
	schema := value.Object(
		value.Field{Name: "type", Value: value.String("object")}, value.Field{Name: "properties", Value: properties},
	)
	if len(required) > 0 {
		schema = schema.With("required", value.List(required...))
	}
	return schema.With("additionalProperties", value.Bool(false))
}

// arguments are the arguments of a call: an object, in which null is the same as an absent field.
type arguments struct{ value.Value }

// parseArguments parses the arguments of a call of a tool with these parameters. Each value has the type that its schema
// names.
func parseArguments(data []byte, parameters []parameter) (arguments, error) {
	object, err := parseObject(data)
	if err != nil {
		return arguments{}, err
	}
	for _, field := range object.Fields() {
		at := slices.IndexFunc(parameters, func(p parameter) bool { return p.name == field.Name })
		if at < 0 {
			var names []string
			for _, p := range advertised(parameters) {
				names = append(names, p.name)
			}
			return arguments{}, protocol.Errorf(protocol.InvalidParams, "unknown argument %q", field.Name).
				WithHint("arguments are: %s", strings.Join(names, ", "))
		}
		schema, err := value.Parse([]byte(parameters[at].schema))
		if err != nil {
			return arguments{}, err
		}
		want, _ := schema.Get("type")
		if !field.Value.IsNull() && !hasType(field.Value, want.Text()) {
			return arguments{}, protocol.Errorf(protocol.InvalidParams, "argument %q must be of type %s", field.Name, want.Text())
		}
	}
	for _, p := range parameters {
		if value, _ := object.Get(p.name); p.required && value.IsNull() {
			return arguments{}, protocol.Errorf(protocol.InvalidParams, "argument %q is required", p.name)
		}
	}
	return arguments{object}, nil
}

// advertised returns the parameters that clients see.
func advertised(parameters []parameter) []parameter {
	return slices.DeleteFunc(slices.Clone(parameters), func(p parameter) bool { return p.hidden })
}

// parseObject parses the arguments of a call as an object, which is empty if there are none.
func parseObject(data []byte) (value.Value, error) {
	if len(data) == 0 {
		return value.Object(), nil
	}
	given, err := value.Parse(data)
	if err != nil {
		return value.Value{}, protocol.Errorf(protocol.InvalidParams, "cannot read the arguments: %s", err)
	}
	if given.IsNull() {
		return value.Object(), nil
	}
	if given.Kind() != value.KindObject {
		return value.Value{}, protocol.Errorf(protocol.InvalidParams, "the arguments must be an object")
	}
	return given, nil
}

// hasType reports whether a value has a type of JSON Schema.
func hasType(val value.Value, name string) bool {
	switch name {
	case "integer":
		return val.Kind() == value.KindNumber && !strings.ContainsAny(val.Digits(), ".eE")
	case "array":
		return val.Kind() == value.KindList
	}
	return val.Kind().String() == name
}

func (a arguments) text(name string) (string, bool) {
	value, _ := a.Get(name)
	return value.Text(), !value.IsNull()
}

func (a arguments) boolean(name string) bool {
	value, _ := a.Get(name)
	return value.Bool()
}

// value returns an argument; null if there is none.
func (a arguments) value(name string) value.Value {
	value, _ := a.Get(name)
	return value
}
