// Package rules checks a resolved workflow file: one check, one file, one printed name. It does no I/O and changes nothing;
// its diagnostics depend on nothing but the workflow.
package rules

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// Rule is one check.
type Rule struct {
	Name  string // As messages print it: "depends-on".
	Check func(*Context)
}

// Cycle is the name of the rule on circular dependencies.
const Cycle = "cycle"

// All lists the rules. The parser of package definition has two more: syntax and limit.
func All() []Rule {
	return []Rule{
		{"unknown-key", unknownKey},
		{"duplicate-key", duplicateKey},
		{"type", wrongType},
		{"missing", missing},
		{"id-format", idFormat},
		{"duplicate-id", duplicateID},
		{"depends-on", dependsOn},
		{Cycle, cycle},
		{"reference", references},
		{"method", methods},
		{"workflow", nestedWorkflows},
		{"parameters", parameters},
		{"secret", secrets},
		{"timeout", timeouts},
		{"retry", retries},
		{"priority", priorities},
		{"condition", conditions},
		{"run-if", runIfs},
		{"repeat", repeats},
		{"approval", approvals},
		{"queue", queues},
		{"cache", caches},
		{"split", splits},
		{"steps", stepsOfItems},
		{"defaults", defaults},
		{"providers", providers},
		{"source-file", sourceFiles},
		{"file", files},
		{"batch", batches},
		{"for-each", forEach},
		{"inputs", inputs},
		{"outputs", outputs},
		{"mcp-servers", toolServers},
	}
}

// Context is a resolved workflow and what the rules find wrong with it.
type Context struct {
	*resolve.Workflow
	Diagnostics []definition.Diagnostic // In no order.

	rule    string                         // The name of the rule that is being checked.
	hints   map[definition.Position]string // What to write for the unknown keys at these places.
	foreign bool                           // The file belongs to another program, which is reported.

	elsewhere bool // The file has no key of a workflow.
}

// Check applies every rule to a workflow.
func Check(workflow *resolve.Workflow) []definition.Diagnostic { return check(workflow, All()) }

// CheckBeginning applies the rules that need no more than the first lines of a file.
func CheckBeginning(workflow *resolve.Workflow) []definition.Diagnostic {
	return check(workflow, []Rule{{"unknown-key", unknownKey}, {"duplicate-key", duplicateKey}})
}

func check(workflow *resolve.Workflow, all []Rule) []definition.Diagnostic {
	c := &Context{Workflow: workflow}
	for _, rule := range all {
		c.rule = rule.Name
		rule.Check(c)
	}
	return c.Diagnostics
}

// report adds a diagnostic of the rule that is being checked.
func (c *Context) report(at definition.Position, message, hint string) {
	c.reportAll([]resolve.Problem{{At: at, Message: message, Hint: hint}})
}

// reportAll is report for problems that resolving the workflow came upon.
func (c *Context) reportAll(problems []resolve.Problem) {
	c.Diagnostics = slices.Grow(c.Diagnostics, len(problems))
	for _, problem := range problems {
		file := problem.File
		if file == "" {
			file = c.File
		}
		c.Diagnostics = append(c.Diagnostics, definition.Diagnostic{
			File: file, Line: problem.At.Line, Column: problem.At.Column, Rule: c.rule,
			Message: value.Visible(problem.Message), Hint: value.Visible(problem.Hint),
		})
	}
}

// note adds what is no error.
func (c *Context) note(at definition.Position, message, hint string) {
	c.report(at, message, hint)
	c.Diagnostics[len(c.Diagnostics)-1].Note = true
}

// reportMissing reports files and folders that do not exist: errors, but notes where the run executes on another machine.
func (c *Context) reportMissing(problems []resolve.Problem) {
	for _, problem := range problems {
		if !c.Remote {
			c.reportAll([]resolve.Problem{problem})
			continue
		}
		c.note(problem.At, problem.Message, "the worker that runs the task looks for it again")
	}
}
