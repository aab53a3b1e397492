package resolve

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// combineKeys are the keys of `combine` that are no parameters of its method.
var combineKeys = []string{"method", "prompt", "parameters", "timeout"}

// resolveCombine finds the method that combines the answers about chunks, with its parameters, or the prompt for the model.
func (w *Workflow) resolveCombine(task *Task) {
	n := task.Task.Combine
	if n == nil {
		return
	}
	if task.CombinePrompt = n; n.Kind == value.KindObject {
		task.CombinePrompt = n.Get("prompt")
	}
	if task.CombinePrompt != nil {
		task.Texts = append(task.Texts, TextsOf(task.CombinePrompt, nil)...)
	}
	if n.Kind != value.KindObject || n.Get("method") == nil {
		return
	}
	call := &definition.Task{Node: n, Method: n.Get("method"), Timeout: n.Get("timeout"), Parameters: &definition.Node{Position: n.Position, Kind: value.KindObject}}
	for _, field := range n.Fields {
		if !slices.Contains(combineKeys, field.Name) {
			call.Parameters.Fields = append(call.Parameters.Fields, field)
		}
	}
	if more := n.Get("parameters"); more != nil {
		call.Parameters.Fields = append(call.Parameters.Fields, more.Fields...)
	}
	of := &Task{Task: call, Number: task.Number, ID: task.ID, Name: task.Name, IDFromName: task.IDFromName}
	task.CombineCall = of
	if of.Method, of.MethodError = w.Catalog.methodOf(of); of.Method != nil {
		w.applyDefaults(of)
	}
	of.Texts = TextsOf(of.Parameters, of.Method.Code(of.Parameters))
	task.Texts = append(task.Texts, of.Texts...)
	w.Paths.readSource(of)
}

// Calls returns the tasks, each followed by the call that combines its answers about chunks.
func (w *Workflow) Calls() []*Task {
	all := make([]*Task, 0, len(w.Tasks))
	for _, task := range w.Tasks {
		if all = append(all, task); task.CombineCall != nil {
			all = append(all, task.CombineCall)
		}
	}
	return all
}

// SplitPlan returns how a long document of the task is split; nil where the file does not say.
func (t *Task) SplitPlan() *protocol.Split {
	if t.Task.Split == nil && t.Task.Combine == nil {
		return nil
	}
	split := &protocol.Split{}
	if from := t.Task.Split; from != nil {
		if from.Size != nil {
			split.Size, _ = definition.Count(from.Size)
		}
		if from.Overlap != nil {
			overlap, _ := definition.Whole(from.Overlap)
			split.Overlap = int(overlap)
		}
		if from.By != nil {
			split.By = protocol.SplitBy(from.By.Written)
		}
	}
	if t.Task.Combine == nil {
		return split
	}
	split.Combine = &protocol.Combine{}
	if n := t.CombinePrompt; n != nil && n.Kind == value.KindString {
		split.Combine.Prompt = n.Text
	}
	if of := t.CombineCall; of != nil && of.Method != nil {
		split.Combine.Method, split.Combine.Parameters, split.Combine.Source, split.Combine.Timeout = of.Method.Name, of.MethodParameters(), of.Source, of.AttemptTimeout()
	}
	return split
}
