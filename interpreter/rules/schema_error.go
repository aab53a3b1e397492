package rules

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	schemas "github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// validation is one task's parameters against the schema of its method.
type validation struct {
	c     *Context
	task  *resolve.Task
	given *definition.Node // The parameters, without those that are the task's own.
}

// schemaError is one way in which parameters do not match the schema.
type schemaError struct {
	at      definition.Position
	path    []string
	value   *definition.Node
	field   string   // The field that may not be there.
	types   []string // Any of these types would do.
	missing []string // Any of these fields would do.
	kind    jsonschema.ErrorKind
}

// walk turns the validator's tree of errors into the errors in it. None are left where all concern what holds
// references.
func (v validation) walk(e *jsonschema.ValidationError) []schemaError {
	val := follow(v.given, e.InstanceLocation)
	switch k := e.ErrorKind.(type) {
	case *kind.AnyOf:
		return v.nearest(e.Causes)
	case *kind.OneOf:
		if k.Subschemas == nil {
			return v.nearest(e.Causes)
		}
		if v.exclusive(e, k) == nil && v.task.RefersTo(val) {
			return nil
		}
	case *kind.Enum, *kind.Const, *kind.Not, *kind.UniqueItems, *kind.Contains, *kind.MinContains, *kind.MaxContains:
		if v.task.RefersTo(val) {
			return nil
		}
	case *kind.PropertyNames:
		return []schemaError{{at: val.Position, path: e.InstanceLocation, value: val, field: k.Property, kind: k}}
	}
	if len(e.Causes) > 0 {
		var all []schemaError
		for _, cause := range e.Causes {
			all = append(all, v.walk(cause)...)
		}
		return all
	}
	if val.Kind == value.KindString && v.task.RefersTo(val) {
		return nil
	}
	return v.leaf(e, val)
}

// leaf turns one error of the validator into errors: one for each field that is missing or unknown.
func (v validation) leaf(e *jsonschema.ValidationError, value *definition.Node) []schemaError {
	one := schemaError{at: value.Position, path: e.InstanceLocation, value: value, kind: e.ErrorKind}
	var all []schemaError
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		one.types = k.Want
	case *kind.Required:
		for _, name := range k.Missing {
			each := one
			each.missing = []string{name}
			all = append(all, each)
		}
		return all
	case *kind.AdditionalProperties:
		unknown := make(map[string]bool, len(k.Properties))
		for _, name := range k.Properties {
			unknown[name] = true
		}
		for _, field := range value.Fields {
			if unknown[field.Name] {
				each := one
				each.at, each.field = field.At, field.Name
				all = append(all, each)
			}
		}
		return all
	}
	return []schemaError{one}
}

// nearest chooses among alternatives of which none matches what to report: all of them where they differ only in the type, or
// in the one field that is missing; else the one that fits down to the deepest place, the first of equals.
func (v validation) nearest(branches []*jsonschema.ValidationError) []schemaError {
	var best, merged []schemaError
	deepest := -1
	for i, branch := range branches {
		found := v.walk(branch)
		if len(found) == 0 {
			return nil // It fits once its references are resolved.
		}
		merged = merge(i == 0, merged, found)
		depth := 0
		for _, violation := range found {
			depth = max(depth, len(violation.path))
		}
		if depth > deepest {
			best, deepest = found, depth
		}
	}
	if merged != nil {
		return merged
	}
	return best
}

// merge adds an alternative to those before; nil where they differ in more than a type or a missing field.
func merge(first bool, before, found []schemaError) []schemaError {
	if len(found) != 1 || found[0].types == nil && found[0].missing == nil {
		return nil
	}
	if first {
		return found
	}
	if len(before) != 1 || !slices.Equal(before[0].path, found[0].path) ||
		(before[0].types == nil) != (found[0].types == nil) {
		return nil
	}
	both := before[0]
	both.types = union(both.types, found[0].types)
	both.missing = union(both.missing, found[0].missing)
	return []schemaError{both}
}

func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, word := range b {
		if !slices.Contains(all, word) {
			all = append(all, word)
		}
	}
	return all
}

// exclusive returns the parameters of which only one may be given, where that is what the alternatives of the schema's
// own `oneOf` say; else nil.
func (v validation) exclusive(e *jsonschema.ValidationError, k *kind.OneOf) []string {
	schema := v.task.Method.Schema
	if len(e.InstanceLocation) > 0 || len(schema.OneOf) == 0 {
		return nil
	}
	var names []string
	for _, i := range k.Subschemas {
		if i >= len(schema.OneOf) || len(schema.OneOf[i].Required) == 0 {
			return nil
		}
		names = append(names, strings.Join(schema.OneOf[i].Required, " with "))
	}
	return names
}

// parameter is the one that the error is about; "" where it is about all of them.
func (v schemaError) parameter() string {
	if len(v.path) > 0 {
		return v.path[0]
	}
	return v.field
}

// explain returns the message and hint of a schema error.
func (v validation) explain(wrong schemaError) (message, hint string) {
	what := v.what(wrong.path)
	must := func(want string) string {
		return fmt.Sprintf("%s must be %s, not %s", what, want, wrong.value.Describe())
	}
	switch k := wrong.kind.(type) {
	case *kind.Type:
		if wrong.value.Kind == value.KindNull {
			hint = v.task.Method.Schema.NullHint()
		}
		return must(typeNames(wrong.types)), hint
	case *kind.Required:
		return v.required(wrong), ""
	case *kind.AdditionalProperties, *kind.PropertyNames:
		return v.unknown(wrong.field, wrong.path)
	case *kind.Enum:
		return must(oneOf(k.Want)), v.c.Suggest(wrong.value.Text, texts(k.Want))
	case *kind.Const:
		return must(oneOf([]any{k.Want})), ""
	case *kind.Minimum:
		return must("at least " + schemas.Decimal(k.Want)), ""
	case *kind.Maximum:
		return must("at most " + schemas.Decimal(k.Want)), ""
	case *kind.ExclusiveMinimum:
		return must("more than " + schemas.Decimal(k.Want)), ""
	case *kind.ExclusiveMaximum:
		return must("less than " + schemas.Decimal(k.Want)), ""
	case *kind.MultipleOf:
		return must("a multiple of " + schemas.Decimal(k.Want)), ""
	case *kind.Pattern:
		return fmt.Sprintf("%s must match %s, not %s", what, k.Want, wrong.value.Describe()), ""
	case *kind.OneOf:
		if names := v.exclusiveOf(wrong); names != nil {
			return v.task.Method.Name + " accepts only one of the parameters " + quoted(names, "and"), ""
		}
		return what + " matches several alternatives of its schema, and only one is allowed", ""
	case *kind.FalseSchema:
		return what + " is not allowed", ""
	case *kind.UniqueItems:
		return fmt.Sprintf("%s contains a duplicate: [%d] and [%d] are equal", what, k.Duplicates[0], k.Duplicates[1]), ""
	}
	return measured(what, wrong.kind), ""
}

// measured explains what is too long or too short.
func measured(what string, wrong jsonschema.ErrorKind) string {
	say := func(want string, limit int, unit string, got int) string {
		if limit == 1 {
			unit = strings.TrimSuffix(unit, "s")
		}
		return fmt.Sprintf("%s must have %s %d %s, and has %d", what, want, limit, unit, got)
	}
	switch k := wrong.(type) {
	case *kind.MinLength:
		return say("at least", k.Want, "characters", k.Got)
	case *kind.MaxLength:
		return say("at most", k.Want, "characters", k.Got)
	case *kind.MinItems:
		return say("at least", k.Want, "elements", k.Got)
	case *kind.MaxItems:
		return say("at most", k.Want, "elements", k.Got)
	case *kind.MinProperties:
		return say("at least", k.Want, "fields", k.Got)
	case *kind.MaxProperties:
		return say("at most", k.Want, "fields", k.Got)
	case *kind.Dependency:
		return fmt.Sprintf("%s must have %s if %q is given", what, quoted(k.Missing, "and"), k.Prop)
	case *kind.DependentRequired:
		return fmt.Sprintf("%s must have %s if %q is given", what, quoted(k.Missing, "and"), k.Prop)
	}
	return what + " does not match its schema (" + strings.Join(wrong.KeywordPath(), " ") + ")"
}

func (v validation) required(wrong schemaError) string {
	within, thing := v.task.Method.Name, "parameter"
	if len(wrong.path) > 0 {
		within, thing = v.what(wrong.path), "field"
	}
	if len(wrong.missing) == 1 {
		return fmt.Sprintf("required %s %s of %s is missing", thing, definition.Quote(wrong.missing[0]), within)
	}
	return fmt.Sprintf("one of the %ss %s of %s is required", thing, quoted(wrong.missing, "or"), within)
}

func (v validation) exclusiveOf(wrong schemaError) []string {
	k, isOneOf := wrong.kind.(*kind.OneOf)
	if !isOneOf {
		return nil
	}
	return v.exclusive(&jsonschema.ValidationError{InstanceLocation: wrong.path}, k)
}

func typeNames(wanted []string) string {
	names := make([]string, len(wanted))
	for i, name := range wanted {
		switch name {
		case "string", "number":
			names[i] = "a " + name
		case "integer":
			names[i] = "a whole number"
		case "boolean":
			names[i] = "true or false"
		case "array":
			names[i] = "a list"
		case "object":
			names[i] = "a mapping"
		default:
			names[i] = name
		}
	}
	return strings.Join(names, " or ")
}

// oneOf shows the values that are allowed: `"a", "b" or 3`.
func oneOf(values []any) string {
	shown := make([]string, len(values))
	for i, value := range values {
		data, err := json.Marshal(value)
		if err != nil {
			data = []byte(fmt.Sprint(value))
		}
		shown[i] = string(data)
	}
	return resolve.JoinWords(shown, "or")
}

// texts returns the strings among values.
func texts(values []any) []string {
	var all []string
	for _, value := range values {
		if text, isText := value.(string); isText {
			all = append(all, text)
		}
	}
	return all
}

func quoted(words []string, last string) string {
	all := make([]string, len(words))
	for i, word := range words {
		all[i] = definition.Quote(word)
	}
	return resolve.JoinWords(all, last)
}
