package resolve

import (
	"slices"
	"strings"
	"unicode"
)

// Names looks up tasks by their ids and names.
type Names struct {
	Words []string // What tasks can be called by, in the file's order.

	tasks  []*Task
	byID   map[string]int
	byName map[string][]int
	heads  []string // Made when first needed.
}

// newNames gives each task its id, its own or one made from its name. Of tasks with equal ids the first one has it.
func newNames(tasks []*Task) *Names {
	names := &Names{tasks: tasks, byID: map[string]int{}, byName: map[string][]int{}}
	for i, task := range tasks {
		if task.Task.Name != nil {
			task.Name = task.Task.Name.Written
		}
		if task.Task.ID != nil {
			task.ID = task.Task.ID.Written
		}
		if task.ID == "" && task.Name != "" {
			task.ID, task.IDFromName = idFrom(task.Name), true
		}
		if _, taken := names.byID[task.ID]; task.ID != "" && !taken {
			names.byID[task.ID] = i
		}
		if task.Name != "" {
			names.byName[task.Name] = append(names.byName[task.Name], i)
		}
		if task.ID != "" {
			names.Words = append(names.Words, task.ID)
		}
		if task.Name != "" && task.Name != task.ID {
			names.Words = append(names.Words, task.Name)
		}
	}
	return names
}

// Lookup returns the task that an id or a name stands for, -1 where there is none, and all tasks of that name where it has
// several. An id takes precedence over a name.
func (n *Names) Lookup(word string) (task int, several []int) {
	if i, isID := n.byID[word]; isID {
		return i, nil
	}
	switch named := n.byName[word]; len(named) {
	case 0:
		return -1, nil
	case 1:
		return named[0], nil
	default:
		return -1, named
	}
}

// WithID returns the first task with an id; nil where there is none.
func (n *Names) WithID(id string) *Task {
	if i, has := n.byID[id]; has {
		return n.tasks[i]
	}
	return nil
}

// Heads lists the words that a reference may begin with, the fixed ones first.
func (n *Names) Heads() []string {
	if n.heads == nil {
		n.heads = slices.Concat(FixedHeads(), n.Words)
	}
	return n.heads
}

// IsIDRune reports whether a character can stand in an id.
func IsIDRune(r rune) bool {
	return r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// idFrom makes an id of a name: every run of characters that cannot stand in an id becomes one `-`, none at the ends. It
// is "" where nothing is left.
func idFrom(name string) string {
	if strings.IndexFunc(name, func(r rune) bool { return !IsIDRune(r) }) < 0 {
		return name
	}
	words := strings.FieldsFunc(name, func(r rune) bool { return !IsIDRune(r) })
	return strings.Trim(strings.Join(words, "-"), "-")
}
