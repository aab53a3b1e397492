package llm

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// checked is a JSON Schema that values are held against: that of a method's parameters, or of an answer.
type checked struct{ schema *jsonschema.Schema }

// nothingElse refuses to load what a schema refers to outside itself: it may come from a value.
type nothingElse struct{}

func (nothingElse) Load(string) (any, error) {
	return nil, errors.New("it refers to something outside itself")
}

func compile(text []byte) (*checked, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(nothingElse{})
	const address = "value:///schema"
	if err := compiler.AddResource(address, document); err != nil {
		return nil, err
	}
	schema, err := compiler.Compile(address)
	if err != nil {
		return nil, err
	}
	return &checked{schema}, nil
}

// faults names every place where the value does not fit, and nothing where it does. The value is called what is given.
func (c *checked) faults(called string, v protocol.Value) string {
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(v.JSON()))
	if err != nil {
		return err.Error()
	}
	err = c.schema.Validate(instance)
	if err == nil {
		return ""
	}
	invalid, is := errors.AsType[*jsonschema.ValidationError](err)
	if !is {
		return err.Error()
	}
	found := innermost(called, invalid)
	slices.Sort(found) // The library goes through the properties in the order of a map.
	return strings.Join(slices.Compact(found), "; ")
}

// innermost are the reasons that have no further reasons, each with its place.
func innermost(called string, e *jsonschema.ValidationError) []string {
	if len(e.Causes) > 0 {
		var all []string
		for _, cause := range e.Causes {
			all = append(all, innermost(called, cause)...)
		}
		return all
	}
	place := called
	for _, step := range e.InstanceLocation {
		if _, err := strconv.Atoi(step); err == nil {
			place += "[" + step + "]"
		} else {
			place += "." + step
		}
	}
	if said := e.DetailedOutput().Error; said != nil {
		return []string{fmt.Sprintf("%s: %s", place, said)}
	}
	return []string{place + ": does not fit"}
}
