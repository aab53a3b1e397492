package rules

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// knows tells whether the method takes a parameter of the name. A tool of a server does: what it takes is seen by the server
// alone, so that a plan does not hang on what servers say when it is made.
func (m *method) knows(name string) bool {
	if m.IsServerTool || m.schema == nil || name == parameterTimeout || slices.Contains(m.properties, name) {
		return true
	}
	if others, isBool := m.schema.AdditionalProperties.(bool); !isBool || others {
		return true
	}
	for pattern := range m.schema.PatternProperties {
		if pattern.MatchString(name) {
			return true
		}
	}
	return false
}

// checkDefaults reports mistakes in the parameters of defaults, each once, whoever has them. Those of a protocol are
// checked against the methods that tasks call, or against all where they call none.
func (c *Context) checkDefaults() {
	called := map[*method]bool{}
	for _, task := range c.Tasks {
		called[task.method] = true
	}
	for _, one := range c.Flow.Defaults {
		if one.Parameters == nil {
			continue
		}
		all := c.calledBy(one)
		used := slices.DeleteFunc(slices.Clone(all), func(m *method) bool { return !called[m] })
		if len(used) == 0 {
			used = all
		}
		told := map[string]bool{}
		for _, m := range used {
			for _, wrong := range c.faultsOf(one, m) {
				if name := wrong.parameter(); !told[name] {
					told[name] = true
					v := validation{c, &Task{method: m}, one.Parameters}
					message, hint := v.explain(wrong)
					c.report(wrong.at, message, hint)
				}
			}
		}
	}
}

// faultsOf returns what is wrong with each parameter of a default by itself: others may stand in the task.
func (c *Context) faultsOf(one *definition.Default, m *method) []violation {
	if m.schema == nil {
		return nil
	}
	given := &definition.Node{Position: one.Parameters.Position, Kind: value.KindObject}
	for _, field := range one.Parameters.Fields {
		switch {
		case field.Name == parameterTimeout && m.timeoutIn(one.Parameters) != nil:
		case one.Name != m.Name && !m.knows(field.Name):
		default:
			given.Fields = append(given.Fields, field)
		}
	}
	task := &Task{method: m, Texts: textsOf(given, codeIn(given, m))}
	found := validation{c, task, given}.violations()
	return slices.DeleteFunc(found, func(wrong violation) bool { return wrong.parameter() == "" })
}

// parameter is the one that a violation is about; "" where it is about all of them.
func (v violation) parameter() string {
	if len(v.path) > 0 {
		return v.path[0]
	}
	return v.field
}

// checkUnused reports what refers to nothing in defaults that no task has.
func (c *Context) checkUnused() {
	for _, one := range c.Flow.Defaults {
		if one.Parameters == nil {
			continue
		}
		c.checkKeys(one.Parameters)
		for _, field := range one.Parameters.Fields {
			has := func(task *Task) bool { return task.inherited[field.Name] == one }
			if called := c.calledBy(one); len(called) > 0 && !slices.ContainsFunc(c.Tasks, has) {
				of := &definition.Node{Kind: value.KindObject, Fields: []definition.Field{field}}
				c.checkTexts(textsOf(of, codeIn(of, called[0])), place{variables: true, items: valueItems})
			}
		}
	}
}

// inDefaults tells whether a text stands in the defaults.
func (c *Context) inDefaults(text *definition.Node) bool {
	if c.defaultTexts == nil {
		c.defaultTexts = map[*definition.Node]bool{}
		for _, one := range c.Flow.Defaults {
			if one.Parameters != nil {
				one.Parameters.Strings(func(n *definition.Node) { c.defaultTexts[n] = true })
			}
		}
	}
	return c.defaultTexts[text]
}

// byDefault returns where in the defaults a task refers to another that it waits for because of that alone.
func (c *Context) byDefault(task *Task, other int) (definition.Position, bool) {
	var at definition.Position
	if slices.Contains(c.Named(task), other) {
		return at, false
	}
	for _, text := range slices.Concat(task.Texts, task.EachTexts, task.WhenTexts) {
		uses := slices.ContainsFunc(c.Uses(Texts{text}), func(use Use) bool { return use.Task == other })
		if uses && !c.inDefaults(text.Node) {
			return at, false
		}
		if uses {
			at = text.Node.Position
		}
	}
	return at, at.Line > 0
}
