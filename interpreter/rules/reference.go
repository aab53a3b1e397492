package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// references: what looks like a reference in a task's parameters or condition and is none, or leads to nothing.
func references(c *Context) {
	c.checkUnused()
	for _, task := range c.Tasks {
		c.checkTexts(task.Texts, place{task: task, variables: true, items: task.items()})
		c.checkTexts(task.EachTexts, place{task: task})
		c.checkTexts(task.WhenTexts, place{task: task, items: task.items()})
		if task.Parameters != nil {
			c.checkKeys(task.Parameters)
		}
		if task.Each != nil && task.Each.Values != nil {
			c.checkKeys(task.Each.Values)
		}
	}
}

// place says what may be referred to where a text stands.
type place struct {
	task      *Task      // Whose text it is; nil for outputs.
	variables bool       // The environment and secrets.
	items     kindOfItem // An item and its index.
}

// kindOfItem says what the items of a task are.
type kindOfItem uint8

const (
	noItems kindOfItem = iota
	fileItems
	valueItems
)

func (t *Task) items() kindOfItem {
	switch {
	case t.Each == nil:
		return noItems
	case t.Each.Values != nil:
		return valueItems
	}
	return fileItems
}

// checkKeys reports references where nothing is ever replaced.
func (c *Context) checkKeys(n *definition.Node) {
	n.Keys(func(field definition.Field) {
		if strings.Contains(field.Name, "${") {
			c.report(field.At, "a reference cannot stand in a key, as in "+definition.Quote(field.Name), "use it in the value")
		}
	})
}

// checkTexts reports the mistakes in what refers to something.
func (c *Context) checkTexts(texts Texts, in place) {
	for _, text := range texts {
		places := c.Flow.Locate(text.Node)
		for _, ref := range text.References {
			if message, hint := c.badReference(ref, in); message != "" {
				if other, _ := c.lookup(ref.Head); in.task != nil && other == in.task.number && c.inDefaults(text.Node) {
					hint = in.task.label() + " has it from the defaults: it needs that parameter itself"
				}
				c.report(places.At(ref.Offset), message, hint)
			}
		}
		places = c.Flow.Locate(text.Node)
		for _, mistake := range text.Mistakes {
			c.report(places.At(mistake.Offset), mistake.Message, mistake.Hint)
		}
	}
}

// badReference says what is wrong with a reference; "" where all is well.
func (c *Context) badReference(ref reference.Reference, in place) (message, hint string) {
	written, task := shown(ref), in.task
	switch ref.Head {
	case headInputs:
		return c.badInput(ref)
	case headRun:
		return "", ""
	case headItem, headIndex:
		if in.items != noItems {
			return badItem(ref, in.items)
		}
		return written + " can only stand in a task that runs once for each item", ""
	case headEnv, headSecrets:
		if !in.variables {
			return written + " can only stand in parameters", ""
		}
		return "", ""
	}
	head := definition.Quote(ref.Head)
	switch other, several := c.lookup(ref.Head); {
	case several != nil:
		return fmt.Sprintf("%s refers to %s, which is the name of %d tasks", written, head, len(several)), c.ids(several)
	case other < 0:
		hint := c.suggest(ref.Head, c.heads())
		if hint == "" {
			hint = literalHint
		}
		return fmt.Sprintf("%s refers to %s, which is not a task", written, head), hint
	case task != nil && other == task.number:
		return fmt.Sprintf("%s refers to itself in %s", task.label(), written), ""
	}
	return "", ""
}

// badItem says what is wrong with a reference to an item, which is a file or any value, or to its index, which is a number.
func badItem(ref reference.Reference, items kindOfItem) (message, hint string) {
	switch {
	case len(ref.Steps) == 0:
		return "", ""
	case ref.Head == headIndex:
		return shown(ref) + " asks for a part of a number", "write ${index}"
	case items == valueItems:
		return "", ""
	case len(ref.Steps) > 1 || !ref.Steps[0].IsFilePart():
		return shown(ref) + " asks for a part that a file does not have", "there are ${item.name}, ${item.stem} and ${item.dir}"
	}
	return "", ""
}

const literalHint = "write $${ for a literal ${"

func (c *Context) badInput(ref reference.Reference) (message, hint string) {
	if len(ref.Steps) == 0 {
		return "", ""
	}
	step := ref.Steps[0]
	name := step.Field
	switch {
	case step.Every, step.IsIndex && step.Brackets:
		return shown(ref) + " takes the inputs for a list", "name an input: ${inputs.topic}"
	case step.IsIndex:
		name = strconv.Itoa(step.Index)
	}
	if c.declared[name] {
		return "", ""
	}
	return fmt.Sprintf("%s refers to the input %s, which is not declared", shown(ref), definition.Quote(name)),
		c.suggest(name, c.inputNames())
}

// inputNames lists the names of the inputs that are declared.
func (c *Context) inputNames() []string {
	if c.allInputs == nil {
		c.allInputs = make([]string, 0, len(c.Flow.Inputs))
		for _, input := range c.Flow.Inputs {
			c.allInputs = append(c.allInputs, input.Name)
		}
	}
	return c.allInputs
}

// shown puts a reference into a message.
func shown(ref reference.Reference) string { return definition.Shorten(ref.Text) }

// heads lists the words that a reference may begin with, the fixed ones first.
func (c *Context) heads() []string {
	if c.allHeads == nil {
		c.allHeads = slices.Concat(fixedHeads(), c.words)
	}
	return c.allHeads
}

// refersTo tells whether a value holds, anywhere in it, what looks like a reference.
func (t *Task) refersTo(n *definition.Node) bool {
	if t.referring == nil {
		t.referring = make(map[*definition.Node]bool, len(t.Texts))
		for _, text := range t.Texts {
			t.referring[text.Node] = true
		}
	}
	found := false
	n.Strings(func(text *definition.Node) { found = found || t.referring[text] })
	return found
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
