package report

import (
	"context"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// maxReferred is the largest value of a reference that a report fills in, in bytes.
const maxReferred = 256 << 10

// scopeOf returns what references of a task mean, as far as it is recorded and small. Secrets, variables of the environment and the
// text of documents stay references.
func scopeOf(ctx context.Context, r *report, task plan.ListedTask) *reference.Scope {
	scope := &reference.Scope{Load: func(ref protocol.Ref) (value.Value, error) {
		if ref.Paged || ref.Size > maxReferred {
			return value.Value{}, resultstore.ErrNotFound
		}
		return resultstore.Load(ctx, r.store, protocol.Payload{Ref: &ref})
	}}
	if r.plan != nil && task.Within == "" { // A workflow within has inputs of its own.
		inputs := withoutSecrets(r.plan.Inputs)
		scope.Bindings = append(scope.Bindings, protocol.Binding{Head: "inputs", Value: protocol.Payload{Inline: &inputs}})
	}
	uses := task.Uses
	if task.HasSteps() {
		for i := range task.FanOut.Steps.Tasks {
			uses = append(uses[:len(uses):len(uses)], task.FanOut.Steps.Tasks[i].Uses...)
		}
	}
	for _, use := range uses {
		if records := r.attempts[use.Task]; use.Task != "" && len(records) > 0 && records[len(records)-1].Value != nil {
			last := &records[len(records)-1]
			scope.Bindings = append(scope.Bindings, protocol.Binding{Head: use.Head, Task: use.Task, Status: last.Status, Value: protocol.Payload{Ref: last.Value}})
		}
	}
	return scope
}

// ofItem adds an item to what references mean.
func ofItem(scope *reference.Scope, item value.Value, index int, isFile bool, model string) *reference.Scope {
	bound, at := protocol.ItemBinding(item, isFile), value.Int(int64(index))
	bound.Model = model
	return &reference.Scope{Load: scope.Load, Bindings: append([]protocol.Binding{bound, {Head: "index", Value: protocol.Payload{Inline: &at}}}, scope.Bindings...)}
}

// with adds the result of an earlier step to what references mean.
func with(scope *reference.Scope, step string, result value.Value) *reference.Scope {
	return &reference.Scope{Load: scope.Load, Bindings: append([]protocol.Binding{{Head: step, Task: step, Status: protocol.Completed, Value: protocol.Payload{Inline: &result}}}, scope.Bindings...)}
}

// fill replaces references by what they mean; one that cannot be resolved here is left in the text.
func fill(written string, scope *reference.Scope) string {
	parts, wrong := reference.Parse(written)
	if len(wrong) > 0 {
		return written
	}
	var filled strings.Builder
	for _, part := range parts {
		if part.Ref == nil {
			filled.WriteString(part.Literal)
			continue
		}
		found, err := reference.Lookup(part.Ref, scope)
		switch {
		case err != nil:
			filled.WriteString(part.Ref.Text)
		case found.Kind() == value.KindString:
			filled.WriteString(found.Text())
		default:
			filled.Write(found.JSON())
		}
	}
	return filled.String()
}

// firstParameters come before the others: they are what people look for.
var firstParameters = []string{"model", "system", "prompt", "messages", "text", "code"}

// parametersOf returns the parameters of a task, with the values of references.
func parametersOf(task *plan.Task, scope *reference.Scope) (all []text) {
	parameters := withoutSecrets(task.Parameters)
	add := func(field value.Field) {
		all = append(all, filledText(field, scope, maxPrompt))
	}
	for _, name := range firstParameters {
		if found, has := parameters.Get(name); has {
			add(value.Field{Name: name, Value: found})
		}
	}
	if task.Source != nil {
		all = append(all, newText("script "+task.Source.Path, task.Source.Text, maxPrompt))
	}
	for _, field := range parameters.Fields() {
		if !slices.Contains(firstParameters, field.Name) {
			add(field)
		}
	}
	return all
}

// ofEachItem returns the parameters of a task that differ from item to item, because they refer to it.
func ofEachItem(task *plan.Task, heads map[string]bool, scope *reference.Scope) (all []text) {
	for _, field := range withoutSecrets(task.Parameters).Fields() {
		refers := false
		for _, head := range reference.Heads(field.Value) {
			refers = refers || heads[head]
		}
		if refers {
			all = append(all, filledText(field, scope, maxOfItem))
		}
	}
	return all
}

func filledText(field value.Field, scope *reference.Scope, limit int) text {
	if field.Value.Kind() == value.KindString {
		return newText(field.Name, fill(field.Value.Text(), scope), limit)
	}
	return textOf(field.Name, filled(field.Value, scope), limit)
}

// filled is fill for all texts of a value.
func filled(v value.Value, scope *reference.Scope) value.Value {
	switch v.Kind() {
	case value.KindString:
		if reference.Contains(v.Text()) {
			return value.String(fill(v.Text(), scope))
		}
	case value.KindList:
		elements := make([]value.Value, len(v.Elements()))
		for i, element := range v.Elements() {
			elements[i] = filled(element, scope)
		}
		return value.List(elements...)
	case value.KindObject:
		fields := make([]value.Field, len(v.Fields()))
		for i, field := range v.Fields() {
			fields[i] = value.Field{Name: field.Name, Value: filled(field.Value, scope)}
		}
		return value.Object(fields...)
	}
	return v
}
