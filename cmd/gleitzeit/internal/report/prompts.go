package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
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
		if isCode(task, field) {
			all = append(all, newText(field.Name, field.Value.Text(), maxPrompt))
			all = append(all, variables(field.Value.Text(), nil, scope, maxInput)...)
			return
		}
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

// isCode reports whether a parameter is code of a script: its references are variables, whose values never stand in it.
func isCode(task *plan.Task, field value.Field) bool {
	return field.Name == "code" && field.Value.Kind() == value.KindString && strings.HasPrefix(task.Method, "python/")
}

// variables returns what the references in code are, each once, as far as that is known: those with one of the heads; nil: all.
func variables(code string, heads map[string]bool, scope *reference.Scope, limit int) (all []text) {
	parts, wrong := reference.ParseCode(code)
	if len(wrong) > 0 {
		return nil
	}
	seen := map[string]bool{}
	for _, part := range parts {
		if part.Ref == nil || seen[part.Ref.Text] || heads != nil && !heads[part.Ref.Head] {
			continue
		}
		seen[part.Ref.Text] = true
		if found, err := reference.Lookup(part.Ref, scope); err == nil {
			all = append(all, textOf(part.Ref.Text, found, limit))
		}
	}
	return all
}

// refersTo reports whether a value has a reference with one of the heads.
func refersTo(v value.Value, heads map[string]bool) bool {
	return slices.ContainsFunc(reference.Heads(v), func(head string) bool { return heads[head] })
}

// ofEachItem returns the parameters of a task that differ from item to item, because they refer to it.
func ofEachItem(task *plan.Task, heads map[string]bool, scope *reference.Scope) (all []text) {
	for _, field := range withoutSecrets(task.Parameters).Fields() {
		switch {
		case !refersTo(field.Value, heads):
		case isCode(task, field):
			all = append(all, variables(field.Value.Text(), heads, scope, maxOfItem)...)
		default:
			all = append(all, filledText(field, scope, maxOfItem))
		}
	}
	return all
}

// hidesPrompts reports whether prompts, as a task has sent them, may have what a report does not show: values of inputs that are secrets by
// their names, and of the environment.
func hidesPrompts(r *report, task *plan.ListedTask, parameters value.Value) bool {
	return r.plan == nil || r.hidesInputs || task.Within != "" || slices.Contains(reference.Heads(parameters), "env") // A workflow within has inputs of its own.
}

// withSent replaces, in the parameters of an item, the prompts by what its last attempt has sent first, if that is recorded.
func withSent(ctx context.Context, r *report, parameters []text, record *resultstore.Record) ([]text, error) {
	if record.Log == nil {
		return parameters, nil
	}
	data, err := r.store.Value(ctx, *record.Log)
	if errors.Is(err, resultstore.ErrNotFound) {
		return parameters, nil
	}
	log := protocol.CallLog{}
	if err == nil {
		err = json.Unmarshal(data, &log)
	}
	if err != nil {
		return nil, err
	}
	var sent []text
	requests := log.Unsent
	for i := range log.Events {
		request := log.Events[i].Sent
		if request == nil || request.Tool != "" {
			continue
		}
		if requests++; len(sent) > 0 {
			continue
		}
		for at := range request.Messages {
			title, said := view.SentText(&request.Messages[at])
			sent = append(sent, newText("sent: "+title, said, maxOfItem))
		}
	}
	if len(sent) == 0 {
		return parameters, nil
	}
	if requests > 1 {
		sent = append(sent, newText("further requests", fmt.Sprintf("%d, which `gleitzeit logs` shows", requests-1), maxOfItem))
	}
	return append(slices.DeleteFunc(parameters, func(p text) bool { return slices.Contains(sentParameters, p.Name) }), sent...), nil
}

// sentParameters are those that the messages of a request are made of.
var sentParameters = []string{"system", "prompt", "messages", "text"}

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
