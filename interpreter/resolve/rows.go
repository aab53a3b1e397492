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
	from, rows := task.Each, &protocol.Rows{File: task.Each.Rows.Written, Columns: columnsOf(task.itemTexts())}
	read.FanOut.Rows = rows
	what := "rows"
	if from.Requests != nil {
		what, rows.File, rows.Columns = "requests", from.Requests.Written, nil
		rows.Requests, rows.AnyModel, rows.Key = true, task.Parameters != nil && task.Parameters.Get("model") != nil, "custom_id"
	}
	refuse := func(n *definition.Node, message, hint string) {
		read.Errors = append(read.Errors, Problem{At: n.Position, Message: message, Hint: hint})
	}
	others := []struct {
		name string
		n    *definition.Node
	}{{"directory", from.Directory}, {"files", from.FilesNode}, {"pattern", from.Pattern}}
	if len(from.Exclude) > 0 {
		others = append(others, struct {
			name string
			n    *definition.Node
		}{"exclude", from.Exclude[0]})
	}
	if from.Requests != nil {
		if from.Rows != from.Requests {
			refuse(from.Rows, "requests and rows cannot both be given", "the lines of a request file are the items")
		}
		for _, n := range []*definition.Node{from.Key, from.Delimiter} {
			if n != nil {
				refuse(n, "key and delimiter are not supported for requests", "custom_id identifies a request")
			}
		}
	}
	for _, other := range others {
		if other.n != nil {
			refuse(other.n, what+" and "+other.name+" cannot both be given", "the items are either "+what+" or files")
		}
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
	if from.Requests != nil {
		n = from.Requests
	}
	switch {
	case !task.IsBatch && IsMissing(from.Node, "rows"):
		refuse(n, `required key "rows" of for_each is missing`, "write for_each: [a, b] for a list, or for_each: {rows: table.csv} for a table")
	case n.Written == "" && from.Node.Get(what) != n: // Of the wrong type, which is reported elsewhere.
	case n.Written == "":
		refuse(n, what+" is empty", "")
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
	what, name := "requests ", strings.ReplaceAll(n.Written, "$${", "${")
	if !rows.Requests {
		what = "rows "
		name, _ = table.SplitSheet(name)
	}
	if problem := table.Check(name, table.Options{Delimiter: rows.Delimiter}); problem != nil && !rows.Requests {
		read.Errors = append(read.Errors, Problem{At: n.Position, Message: "rows: " + problem.Message, Hint: problem.Hint})
		return
	}
	if found := paths.find(name); found.problem != "" && found.exists {
		read.Errors = append(read.Errors, Problem{At: n.Position, Message: what + definition.Quote(name) + " " + found.problem})
		return
	}
	file := *n
	file.Written = strings.ReplaceAll(name, "${", "$${")
	outside, problem, missing := paths.locate(&file, false, false)
	switch {
	case missing:
		read.Missing = append(read.Missing, Problem{At: n.Position, Message: what + problem})
	case problem != "":
		read.Errors = append(read.Errors, Problem{At: n.Position, Message: what + problem})
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
