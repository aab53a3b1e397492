package rules

import (
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// InputType is the type of an input: the one that it names, else that of its default, else string.
func InputType(input *definition.Input) string {
	if input.Type != nil {
		return input.Type.Written
	}
	return impliedType(input)
}

// InputSchema is the JSON Schema of the object that holds the values of these inputs.
func InputSchema(inputs []*definition.Input) value.Value {
	var properties []value.Field
	var required []value.Value
	for _, input := range inputs {
		properties = append(properties, value.Field{Name: input.Name, Value: schemaOf(input)})
		if isRequired(input) {
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
	name := InputType(input)
	if name == typeList {
		name = "array" // All other types are called the same there.
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

func isRequired(input *definition.Input) bool {
	return input.Default == nil && input.Required != nil && input.Required.Truth
}

// ruleInputs is the name of the rule that looks at inputs.
const ruleInputs = "inputs"

// Given is what the command line would have to give inputs the values of an object. A null is no value. What has not the
// type of its input, and what is required and not there, is a mistake; a value that fits then stands for it, so that
// nothing else is found because of it.
func Given(file string, inputs []*definition.Input, values value.Value) ([]GivenInput, []definition.Diagnostic) {
	var given []GivenInput
	var found []definition.Diagnostic
	report := func(input *definition.Input, message, hint string) {
		found = append(found, definition.Diagnostic{
			File: file, Line: input.At.Line, Column: input.At.Column, Rule: ruleInputs, Message: message, Hint: hint,
		})
		given = append(given, GivenInput{input.Name, fitting(input)})
	}
	declared := map[string]bool{}
	for _, input := range inputs {
		declared[input.Name] = true
		name, quoted := InputType(input), definition.Quote(input.Name)
		value, _ := values.Get(input.Name)
		switch {
		case value.IsNull() && isRequired(input):
			report(input, "the input "+quoted+" is required and was not given", "it is "+named(name))
		case value.IsNull():
		case !fits(value, name):
			report(input, "the input "+quoted+" must be "+named(name)+", and was given as "+definition.Shorten(string(value.JSON())), "")
		default:
			given = append(given, GivenInput{input.Name, asGiven(value)})
		}
	}
	for _, field := range values.Fields() {
		if !declared[field.Name] {
			given = append(given, GivenInput{field.Name, asGiven(field.Value)}) // The rule suggests one that is there.
		}
	}
	return given, found
}

// Fitting gives each input that must be given some value that it may have.
func Fitting(inputs []*definition.Input) []GivenInput {
	var given []GivenInput
	for _, input := range inputs {
		if isRequired(input) {
			given = append(given, GivenInput{input.Name, fitting(input)})
		}
	}
	return given
}

func fitting(input *definition.Input) string {
	if input.Enum != nil && len(input.Enum.Elements) > 0 {
		return asGiven(input.Enum.Elements[0].Value())
	}
	switch InputType(input) {
	case typeInteger, typeNumber:
		return "0"
	case typeBoolean:
		return "false"
	case typeList:
		return "[]"
	case typeObject:
		return "{}"
	}
	return ""
}

func asGiven(val value.Value) string {
	if val.Kind() == value.KindString {
		return val.Text()
	}
	return string(val.JSON())
}
