package resolve

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// What defaults may add to the tasks, all of them together: a plan holds for each task what it has.
const (
	MaxDefaultText  = 8 << 20 // Bytes.
	MaxDefaultNodes = 400_000
)

// defaultsOf returns the defaults for a method: its own, then those of its protocol.
func (w *Workflow) defaultsOf(m *Method) []*definition.Default {
	var own, all []*definition.Default
	for _, one := range w.Definition.Defaults {
		switch one.Name {
		case m.Name:
			own = append(own, one)
		case m.Spec.Name:
			all = append(all, one)
		}
	}
	return append(own, all...)
}

// applyDefaults gives the task what the defaults have for its method and it does not say itself.
func (w *Workflow) applyDefaults(task *Task) {
	levels := w.defaultsOf(task.Method)
	if len(levels) == 0 {
		return
	}
	with := *task.Task
	for _, level := range levels {
		with.Retry = mergeRetry(with.Retry, level.Retry)
		if with.Queue == nil {
			with.Queue = level.Queue
		}
		if with.Cache == nil && (!task.Method.NoCache || level.Name == task.Method.Name) { // A protocol's default is for the methods that can be cached.
			with.Cache = level.Cache
		}
		if with.Timeout == nil && task.TimeoutParameter() == nil {
			with.Timeout = level.Timeout
			if with.Timeout == nil {
				with.Timeout = task.Method.TimeoutIn(level.Parameters)
			}
		}
		if level.Parameters != nil && (with.Parameters != nil || !task.HasParameters()) {
			with.Parameters = w.addParameters(task, with.Parameters, level)
		}
	}
	task.Task = &with
}

// addParameters returns the parameters with those of a default that are not there yet.
func (w *Workflow) addParameters(task *Task, to *definition.Node, level *definition.Default) *definition.Node {
	with := definition.Node{Position: task.Node.Position, Kind: value.KindObject}
	if to != nil {
		with = *to
	}
	with.Fields = slices.Clone(with.Fields)
	for _, field := range level.Parameters.Fields {
		switch {
		case with.Get(field.Name) != nil, field.Name == ParameterTimeout && task.Method.TimeoutIn(level.Parameters) != nil:
		case level.Name != task.Method.Name && !task.Method.Accepts(field.Name):
		case !w.addDefault(field.Value):
			return &with
		default:
			with.Fields = append(with.Fields, field)
			if task.Inherited == nil {
				task.Inherited = map[string]*definition.Default{}
			}
			task.Inherited[field.Name] = level
		}
	}
	return &with
}

// afford counts what a default adds to a task; false where that is too much.
func (w *Workflow) addDefault(n *definition.Node) bool {
	size, known := w.sizes[n]
	if !known {
		size.nodes = 1
		n.Strings(func(text *definition.Node) {
			size.nodes++
			size.text += len(text.Text)
		})
		n.Keys(func(field definition.Field) {
			size.nodes++
			size.text += len(field.Name)
		})
		size.nodes += len(n.Elements)
		w.sizes[n] = size
	}
	w.added.nodes += size.nodes
	w.added.text += size.text
	w.DefaultsTooLarge = w.DefaultsTooLarge || w.added.nodes > MaxDefaultNodes || w.added.text > MaxDefaultText
	return !w.DefaultsTooLarge
}

// size is how much there is in a value.
type size struct{ nodes, text int }

// under returns a retry policy with the keys of another one that it does not have.
func mergeRetry(own, other *definition.Retry) *definition.Retry {
	if own == nil || other == nil {
		if own == nil {
			return other
		}
		return own
	}
	both := *own
	for _, key := range []struct{ to, from **definition.Node }{
		{&both.MaxAttempts, &other.MaxAttempts}, {&both.Backoff, &other.Backoff}, {&both.BaseDelay, &other.BaseDelay},
		{&both.MaxDelay, &other.MaxDelay}, {&both.Jitter, &other.Jitter}, {&both.On, &other.On}, {&both.NotOn, &other.NotOn},
		{&both.MaxElapsed, &other.MaxElapsed},
	} {
		if *key.to == nil {
			*key.to = *key.from
		}
	}
	return &both
}

// InDefaults reports whether a text is part of the defaults.
func (w *Workflow) InDefaults(text *definition.Node) bool {
	if w.defaultTexts == nil {
		w.defaultTexts = map[*definition.Node]bool{}
		for _, one := range w.Definition.Defaults {
			if one.Parameters != nil {
				one.Parameters.Strings(func(n *definition.Node) { w.defaultTexts[n] = true })
			}
		}
	}
	return w.defaultTexts[text]
}

// WaitsByDefault returns where in the defaults a task refers to another that it waits for because of that alone.
func (w *Workflow) WaitsByDefault(task *Task, other int) (definition.Position, bool) {
	var at definition.Position
	if slices.Contains(w.Names.Dependencies(task), other) {
		return at, false
	}
	for _, text := range slices.Concat(task.Texts, task.EachTexts, task.WhenTexts) {
		uses := slices.ContainsFunc(w.Names.Uses(Texts{text}), func(use Use) bool { return use.Task == other })
		if uses && !w.InDefaults(text.Node) {
			return at, false
		}
		if uses {
			at = text.Node.Position
		}
	}
	return at, at.Line > 0
}
