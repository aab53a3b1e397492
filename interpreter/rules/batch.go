package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// batches: missing keys of a batch, folders and files that do not exist, invalid patterns, and templates that make the same
// call for every file.
func batches(c *Context) {
	flow := c.Definition
	if n := flow.Type; n != nil && n.Written != definition.BatchID {
		c.report(n.Position, "type must be batch, not "+n.Describe(), "leave it out for a workflow of tasks")
	}
	if flow.Batch == nil {
		if flow.Protocol != nil {
			c.report(flow.Protocol.Position, `"protocol" is only supported beside a template`, "set it in each task")
		}
		return
	}
	checkForm(c)
	for _, task := range c.Tasks {
		if !task.IsBatch {
			continue
		}
		c.reportAll(task.FanOutErrors)
		c.reportAll(slices.DeleteFunc(slices.Clone(task.Items.Errors), func(problem resolve.Problem) bool {
			n := task.Each.Node // Which files there are may stand in a key that is reported.
			return n != nil && problem.At == n.Position && !(c.lacks(n, "directory") && c.lacks(n, "files") && c.lacks(n, "rows"))
		}))
		c.reportMissing(task.Items.Missing)
		checkDifference(c, task)
		noteBeneath(c, task)
	}
}

// noteBeneath notes files in folders beneath that of a batch which says nothing about them.
func noteBeneath(c *Context, task *resolve.Task) {
	for _, beneath := range task.Items.Beneath {
		what := fmt.Sprintf("%d files in folders", beneath.Files)
		switch {
		case beneath.More:
			what = fmt.Sprintf("at least %d files in folders", beneath.Files)
		case beneath.Files == 1:
			what = "1 file in a folder"
		}
		c.note(beneath.Folder.Position, fmt.Sprintf("%s beneath %s will not be read", what, definition.Quote(beneath.Folder.Written)),
			`write pattern: "**/*" to read them, too, or pattern: "*" if they are not meant`)
	}
}

// checkDifference reports a task that would do the same for each file.
func checkDifference(c *Context, task *resolve.Task) {
	switch {
	case task.Method == nil || task.Parameters == nil || task.UsesItem():
	case c.meansItem(task):
		return // It is there under another name, which is reported.
	case task.Each.Requests != nil:
		c.report(task.Parameters.Position, "every request would get the same call: no parameter refers to ${item}", `write method: llm/request, url: "${item.url}", body: "${item.body}" for the requests as they are`)
	case task.Each.Rows != nil:
		c.report(task.Parameters.Position, "every row would get the same call: no parameter refers to ${item}", "use ${item.COLUMN}, a cell of the row, or ${item}")
	default:
		c.report(task.Parameters.Position, "every file would get the same call: "+reasonForSameCall(task), "use ${item}, the path of the file")
	}
}

// meansItem reports whether a task refers to its item under the name that it has in other programs.
func (c *Context) meansItem(task *resolve.Task) bool {
	for _, text := range task.Texts {
		for _, ref := range text.References {
			if other, _ := c.Names.Lookup(ref.Head); other < 0 && !slices.Contains(resolve.FixedHeads(), ref.Head) && meantItem(ref, place{task: task, items: task.ItemKind()}) != "" {
				return true
			}
		}
	}
	return false
}

// checkForm reports what the short form cannot do without.
func checkForm(c *Context) {
	flow := c.Definition
	if resolve.IsMissing(flow.Root, "batch") {
		c.report(flow.Root.Position, `required key "batch" is missing`, "write batch: {directory: …}")
	}
	switch {
	case resolve.IsMissing(flow.Root, "template"):
		c.report(flow.Root.Position, `required key "template" is missing`, "write template: {method: …}")
	case flow.TemplateNode != nil && flow.Batch.StepsNode == nil && resolve.IsMissing(flow.TemplateNode, "method"):
		c.report(flow.TemplateNode.Position, `required key "method" of the template is missing`, "write method: "+methodFor(c.batchTask())+"; "+resolve.ListMethods)
	}
	if second := flow.Protocol; second != nil && flow.TemplateNode != nil {
		if first := flow.TemplateNode.Get("protocol"); first != nil && first.Kind != value.KindNull {
			c.report(second.Position, fmt.Sprintf("duplicate key \"protocol\": the template has one in line %d", first.Line), "")
		}
	}
}

// batchTask is the task that the short form of a batch makes.
func (c *Context) batchTask() *resolve.Task {
	for _, task := range c.Tasks {
		if task.IsBatch {
			return task
		}
	}
	return &resolve.Task{}
}

func reasonForSameCall(t *resolve.Task) string {
	to := t.PathParameter()
	if to == "" {
		return t.Method.Name + " has no parameter for a file, and no parameter refers to ${item}"
	}
	return fmt.Sprintf("%q is given, and no parameter refers to ${item}", strings.Split(to, ".")[0])
}
