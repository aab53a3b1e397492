package rules

import (
	"fmt"
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// splits: documents that cannot be split as the task says, and answers that cannot be combined.
func splits(c *Context) {
	for _, task := range c.Tasks {
		if task.Split != nil {
			checkSplit(c, task)
		}
		if task.Combine != nil {
			checkCombine(c, task)
		}
	}
}

func checkSplit(c *Context, task *resolve.Task) {
	split := task.Split
	size, overlap := 0, int64(0)
	if split.Size != nil {
		size, _ = definition.Count(split.Size)
	}
	if split.Overlap != nil {
		overlap, _ = definition.Whole(split.Overlap)
	}
	switch {
	case overlap < 0:
		c.report(split.Overlap.Position, "overlap must be a whole number of at least 0, not "+split.Overlap.Describe(), "")
	case size > 0 && 2*overlap > int64(size):
		c.report(split.Overlap.Position, fmt.Sprintf("overlap must be at most half of size, not %d of %d tokens", overlap, size), "lower overlap, or raise size")
	}
	if by := split.By; by != nil && !slices.Contains(definition.SplitBys(), by.Written) {
		c.report(by.Position, "by must be "+resolve.JoinWords(definition.SplitBys(), "or")+", not "+by.Describe(), c.Suggest(by.Written, definition.SplitBys()))
	}
	if task.Method == nil {
		return
	}
	if len(task.Method.Splits) == 0 {
		c.report(split.Node.Position, "split is not supported by "+task.Method.Name+", which reads no documents", "use it with llm/chat or llm/generate")
		return
	}
	if task.Parameters == nil && hasParameters(task.Node) {
		return
	}
	if !slices.ContainsFunc(task.Method.Splits, func(name string) bool { return given(task, name) != nil }) {
		c.report(split.Node.Position, "split has no effect without a document", "name it in "+resolve.JoinWords(task.Method.Splits, "or"))
	}
	if how := given(task, "on_truncation"); how != nil && (how.Text == "warn" || how.Text == "fail") && task.Inherited["on_truncation"] == nil {
		c.report(how.Position, "on_truncation: "+how.Text+" has no effect with split: a chunk that is too long is split again", "remove on_truncation")
	}
}

func checkCombine(c *Context, task *resolve.Task) {
	n := task.Combine
	if how := given(task, "on_truncation"); task.Split == nil && task.Method != nil && (how == nil || how.Text != "split" && !task.RefersTo(how)) {
		c.report(n.Position, "combine has no effect without split", "add split: {size: 2000}, or on_truncation: split")
	}
	prompt, call := task.CombinePrompt, task.CombineCall
	switch {
	case n.Kind == value.KindObject && prompt == nil && call == nil:
		c.report(n.Position, "combine needs a prompt or a method", "write combine: true for a prompt that fits most tasks")
	case prompt != nil && call != nil:
		c.report(prompt.Position, "prompt and method cannot both be given", "remove one of them")
	case prompt != nil && prompt.Kind != value.KindBool && prompt.Text == "":
		c.report(prompt.Position, "the prompt is empty", "write combine: true for a prompt that fits most tasks")
	case call != nil && call.Method != nil && !slices.Contains(call.Method.Properties, "context"):
		c.report(call.Task.Method.Position, "combine: "+call.Method.Name+" has no parameter context for the answers", "use python/execute, or a prompt for the model")
	}
}

// given returns a parameter with a value; nil where there is none.
func given(task *resolve.Task, name string) *definition.Node {
	if task.Parameters == nil {
		return nil
	}
	if n := task.Parameters.Get(name); n != nil && n.Kind != value.KindNull {
		return n
	}
	return nil
}
