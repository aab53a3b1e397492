package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// forEach: items that are invalid, and keys for items in a task without items.
func forEach(c *Context) {
	for _, task := range c.Tasks {
		if task.IsBatch {
			continue
		}
		c.reportAll(task.FanOutErrors)
		if task.Each == nil {
			checkWithoutItems(c, task)
			continue
		}
		if task.Each.Reduces {
			checkReduction(c, task)
			continue
		}
		if !c.wantsFiles(task) {
			c.reportAll(task.Items.Errors) // The rule of files reports what is missing.
		}
		if task.Each.Values != nil {
			checkValues(c, task)
		} else if len(task.Items.Errors) == 0 || task.Each.HasFiles() {
			checkDifference(c, task)
		}
	}
}

// wantsFiles reports whether the items are to be files, and are written where only rows can be: that is what is wrong.
func (c *Context) wantsFiles(task *resolve.Task) bool {
	return task.Each.Rows != nil && resolve.IsMissing(task.Each.Node, "rows") && slices.ContainsFunc(task.Each.Node.Fields, func(field definition.Field) bool { return strings.HasPrefix(c.hints[field.At], forFiles) })
}

// checkWithoutItems reports keys that a task without items cannot have.
func checkWithoutItems(c *Context, task *resolve.Task) {
	if len(task.FanOutErrors) > 0 || task.Method == nil && task.Workflow == nil || hasValue(task.Node, "for_each") {
		return // Whether it has items is not known.
	}
	for _, limit := range limitsOf(task) {
		if limit.n != nil {
			c.report(limit.n.Position, fmt.Sprintf("%s is only supported for a task with items, and %s has none", limit.name, task.Label()), "add for_each, or remove "+limit.name)
		}
	}
}

// limit is a key that limits the items of a task.
type limit struct {
	name string
	n    *definition.Node
}

func limitsOf(task *resolve.Task) []limit {
	return []limit{{maxConcurrent, task.MaxConcurrent}, {maxFailures, task.MaxFailures}, {"max_tokens_total", task.MaxTokens}, {"chunk", task.Chunk}}
}

const maxConcurrent, maxFailures = "max_concurrent", "max_failures"

// checkReduction reports texts that are not a list, and limits that calls of rounds cannot have.
func checkReduction(c *Context, task *resolve.Task) {
	for _, limit := range limitsOf(task) {
		if limit.n != nil && limit.name != maxConcurrent {
			hint := "remove " + limit.name
			if limit.name == maxFailures {
				hint += "; the task fails when one of its calls fails"
			}
			c.report(limit.n.Position, limit.name+" is not supported by "+task.Method.Name, hint)
		}
	}
	for _, problem := range task.Items.Errors {
		if n := task.MaxConcurrent; n != nil && problem.At == n.Position {
			c.reportAll([]resolve.Problem{problem})
		}
	}
	checkValues(c, task)
	checkGroupBy(c, task)
}

// checkGroupBy reports a key that is the same for all texts. That it is a text is checked by the rule of parameters.
func checkGroupBy(c *Context, task *resolve.Task) {
	by := task.Each.GroupBy
	if by == nil || by.Kind != value.KindString {
		return
	}
	_, keys := task.SplitEachTexts()
	for _, text := range keys {
		isItem := func(ref reference.Reference) bool {
			return ref.Head == resolve.HeadItem || ref.Head == resolve.HeadIndex
		}
		if len(text.Errors) > 0 || slices.ContainsFunc(text.References, isItem) {
			return
		}
	}
	name := task.Method.GroupParameter
	c.report(by.Position, fmt.Sprintf("%s must refer to ${item}, an element of %s, not %s", name, task.Method.ReduceParameter, by.Describe()),
		fmt.Sprintf("write %s: \"${item.category}\"", name))
}

func hasValue(n *definition.Node, name string) bool {
	val := n.Get(name)
	return val != nil && val.Kind != value.KindNull
}

// checkValues reports items that are not a list.
func checkValues(c *Context, task *resolve.Task) {
	n, name := task.Each.Values, "for_each"
	if task.Each.Reduces {
		name = task.Method.ReduceParameter
	}
	if n.Kind == value.KindList {
		return
	}
	for _, text := range task.EachTexts {
		if len(text.Errors) > 0 {
			return // Told by the rule of references.
		}
		if len(text.References) == 1 && text.References[0].Text == n.Text {
			checkInputList(c, n, text, name)
			checkNoItems(c, n, text, name)
			checkAnswer(c, n, text, name)
			return
		}
	}
	if task.Each.Reduces && !task.RefersTo(n) {
		return // Reported by the rule of parameters.
	}
	hint := fmt.Sprintf("write %s: [a, b] or %[1]s: \"${task.list}\"", name)
	if text := n.Flow(); n.Text != "" && text != "" && n.Kind == value.KindString && !strings.Contains(text, "${") {
		if strings.Contains(n.Text, ", ") {
			text = n.Text // It is the list, without its brackets.
		}
		hint = "write " + name + ": [" + text + "]"
	}
	if called.MatchString(n.Text) && n.Kind == value.KindString {
		hint = listOfCall(name, n.Text)
	}
	c.report(n.Position, name+" must be a list or a single reference, not "+n.Describe(), hint)
}

// A call of a function, which nothing evaluates.
var (
	called = regexp.MustCompile(`^[A-Za-z_][\w.]*\(.*\)$`)
	ranged = regexp.MustCompile(`^range\(([0-9]|10)\)$`)
)

// listOfCall says how the list is written that a call means: as it is, if it is short, or as the result of a script.
func listOfCall(name, call string) string {
	if parts := ranged.FindStringSubmatch(call); parts != nil {
		var numbers []string
		count, _ := strconv.Atoi(parts[1])
		for i := range count {
			numbers = append(numbers, strconv.Itoa(i))
		}
		return "write " + name + ": [" + strings.Join(numbers, ", ") + "]"
	}
	return "nothing is evaluated here: write " + name + `: "${list.result}", with a script: {id: list, method: python/execute, parameters: {code: ` + definition.InQuotes("result = list("+call+")") + `}}`
}

// checkInputList reports an input that is to give the items and is declared to be no list.
func checkInputList(c *Context, n *definition.Node, text resolve.Text, name string) {
	ref := text.References[0]
	if ref.Head != resolve.HeadInputs || len(ref.Steps) != 1 {
		return
	}
	for _, input := range c.Definition.Inputs {
		if input.Name != ref.Steps[0].Field {
			continue
		}
		if of := resolve.TypeOf(input); of != resolve.TypeList && of.Known() {
			c.report(n.Position, fmt.Sprintf("%s must be a list, and input %s is %s", name, definition.Quote(input.Name), of.Describe()), "declare the input with type: list")
		}
	}
}

// checkAnswer reports the answer of a model, which is a text, as a list.
func checkAnswer(c *Context, n *definition.Node, text resolve.Text, name string) {
	ref := text.References[0]
	other, _ := c.Names.Lookup(ref.Head)
	if other < 0 || len(ref.Steps) != 1 || ref.HasDefault {
		return
	}
	of := c.Tasks[other]
	if of.Each != nil || of.Method == nil || !slices.Contains(of.Method.Properties, "schema") || !of.Method.IsText(ref.Steps[0].Field) {
		return
	}
	c.report(n.Position, fmt.Sprintf("%s must be a list, and %s is a text", name, shown(ref)),
		fmt.Sprintf(`write %s: "${%s.parsed.items}", and add to the parameters of %s schema: {type: object, required: [items], properties: {items: {type: array, items: {type: string}}}}`, name, ref.Head, of.Label()))
}

// checkNoItems reports a default that is not a list. Within `[*]` it replaces elements, which may be texts.
func checkNoItems(c *Context, n *definition.Node, text resolve.Text, name string) {
	ref := text.References[0]
	every := slices.ContainsFunc(ref.Steps, func(step reference.Step) bool { return step.Every })
	if ref.HasDefault && !every && !ref.HasEmptyListDefault() {
		c.report(n.Position, name+" must be a list, and the default "+definition.Quote(ref.Default)+" is text", "write :-[] for no items")
	}
}
