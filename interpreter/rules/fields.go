package rules

import (
	"fmt"
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// operation returns the operator that a reference has within its braces, if what it is in cannot be the name of a field or a task.
func (c *Context) operation(ref reference.Reference) *reference.Operation {
	found := ref.Operation()
	if found == nil {
		return nil
	}
	other, several := c.Names.Lookup(ref.Head)
	if found.At < 0 {
		before, _ := c.Names.Lookup(found.Name)
		isHead := before >= 0 || slices.Contains(resolve.FixedHeads(), found.Name) || c.HasInput(found.Name)
		if other >= 0 || several != nil || !isHead {
			return nil
		}
		return found
	}
	known := false
	switch ref.Head {
	case resolve.HeadItem:
		return nil // Columns can have any name.
	case resolve.HeadInputs:
		known = found.At == 0 && c.HasInput(found.Name) && !c.HasInput(ref.Steps[0].Field)
	case resolve.HeadEnv, resolve.HeadSecrets, resolve.HeadIndex:
		known = true
	case resolve.HeadRun:
		known = slices.Contains(reference.RunFields(), found.Name)
	default:
		if other >= 0 && found.At == 0 {
			names := slices.Concat(fieldsOf(c.Tasks[other]).names, ofEveryTask)
			known = slices.Contains(names, found.Name) && !slices.Contains(names, ref.Steps[0].Field)
		}
	}
	if known || found.Sure() {
		return found
	}
	return nil
}

// ofEveryTask are what a reference to a task has beside the fields of its result.
var ofEveryTask = []string{"status", "error", "reason"}

// fields is what is known of the fields of a result.
type fields struct {
	names  []string // Nil where they are not known.
	of     string   // What has them, in a message.
	closed bool     // There are no others.
	within bool     // The field `result` may be an object, whose fields references name as well.
	main   string   // The field that is meant if another one is named; empty: it depends.
}

// fieldsOf returns the fields of the result of a task, or of that of one of its items.
func fieldsOf(task *resolve.Task) fields {
	switch {
	case task.StepsNode != nil && len(task.Outputs) > 0:
		known := fields{of: "an item of " + task.Label(), closed: true}
		for _, output := range task.Outputs {
			known.names = append(known.names, output.Name)
		}
		return known
	case task.StepsNode != nil && len(task.Parts) > 0:
		return fieldsOf(task.Parts[len(task.Parts)-1])
	case task.Workflow != nil:
		return fields{names: []string{"outputs"}, of: "the result of a workflow", closed: true, main: "outputs"}
	case task.Method == nil || task.Split != nil || task.Combine != nil || task.Method.IsServerTool:
		return fields{}
	}
	m := task.Method
	known := fields{names: m.OwnFields, of: "the result of " + m.Name, closed: m.ResultClosed, within: m.Fields == nil}
	for _, name := range []string{"response", "result", "output", "text", "embeddings"} {
		if slices.Contains(m.OwnFields, name) {
			known.main = name
			break
		}
	}
	return known
}

// badField finds a field that the result of a task does not have: one that is nearly the same, or any if its fields are fixed, as those of
// a task with items are. Other names are left to the run, because a result may have more than its schema names.
func badField(c *Context, ref reference.Reference, task *resolve.Task) (message, hint string) {
	switch {
	case len(ref.Steps) == 0:
		return "", ""
	case task.Each != nil && !task.Each.Reduces:
		return badFieldOfItems(c, ref, task)
	case task.Each == nil && (task.StepsNode != nil || hasValue(task.Node, "for_each")):
		return "", "" // Whether it has items is not known.
	}
	return badFieldOfResult(c, ref, task, 0)
}

// badFieldOfItems finds fields that the result of a task with items does not have, nor what it says of one of them.
func badFieldOfItems(c *Context, ref reference.Reference, task *resolve.Task) (message, hint string) {
	steps, at := ref.Steps, 0
	whole := reference.ItemsFields()
	if !steps[0].Named() { // ${batch[0].response}
		added := []reference.Step{{Field: "results"}, steps[0]}
		return shown(ref) + ": the result of " + task.Label() + ", which has items, is not a list", "write " + ref.With(append(added, inResult(steps[1:])...)...)
	}
	if steps[0].Name() == "result" {
		if at++; at == len(steps) {
			return "", ""
		}
	}
	switch name := steps[at].Name(); {
	case !steps[at].Named():
		return "", ""
	case at == 0 && slices.Contains(ofEveryTask, name):
		return "", ""
	case !slices.Contains(whole, name):
		message = fmt.Sprintf("%s: the result of %s, which has items, has no field %s", shown(ref), task.Label(), definition.Quote(name))
		hint = c.Suggest(name, whole)
		if ofOne := slices.Contains(fieldsOf(task).names, name); ref.HasDefault && hint == "" && !ofOne {
			return "", ""
		} else if hint == "" || ofOne {
			hint = "write " + ref.With(append([]reference.Step{{Field: "results"}, {Every: true}}, inResult(c.meantOfItem(task, steps[at:]))...)...)
		}
		return message, hint
	case name != "results":
		return "", ""
	}
	for at++; at < len(steps) && steps[at].Slice != nil; at++ {
	}
	switch {
	case at == len(steps):
		return "", ""
	case steps[at].Named() && !steps[at].IsIndex:
		meant := append(slices.Clone(steps[:at]), reference.Step{Every: true})
		return shown(ref) + ": the results of " + task.Label() + " are a list", "write " + ref.With(append(meant, inResult(c.meantOfItem(task, steps[at:]))...)...)
	}
	if at++; at == len(steps) || !steps[at].Named() {
		return "", ""
	}
	name := steps[at].Name()
	if !slices.Contains(reference.EntryFields(), name) {
		message = fmt.Sprintf("%s: an element of the results of %s has no field %s", shown(ref), task.Label(), definition.Quote(name))
		hint = c.Suggest(name, reference.EntryFields())
		if ofOne := slices.Contains(fieldsOf(task).names, name); ref.HasDefault && hint == "" && !ofOne {
			return "", ""
		} else if hint == "" || ofOne {
			hint = "write " + ref.With(append(slices.Clone(steps[:at]), inResult(c.meantOfItem(task, steps[at:]))...)...)
		}
		return message, hint
	}
	if name != "result" || at+1 == len(steps) {
		return "", ""
	}
	return badFieldOfResult(c, ref, task, at+1)
}

// inResult is the path beneath what the result of a task with items says of one of them, with its result where that is meant.
func inResult(steps []reference.Step) []reference.Step {
	if len(steps) > 0 && steps[0].Named() && slices.Contains(reference.EntryFields(), steps[0].Name()) {
		return steps
	}
	return append([]reference.Step{{Field: "result"}}, steps...)
}

// meantOfItem is the path with the field that the result of an item has instead of one that it does not have.
func (c *Context) meantOfItem(task *resolve.Task, steps []reference.Step) []reference.Step {
	known := fieldsOf(task)
	name := steps[0].Name()
	switch {
	case slices.Contains(reference.EntryFields(), name), !known.closed, slices.Contains(known.names, name):
		return steps
	case task.Workflow != nil || known.within:
		return append([]reference.Step{{Field: known.main}}, steps...)
	case known.main != "":
		return []reference.Step{{Field: known.main}}
	}
	return steps
}

// badFieldOfResult finds the first field of a path that the result of a task, or of one of its items, does not have. The result is before
// the step at; where that is the first, a reference has the fields of what is within the result, too.
func badFieldOfResult(c *Context, ref reference.Reference, task *resolve.Task, at int) (message, hint string) {
	known, ofTask := fieldsOf(task), at == 0
	if ofTask && ref.Steps[0].Named() && ref.Steps[0].Name() == "result" && !slices.Contains(known.names, "result") {
		at, ofTask = 1, false
	}
	if len(known.names) == 0 || at == len(ref.Steps) {
		return "", ""
	}
	first, rest := ref.Steps[at], ref.Steps[at+1:]
	before := ref.Steps[:at]
	path := func(field string, rest ...reference.Step) string {
		return "write " + ref.With(slices.Concat(before, []reference.Step{{Field: field}}, rest)...)
	}
	if !first.Named() {
		switch {
		case len(rest) > 0 && rest[0].Named() && slices.Contains(known.names, rest[0].Name()):
			hint = "write " + ref.With(slices.Concat(before, rest)...)
		case known.within:
			hint = path("result", ref.Steps[at:]...)
		default:
			hint = listFields(known)
		}
		return shown(ref) + ": " + known.of + " is not a list", hint
	}
	name := first.Name()
	if ofTask && slices.Contains(ofEveryTask, name) {
		return "", ""
	}
	if slices.Contains(known.names, name) {
		return badFieldWithin(c, ref, task, at)
	}
	if ofTask && known.within {
		return "", ""
	}
	message = fmt.Sprintf("%s: %s has no field %s", shown(ref), known.of, definition.Quote(name))
	if hint = c.Suggest(name, known.names); hint != "" {
		return message, hint
	}
	waits := task.Method != nil && task.Method.Waits
	switch {
	case !known.closed || ref.HasDefault:
		return "", ""
	case waits && slices.Contains(fieldsOfSchema(task, "schema"), name), task.Workflow != nil:
		hint = path(map[bool]string{true: "values", false: "outputs"}[waits], ref.Steps[at:]...)
	case known.within: // Of an item, whose result has another within it.
		hint = path("result", ref.Steps[at:]...)
	case known.main != "":
		hint = path(known.main)
	default:
		hint = listFields(known)
	}
	if task.Workflow != nil {
		message = shown(ref) + ": the result of a workflow has the field outputs alone"
	}
	return message, hint
}

func listFields(known fields) string {
	return "its fields are " + resolve.JoinWords(known.names, "and")
}

// badFieldWithin finds a field that is missing further down, beneath a field that a result has.
func badFieldWithin(c *Context, ref reference.Reference, task *resolve.Task, at int) (message, hint string) {
	name, rest := ref.Steps[at].Name(), ref.Steps[at+1:]
	if len(rest) == 0 {
		return "", ""
	}
	var names []string
	of := "the schema of " + task.Label()
	switch {
	case task.StepsNode != nil:
		return "", ""
	case task.Workflow != nil:
		return badOutput(c, ref, task, rest[0])
	case name == "parsed", name == "values" && task.Method.Waits:
		names = fieldsOfSchema(task, "schema")
		if field := rest[0].Field; len(names) > 0 && field != "" && !slices.Contains(names, field) {
			if hint = c.Suggest(field, names); hint != "" {
				return fmt.Sprintf("%s: %s has no field %s", shown(ref), of, definition.Quote(field)), hint
			}
		}
		return "", ""
	}
	return badSchemaField(c, ref, at, task.Method.FieldSchema(name))
}

// badOutput finds an output that the workflow of a task does not have.
func badOutput(c *Context, ref reference.Reference, task *resolve.Task, step reference.Step) (message, hint string) {
	if step.Field == "" || task.Nested == nil || !task.Nested.Read || slices.Contains(task.Nested.Outputs, step.Field) {
		return "", ""
	}
	hint = c.Suggest(step.Field, task.Nested.Outputs)
	if len(task.Nested.Outputs) == 0 {
		hint = "declare it under outputs in " + task.Nested.File
	}
	return fmt.Sprintf("%s: %s has no output %s", shown(ref), task.Nested.File, definition.Quote(step.Field)), hint
}

// badSchemaField finds a step that what a JSON Schema describes does not have. The schema is that of the step at.
func badSchemaField(c *Context, ref reference.Reference, at int, schema value.Value) (message, hint string) {
	what := ref.Steps[at].Name()
	for at++; at < len(ref.Steps); at++ {
		step := ref.Steps[at]
		kind, _ := schema.Get("type")
		switch properties, _ := schema.Get("properties"); {
		case kind.Text() == "array" && step.Slice != nil:
		case kind.Text() == "array" && (step.Every || step.IsIndex):
			schema, _ = schema.Get("items")
		case kind.Text() == "array":
			return shown(ref) + ": " + what + " is a list", "write " + ref.With(slices.Insert(slices.Clone(ref.Steps), at, reference.Step{Every: true})...) + ", or [0] for the first element alone"
		case kind.Text() == "string" && !ref.HasDefault, kind.Text() == "integer" && !ref.HasDefault:
			return shown(ref) + ": " + what + " is " + map[string]string{"string": "a text", "integer": "a number"}[kind.Text()] + " and has no " + step.String(),
				"write " + ref.With(ref.Steps[:at]...)
		case len(properties.Fields()) == 0 || !step.Named():
			return "", ""
		default:
			next, has := properties.Get(step.Name())
			others, given := schema.Get("additionalProperties")
			if closed := given && others.Kind() == value.KindBool && !others.Bool(); !has && (!closed || ref.HasDefault) {
				return "", ""
			}
			if !has {
				known := fields{}
				for _, field := range properties.Fields() {
					known.names = append(known.names, field.Name)
				}
				hint = c.Suggest(step.Name(), known.names)
				if hint == "" {
					hint = listFields(known)
				}
				return fmt.Sprintf("%s: %s has no field %s", shown(ref), what, definition.Quote(step.Name())), hint
			}
			schema = next
		}
		what += step.String()
	}
	return "", ""
}

// fieldsOfSchema returns the names of the fields that a parameter with a JSON Schema describes; nil where they are not known.
func fieldsOfSchema(task *resolve.Task, parameter string) (names []string) {
	if task.Parameters == nil {
		return nil
	}
	schema := task.Parameters.Get(parameter)
	if schema == nil {
		return nil
	}
	properties, others := schema.Get("properties"), schema.Get("additionalProperties")
	if properties == nil || schema.Get("patternProperties") != nil || others != nil && (others.Kind != value.KindBool || others.Truth) {
		return nil
	}
	for _, field := range properties.Fields {
		names = append(names, field.Name)
	}
	return names
}

// badRun says what is wrong with a reference to the run, whose end is known to tasks in `finally`.
func badRun(c *Context, ref reference.Reference, in place) (message, hint string) {
	if len(ref.Steps) == 0 {
		return "", ""
	}
	known := reference.RunFields()
	switch name := ref.Steps[0].Name(); {
	case !ref.Steps[0].Named():
		return shown(ref) + ": run is not a list", "write ${run.id}"
	case !slices.Contains(known, name):
		if hint = c.Suggest(name, known); hint == "" {
			hint = "it has " + resolve.JoinWords(known, "and")
		}
		return shown(ref) + ": run has no field " + definition.Quote(name), hint
	case name == "attempt" && !in.variables:
		return shown(ref) + " is only available in parameters", ""
	case (name == "status" || name == "error") && (in.task == nil || !in.task.Finally):
		return shown(ref) + " is only available in tasks of finally", ""
	}
	return "", ""
}
