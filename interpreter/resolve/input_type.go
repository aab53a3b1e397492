package resolve

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// InputType is the type of an input, as definition.InputTypes lists them.
type InputType string

const (
	TypeString  InputType = protocol.InputString
	TypeInteger InputType = protocol.InputInteger
	TypeNumber  InputType = protocol.InputNumber
	TypeBoolean InputType = protocol.InputBoolean
	TypeList    InputType = protocol.InputList
	TypeObject  InputType = protocol.InputObject
)

// TypeOf returns the type that an input names, else that of its default, else string. It may be unknown.
func TypeOf(input *definition.Input) InputType {
	if input.Type != nil {
		return InputType(input.Type.Written)
	}
	return impliedType(input)
}

// Known reports whether there is such a type.
func (t InputType) Known() bool { return slices.Contains(definition.InputTypes(), string(t)) }

// Fits reports whether a value has the type.
func (t InputType) Fits(val value.Value) bool { return protocol.FitsInput(string(t), val) }

// Describe names a value of the type in a message.
func (t InputType) Describe() string { return protocol.DescribeInput(string(t)) }

// impliedType is the type of an input that names none: that of its default, or string.
func impliedType(input *definition.Input) InputType {
	if input.Default == nil {
		return TypeString
	}
	switch input.Default.Kind {
	case value.KindNumber:
		return TypeNumber
	case value.KindBool:
		return TypeBoolean
	case value.KindList:
		return TypeList
	case value.KindObject:
		return TypeObject
	}
	return TypeString
}

// convert reads the text that was given for an input of a type: a string is the text as it is, all else is JSON or YAML.
func (t InputType) convert(text string) (val value.Value, converted bool) {
	if t == TypeString {
		return value.String(text), true
	}
	val, isValue := definition.ParseValue(text)
	return val, isValue && t.Fits(val)
}

// example is a value of the type as it is written on the command line.
func (t InputType) example() string {
	switch t {
	case TypeInteger:
		return "2"
	case TypeNumber:
		return "2.5"
	case TypeBoolean:
		return "true"
	case TypeList:
		return `'["a", "b"]'`
	case TypeObject:
		return `'{"a": 1}'`
	}
	return "text"
}

// InputSchema is the JSON Schema of the object that holds the values of these inputs.
func InputSchema(inputs []*definition.Input) value.Value {
	var properties []value.Field
	var required []value.Value
	for _, input := range inputs {
		properties = append(properties, value.Field{Name: input.Name, Value: schemaOf(input)})
		if IsRequired(input) {
			required = append(required, value.String(input.Name))
		}
	}
	schema := value.Object(
		value.Field{Name: "type", Value: value.String("object")},
		value.Field{Name: "properties", Value: value.Object(properties...)},
	)
	if len(required) > 0 {
		schema = schema.With("required", value.List(required...))
	}
	return schema.With("additionalProperties", value.Bool(false))
}

func schemaOf(input *definition.Input) value.Value {
	name := string(TypeOf(input))
	if name == string(TypeList) {
		name = "array" // All other types have the same name there.
	}
	schema := value.Object(value.Field{Name: "type", Value: value.String(name)})
	if input.Description != nil {
		schema = schema.With("description", value.String(input.Description.Written))
	}
	if input.Enum != nil {
		schema = schema.With("enum", input.Enum.Value())
	}
	if input.Default != nil && input.Default.Kind != value.KindNull {
		schema = schema.With("default", input.Default.Value())
	}
	return schema
}

// IsRequired reports whether an input must be given.
func IsRequired(input *definition.Input) bool {
	return input.Default == nil && input.Required != nil && input.Required.Truth
}

// DeclaredInputs returns the inputs of a workflow as plans have them. The types of all are known.
func DeclaredInputs(inputs []*definition.Input) []protocol.Input {
	all := make([]protocol.Input, 0, len(inputs))
	for _, input := range inputs {
		declared := protocol.Input{Name: input.Name, Type: string(TypeOf(input)), Required: IsRequired(input)}
		if input.Default != nil && input.Default.Kind != value.KindNull {
			given := input.Default.Value()
			declared.Default = &given
		}
		if input.Enum != nil {
			for _, element := range input.Enum.Elements {
				declared.Enum = append(declared.Enum, element.Value())
			}
		}
		all = append(all, declared)
	}
	return all
}
