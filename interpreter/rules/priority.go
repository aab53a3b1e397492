package rules

import "github.com/gleitzeit/gleitzeit/interpreter/definition"

// priorityLevels are Temporal's priority keys, 1 starts first and 5 last, by the words and the numbers of the language.
var priorityLevels = []struct {
	word  string
	level int
}{{"urgent", 1}, {"high", 2}, {"normal", 3}, {"low", 5}, {"1", 2}, {"2", 3}, {"3", 5}}

// normalPriority is that of tasks that name none.
const normalPriority = 3

// priorities: priorities that are none.
func priorities(c *Context) {
	c.checkPriority(c.Flow.Priority)
	for _, task := range c.Tasks {
		c.checkPriority(task.Task.Priority)
	}
}

func (c *Context) checkPriority(n *definition.Node) {
	if n == nil {
		return
	}
	if _, known := levelOf(n); !known {
		c.report(n.Position, "priority must be urgent, high, normal or low, or 1 (high), 2 (normal) or 3 (low), not "+n.Describe(),
			c.suggest(n.Written, definition.Priorities()))
	}
}

func levelOf(n *definition.Node) (level int, known bool) {
	for _, entry := range priorityLevels {
		if entry.word == n.Written {
			return entry.level, true
		}
	}
	return 0, false
}

// PriorityKey returns the workflow's priority as Temporal's key.
func (c *Context) PriorityKey() int { return firstLevel(c.Flow.Priority) }

// PriorityOf returns the task's priority as Temporal's key: its own, else the workflow's.
func (c *Context) PriorityOf(task *Task) int { return firstLevel(task.Task.Priority, c.Flow.Priority) }

func firstLevel(nodes ...*definition.Node) int {
	for _, n := range nodes {
		if n != nil {
			if level, known := levelOf(n); known {
				return level
			}
		}
	}
	return normalPriority
}
