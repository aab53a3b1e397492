// Package jsonschema checks values against JSON Schemas. It is the only package that compiles them.
package jsonschema

import (
	"bytes"
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
	// Unchecked are the patterns that Go's regular expressions do not support, such as lookaheads. Every text matches them.
	Unchecked []string
}

// Compile compiles a JSON Schema. It may come from a user, a model or a tool server: a reference outside the schema, which
// could be any file, is an error.
func Compile(text []byte) (*Schema, error) { return compile(text, false) }

// CompileWithFormats is Compile for a schema whose `format` is checked too, whatever its draft.
func CompileWithFormats(text []byte) (*Schema, error) { return compile(text, true) }

func compile(text []byte, formats bool) (*Schema, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(noLoader{})
	patterns := &patterns{}
	compiler.UseRegexpEngine(patterns.compile)
	if formats {
		compiler.AssertFormat()
	}
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
	return &Schema{compiled, patterns.unchecked}, nil
}

// noLoader rejects every reference outside the schema.
type noLoader struct{}

func (noLoader) Load(string) (any, error) {
	return nil, errors.New("a schema must not refer to anything outside itself")
}

// Check returns every place where the value does not match, sorted, as "parameters.list[2]: got string, want number"; empty if
// it matches. name is the name of the value itself.
func (s *Schema) Check(name string, v value.Value) string {
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(v.JSON()))
	if err != nil {
		return err.Error()
	}
	err = s.Validate(instance)
	if err == nil {
		return ""
	}
	invalid, is := errors.AsType[*jsonschema.ValidationError](err)
	if !is {
		return err.Error()
	}
	return describe(name, invalid)
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
