package rules

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// parameters: parameters that do not fit the method's JSON Schema, or that the method cannot do anything with. What holds a
// reference is not known yet and fits.
func parameters(c *Context) {
	c.checkDefaults()
	for _, task := range c.Tasks {
		if task.method == nil || task.Parameters == nil && hasParameters(task.Node) {
			continue
		}
		if task.method.problem != "" {
			c.report(task.place(), "the schema of "+task.method.Name+" cannot be used: "+task.method.problem, "")
			continue
		}
		if task.method.schema == nil {
			continue
		}
		given := &definition.Node{Position: task.Node.Position, Kind: value.KindObject}
		if task.Parameters != nil {
			*given = *task.Parameters
		}
		timeout := task.timeoutParameter()
		given.Fields = slices.DeleteFunc(slices.Clone(given.Fields), func(field definition.Field) bool {
			return timeout != nil && field.Name == parameterTimeout
		})
		v, unfit := validation{c, task, given}, map[string]bool{}
		for _, violation := range v.violations() {
			unfit[violation.parameter()] = true
			if task.inherited[violation.parameter()] != nil {
				continue // Told where it stands.
			}
			message, hint := v.explain(violation)
			if hint == "" {
				hint = v.inherits(violation)
			}
			c.report(violation.at, message, hint)
		}
		c.beyondSchema(task, given, unfit)
	}
}

// violations are the ways in which the parameters do not fit the schema.
func (v validation) violations() []violation {
	var invalid *jsonschema.ValidationError
	if !errors.As(v.task.method.schema.Validate(instance(v.given)), &invalid) {
		return nil
	}
	return v.walk(invalid)
}

// beyondSchema reports what the method finds wrong with parameters that fit its schema, as far as they are known.
func (c *Context) beyondSchema(task *Task, given *definition.Node, unfit map[string]bool) {
	if task.method.Check == nil {
		return
	}
	known := definition.Node{Kind: value.KindObject}
	for _, field := range given.Fields {
		if !unfit[field.Name] && !task.refersTo(field.Value) {
			known.Fields = append(known.Fields, field)
		}
	}
	for _, fault := range task.method.Check(known.Value()) {
		at := task.place()
		if field := given.Get(fault.Parameter); field != nil {
			at = field.Position
		}
		c.report(at, fault.Message, fault.Hint)
	}
}

// hasParameters tells whether parameters are there, of the right type or not.
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
func (v validation) inherits(wrong violation) string {
	for _, name := range v.exclusiveOf(wrong) {
		if from := v.task.inherited[name]; from != nil {
			return fmt.Sprintf("the defaults give %s, in line %d", definition.Quote(name), from.Parameters.Get(name).Line)
		}
	}
	return ""
}

// what names the value at a path in a message.
func (v validation) what(path []string) string {
	if len(path) == 0 {
		return "the parameters of " + v.task.method.Name
	}
	return parameter(v.given, path) + " of " + v.task.method.Name
}

func (v validation) unknown(field string, path []string) (message, hint string) {
	if len(path) == 0 {
		return fmt.Sprintf("%s is no parameter of %s", definition.Quote(field), v.task.method.Name),
			v.c.suggest(field, v.task.method.properties)
	}
	return fmt.Sprintf("%s is no field of %s", definition.Quote(field), v.what(path)), ""
}
