package rules

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// unknownKey: keys that their mapping does not support. Suggestions cost much and are made for those that will be shown.
func unknownKey(c *Context) {
	var problems []resolve.Problem
	foreign := c.isForeign()
	c.hints = map[definition.Position]string{}
	of := c.tasksOfUnknownKeys()
	for i, unknown := range c.Definition.UnknownKeys {
		hint := ""
		if i < definition.MaxDiagnostics {
			hint = c.hintForKey(unknown, of[unknown.At])
			c.hints[unknown.At] = hint
		}
		if foreign && hint == listedElsewhere {
			continue // That there is no workflow is reported.
		}
		problems = append(problems, resolve.Problem{At: unknown.At, Message: "unknown key " + definition.Quote(unknown.Key) + " in " + unknown.Where, Hint: hint})
	}
	c.reportAll(problems)
}

// isForeign reports whether the file has no key of a workflow: it is probably one of another program.
func (c *Context) isForeign() bool {
	unknown := map[definition.Position]bool{}
	for _, key := range c.Definition.UnknownKeys {
		unknown[key.At] = true
	}
	return !c.Definition.Beginning && !slices.ContainsFunc(c.Definition.Root.Fields, func(field definition.Field) bool { return !unknown[field.At] })
}

// hintForKey says what to write for an unknown key: where a parameter of the task's method belongs, what a key of another engine is
// here, or the nearest key.
func (c *Context) hintForKey(unknown definition.UnknownKey, of *resolve.Task) string {
	if of != nil && of.Method != nil && slices.Contains(of.Method.Properties, unknown.Key) {
		return "it is a parameter of " + of.Method.Name + `: put it under "parameters"`
	}
	if hint := equivalentOf(unknown.Key, unknown.Where); hint != "" {
		return hint
	}
	if hint := c.Suggest(unknown.Key, unknown.Known); hint != "" {
		return hint
	}
	return keysOf(unknown)
}

const listedElsewhere = "`gleitzeit schema` has the keys that there are"

// keysOf lists the keys of a mapping, unless they are too many to be read in a message.
func keysOf(unknown definition.UnknownKey) string {
	const most = 8
	if len(unknown.Known) > most {
		return listedElsewhere
	}
	return unknown.Where + " has " + quoted(unknown.Known, "and")
}

// lacks reports whether a mapping is without a key, and without an unknown key that is reported as meant for it: one cause has one message.
func (c *Context) lacks(n *definition.Node, key string) bool {
	if !resolve.IsMissing(n, key) {
		return false
	}
	for _, field := range n.Fields {
		hint := c.hints[field.At]
		if strings.Contains(hint, definition.Quote(key)) || strings.Contains(hint, key+": ") {
			return false
		}
	}
	return true
}

// tasksWithMisplacedParameters returns the tasks with parameters beside the method, or under a name that "parameters" has elsewhere or that
// is nearly the same.
func (c *Context) tasksWithMisplacedParameters() map[*resolve.Task]bool {
	unknown := c.tasksOfUnknownKeys()
	found := map[*resolve.Task]bool{}
	for _, key := range c.Definition.UnknownKeys {
		task := unknown[key.At]
		if task != nil && strings.Contains(c.hints[key.At], definition.Quote("parameters")) {
			found[task] = true
		}
	}
	return found
}

// tasksOfUnknownKeys returns the tasks that have the unknown keys that will be shown, by the places of the keys.
func (c *Context) tasksOfUnknownKeys() map[definition.Position]*resolve.Task {
	of := map[definition.Position]*resolve.Task{}
	for _, unknown := range c.Definition.UnknownKeys[:min(len(c.Definition.UnknownKeys), definition.MaxDiagnostics)] {
		of[unknown.At] = nil
	}
	if len(of) == 0 {
		return nil
	}
	for _, task := range c.Tasks {
		for _, field := range task.Node.Fields {
			if _, is := of[field.At]; is {
				of[field.At] = task
			}
		}
	}
	return of
}
