package rules

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// nameTasks gives each task its id, its own or one made from its name, and makes the tables to look tasks up in. Of equal
// ids the first task has it.
func (c *Context) nameTasks() {
	for i, task := range c.Tasks {
		if task.Task.Name != nil {
			task.Name = task.Task.Name.Written
		}
		if task.Task.ID != nil {
			task.ID = task.Task.ID.Written
		}
		if task.ID == "" && task.Name != "" {
			task.ID, task.derived = idFrom(task.Name), true
		}
		if _, taken := c.byID[task.ID]; task.ID != "" && !taken {
			c.byID[task.ID] = i
		}
		if task.Name != "" {
			c.byName[task.Name] = append(c.byName[task.Name], i)
		}
	}
}

// lookup returns the task that an id or a name means, -1 where there is none, and all tasks of that name where it has
// several. An id wins over a name.
func (c *Context) lookup(word string) (task int, several []int) {
	if i, isID := c.byID[word]; isID {
		return i, nil
	}
	switch named := c.byName[word]; len(named) {
	case 0:
		return -1, nil
	case 1:
		return named[0], nil
	default:
		return -1, named
	}
}

// listWords lists what tasks can be called by, in the file's order.
func (c *Context) listWords() {
	for _, task := range c.Tasks {
		if task.ID != "" {
			c.words = append(c.words, task.ID)
		}
		if task.Name != "" && task.Name != task.ID {
			c.words = append(c.words, task.Name)
		}
	}
}

// ids lists the ids of tasks for a hint.
func (c *Context) ids(tasks []int) string {
	const shown = 5
	var list []string
	for i, number := range tasks {
		if i == shown {
			list = append(list, "…")
			break
		}
		list = append(list, definition.Quote(c.Tasks[number].ID))
	}
	return "use their ids: " + strings.Join(list, ", ")
}

// label names the task in a message.
func (t *Task) label() string {
	switch {
	case t.Name != "" && (t.ID == "" || t.derived):
		return "task " + definition.Quote(t.Name)
	case t.ID != "":
		return "task " + definition.Quote(t.ID)
	}
	return fmt.Sprintf("task number %d", t.number+1)
}

// place is where the task is called something.
func (t *Task) place() definition.Position {
	switch {
	case t.Task.ID != nil:
		return t.Task.ID.Position
	case t.Task.Name != nil:
		return t.Task.Name.Position
	}
	return t.Node.Position
}

func inID(r rune) bool {
	return r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// idFrom makes an id of a name: every run of characters that no id has becomes one `-`, none at the ends. It is "" where
// nothing is left.
func idFrom(name string) string {
	if strings.IndexFunc(name, func(r rune) bool { return !inID(r) }) < 0 {
		return name
	}
	words := strings.FieldsFunc(name, func(r rune) bool { return !inID(r) })
	return strings.Trim(strings.Join(words, "-"), "-")
}
