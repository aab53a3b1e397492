package rules

import (
	"regexp"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// noteTexts notes what texts among parameters may say without meaning it.
func noteTexts(c *Context, parameters *definition.Node) {
	parameters.Strings(func(text *definition.Node) {
		noteBraces(c, text)
		noteComment(c, text)
	})
}

// braces are references of other engines: {{ inputs.topic }}.
var braces = regexp.MustCompile(`\{\{-? *([A-Za-z_][A-Za-z0-9_-]*)((?:\.[A-Za-z0-9_-]+)*) *-?\}\}`)

// noteBraces notes texts that look like references to an input or a task, and are none. They may be meant: a prompt can be about braces.
func noteBraces(c *Context, n *definition.Node) {
	found := braces.FindStringSubmatch(n.Text)
	if found == nil {
		return
	}
	meant := found[1] + found[2]
	switch {
	case found[1] == "inputs":
	case c.HasInput(found[1]):
		meant = "inputs." + meant
	case c.Names.WithID(found[1]) == nil:
		return
	}
	c.note(c.Definition.Locate(n).At(strings.Index(n.Text, found[0])), definition.Shorten(found[0])+" is text, not a reference", "write ${"+definition.Shorten(meant)+"} for one")
}

// noteComment notes a text of several words that a comment ends which looks like a part of it: Summarize chapter #3.
func noteComment(c *Context, n *definition.Node) {
	if !strings.Contains(n.Text, " ") {
		return
	}
	at, comment := c.Definition.Locate(n).Comment()
	if comment == "" || strings.TrimLeft(comment, "#") == "" || strings.HasPrefix(strings.TrimLeft(comment, "#"), " ") {
		return
	}
	c.note(at, "the text ends before "+definition.Quote(comment)+", which is a comment in YAML", "to keep it, write "+definition.InQuotes(n.Text+" "+comment))
}

// noteWhole notes a reference to the whole result of a model in what another model is asked, where its answer is probably meant.
func noteWhole(c *Context, task *resolve.Task, text resolve.Text) {
	if task.Method == nil || !slices.Contains(task.Method.Fields, "response") {
		return // What is no model may want all of it.
	}
	for _, ref := range text.References {
		other, _ := c.Names.Lookup(ref.Head)
		if other < 0 || ref.HasDefault || len(ref.Steps) > 1 || len(ref.Steps) == 1 && ref.Steps[0].Field != "result" {
			continue
		}
		of := c.Tasks[other]
		if of.Each != nil || of.Method == nil || !of.Method.ResultClosed || !slices.Contains(of.Method.Fields, "response") || slices.Contains(of.Method.Fields, "result") {
			continue
		}
		c.note(c.Definition.Locate(text.Node).At(ref.Offset), shown(ref)+" is all of the result of "+of.Method.Name+", as JSON", "write ${"+ref.Head+".response} for the answer alone")
	}
}

// noteNoResult notes a reference to the result of a script that prints something instead of assigning one.
func noteNoResult(c *Context, text resolve.Text) {
	for _, ref := range text.References {
		other, _ := c.Names.Lookup(ref.Head)
		if other < 0 || ref.HasDefault || len(ref.Steps) == 0 || ref.Steps[0].Field != "result" {
			continue
		}
		of := c.Tasks[other]
		if of.Each != nil || of.Method == nil || of.Method.CodeParameter == "" || of.Parameters == nil {
			continue
		}
		code := of.Parameters.Get(of.Method.CodeParameter)
		if code == nil || code.Kind != value.KindString || of.RefersTo(code) || strings.Contains(code.Text, "result") || !strings.Contains(code.Text, "print(") {
			continue
		}
		c.note(c.Definition.Locate(text.Node).At(ref.Offset), shown(ref)+" is null: the code of "+of.Label()+" prints, and assigns nothing to result",
			"write ${"+ref.Head+".output} for what it prints, or result = … in its code")
	}
}
