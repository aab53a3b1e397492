package resolve

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/table"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// readRows reads which table has the items of a task.
func readRows(paths *Paths, task *Task, read *Items) {
	from, rows := task.Each, &protocol.Rows{File: task.Each.Rows.Written, Columns: columnsOf(task.Texts)}
	read.FanOut.Rows = rows
	refuse := func(n *definition.Node, message, hint string) {
		read.Errors = append(read.Errors, Problem{At: n.Position, Message: message, Hint: hint})
	}
	for _, other := range []struct {
		name string
		n    *definition.Node
	}{{"directory", from.Directory}, {"files", from.FilesNode}, {"pattern", from.Pattern}} {
		if other.n != nil {
			refuse(other.n, "rows and "+other.name+" cannot both be given", "the items are either rows or files")
		}
	}
	if len(from.Exclude) > 0 {
		refuse(from.Exclude[0], "rows and exclude cannot both be given", "the items are either rows or files")
	}
	for _, of := range []struct {
		name string
		n    *definition.Node
		to   *string
	}{{"key", from.Key, &rows.Key}, {"delimiter", from.Delimiter, &rows.Delimiter}} {
		switch {
		case of.n == nil:
		case strings.Contains(of.n.Written, "${"):
			refuse(of.n, of.name+" cannot contain a reference", "")
		case of.n.Written == "":
			refuse(of.n, of.name+" is empty", "")
		default:
			*of.to = of.n.Written
		}
	}
	n := from.Rows
	switch {
	case !task.IsBatch && IsMissing(from.Node, "rows"):
		refuse(n, `required key "rows" of for_each is missing`, "write for_each: {rows: table.csv}")
	case n.Written == "" && from.Node.Get("rows") != n: // Of the wrong type, which is reported elsewhere.
	case n.Written == "":
		refuse(n, "rows is empty", "")
	case task.EachTexts.hasNode(n):
		if rows.Delimiter != "" {
			if problem := table.Check("table.csv", table.Options{Delimiter: rows.Delimiter}); problem != nil {
				refuse(from.Delimiter, problem.Message, problem.Hint)
			}
		}
	default:
		locateRows(paths, n, rows, read)
	}
}

// locateRows looks for the table.
func locateRows(paths *Paths, n *definition.Node, rows *protocol.Rows, read *Items) {
	name, _ := table.SplitSheet(strings.ReplaceAll(n.Written, "$${", "${"))
	if problem := table.Check(name, table.Options{Delimiter: rows.Delimiter}); problem != nil {
		read.Errors = append(read.Errors, Problem{At: n.Position, Message: "rows: " + problem.Message, Hint: problem.Hint})
		return
	}
	if found := paths.find(name); found.problem != "" && found.exists {
		read.Errors = append(read.Errors, Problem{At: n.Position, Message: "rows " + definition.Quote(name) + " " + found.problem})
		return
	}
	file := *n
	file.Written = strings.ReplaceAll(name, "${", "$${")
	outside, problem, missing := paths.locate(&file, false, false)
	switch {
	case missing:
		read.Missing = append(read.Missing, Problem{At: n.Position, Message: "rows " + problem})
	case problem != "":
		read.Errors = append(read.Errors, Problem{At: n.Position, Message: "rows " + problem})
	case outside != "":
		read.Reads = append(read.Reads, outside)
	}
}

// columnsOf returns the columns without which the references in texts cannot be resolved, sorted.
func columnsOf(texts Texts) (columns []string) {
	for _, text := range texts {
		for _, ref := range text.References {
			if ref.Head != HeadItem || ref.HasDefault || len(ref.Steps) == 0 {
				continue
			}
			if step := ref.Steps[0]; !step.IsIndex && !step.Every && !slices.Contains(columns, step.Field) {
				columns = append(columns, step.Field)
			}
		}
	}
	slices.Sort(columns)
	return columns
}
