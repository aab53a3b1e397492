package rules

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// unknownKey: keys that their mapping does not support. Suggestions cost much and are made for those that will be shown.
func unknownKey(c *Context) {
	problems := make([]resolve.Problem, len(c.Definition.UnknownKeys))
	of := c.tasksOfUnknownKeys()
	for i, unknown := range c.Definition.UnknownKeys {
		hint := ""
		if i < definition.MaxDiagnostics {
			hint = c.hintForKey(unknown, of[unknown.At])
		}
		problems[i] = resolve.Problem{At: unknown.At, Message: "unknown key " + definition.Quote(unknown.Key) + " in " + unknown.Where, Hint: hint}
	}
	c.reportAll(problems)
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
	return c.Suggest(unknown.Key, unknown.Known)
}

// tasksWithMisplacedParameters returns the tasks with parameters beside the method, or under a name that "parameters" has elsewhere.
func (c *Context) tasksWithMisplacedParameters() map[*resolve.Task]bool {
	unknown := c.tasksOfUnknownKeys()
	found := map[*resolve.Task]bool{}
	for _, key := range c.Definition.UnknownKeys {
		task := unknown[key.At]
		if task != nil && task.Method != nil &&
			(slices.Contains(task.Method.Properties, key.Key) || strings.HasPrefix(equivalentOf(key.Key, key.Where), `use "parameters"`)) {
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
