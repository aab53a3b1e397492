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
type arguments struct{ schema *jsonschema.Schema }

// nothingElse refuses to load what a schema refers to outside itself: a server could have any file read by that.
type nothingElse struct{}

func (nothingElse) Load(string) (any, error) {
	return nil, errors.New("a schema may refer to nothing outside itself")
}

func compile(schema string) (*arguments, error) {
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(nothingElse{})
	const address = "tool:///arguments"
	if err := compiler.AddResource(address, document); err != nil {
		return nil, err
	}
	compiled, err := compiler.Compile(address)
	if err != nil {
		return nil, err
	}
	return &arguments{compiled}, nil
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
func (a *arguments) check(method string, parameters protocol.Value) error {
	if deeper(parameters, maxNesting) {
		return protocol.Errorf(protocol.InvalidParams, "%s: parameters: lists and objects lie more than %d deep", method, maxNesting)
	}
	if a == nil {
		return nil
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(parameters.JSON()))
	if err != nil {
		return protocol.Errorf(protocol.InvalidParams, "%s: %v", method, err)
	}
	err = a.schema.Validate(instance)
	if err == nil {
		return nil
	}
	invalid, known := errors.AsType[*jsonschema.ValidationError](err)
	if !known {
		return protocol.Errorf(protocol.InvalidParams, "%s: %v", method, err)
	}
	found := faults(invalid)
	slices.Sort(found) // The library goes through the properties in the order of a map.
	return protocol.Errorf(protocol.InvalidParams, "%s: %s", method, strings.Join(found, "; "))
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
