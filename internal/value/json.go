package value

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// MaxDepth is how deep lists and objects may be nested. It is far more than people write and far less than a goroutine's
// stack can hold.
const MaxDepth = 1000

// Parse reads one JSON document. Of fields with equal names, the last value takes the place of the first.
func Parse(data []byte) (Value, error) {
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
		return Value{}, errors.New("not JSON: unexpected text after the value")
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
		return Bool(token), nil
	case json.Number:
		return Value{kind: KindNumber, text: token.String()}, nil
	case string:
		return String(token), nil
	case json.Delim:
		if depth++; depth > MaxDepth {
			return Value{}, fmt.Errorf("lists and objects are nested more than %d deep", MaxDepth)
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
	return List(elements...), err
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
	return Object(fields...), err
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Value) UnmarshalJSON(data []byte) error {
	parsed, err := Parse(data)
	if err != nil {
		return err
	}
	*v = parsed
	return nil
}

// MarshalJSON implements json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) { return v.JSON(), nil }

// JSON returns v as compact JSON, without escapes for HTML.
func (v Value) JSON() []byte { return v.appendJSON(nil) }

func (v Value) appendJSON(to []byte) []byte {
	switch v.kind {
	case KindBool:
		return strconv.AppendBool(to, v.truth)
	case KindNumber:
		return append(to, v.text...)
	case KindString:
		return appendText(to, v.text)
	case KindList:
		to = append(to, '[')
		for i, element := range v.list {
			if i > 0 {
				to = append(to, ',')
			}
			to = element.appendJSON(to)
		}
		return append(to, ']')
	case KindObject:
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
		panic("value: a string that cannot be encoded as JSON: " + err.Error())
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))
}

// Encode returns the Value of the JSON encoding of a Go value.
func Encode(v any) (Value, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return Value{}, err
	}
	return Parse(data)
}
