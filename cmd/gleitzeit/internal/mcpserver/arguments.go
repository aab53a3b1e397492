package mcpserver

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// argument is one that a tool takes.
type argument struct {
	name     string
	schema   string // JSON Schema.
	required bool
	hidden   bool // Clients are not told of it; one that gives it is told why it may not.
}

// schemaOf is the JSON Schema of a tool's arguments.
func schemaOf(takes []argument) protocol.Value {
	properties := protocol.OfObject()
	var required []protocol.Value
	for _, a := range shown(takes) {
		parsed, err := protocol.ParseValue([]byte(a.schema))
		if err != nil {
			panic("mcpserver: the schema of " + a.name + ": " + err.Error())
		}
		properties = properties.With(a.name, parsed)
		if a.required {
			required = append(required, protocol.OfString(a.name))
		}
	}
	schema := protocol.OfObject(
		protocol.Field{Name: "type", Value: protocol.OfString("object")}, protocol.Field{Name: "properties", Value: properties},
	)
	if len(required) > 0 {
		schema = schema.With("required", protocol.OfList(required...))
	}
	return schema.With("additionalProperties", protocol.OfBool(false))
}

// arguments are those of one call: an object, in which null is as good as nothing.
type arguments struct{ protocol.Value }

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
			return arguments{}, protocol.Errorf(protocol.InvalidParams, "there is no argument %q", field.Name).
				WithHint("there are: %s", strings.Join(names, ", "))
		}
		schema, err := protocol.ParseValue([]byte(takes[at].schema))
		if err != nil {
			return arguments{}, err
		}
		wanted, _ := schema.Get("type")
		if !field.Value.IsNull() && !isOf(field.Value, wanted.Text()) {
			return arguments{}, protocol.Errorf(protocol.InvalidParams, "the argument %q must be of the type %s", field.Name, wanted.Text())
		}
	}
	for _, a := range takes {
		if value, _ := given.Get(a.name); a.required && value.IsNull() {
			return arguments{}, protocol.Errorf(protocol.InvalidParams, "the argument %q is missing", a.name)
		}
	}
	return arguments{given}, nil
}

func shown(takes []argument) []argument {
	return slices.DeleteFunc(slices.Clone(takes), func(a argument) bool { return a.hidden })
}

// parseObject reads the arguments of a call as an object; none are an empty one.
func parseObject(data []byte) (protocol.Value, error) {
	if len(data) == 0 {
		return protocol.OfObject(), nil
	}
	given, err := protocol.ParseValue(data)
	if err != nil {
		return protocol.Value{}, protocol.Errorf(protocol.InvalidParams, "the arguments cannot be read: %s", err)
	}
	if given.IsNull() {
		return protocol.OfObject(), nil
	}
	if given.Kind() != protocol.Object {
		return protocol.Value{}, protocol.Errorf(protocol.InvalidParams, "the arguments must be an object")
	}
	return given, nil
}

func isOf(value protocol.Value, name string) bool {
	switch name {
	case "integer":
		return value.Kind() == protocol.Number && !strings.ContainsAny(value.Digits(), ".eE")
	case "array":
		return value.Kind() == protocol.List
	}
	return value.Kind().String() == name
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
func (a arguments) object(name string) protocol.Value {
	value, _ := a.Get(name)
	return value
}
