package rules

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// sourceFiles: script files that are not there, cannot be scripts, or are not known before the run starts. Those that are
// found go into the tasks.
func sourceFiles(c *Context) {
	for _, task := range c.Tasks {
		if task.method == nil || task.Parameters == nil {
			continue
		}
		first := ""
		for _, field := range task.Parameters.Fields {
			if !slices.Contains(task.method.SourceParameters, field.Name) || field.Value.Kind != value.KindString {
				continue
			}
			if first != "" {
				c.report(field.At, definition.Quote(field.Name)+" and "+definition.Quote(first)+" cannot both be given", "")
				continue
			}
			first = field.Name
			task.SourceName = field.Name
			task.Source = c.sourceFile(task, field)
		}
	}
}

func (c *Context) sourceFile(task *Task, field definition.Field) *protocol.Script {
	name := field.Value.Text
	switch {
	case task.refersTo(field.Value):
		c.report(field.Value.Position, field.Name+" cannot hold a reference: the file is read when the run starts", "")
		return nil
	case name == "":
		c.report(field.Value.Position, field.Name+" is empty", "")
		return nil
	}
	read := c.script(name)
	if read.script == nil {
		c.report(field.Value.Position, field.Name+" "+definition.Quote(name)+" "+read.problem, "")
	}
	return read.script
}

// MethodParameters returns what the method gets: all parameters but the file whose text is in Source and the timeout that
// is the task's.
func (t *Task) MethodParameters() value.Value {
	fields := []value.Field{}
	if t.Parameters != nil {
		for _, field := range t.Parameters.Fields {
			if t.Source != nil && field.Name == t.SourceName || field.Name == parameterTimeout && t.timeoutParameter() != nil {
				continue
			}
			fields = append(fields, value.Field{Name: field.Name, Value: field.Value.Value()})
		}
	}
	return value.Object(fields...)
}
