package mcpserver

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// argument is one that a tool takes.
type argument struct {
	name     string
	schema   string // JSON Schema.
	required bool
	hidden   bool // Clients are not told of it; one that gives it is told why it may not.
}

// schemaOf is the JSON Schema of a tool's arguments.
func schemaOf(takes []argument) value.Value {
	properties := value.Object()
	var required []value.Value
	for _, a := range shown(takes) {
		parsed, err := value.Parse([]byte(a.schema))
		if err != nil {
			panic("mcpserver: the schema of " + a.name + ": " + err.Error())
		}
		properties = properties.With(a.name, parsed)
		if a.required {
			required = append(required, value.String(a.name))
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

// arguments are those of one call: an object, in which null is as good as nothing.
type arguments struct{ value.Value }

// parseArguments reads the arguments of a call of a tool that takes these. Each value is of the type that its schema
// names.
func parseArguments(data []byte, takes []argument) (arguments, error) {
	given, err := parseObject(data)
	if err != nil {
		return arguments{}, err
	}
	for _, field := range given.Fields() {
		at := slices.IndexFunc(takes, func(a argument) bool { return a.name == field.Name })
		if at < 0 {
			var names []string
			for _, a := range shown(takes) {
				names = append(names, a.name)
			}
			return arguments{}, protocol.Errorf(protocol.InvalidParams, "unknown argument %q", field.Name).
				WithHint("arguments are: %s", strings.Join(names, ", "))
		}
		schema, err := value.Parse([]byte(takes[at].schema))
		if err != nil {
			return arguments{}, err
		}
		wanted, _ := schema.Get("type")
		if !field.Value.IsNull() && !isOf(field.Value, wanted.Text()) {
			return arguments{}, protocol.Errorf(protocol.InvalidParams, "argument %q must be of type %s", field.Name, wanted.Text())
		}
	}
	for _, a := range takes {
		if value, _ := given.Get(a.name); a.required && value.IsNull() {
			return arguments{}, protocol.Errorf(protocol.InvalidParams, "argument %q is required", a.name)
		}
	}
	return arguments{given}, nil
}

func shown(takes []argument) []argument {
	return slices.DeleteFunc(slices.Clone(takes), func(a argument) bool { return a.hidden })
}

// parseObject reads the arguments of a call as an object; none are an empty one.
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

func isOf(val value.Value, name string) bool {
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

func (a arguments) truth(name string) bool {
	value, _ := a.Get(name)
	return value.Bool()
}

// object is a value that is an object, null without one.
func (a arguments) object(name string) value.Value {
	value, _ := a.Get(name)
	return value
}
