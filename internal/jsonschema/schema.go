// Package jsonschema checks values against JSON Schemas. It is the only package that compiles them.
package jsonschema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Schema is a compiled JSON Schema.
type Schema struct {
	*jsonschema.Schema
	// Unchecked are the patterns that are too large to be checked. Every text matches them.
	Unchecked []string
	// Nullable are the places of "nullable": true, as "schema.properties.a". OpenAPI 3.0 has it, JSON Schema does not.
	Nullable []string
}

// Compile compiles a JSON Schema. It may come from a user, a model or a tool server: a reference outside the schema, which
// could be any file, is an error. `format` is checked too, whatever the draft.
func Compile(text []byte) (*Schema, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(noLoader{})
	patterns := &patterns{}
	compiler.UseRegexpEngine(patterns.compile)
	compiler.AssertFormat()
	const address = "value:///schema"
	if err := compiler.AddResource(address, document); err != nil {
		return nil, err
	}
	compiled, err := compiler.Compile(address)
	if none, is := errors.AsType[*jsonschema.SchemaValidationError](err); is {
		if invalid, is := errors.AsType[*jsonschema.ValidationError](none.Err); is {
			return nil, errors.New(describe("schema", invalid))
		}
	}
	if err != nil {
		return nil, err
	}
	return &Schema{compiled, patterns.unchecked, nullables(text)}, nil
}

// nullables returns the places of "nullable": true in a schema.
func nullables(text []byte) (places []string) {
	if !bytes.Contains(text, []byte(`"nullable"`)) {
		return nil
	}
	schema, err := value.Parse(text)
	if err != nil {
		return nil
	}
	Rewrite("schema", schema, func(place string, schema value.Value) value.Value {
		if nullable, has := schema.Get("nullable"); has && nullable.Kind() == value.KindBool && nullable.Bool() {
			places = append(places, place)
		}
		return schema
	})
	return places
}

// NullHint says what to write instead of "nullable" where a schema has it; else it is "".
func (s *Schema) NullHint() string {
	if len(s.Nullable) == 0 {
		return ""
	}
	return `"nullable" is a keyword of OpenAPI 3.0; JSON Schema has "type": ["string", "null"]`
}

// noLoader rejects every reference outside the schema.
type noLoader struct{}

func (noLoader) Load(string) (any, error) {
	return nil, errors.New("a schema must not refer to anything outside itself")
}

// Check returns every place where the value does not match, sorted, as "parameters.list[2]: got string, want number"; empty if
// it matches. name is the name of the value itself.
func (s *Schema) Check(name string, v value.Value) string {
	err := s.Validate(instance(v))
	if err == nil {
		return ""
	}
	invalid, is := errors.AsType[*jsonschema.ValidationError](err)
	if !is {
		return err.Error()
	}
	found := describe(name, invalid)
	if hint := s.NullHint(); hint != "" && strings.Contains(found, "got null") {
		found += "; " + hint
	}
	return found
}

// instance returns a value as the library reads one from JSON. Texts are not copied.
func instance(v value.Value) any {
	switch v.Kind() {
	case value.KindBool:
		return v.Bool()
	case value.KindNumber:
		return json.Number(v.Digits())
	case value.KindString:
		return v.Text()
	case value.KindList:
		elements := make([]any, len(v.Elements()))
		for i, element := range v.Elements() {
			elements[i] = instance(element)
		}
		return elements
	case value.KindObject:
		fields := make(map[string]any, len(v.Fields()))
		for _, field := range v.Fields() {
			fields[field.Name] = instance(field.Value)
		}
		return fields
	}
	return nil
}

func describe(name string, invalid *jsonschema.ValidationError) string {
	found := innermost(name, invalid)
	slices.Sort(found) // The library iterates over the properties in the order of a map.
	return strings.Join(slices.Compact(found), "; ")
}

// innermost returns the innermost reasons, each with its place.
func innermost(name string, e *jsonschema.ValidationError) []string {
	if len(e.Causes) > 0 {
		var all []string
		for _, cause := range e.Causes {
			all = append(all, innermost(name, cause)...)
		}
		return all
	}
	place := name
	for _, step := range e.InstanceLocation {
		if _, err := strconv.Atoi(step); err == nil {
			place += "[" + step + "]"
		} else {
			place += "." + step
		}
	}
	if reason, is := numbers(e.ErrorKind); is {
		return []string{place + ": " + reason}
	}
	if said := e.DetailedOutput().Error; said != nil {
		return []string{fmt.Sprintf("%s: %s", place, said)}
	}
	return []string{place + ": does not fit"}
}
