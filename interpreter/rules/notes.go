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
func noteTexts(c *Context, parameters, code *definition.Node) {
	parameters.Strings(func(text *definition.Node) {
		noteBraces(c, text)
		if text != code { // A program may have such names of its own.
			noteUnmarked(c, text)
		}
		noteComment(c, text)
	})
}

// braces are references of other engines: {{ inputs.topic }}.
var braces = regexp.MustCompile(`\{\{-? *([A-Za-z_][A-Za-z0-9_-]*)((?:\.[A-Za-z0-9_-]+)*) *-?\}\}`)

// noteBraces notes texts that look like references to an input or a task, and are none. They may be meant: a prompt can be about braces.
func noteBraces(c *Context, n *definition.Node) {
	if !strings.Contains(n.Text, "{{") {
		return
	}
	places := braces.FindStringSubmatchIndex(n.Text)
	if places == nil || places[0] > 0 && n.Text[places[0]-1] == '$' {
		return // ${{ }} is reported.
	}
	found := braces.FindStringSubmatch(n.Text)
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

// unmarked are references with a sign or braces alone: $a.response, $(a.response), {a.response}.
var unmarked = []*regexp.Regexp{
	regexp.MustCompile(`(?:^|[^$\w])(\$([A-Za-z_][\w-]*)((?:\.[A-Za-z_]\w*)+))`),
	regexp.MustCompile(`(?:^|[^$])(\$\(([A-Za-z_][\w-]*)((?:\.\w+|\[[0-9*]+\])+)\))`),
	regexp.MustCompile(`(?:^|[^${])(\{([A-Za-z_][\w-]*)((?:\.\w+|\[[0-9*]+\])+)\})(?:[^}]|$)`),
}

// mayBeUnmarked reports whether a text has a sign or a brace that does not begin a reference. Most texts have none, and the expressions
// cost more than all else that is done with a text.
func mayBeUnmarked(text string) bool {
	for i := range len(text) {
		isReference := strings.HasPrefix(text[i:], "${")
		if text[i] == '$' && !isReference || text[i] == '{' && (i == 0 || text[i-1] != '$') {
			return true
		}
	}
	return false
}

// mostUnmarked is how many of a kind are looked at in a text for one that names a task.
const mostUnmarked = 20

// noteUnmarked notes texts that lack a part of what makes a reference to a task or an input.
func noteUnmarked(c *Context, n *definition.Node) {
	if !mayBeUnmarked(n.Text) {
		return
	}
	for _, form := range unmarked {
		for _, at := range form.FindAllStringSubmatchIndex(n.Text, mostUnmarked) {
			whole, head, rest := n.Text[at[2]:at[3]], n.Text[at[4]:at[5]], n.Text[at[6]:at[7]]
			isInput := head == "inputs" && c.HasInput(strings.TrimPrefix(rest, "."))
			if task, _ := c.Names.Lookup(head); task < 0 && !isInput {
				continue
			}
			c.note(c.Definition.Locate(n).At(at[2]), definition.Shorten(whole)+" is text, not a reference", "write ${"+definition.Shorten(head+rest)+"} for one")
			break // One of a kind is enough.
		}
	}
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
