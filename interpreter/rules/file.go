package rules

import (
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// files: files that tasks name and that do not exist or cannot be read. A path with a reference is not known yet. A missing
// file is no error where the task waits for one that may write it.
func files(c *Context) {
	later := afterWriters(c)
	for _, task := range c.Tasks {
		for _, file := range task.Files {
			message := file.Parameter + " " + definition.Quote(file.Path.Text) + " " + file.Problem
			switch {
			case file.Problem == "":
			case file.Exists:
				c.report(file.Path.Position, message, "")
			case !later[task.Number]:
				c.reportMissing([]resolve.Problem{{At: file.Path.Position, Message: message, Hint: file.Hint}})
			}
		}
		if task.Each != nil && !task.IsBatch && !later[task.Number] {
			c.reportMissing(task.Items.Missing)
		}
	}
}

// afterWriters returns which tasks wait, directly or not, for one that may write files: any whose method does not itself
// read them, for those do nothing else with files.
func afterWriters(c *Context) []bool {
	waiting := make([][]int, len(c.Tasks))
	for _, task := range c.Tasks {
		for _, other := range task.Waits {
			waiting[other] = append(waiting[other], task.Number)
		}
	}
	after := make([]bool, len(c.Tasks))
	var next []int
	for _, task := range c.Tasks {
		if task.Method == nil || len(task.Method.FileParameters) == 0 {
			next = append(next, task.Number)
		}
	}
	for len(next) > 0 {
		from := next[len(next)-1]
		next = next[:len(next)-1]
		for _, task := range waiting[from] {
			if !after[task] {
				after[task] = true
				next = append(next, task)
			}
		}
	}
	return after
}
