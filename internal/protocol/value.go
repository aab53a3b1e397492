package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Kind tells what a Value is.
type Kind uint8

// The kinds of JSON.
const (
	Null Kind = iota
	Boolean
	Number
	String
	List
	Object
)

// String names the kind as messages to people do: "null", "boolean", "number", "string", "list", "object".
func (k Kind) String() string {
	return [...]string{"null", "boolean", "number", "string", "list", "object"}[k]
}

// MaxDepth is how deep lists and objects may lie in one another. It is far beyond what people write and
// far below what a goroutine's stack holds.
const MaxDepth = 1000

// Value is one JSON value. Unlike Go's any it keeps what passing through Go would change: the digits of a
// number (2^60 and 1e-7 stay what was written) and the order of an object's fields. The zero Value is null.
// A Value is never changed once made; share it freely.
type Value struct {
	kind   Kind
	truth  bool
	text   string // String: the text. Number: its digits, valid JSON.
	list   []Value
	fields []Field
}

// Field is one member of an object.
type Field struct {
	Name  string
	Value Value
}

// OfBool makes a boolean.
func OfBool(b bool) Value { return Value{kind: Boolean, truth: b} }

// OfString makes a string.
func OfString(s string) Value { return Value{kind: String, text: s} }

// OfInt makes a number.
func OfInt(i int64) Value { return Value{kind: Number, text: strconv.FormatInt(i, 10)} }

// OfList makes a list, which keeps the slice given.
func OfList(elements ...Value) Value { return Value{kind: List, list: elements} }

// OfObject makes an object, which keeps the slice given. Names must differ.
func OfObject(fields ...Field) Value { return Value{kind: Object, fields: fields} }

// OfFloat makes a number with the fewest digits that give f back; it must be finite.
func OfFloat(f float64) Value {
	data, err := json.Marshal(f)
	if err != nil {
		panic("protocol: OfFloat: " + err.Error())
	}
	return Value{kind: Number, text: string(data)}
}

// OfDigits makes a number from its JSON text, digit by digit; it reports false where that is no JSON number.
func OfDigits(digits string) (Value, bool) {
	if digits == "" || (digits[0] != '-' && (digits[0] < '0' || digits[0] > '9')) || !json.Valid([]byte(digits)) {
		return Value{}, false
	}
	return Value{kind: Number, text: digits}, true
}

// Kind tells what v is.
func (v Value) Kind() Kind { return v.kind }

// IsNull reports whether v is null.
func (v Value) IsNull() bool { return v.kind == Null }

// Bool returns the truth of a boolean; false for every other kind.
func (v Value) Bool() bool { return v.truth }

// Text returns the text of a string, and "" for every other kind.
func (v Value) Text() string {
	if v.kind != String {
		return ""
	}
	return v.text
}

// Digits returns the JSON text of a number, and "" for every other kind.
func (v Value) Digits() string {
	if v.kind != Number {
		return ""
	}
	return v.text
}

// Elements returns what a list holds. The caller must not change it.
func (v Value) Elements() []Value { return v.list }

// Fields returns what an object holds, in its order. The caller must not change it.
func (v Value) Fields() []Field { return v.fields }

// Get returns the field of an object.
func (v Value) Get(name string) (Value, bool) {
	for i := range v.fields {
		if v.fields[i].Name == name {
			return v.fields[i].Value, true
		}
	}
	return Value{}, false
}

// With returns the object with one field set: replaced where it stands, else added at the end.
func (v Value) With(name string, field Value) Value {
	fields := make([]Field, 0, len(v.fields)+1)
	fields = append(fields, v.fields...)
	for i := range fields {
		if fields[i].Name == name {
			fields[i].Value = field
			return OfObject(fields...)
		}
	}
	return OfObject(append(fields, Field{name, field})...)
}

// ParseValue reads one JSON document. Of an object's equal names the last counts, in the first one's place.
func ParseValue(data []byte) (Value, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	v, err := readValue(decoder, 0)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return Value{}, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Value{}, errors.New("not JSON: something follows the value")
	}
	return v, nil
}

func readValue(decoder *json.Decoder, depth int) (Value, error) {
	token, err := decoder.Token()
	if err != nil {
		return Value{}, err
	}
	switch token := token.(type) {
	case nil:
		return Value{}, nil
	case bool:
		return OfBool(token), nil
	case json.Number:
		return Value{kind: Number, text: token.String()}, nil
	case string:
		return OfString(token), nil
	case json.Delim:
		if depth++; depth > MaxDepth {
			return Value{}, fmt.Errorf("lists and objects lie more than %d deep", MaxDepth)
		}
		if token == '[' {
			return readList(decoder, depth)
		}
		return readObject(decoder, depth)
	}
	return Value{}, fmt.Errorf("unexpected %v", token)
}

func readList(decoder *json.Decoder, depth int) (Value, error) {
	elements := []Value{}
	for decoder.More() {
		element, err := readValue(decoder, depth)
		if err != nil {
			return Value{}, err
		}
		elements = append(elements, element)
	}
	_, err := decoder.Token()
	return OfList(elements...), err
}

func readObject(decoder *json.Decoder, depth int) (Value, error) {
	fields := []Field{}
	place := map[string]int{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return Value{}, err
		}
		name, isName := token.(string)
		if !isName {
			return Value{}, fmt.Errorf("unexpected %v", token)
		}
		field, err := readValue(decoder, depth)
		if err != nil {
			return Value{}, err
		}
		if at, twice := place[name]; twice {
			fields[at].Value = field
			continue
		}
		place[name] = len(fields)
		fields = append(fields, Field{name, field})
	}
	_, err := decoder.Token()
	return OfObject(fields...), err
}

// UnmarshalJSON makes Value a json.Unmarshaler.
func (v *Value) UnmarshalJSON(data []byte) error {
	parsed, err := ParseValue(data)
	if err != nil {
		return err
	}
	*v = parsed
	return nil
}

// MarshalJSON makes Value a json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) { return v.JSON(), nil }

// JSON returns v as compact JSON. Characters are written as they are: `<` is `<`.
func (v Value) JSON() []byte { return v.appendJSON(nil) }

func (v Value) appendJSON(to []byte) []byte {
	switch v.kind {
	case Boolean:
		return strconv.AppendBool(to, v.truth)
	case Number:
		return append(to, v.text...)
	case String:
		return appendText(to, v.text)
	case List:
		to = append(to, '[')
		for i, element := range v.list {
			if i > 0 {
				to = append(to, ',')
			}
			to = element.appendJSON(to)
		}
		return append(to, ']')
	case Object:
		to = append(to, '{')
		for i, field := range v.fields {
			if i > 0 {
				to = append(to, ',')
			}
			to = appendText(to, field.Name)
			to = append(to, ':')
			to = field.Value.appendJSON(to)
		}
		return append(to, '}')
	}
	return append(to, "null"...)
}

func appendText(to []byte, text string) []byte {
	buffer := bytes.NewBuffer(to)
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		panic("protocol: a string that is no JSON: " + err.Error())
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))
}

// Encode turns what Go holds into a Value by way of its JSON.
func Encode(v any) (Value, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return Value{}, err
	}
	return ParseValue(data)
}
