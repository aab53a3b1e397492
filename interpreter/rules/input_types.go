package rules

import (
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// The types that an input can have, as definition.InputTypes lists them.
const (
	typeString  = "string"
	typeInteger = "integer"
	typeNumber  = "number"
	typeBoolean = "boolean"
	typeList    = "list"
	typeObject  = "object"
)

// fits tells whether a value is of an input's type.
func fits(value protocol.Value, name string) bool {
	switch name {
	case typeInteger:
		return value.Kind() == protocol.Number && !strings.ContainsAny(value.Digits(), ".eE")
	case typeList:
		return value.Kind() == protocol.List
	case typeObject:
		return value.Kind() == protocol.Object
	}
	return value.Kind().String() == name
}

// named names a type in a message.
func named(name string) string {
	switch name {
	case typeInteger:
		return "a whole number"
	case typeBoolean:
		return "true or false"
	case typeList:
		return "a list"
	case typeObject:
		return "a mapping"
	}
	return "a " + name
}

// impliedType is the type of an input that names none: that of its default, or string.
func impliedType(input *definition.Input) string {
	if input.Default == nil {
		return typeString
	}
	switch input.Default.Kind {
	case protocol.Number:
		return typeNumber
	case protocol.Boolean:
		return typeBoolean
	case protocol.List:
		return typeList
	case protocol.Object:
		return typeObject
	}
	return typeString
}

// convert reads the text that was given for an input of a type: a string is the text as it is, all else is JSON or YAML.
func convert(text, name string) (value protocol.Value, converted bool) {
	if name == typeString {
		return protocol.OfString(text), true
	}
	value, isValue := definition.ParseValue(text)
	return value, isValue && fits(value, name)
}

// wanted says how a value of a type is written on the command line.
func wanted(name string) string {
	switch name {
	case typeList:
		return `a list as JSON, such as ["a", "b"]`
	case typeObject:
		return `a mapping as JSON, such as {"a": 1}`
	}
	return named(name)
}
