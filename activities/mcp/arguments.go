package mcp

import (
	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// maxNesting is how deep parameters may lie in one another. The SDK ends the session over a message deeper than 1000.
const maxNesting = 990

// deeper tells whether lists and objects lie more than limit deep in one another.
func deeper(v value.Value, limit int) bool {
	if v.Kind() != value.KindList && v.Kind() != value.KindObject {
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

// checkArguments returns an INVALID_PARAMS that names every place where a tool is not called as its schema, which may be
// nil, wants. The interpreter checks what a workflow's file says; what references lead to is known only now.
func checkArguments(schema *jsonschema.Schema, method string, parameters value.Value) error {
	if deeper(parameters, maxNesting) {
		return protocol.Errorf(protocol.InvalidParams, "%s: parameters: lists and objects lie more than %d deep", method, maxNesting)
	}
	if schema == nil {
		return nil
	}
	if found := schema.Check("parameters", parameters); found != "" {
		return protocol.Errorf(protocol.InvalidParams, "%s: %s", method, found)
	}
	return nil
}
