// Package approval is the protocol human/v1: a task asks people, and what they enter is its result. The run itself waits; the package
// says what may be asked and entered. It does not know Temporal.
package approval

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/suggest"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Approve is the method.
const Approve = "human/approve"

// ByTimeout is who has answered where the default counts.
const ByTimeout = "timeout"

// Spec describes human/v1.
func Spec() protocol.Spec {
	return protocol.Spec{
		Name:    "human/v1",
		Summary: "Answers of people: the run waits for an approval",
		Methods: []protocol.Method{{
			Name: Approve, Summary: "Wait until a person approves, with or without values, or rejects",
			Parameters: json.RawMessage(parameters), Result: json.RawMessage(result), NoCache: true, Waits: true, Check: check,
		}},
	}
}

const parameters = `{
  "type": "object",
  "properties": {
    "message": {"type": "string", "minLength": 1, "description": "What is to be approved, for the person who decides"},
    "schema": {"type": "object", "description": "JSON Schema of the values that may be entered, an object; without it, none may. The default of a property is entered where nobody enters it"},
    "default": {"type": "object", "description": "Values that count as entered when the timeout of the task is over; without it, the task fails then"}
  },
  "required": ["message"],
  "additionalProperties": false
}`

const result = `{
  "type": "object",
  "properties": {
    "approved": {"const": true},
    "values": {"type": "object", "description": "The values that were entered"},
    "by": {"type": "string", "description": "Who has approved, as they say; timeout for the default"},
    "at": {"type": "string", "format": "date-time", "description": "When"}
  },
  "additionalProperties": false,
  "required": ["approved", "values", "by", "at"]
}`

// check finds invalid parameters beyond the schema.
func check(given value.Value, unknown []string) []protocol.ParameterError {
	schema, has := given.Get("schema")
	if has {
		if _, err := compile(&schema); err != nil {
			return []protocol.ParameterError{{Parameter: "schema", Message: err.Message, Hint: err.Hint}}
		}
		if wrong := wrongDefaults(schema); len(wrong) > 0 && !slices.Contains(unknown, "schema") {
			return wrong
		}
	}
	entered, hasDefault := given.Get("default")
	if !hasDefault || slices.Contains(unknown, "schema") {
		return nil
	}
	asked := &protocol.Approval{}
	if has {
		asked.Schema = &schema
	}
	if _, err := Check(asked, "default", &entered); err != nil {
		return []protocol.ParameterError{{Parameter: "default", Message: err.Message, Hint: err.Hint}}
	}
	return nil
}

// compile reads the schema of values.
func compile(schema *value.Value) (*jsonschema.Schema, *protocol.Error) {
	if schema == nil {
		return nil, nil
	}
	if named, is := schema.Get("type"); is && named.Text() != "object" {
		return nil, protocol.Errorf(protocol.InvalidParams, "schema of %s must describe an object", Approve).
			WithHint(`write "type: object" with "properties", one for each value that may be entered`)
	}
	compiled, err := jsonschema.Compile(schema.JSON())
	if err != nil {
		return nil, protocol.Errorf(protocol.InvalidParams, "schema of %s is invalid: %s", Approve, err)
	}
	return compiled, nil
}

// wrongDefaults finds defaults of properties that the property itself does not allow.
func wrongDefaults(schema value.Value) (all []protocol.ParameterError) {
	for _, property := range defaultsIn(schema) {
		named, _ := schema.Get("properties")
		own, _ := named.Get(property.Name)
		compiled, err := jsonschema.Compile(own.JSON())
		if err != nil {
			continue // It refers to another part of the schema.
		}
		if problem := compiled.Check("schema.properties."+property.Name+".default", property.Value); problem != "" {
			all = append(all, protocol.ParameterError{Parameter: "schema", Message: problem, Hint: "the default is entered where nobody enters the value"})
		}
	}
	return all
}

// defaultsIn returns the defaults of the properties that have one.
func defaultsIn(schema value.Value) (all []value.Field) {
	properties, _ := schema.Get("properties")
	for _, property := range properties.Fields() {
		if given, has := property.Value.Get("default"); has && !given.IsNull() {
			all = append(all, value.Field{Name: property.Name, Value: given})
		}
	}
	return all
}

// New returns what a task with these parameters asks. The error is INVALID_PARAMS.
func New(resolved value.Value) (*protocol.Approval, error) {
	message, _ := resolved.Get("message")
	if strings.TrimSpace(message.Text()) == "" {
		return nil, protocol.Errorf(protocol.InvalidParams, "parameter \"message\" of %s is empty", Approve)
	}
	asked := &protocol.Approval{Message: message.Text()}
	if schema, has := resolved.Get("schema"); has && !schema.IsNull() {
		asked.Schema = &schema
	}
	if _, err := compile(asked.Schema); err != nil {
		return nil, err
	}
	if entered, has := resolved.Get("default"); has && !entered.IsNull() {
		values, err := Check(asked, "default", &entered)
		if err != nil {
			return nil, err
		}
		asked.Default = &values
	}
	return asked, nil
}

// Check returns the values that were entered, an object, with the defaults of properties that were not, or everything that is wrong with
// them. The name is theirs in messages.
func Check(asked *protocol.Approval, name string, entered *value.Value) (value.Value, *protocol.Error) {
	values := value.Object()
	if entered != nil && !entered.IsNull() {
		values = *entered
	}
	if values.Kind() != value.KindObject {
		return values, protocol.Errorf(protocol.InvalidParams, "%s: must be an object", name)
	}
	if asked.Schema == nil {
		if len(values.Fields()) > 0 {
			return values, protocol.Errorf(protocol.InvalidParams, "%s: no values can be entered, because the task has no schema", name)
		}
		return values, nil
	}
	schema, failure := compile(asked.Schema)
	if failure != nil {
		return values, failure
	}
	problems := unknownNames(*asked.Schema, name, values)
	for _, property := range defaultsIn(*asked.Schema) {
		if _, entered := values.Get(property.Name); !entered {
			values = values.With(property.Name, property.Value)
		}
	}
	if found := schema.Check(name, values); found != "" {
		problems = append(problems, found)
	}
	if len(problems) > 0 {
		return values, protocol.Errorf(protocol.InvalidParams, "%s", strings.Join(problems, "; "))
	}
	return values, nil
}

// unknownNames returns the problems of values that the schema does not name, unless it says itself which others there may be.
func unknownNames(schema value.Value, name string, values value.Value) (problems []string) {
	for _, keyword := range []string{"additionalProperties", "patternProperties", "unevaluatedProperties", "allOf", "anyOf", "oneOf", "$ref"} {
		if _, has := schema.Get(keyword); has {
			return nil
		}
	}
	known := names(schema)
	for _, field := range values.Fields() {
		if slices.Contains(known, field.Name) {
			continue
		}
		problem := fmt.Sprintf("%s: unknown value %q", name, field.Name)
		if near := suggest.Nearest(field.Name, known); near != "" {
			problem += fmt.Sprintf(" (did you mean %q?)", near)
		}
		problems = append(problems, problem)
	}
	return problems
}

// names lists the values that a schema names.
func names(schema value.Value) (all []string) {
	properties, _ := schema.Get("properties")
	for _, property := range properties.Fields() {
		all = append(all, property.Name)
	}
	return all
}

// Result returns the result of a task that was approved.
func Result(values value.Value, by string, at time.Time) value.Value {
	return value.Object(
		value.Field{Name: "approved", Value: value.Bool(true)},
		value.Field{Name: "values", Value: values},
		value.Field{Name: "by", Value: value.String(by)},
		value.Field{Name: "at", Value: value.String(at.UTC().Format(time.RFC3339))},
	)
}

// Handler is for calls outside of a run, which cannot wait.
type Handler struct{}

// Handle implements protocol.Handler.
func (Handler) Handle(_ context.Context, request protocol.Request, _ protocol.Progress) (protocol.Result, error) {
	return protocol.Result{}, protocol.Errorf(protocol.MethodNotSupported, "%s waits for a person, and only a task of a run without items can wait", request.Method)
}

// Health implements protocol.Handler: nothing is needed.
func (Handler) Health(context.Context) error { return nil }
