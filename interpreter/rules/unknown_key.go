package rules

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// unknownKey: keys that their mapping does not support. Suggestions cost much and are made for those that will be shown.
func unknownKey(c *Context) {
	var problems []resolve.Problem
	if program, keys := programOf(c); program != "" {
		names := make([]string, len(keys))
		for i, key := range keys {
			names[i] = key.Key
		}
		word := "key"
		if len(keys) > 1 {
			word = "keys"
		}
		c.foreign = true
		c.report(keys[0].At, "this is a file of "+program+", not a workflow: unknown "+word+" "+quoted(names, "and"), initWrites)
		return
	}
	foreign := c.isForeign()
	c.elsewhere = foreign
	c.hints = map[definition.Position]string{}
	of, values := c.tasksOfUnknownKeys(), c.valuesOf()
	for i, unknown := range c.Definition.UnknownKeys {
		hint := ""
		if i < definition.MaxDiagnostics {
			hint = c.hintForKey(unknown, of[unknown.At], values[unknown.At])
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
func (c *Context) hintForKey(unknown definition.UnknownKey, of *resolve.Task, given *definition.Node) string {
	if of != nil && of.Method != nil && slices.Contains(of.Method.Properties, unknown.Key) {
		hint := "it is a parameter of " + of.Method.Name + ": "
		if under := fieldOf(of.Node, "parameters"); under != nil && under.Value.Kind == value.KindNull && under.At.Line < unknown.At.Line && under.At.Column == unknown.At.Column {
			return hint + `put two more spaces before it, so that it is under "parameters"`
		}
		return hint + `put it under "parameters"`
	}
	if hint := equivalentOf(unknown.Key, unknown.Where, given); hint != "" {
		if hint == forFiles {
			return c.hintForFiles(unknown, given)
		}
		return hint
	}
	if hint := c.Suggest(unknown.Key, unknown.Known); hint != "" {
		return hint
	}
	return c.keysOf(unknown)
}

// valuesOf returns the values of the unknown keys that will be shown, by the places of the keys.
func (c *Context) valuesOf() map[definition.Position]*definition.Node {
	of := map[definition.Position]*definition.Node{}
	for _, unknown := range c.Definition.UnknownKeys[:min(len(c.Definition.UnknownKeys), definition.MaxDiagnostics)] {
		of[unknown.At] = nil
	}
	if len(of) > 0 {
		c.Definition.Root.Keys(func(field definition.Field) {
			if _, is := of[field.At]; is {
				of[field.At] = field.Value
			}
		})
	}
	return of
}

func fieldOf(n *definition.Node, name string) *definition.Field {
	at := slices.IndexFunc(n.Fields, func(field definition.Field) bool { return field.Name == name })
	if at < 0 {
		return nil
	}
	return &n.Fields[at]
}

// hintForFiles says how a task runs for each file of a folder that it has as its items.
func (c *Context) hintForFiles(unknown definition.UnknownKey, given *definition.Node) string {
	folder := "letters"
	if given != nil && given.Kind == value.KindString && given.Flow() != "" && plainKey(unknown.Key) != "glob" && plainKey(unknown.Key) != "pattern" {
		folder = given.Flow()
	}
	selected := "directory: " + folder + `, file_pattern: "*.txt"`
	for _, task := range c.Tasks {
		if each := task.Node.Get("for_each"); each != nil && slices.ContainsFunc(each.Fields, func(field definition.Field) bool { return field.At == unknown.At }) && task.Parameters != nil {
			if own, is := strings.CutSuffix(task.Parameters.Flow(), "}"); is && own != "{" {
				return forFiles + "write parameters: " + own + ", " + selected + "}"
			}
		}
	}
	return forFiles + `add to "parameters": ` + selected
}

const listedElsewhere = "`gleitzeit schema` lists all keys"

// initWrites is for files that are no workflows.
const initWrites = "`gleitzeit init` writes a workflow to begin with"

// partsOf are the parts of the language that `gleitzeit schema` describes, by the mappings of which they have the keys.
var partsOf = map[string]string{
	"a task": "tasks", "a step": "tasks.steps", "a batch": "batch", "a template": "template", "a default": "defaults", "a notification": "on_end",
	"an input": "inputs", "retry": "tasks.retry", "repeat": "tasks.repeat", "split": "tasks.split", "for_each": "tasks.for_each",
}

// keysOf lists the keys of a mapping, unless they are too many to be read in a message.
func (c *Context) keysOf(unknown definition.UnknownKey) string {
	const most = 8
	switch part := partsOf[unknown.Where]; {
	case len(unknown.Known) <= most:
	case part != "":
		return "`gleitzeit schema " + part + "` lists all keys"
	case c.elsewhere:
		return listedElsewhere
	default:
		return "there are " + resolve.JoinWords(unknown.Known, "and")
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
