package protocol

import (
	"bytes"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Input is an input of a workflow that tasks of other workflows run.
type Input struct {
	Name     string        `json:"name"`
	Type     string        `json:"type"`
	Default  *value.Value  `json:"default,omitempty"`
	Enum     []value.Value `json:"enum,omitempty"`     // The values that are allowed; empty: all of the type.
	Required bool          `json:"required,omitempty"` // It has no default, and must be given.
}

// The names of the types of inputs.
const (
	InputString  = "string"
	InputInteger = "integer"
	InputNumber  = "number"
	InputBoolean = "boolean"
	InputList    = "list"
	InputObject  = "object"
)

// FitsInput reports whether a value has a type of inputs.
func FitsInput(name string, v value.Value) bool {
	switch name {
	case InputInteger:
		return v.Kind() == value.KindNumber && !strings.ContainsAny(v.Digits(), ".eE")
	case InputList:
		return v.Kind() == value.KindList
	case InputObject:
		return v.Kind() == value.KindObject
	}
	return v.Kind().String() == name
}

// DescribeInput names a value of a type of inputs in a message.
func DescribeInput(name string) string {
	switch name {
	case InputInteger:
		return "a whole number"
	case InputBoolean:
		return "true or false"
	case InputList:
		return "a list"
	case InputObject:
		return "a mapping"
	}
	return "a " + name
}

// Problem returns what is wrong with a value for the input: `must be a list, not "a"`; empty if nothing is.
func (i *Input) Problem(v value.Value) string {
	want := ""
	switch {
	case !FitsInput(i.Type, v):
		want = DescribeInput(i.Type)
	case len(i.Enum) > 0 && !slices.ContainsFunc(i.Enum, func(one value.Value) bool { return SameInput(one, v) }):
		want = i.describeEnum()
	default:
		return ""
	}
	return "must be " + want + ", not " + shortJSON(v)
}

// SameInput reports whether two values are the same. Numbers are compared by their value: 1 is 1.0.
func SameInput(a, b value.Value) bool {
	if a.Kind() == value.KindNumber && b.Kind() == value.KindNumber {
		return value.CompareDigits(a.Digits(), b.Digits()) == 0
	}
	return bytes.Equal(a.JSON(), b.JSON())
}

func (i *Input) describeEnum() string {
	const most = 12
	var shown []string
	for _, one := range i.Enum[:min(len(i.Enum), most)] {
		shown = append(shown, shortJSON(one))
	}
	if len(i.Enum) > most {
		shown = append(shown, "one of the others")
	}
	last := len(shown) - 1
	if last == 0 {
		return shown[0]
	}
	return strings.Join(shown[:last], ", ") + " or " + shown[last]
}

// shortJSON returns the beginning of the JSON of a value.
func shortJSON(v value.Value) string {
	const most = 60
	text := []rune(string(v.JSON()))
	if len(text) > most {
		return string(text[:most-1]) + "…"
	}
	return string(text)
}
