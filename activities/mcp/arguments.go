package mcp

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// arguments checks what a tool is called with. The interpreter checks what a workflow's file says; what references lead
// to is known only now.
type arguments struct {
	method string
	schema *jsonschema.Schema
}

func compile(method, schema string) (*arguments, error) {
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		return nil, fmt.Errorf("the schema of %s: %w", method, err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("tool.json", document); err != nil {
		return nil, fmt.Errorf("the schema of %s: %w", method, err)
	}
	compiled, err := compiler.Compile("tool.json")
	if err != nil {
		return nil, fmt.Errorf("the schema of %s: %w", method, err)
	}
	return &arguments{method, compiled}, nil
}

// maxNesting is how deep parameters may lie in one another. The SDK ends the session over a message deeper than 1000.
const maxNesting = 990

// deeper tells whether lists and objects lie more than limit deep in one another.
func deeper(v protocol.Value, limit int) bool {
	if v.Kind() != protocol.List && v.Kind() != protocol.Object {
		return false
	}
	if limit == 0 {
		return true
	}
	for _, element := range v.Elements() {
		if deeper(element, limit-1) {
			return true
		}
	}
	for _, field := range v.Fields() {
		if deeper(field.Value, limit-1) {
			return true
		}
	}
	return false
}

// check returns an INVALID_PARAMS that names every place where the parameters do not fit.
func (a *arguments) check(parameters protocol.Value) error {
	if deeper(parameters, maxNesting) {
		return protocol.Errorf(protocol.InvalidParams, "%s: parameters: lists and objects lie more than %d deep", a.method, maxNesting)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(parameters.JSON()))
	if err != nil {
		return protocol.Errorf(protocol.InvalidParams, "%s: %v", a.method, err)
	}
	err = a.schema.Validate(instance)
	if err == nil {
		return nil
	}
	invalid, known := errors.AsType[*jsonschema.ValidationError](err)
	if !known {
		return protocol.Errorf(protocol.InvalidParams, "%s: %v", a.method, err)
	}
	found := faults(invalid)
	slices.Sort(found) // The library goes through the properties in the order of a map.
	return protocol.Errorf(protocol.InvalidParams, "%s: %s", a.method, strings.Join(found, "; "))
}

// faults are the innermost reasons, each with its place.
func faults(e *jsonschema.ValidationError) []string {
	if len(e.Causes) > 0 {
		var all []string
		for _, cause := range e.Causes {
			all = append(all, faults(cause)...)
		}
		return all
	}
	var place strings.Builder
	place.WriteString("parameters")
	for _, step := range e.InstanceLocation {
		if _, err := strconv.Atoi(step); err == nil {
			fmt.Fprintf(&place, "[%s]", step)
		} else {
			place.WriteString("." + step)
		}
	}
	if said := e.DetailedOutput().Error; said != nil {
		return []string{place.String() + ": " + said.String()}
	}
	return []string{place.String() + ": does not fit"}
}
