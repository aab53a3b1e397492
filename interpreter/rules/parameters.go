package rules

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// parameters: parameters that do not fit the method's JSON Schema, or that the method cannot do anything with. What holds a
// reference is not known yet and fits.
func parameters(c *Context) {
	checkDefaults(c)
	misplaced := c.tasksWithMisplacedParameters()
	for _, task := range c.Calls() {
		if task.Method == nil || task.Parameters == nil && hasParameters(task.Node) {
			continue
		}
		if task.Method.SchemaError != "" {
			c.report(task.Place(), "the schema of "+task.Method.Name+" is invalid: "+task.Method.SchemaError, "")
			continue
		}
		if task.Method.Schema == nil || task.Parameters == nil && misplaced[task] {
			continue // What is missing stands in another place, where it is reported.
		}
		given := &definition.Node{Position: task.Node.Position, Kind: value.KindObject}
		if task.Parameters != nil {
			*given = *task.Parameters
		}
		timeout := task.TimeoutParameter()
		given.Fields = slices.DeleteFunc(slices.Clone(given.Fields), func(field definition.Field) bool {
			return timeout != nil && field.Name == resolve.ParameterTimeout
		})
		v, unfit := validation{c, task, given}, map[string]bool{}
		for _, violation := range v.withoutMisspelt(v.errors()) {
			unfit[violation.parameter()] = true
			if task.Inherited[violation.parameter()] != nil {
				continue // Reported in the defaults.
			}
			message, hint := v.explain(violation)
			if hint == "" {
				hint = cmp.Or(v.inherits(violation), v.firstParameter(violation))
			}
			c.report(violation.at, message, hint)
		}
		checkByMethod(c, task, given, unfit)
	}
}

// withoutMisspelt drops what is missing only because it is there under a name that is nearly the same, which is reported.
func (v validation) withoutMisspelt(all []schemaError) []schemaError {
	misspelt := func(missing schemaError) bool {
		return slices.ContainsFunc(all, func(other schemaError) bool {
			if other.field == "" || !slices.Equal(other.path, missing.path) {
				return false
			}
			_, hint := v.unknown(other.field, other.path)
			return slices.ContainsFunc(missing.missing, func(name string) bool { return strings.Contains(hint, definition.Quote(name)) })
		})
	}
	return slices.DeleteFunc(slices.Clone(all), func(e schemaError) bool { return len(e.missing) > 0 && misspelt(e) })
}

// firstParameter shows where a parameter belongs that a task without any must have.
func (v validation) firstParameter(wrong schemaError) string {
	if len(wrong.missing) == 0 || v.task.Parameters != nil || v.task.IsBatch {
		return ""
	}
	return "write parameters: {" + wrong.missing[0] + ": …}"
}

// errors returns the ways in which the parameters do not match the schema.
func (v validation) errors() []schemaError {
	var invalid *jsonschema.ValidationError
	if !errors.As(v.task.Method.Schema.Validate(instance(v.given)), &invalid) {
		return nil
	}
	return v.walk(invalid)
}

// beyondSchema reports what the method finds wrong with parameters that fit its schema, as far as they are known.
func checkByMethod(c *Context, task *resolve.Task, given *definition.Node, unfit map[string]bool) {
	if task.Method.Check == nil {
		return
	}
	known := definition.Node{Kind: value.KindObject}
	var unknown []string
	for _, field := range given.Fields {
		if unfit[field.Name] || task.RefersTo(field.Value) {
			unknown = append(unknown, field.Name)
		} else {
			known.Fields = append(known.Fields, field)
		}
	}
	for _, fault := range task.Method.Check(known.Value(), unknown) {
		at := task.Place()
		if field := given.Get(fault.Parameter); field != nil {
			at = field.Position
		}
		c.report(at, fault.Message, fault.Hint)
		c.Diagnostics[len(c.Diagnostics)-1].Note = fault.Note
	}
}

// hasParameters reports whether parameters are there, of the right type or not.
func hasParameters(n *definition.Node) bool {
	for _, name := range []string{"parameters", "params"} {
		if given := n.Get(name); given != nil && given.Kind != value.KindNull {
			return true
		}
	}
	return false
}

// index reads a step of a path as the number of an element of the list n.
func index(n *definition.Node, step string) (number int, isIndex bool) {
	if n == nil || n.Kind != value.KindList {
		return 0, false
	}
	number, err := strconv.Atoi(step)
	return number, err == nil && number >= 0 && number < len(n.Elements)
}

// follow returns the value at a path; the parameters themselves where it leads nowhere.
func follow(top *definition.Node, path []string) *definition.Node {
	n := top
	for _, step := range path {
		if number, isIndex := index(n, step); isIndex {
			n = n.Elements[number]
		} else if n = n.Get(step); n == nil {
			return top
		}
	}
	return n
}

// inherits says which of several parameters, of which there can be one, the task has from defaults.
func (v validation) inherits(wrong schemaError) string {
	for _, name := range v.exclusiveOf(wrong) {
		if from := v.task.Inherited[name]; from != nil {
			return fmt.Sprintf("%s comes from the defaults, in line %d", definition.Quote(name), from.Parameters.Get(name).Line)
		}
	}
	return ""
}

// what names the value at a path in a message.
func (v validation) what(path []string) string {
	if len(path) == 0 {
		return "the parameters of " + v.task.Method.Name
	}
	return parameter(v.given, path) + " of " + v.task.Method.Name
}

func (v validation) unknown(field string, path []string) (message, hint string) {
	if len(path) == 0 {
		message = fmt.Sprintf("unknown parameter %s of %s", definition.Quote(field), v.task.Method.Name)
		if field == resolve.ParameterTimeout && v.task.Method.IsServerTool {
			return message, "the timeout of the task is `timeout` beside `parameters`"
		}
		if (field == "split" || field == "combine") && len(v.task.Method.Splits) > 0 {
			return message, fmt.Sprintf("`%s` is a key of the task, beside `parameters`", field)
		}
		hint = v.c.Suggest(field, v.task.Method.Properties)
		if path := field + "_path"; slices.Contains(v.task.Method.Properties, path) {
			hint = "did you mean " + definition.Quote(path) + "?"
		}
		hint = cmp.Or(hint, v.parameterElsewhere(field))
		if v.task.IsBatch { // Its other keys are parameters.
			hint = cmp.Or(equivalentOf(field, "a template", v.given.Get(field)), hint)
		}
		if !v.task.Method.IsServerTool {
			hint = cmp.Or(hint, "`gleitzeit methods "+v.task.Method.Name+"` describes its parameters")
		}
		return message, hint
	}
	return fmt.Sprintf("unknown field %s in %s", definition.Quote(field), v.what(path)), ""
}

// parametersElsewhere are names of parameters in other programs, with those that one of the methods here has instead, the first ones first.
var parametersElsewhere = []struct{ names, here []string }{
	{[]string{"text", "texts", "content", "contents", "document", "documents", "sentence", "query", "data"}, []string{"input", "prompt", "message", "strings"}},
	{[]string{"question", "title", "label", "message", "instruction", "instructions", "task", "user", "userprompt", "input"}, []string{"prompt", "message"}},
	{[]string{"script", "source", "sourcecode", "program", "python", "snippet", "body", "inline", "run"}, []string{"code"}},
	{[]string{"path", "filename", "document"}, []string{"file_path", "file"}},
	{[]string{"variables", "vars", "inputs", "env", "data"}, []string{"context"}},
	{[]string{"link", "address", "uri", "endpoint"}, []string{"url"}},
	{[]string{"payload", "json", "data", "message", "text"}, []string{"body"}},
}

// parameterElsewhere names the parameter of the method that is meant by one of another name.
func (v validation) parameterElsewhere(field string) string {
	const longest = 20 // A hostile file has very many parameters.
	if len(field) > longest {
		return ""
	}
	name := plainKey(field)
	for _, one := range parametersElsewhere {
		if !slices.Contains(one.names, name) {
			continue
		}
		here := one.here
		if given := v.given.Get(field); here[0] == "code" && given != nil && strings.HasSuffix(given.Text, ".py") {
			here = []string{"file"}
		}
		for _, name := range here {
			if slices.Contains(v.task.Method.Properties, name) && v.given.Get(name) == nil {
				return "did you mean " + definition.Quote(name) + "?"
			}
		}
	}
	return ""
}

// checkDefaults reports errors in the parameters of defaults, each once, however many tasks have them. Those of a protocol are
// checked against the methods that tasks call, or against all where they call none.
func checkDefaults(c *Context) {
	called := map[*resolve.Method]bool{}
	for _, task := range c.Tasks {
		called[task.Method] = true
	}
	for _, one := range c.Definition.Defaults {
		if one.Parameters == nil {
			continue
		}
		all := c.Catalog.CalledBy(one, c.Tasks)
		used := slices.DeleteFunc(slices.Clone(all), func(m *resolve.Method) bool { return !called[m] })
		if len(used) == 0 {
			used = all
		}
		reported := map[string]bool{}
		for _, m := range used {
			for _, wrong := range errorsOfDefault(c, one, m) {
				if name := wrong.parameter(); !reported[name] {
					reported[name] = true
					v := validation{c, &resolve.Task{Method: m}, one.Parameters}
					message, hint := v.explain(wrong)
					c.report(wrong.at, message, hint)
				}
			}
		}
	}
}

// errorsOfDefault returns what is wrong with each parameter of a default by itself: the task may have others.
func errorsOfDefault(c *Context, one *definition.Default, m *resolve.Method) []schemaError {
	if m.Schema == nil {
		return nil
	}
	given := &definition.Node{Position: one.Parameters.Position, Kind: value.KindObject}
	for _, field := range one.Parameters.Fields {
		switch {
		case field.Name == resolve.ParameterTimeout && m.TimeoutIn(one.Parameters) != nil:
		case one.Name != m.Name && !m.Accepts(field.Name):
		default:
			given.Fields = append(given.Fields, field)
		}
	}
	task := &resolve.Task{Method: m, Texts: resolve.TextsOf(given, m.Code(given))}
	found := validation{c, task, given}.errors()
	return slices.DeleteFunc(found, func(wrong schemaError) bool { return wrong.parameter() == "" })
}

// instance converts a value to what the validator takes.
func instance(n *definition.Node) any {
	switch n.Kind {
	case value.KindBool:
		return n.Truth
	case value.KindNumber:
		return json.Number(n.Text)
	case value.KindString:
		return n.Text
	case value.KindList:
		elements := make([]any, len(n.Elements))
		for i, element := range n.Elements {
			elements[i] = instance(element)
		}
		return elements
	case value.KindObject:
		fields := make(map[string]any, len(n.Fields))
		for _, field := range n.Fields {
			fields[field.Name] = instance(field.Value)
		}
		return fields
	}
	return nil
}

// parameter names a place in the parameters: `parameter "messages[0].role"`.
func parameter(top *definition.Node, path []string) string {
	var name strings.Builder
	n := top
	for i, step := range path {
		number, isIndex := index(n, step)
		switch {
		case isIndex:
			fmt.Fprintf(&name, "[%d]", number)
			n = n.Elements[number]
			continue
		case i > 0:
			name.WriteByte('.')
		}
		name.WriteString(step)
		if n != nil {
			n = n.Get(step)
		}
	}
	return "parameter " + definition.Quote(name.String())
}
