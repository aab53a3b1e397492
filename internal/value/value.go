// Package value holds JSON values as they were written, with their digits and the order of their fields. It imports the
// standard library alone.
package value

import (
	"encoding/json"
	"strconv"
)

// Kind is the type of a Value.
type Kind uint8

// The kinds of JSON.
const (
	KindNull Kind = iota
	KindBool
	KindNumber
	KindString
	KindList
	KindObject
)

// String returns the name of the kind in messages: "null", "boolean", "number", "string", "list", "object".
func (k Kind) String() string {
	return [...]string{"null", "boolean", "number", "string", "list", "object"}[k]
}

// Article returns the name of the kind with its article: "null", "a boolean", "an object".
func (k Kind) Article() string {
	switch k {
	case KindNull:
		return "null"
	case KindObject:
		return "an object"
	}
	return "a " + k.String()
}

// Value is one JSON value. Unlike Go's any it keeps the digits of a number as written (2^60, 1e-7) and the order of an
// object's fields. The zero Value is null. A Value is immutable.
type Value struct {
	kind  Kind
	truth bool
	text  string // String: the text. Number: its digits, valid JSON.
	parts *parts // Of a list that is not empty, and of an object that is not.
}

// parts is a type of its own because most values have none: a list of a million numbers takes 32 bytes each, not 72.
type parts struct {
	list   []Value
	fields []Field
}

// Field is one member of an object.
type Field struct {
	Name  string
	Value Value
}

// Bool makes a boolean.
func Bool(b bool) Value { return Value{kind: KindBool, truth: b} }

// String makes a string.
func String(s string) Value { return Value{kind: KindString, text: s} }

// Int makes a number.
func Int(i int64) Value { return Value{kind: KindNumber, text: strconv.FormatInt(i, 10)} }

// List makes a list of the slice, which must not change afterwards.
func List(elements ...Value) Value {
	if len(elements) == 0 {
		return Value{kind: KindList}
	}
	return Value{kind: KindList, parts: &parts{list: elements}}
}

// Object makes an object of the slice, which must not change afterwards. Names must differ.
func Object(fields ...Field) Value {
	if len(fields) == 0 {
		return Value{kind: KindObject}
	}
	return Value{kind: KindObject, parts: &parts{fields: fields}}
}

// Float makes a number with the fewest digits that give f back; it must be finite.
func Float(f float64) Value {
	data, err := json.Marshal(f)
	if err != nil {
		panic("value: Float: " + err.Error())
	}
	return Value{kind: KindNumber, text: string(data)}
}

// Digits makes a number from its JSON text and keeps its digits; it reports false for text that is not a JSON number.
func Digits(digits string) (Value, bool) {
	isDigit := func(b byte) bool { return b >= '0' && b <= '9' }
	// Valid JSON that begins and ends with a digit is a number.
	if digits == "" || (digits[0] != '-' && !isDigit(digits[0])) || !isDigit(digits[len(digits)-1]) || !json.Valid([]byte(digits)) {
		return Value{}, false
	}
	return Value{kind: KindNumber, text: digits}, true
}

// Kind returns the type of v.
func (v Value) Kind() Kind { return v.kind }

// IsNull reports whether v is null.
func (v Value) IsNull() bool { return v.kind == KindNull }

// Bool returns the truth of a boolean; false for every other kind.
func (v Value) Bool() bool { return v.truth }

// Text returns the text of a string, and "" for every other kind.
func (v Value) Text() string {
	if v.kind != KindString {
		return ""
	}
	return v.text
}

// Digits returns the JSON text of a number, and "" for every other kind.
func (v Value) Digits() string {
	if v.kind != KindNumber {
		return ""
	}
	return v.text
}

// Elements returns the elements of a list. The caller must not change them.
func (v Value) Elements() []Value {
	if v.parts == nil {
		return nil
	}
	return v.parts.list
}

// Fields returns the fields of an object, in their order. The caller must not change them.
func (v Value) Fields() []Field {
	if v.parts == nil {
		return nil
	}
	return v.parts.fields
}

// Get returns the field of an object.
func (v Value) Get(name string) (Value, bool) {
	for _, field := range v.Fields() {
		if field.Name == name {
			return field.Value, true
		}
	}
	return Value{}, false
}

// With returns the object with one field set: replaced in its place, or added at the end.
func (v Value) With(name string, field Value) Value {
	fields := make([]Field, 0, len(v.Fields())+1)
	fields = append(fields, v.Fields()...)
	for i := range fields {
		if fields[i].Name == name {
			fields[i].Value = field
			return Object(fields...)
		}
	}
	return Object(append(fields, Field{name, field})...)
}
