package rules

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// idFormat: ids that cannot be written everywhere that ids are written, or that mean something else there.
func idFormat(c *Context) {
	if n := c.Definition.ID; n != nil {
		switch problem, hint := badID(n.Written); {
		case n.Written == "":
			c.report(n.Position, "the id is empty", "")
		case problem != "":
			c.report(n.Position, "id "+definition.Quote(n.Written)+" "+problem, hint)
		}
	}
	for _, task := range c.Tasks {
		what := "id " + definition.Quote(task.ID)
		if task.IDFromName {
			what = fmt.Sprintf("id %s, made from the name %s,", definition.Quote(task.ID), definition.Quote(task.Name))
		}
		switch problem, hint := badID(task.ID); {
		case task.ID == "" && task.IDFromName:
			c.report(task.Place(), "no id can be made of the name "+definition.Quote(task.Name), "give the task an id")
		case c.Definition.Batch != nil && task.ID == definition.BatchID && !task.IsBatch:
			c.report(task.Place(), what+" is reserved: it is that of the task that the batch makes", "")
		case slices.Contains(resolve.FixedHeads(), task.ID):
			c.report(task.Place(), what+" is reserved: references use it for something else", "")
		case problem != "" && task.IDFromName:
			c.report(task.Place(), what+" "+problem, "give the task an id")
		case problem != "":
			c.report(task.Place(), what+" "+problem, hint)
		}
	}
}

func badID(id string) (problem, hint string) {
	if at := strings.IndexFunc(id, func(r rune) bool { return !resolve.IsIDRune(r) }); at >= 0 {
		r, _ := utf8.DecodeRuneInString(id[at:])
		return fmt.Sprintf("holds %q, which no id can", string(r)), "letters, digits, - and _ can"
	}
	if utf8.RuneCountInString(id) > definition.MaxID {
		return fmt.Sprintf("has more than %d characters", definition.MaxID), ""
	}
	return "", ""
}
