package rules

import (
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
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
func fits(val value.Value, name string) bool {
	switch name {
	case typeInteger:
		return val.Kind() == value.KindNumber && !strings.ContainsAny(val.Digits(), ".eE")
	case typeList:
		return val.Kind() == value.KindList
	case typeObject:
		return val.Kind() == value.KindObject
	}
	return val.Kind().String() == name
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
	case value.KindNumber:
		return typeNumber
	case value.KindBool:
		return typeBoolean
	case value.KindList:
		return typeList
	case value.KindObject:
		return typeObject
	}
	return typeString
}

// convert reads the text that was given for an input of a type: a string is the text as it is, all else is JSON or YAML.
func convert(text, name string) (val value.Value, converted bool) {
	if name == typeString {
		return value.String(text), true
	}
	val, isValue := definition.ParseValue(text)
	return val, isValue && fits(val, name)
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
