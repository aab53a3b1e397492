package rules

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/temporalname"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// idFormat: ids with characters that are not legal everywhere an id is used, or with a meaning of their own there.
func idFormat(c *Context) {
	if n := c.Definition.ID; n != nil {
		switch problem, hint := badRunID(n.Written); {
		case n.Written == "":
			c.report(n.Position, "id is empty", "")
		case problem != "":
			c.report(n.Position, "id "+definition.Quote(n.Written)+" "+problem, hint)
		}
	}
	for _, task := range c.Tasks {
		what := "id " + definition.Quote(task.ID)
		if task.IDFromName {
			what = fmt.Sprintf("id %s, made from the name %s,", definition.Quote(task.ID), definition.Quote(task.Name))
		}
		switch problem, hint := badTaskID(task.ID); {
		case task.ID == "" && task.IDFromName:
			c.report(task.Place(), "the name "+definition.Quote(task.Name)+" contains no letters or digits to make an id from", "give the task an id")
		case c.Definition.Batch != nil && task.ID == definition.BatchID && !task.IsBatch:
			c.report(task.Place(), what+" is reserved for the task that the batch makes", "")
		case slices.Contains(resolve.FixedHeads(), task.ID):
			c.report(task.Place(), fmt.Sprintf("%s is reserved: ${%s} has another meaning", what, task.ID), "")
		case problem != "" && task.IDFromName:
			c.report(task.Place(), what+" "+problem, "give the task an id")
		case problem != "":
			c.report(task.Place(), what+" "+problem, hint)
		}
	}
}

// badTaskID says what is wrong with the id of a task. References name it; as an activity id it may have any letters.
func badTaskID(id string) (problem, hint string) {
	if illegal := temporalname.Illegal(id, resolve.IsIDRune); illegal != "" {
		hint = "use letters, digits, - and _"
		if near := strings.Join(strings.FieldsFunc(id, func(r rune) bool { return !resolve.IsIDRune(r) }), "-"); near != "" && len(near) <= definition.MaxID {
			hint += ": write " + near
		}
		return "contains " + strings.ReplaceAll(illegal, `" "`, "a space"), hint
	}
	if utf8.RuneCountInString(id) > definition.MaxID {
		return fmt.Sprintf("is longer than %d characters", definition.MaxID), ""
	}
	return "", ""
}

// badRunID says what is wrong with the id of a workflow, which its runs have in Temporal.
func badRunID(id string) (problem, hint string) {
	legal := func(r rune) bool { return r <= unicode.MaxASCII && resolve.IsIDRune(r) }
	illegal := temporalname.Illegal(id, legal)
	problem = "contains " + strings.ReplaceAll(illegal, `" "`, "a space")
	if illegal == "" {
		if problem, hint = badTaskID(id); problem != "" || !strings.HasPrefix(id, "-") {
			return problem, hint
		}
		problem = "begins with -, as options of commands do"
	}
	hint = "use a-z, A-Z, 0-9, - and _"
	if near := temporalname.Slug(id, definition.MaxID); near != "" {
		hint += ": write " + near
	}
	return problem, hint
}
