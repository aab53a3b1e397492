package rules

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	schemas "github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

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
