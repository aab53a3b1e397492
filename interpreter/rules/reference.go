package rules

import (
	"cmp"
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

// references: invalid references, and references to unknown tasks, in parameters, items and conditions.
func references(c *Context) {
	checkUnusedDefaults(c)
	for _, task := range c.Tasks {
		checkTexts(c, task.Texts, place{task: task, variables: task.Workflow == nil, items: task.ItemKind()})
		lists, keys := task.SplitEachTexts()
		checkTexts(c, lists, place{task: task})
		checkTexts(c, keys, place{task: task, items: resolve.ValueItems})
		checkTexts(c, task.WhenTexts, place{task: task, items: task.ItemKind(), condition: true})
		checkTexts(c, task.UntilTexts, place{task: task, until: true, condition: true})
		if task.StepsNode != nil { // The rule of steps reports others.
			checkTexts(c, task.OutputTexts, place{task: task, outputs: true, items: task.ItemKind()})
		}
		if task.Parameters != nil {
			checkKeys(c, task.Parameters)
			noteTexts(c, task.Parameters, task.Method.Code(task.Parameters))
		}
		if task.Each != nil && task.Each.Values != nil {
			checkKeys(c, task.Each.Values)
		}
	}
}

// place says which references a text can have.
type place struct {
	task      *resolve.Task    // Whose text it is; nil for outputs.
	variables bool             // The environment and secrets.
	until     bool             // The task's own result.
	outputs   bool             // The steps of the task's items.
	condition bool             // It is an expression, with operators around references.
	items     resolve.ItemKind // An item and its index.
}

// checkKeys reports references where nothing is ever replaced.
func checkKeys(c *Context, n *definition.Node) {
	n.Keys(func(field definition.Field) {
		if strings.Contains(field.Name, "${") {
			c.report(field.At, "references are not supported in keys: "+definition.Quote(field.Name), "use it in the value")
		}
	})
}

// checkTexts reports the errors in what refers to something.
func checkTexts(c *Context, texts resolve.Texts, in place) {
	for _, text := range texts {
		if in.task != nil && in.variables {
			noteWhole(c, in.task, text)
		}
		noteNoResult(c, text)
		places := c.Definition.Locate(text.Node)
		for _, ref := range text.References {
			if message, hint := badReference(c, ref, in); message != "" {
				if other, _ := c.Names.Lookup(ref.Head); in.task != nil && other == in.task.Number && c.InDefaults(text.Node) {
					hint = "the reference comes from the defaults; give " + in.task.Label() + " that parameter itself"
				}
				c.report(places.At(ref.Offset), message, hint)
			}
		}
		places = c.Definition.Locate(text.Node)
		for _, problem := range text.Errors {
			c.report(places.At(problem.Offset), problem.Message, problem.Hint)
		}
	}
}

// badReference says what is wrong with a reference; "" where all is well.
func badReference(c *Context, ref reference.Reference, in place) (message, hint string) {
	written, task := shown(ref), in.task
	if operation := c.operation(ref); operation != nil {
		return operation.Message(), operation.Hint(in.condition)
	}
	switch ref.Head {
	case resolve.HeadInputs:
		return badInput(c, ref)
	case resolve.HeadRun:
		return badRun(c, ref, in)
	case resolve.HeadItem, resolve.HeadIndex:
		if in.items != resolve.NoItems {
			return badItem(ref, in)
		}
		if task != nil {
			hint = "give the task its items, as in for_each: [a, b]"
		}
		return written + " is only available in a task with for_each or a batch", hint
	case resolve.HeadEnv, resolve.HeadSecrets:
		switch {
		case !in.variables && task != nil && task.Workflow != nil:
			return written + " cannot be passed to a workflow", "refer to it in the tasks of that workflow"
		case !in.variables:
			return written + " is only available in parameters", ""
		}
		return "", ""
	}
	head := definition.Quote(ref.Head)
	other, several := c.Names.Lookup(ref.Head)
	if message, hint := beyondScope(c, task, other, in.outputs); message != "" {
		return fmt.Sprintf("%s refers to %s, %s", written, head, message), hint
	}
	switch {
	case several != nil:
		return fmt.Sprintf("%s refers to %s, which is the name of %d tasks", written, head, len(several)), useIDs(c, several)
	case other < 0 && ref.Head == resolve.HeadRepeat:
		return badRound(ref, in)
	case other < 0:
		hint := cmp.Or(meantHead(c, ref, in), c.Suggest(ref.Head, c.Names.Heads()), literalHint)
		return fmt.Sprintf("%s refers to %s, which is not a task", written, head), hint
	case task == nil && c.Tasks[other].Finally:
		return fmt.Sprintf("%s refers to %s, which is in finally", written, head), "outputs have the results of the other tasks"
	case task != nil && c.Tasks[other].Finally && !task.Finally:
		return fmt.Sprintf("%s refers to %s, which is in finally", written, head), afterAll
	case in.until && other == task.Number:
		return "", ""
	case task != nil && other == task.Number:
		return fmt.Sprintf("%s refers to itself in %s", task.Label(), written), ""
	default:
		return badField(c, ref, c.Tasks[other])
	}
}

// meantHead says what to write for an input, a task or a variable of the environment that is named as in other languages.
func meantHead(c *Context, ref reference.Reference, in place) string {
	if in.items != resolve.NoItems && in.task != nil {
		if hint := meantItem(ref, in); hint != "" {
			return hint
		}
	}
	switch {
	case c.HasInput(ref.Head):
		return "write ${inputs." + definition.Shorten(ref.Head) + "} for the input"
	case len(ref.Steps) > 0 && slices.Contains([]string{"tasks", "task", "steps", "jobs", "nodes"}, ref.Head) && c.Names.WithID(ref.Steps[0].Field) != nil:
		return "write ${" + strings.TrimPrefix(shown(ref), "${"+ref.Head+".")
	case len(ref.Steps) == 0 && variable.MatchString(ref.Head):
		return "write ${env." + ref.Head + "} for a variable of the environment, or $${" + ref.Head + "} to keep the text as it is"
	}
	return ""
}

// meantItem says what to write for the item of a task that is named as in other programs, or for a column of its row.
func meantItem(ref reference.Reference, in place) string {
	isRow := in.task.Each != nil && in.task.Each.Rows != nil
	switch {
	case len(ref.Steps) == 0 && in.items != resolve.ValueItems && slices.Contains([]string{"file_path", "filepath", "path", "filename", "file_name"}, ref.Head):
		return "write ${item} for the path of the file, or ${item.name} for its name"
	case slices.Contains([]string{"file", "document", "doc", "row", "record", "line", "it", "element", "each", "entry", "value"}, ref.Head):
		item := reference.Reference{Head: resolve.HeadItem, HasDefault: ref.HasDefault, Default: ref.Default}
		return "write " + item.With(ref.Steps...)
	case isRow && len(ref.Steps) == 0:
		return "write ${item." + definition.Shorten(ref.Head) + "} for a column of the row"
	}
	return ""
}

// variable is the name of a variable of the environment, as most of them are named.
var variable = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)

// badRound says what is wrong with a reference to the round of a task that is repeated.
func badRound(ref reference.Reference, in place) (message, hint string) {
	switch {
	case in.task == nil || in.task.Repeat == nil || !in.variables && !in.until:
		return shown(ref) + " is only available in the parameters and in until of a task with repeat", ""
	case len(ref.Steps) != 1 || ref.Steps[0].Field != "round":
		return shown(ref) + ": repeat has the field round alone", "write ${repeat.round}"
	}
	return "", ""
}

// badItem says what is wrong with a reference to an item, which is a file or any value, or to its index, which is a number.
func badItem(ref reference.Reference, in place) (message, hint string) {
	items := in.items
	document, wrong, hint := reference.CheckDocument(ref.Steps)
	switch {
	case len(ref.Steps) == 0:
		return "", ""
	case ref.Head == resolve.HeadIndex:
		return shown(ref) + ": an index is a number and has no fields", "write ${index}"
	case items == resolve.ValueItems:
		return "", ""
	case document && !in.variables:
		return shown(ref) + ": the text of a file is only available in parameters", ""
	case document && wrong != "":
		return shown(ref) + ": " + wrong, hint
	case document:
	case len(ref.Steps) == 1 && ref.Steps[0].IsModel() && items == resolve.ModelItems:
	case len(ref.Steps) == 1 && ref.Steps[0].IsModel():
		return shown(ref) + ": the batch has no models", "write models: [a, b] under batch"
	case len(ref.Steps) > 1 || !ref.Steps[0].IsFilePart():
		return shown(ref) + ": a file has no such field", "use ${item.name}, ${item.stem}, ${item.dir}, ${item.text}, ${item.title} or ${item.pages}"
	}
	return "", ""
}

const literalHint = "write $${ for a literal ${"

func badInput(c *Context, ref reference.Reference) (message, hint string) {
	if len(ref.Steps) == 0 {
		return "", ""
	}
	step := ref.Steps[0]
	name := step.Field
	switch {
	case step.Every, step.Slice != nil, step.IsIndex && step.Brackets:
		return shown(ref) + ": inputs is not a list", "name an input, such as ${inputs.topic}"
	case step.IsIndex:
		name = strconv.Itoa(step.Index)
	}
	if node := c.Definition.Root.Get("inputs"); c.HasInput(name) || node != nil && c.Definition.InputsNode == nil && node.Kind != value.KindNull {
		return "", "" // Or inputs are no mapping, which is reported.
	}
	hint = c.Suggest(name, c.InputNames)
	if hint == "" {
		hint = "declare it at the top: inputs: {" + definition.Shorten(name) + ": {required: true}}, and give it with --input " + definition.Shorten(name) + "=VALUE"
		if len(c.InputNames) > 0 {
			hint = "declare it among the inputs: " + definition.Shorten(name) + ": {required: true}; and give it with --input " + definition.Shorten(name) + "=VALUE"
		}
	}
	return fmt.Sprintf("%s refers to the input %s, which is not declared", shown(ref), definition.Quote(name)), hint
}

// shown puts a reference into a message.
func shown(ref reference.Reference) string { return definition.Shorten(ref.Text) }

// checkUnused reports what refers to nothing in defaults that no task has.
func checkUnusedDefaults(c *Context) {
	for _, one := range c.Definition.Defaults {
		if one.Parameters == nil {
			continue
		}
		checkKeys(c, one.Parameters)
		for _, field := range one.Parameters.Fields {
			has := func(task *resolve.Task) bool { return task.Inherited[field.Name] == one }
			if called := c.Catalog.CalledBy(one, c.Tasks); len(called) > 0 && !slices.ContainsFunc(c.Tasks, has) {
				of := &definition.Node{Kind: value.KindObject, Fields: []definition.Field{field}}
				checkTexts(c, resolve.TextsOf(of, called[0].Code(of)), place{variables: true, items: resolve.ValueItems})
			}
		}
	}
}

// outputs: invalid references, and references to unknown tasks, in the outputs of the run.
func outputs(c *Context) {
	for i, texts := range c.Outputs {
		checkTexts(c, texts, place{})
		checkKeys(c, c.Definition.Outputs[i].Value)
	}
}

// useIDs is a hint that lists the ids of tasks with one name.
func useIDs(c *Context, tasks []int) string {
	const shown = 5
	var list []string
	for i, number := range tasks {
		if i == shown {
			list = append(list, "…")
			break
		}
		list = append(list, definition.Quote(c.Tasks[number].ID))
	}
	return "use their ids: " + strings.Join(list, ", ")
}
