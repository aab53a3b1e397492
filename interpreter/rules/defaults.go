package rules

import (
	"fmt"
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// What defaults may add to the tasks, all of them together: a plan holds for each task what it has.
const (
	maxDefaultText  = 8 << 20 // Bytes.
	maxDefaultNodes = 400_000
)

// defaults: defaults of what is no protocol and no method, or that no method takes; and more of them than a plan can hold.
func defaults(c *Context) {
	for _, one := range c.Flow.Defaults {
		called := c.calledBy(one)
		if len(called) == 0 {
			if wrong := c.unknownServer(one.Name, one.At); wrong != nil {
				c.report(wrong.at, wrong.message, wrong.hint)
				continue
			}
			c.report(one.At, "there is no protocol or method "+definition.Quote(one.Name), c.suggestDefault(one.Name))
			continue
		}
		if one.Parameters == nil || len(called) == 1 && called[0].Name == one.Name {
			continue // What a method does not take, the rule of parameters says.
		}
		for _, field := range one.Parameters.Fields {
			if !slices.ContainsFunc(called, func(m *method) bool { return m.knows(field.Name) }) {
				var known []string
				for _, m := range called {
					known = append(known, m.properties...)
				}
				c.report(field.At, definition.Quote(field.Name)+" is no parameter of any method of "+one.Name, c.suggest(field.Name, known))
			}
		}
	}
	if c.overflow {
		c.report(c.Flow.Defaults[0].At, fmt.Sprintf("the defaults add more than %d MiB of text, or %d values, to the tasks", maxDefaultText>>20, maxDefaultNodes),
			"put large texts into files")
	}
}

func (c *Context) suggestDefault(name string) string {
	var known []string
	for _, spec := range c.Specs {
		known = append(known, spec.Name)
	}
	if hint := c.suggestProtocol(name, known); hint != "" {
		return hint
	}
	if hint := c.suggestMethod(name, ""); hint != "" {
		return hint
	}
	return c.suggestServers(name)
}

// calledBy returns the methods that a default is for: one, or all of a protocol.
func (c *Context) calledBy(one *definition.Default) []*method {
	if m, _ := c.findMethod(one.Name); m != nil {
		return []*method{m}
	}
	var all []*method
	spec := c.findSpec(one.Name)
	if spec == nil {
		return nil
	}
	for _, candidate := range spec.Methods {
		if !candidate.IsPattern() {
			m, _ := c.findMethod(candidate.Name)
			all = append(all, m)
		}
	}
	// An open method is there under the names that tasks have for it.
	for _, task := range c.Tasks {
		if m := task.method; m != nil && m.spec == spec && !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all
}

// defaultsOf returns the defaults for a method: its own, then those of its protocol.
func (c *Context) defaultsOf(m *method) []*definition.Default {
	var own, all []*definition.Default
	for _, one := range c.Flow.Defaults {
		switch one.Name {
		case m.Name:
			own = append(own, one)
		case m.spec.Name:
			all = append(all, one)
		}
	}
	return append(own, all...)
}

// applyDefaults lays what the workflow has for its method beneath what the task says itself.
func (c *Context) applyDefaults(task *Task) {
	levels := c.defaultsOf(task.method)
	if len(levels) == 0 {
		return
	}
	with := *task.Task
	for _, level := range levels {
		with.Retry = under(with.Retry, level.Retry)
		if with.Queue == nil {
			with.Queue = level.Queue
		}
		if with.Cache == nil && (!task.method.NoCache || level.Name == task.method.Name) { // A protocol's is for those that can.
			with.Cache = level.Cache
		}
		if with.Timeout == nil && task.timeoutParameter() == nil {
			with.Timeout = level.Timeout
			if with.Timeout == nil {
				with.Timeout = task.method.timeoutIn(level.Parameters)
			}
		}
		if level.Parameters != nil && (with.Parameters != nil || !hasParameters(task.Node)) {
			with.Parameters = c.addParameters(task, with.Parameters, level)
		}
	}
	task.Task = &with
}

// addParameters returns the parameters with those of a default that are not there yet.
func (c *Context) addParameters(task *Task, to *definition.Node, level *definition.Default) *definition.Node {
	with := definition.Node{Position: task.Node.Position, Kind: value.KindObject}
	if to != nil {
		with = *to
	}
	with.Fields = slices.Clone(with.Fields)
	for _, field := range level.Parameters.Fields {
		switch {
		case with.Get(field.Name) != nil, field.Name == parameterTimeout && task.method.timeoutIn(level.Parameters) != nil:
		case level.Name != task.method.Name && !task.method.knows(field.Name):
		case !c.afford(field.Value):
			return &with
		default:
			with.Fields = append(with.Fields, field)
			if task.inherited == nil {
				task.inherited = map[string]*definition.Default{}
			}
			task.inherited[field.Name] = level
		}
	}
	return &with
}

// afford counts what a default adds to a task; false where that is too much.
func (c *Context) afford(n *definition.Node) bool {
	size, known := c.sizes[n]
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
		c.sizes[n] = size
	}
	c.added.nodes += size.nodes
	c.added.text += size.text
	c.overflow = c.overflow || c.added.nodes > maxDefaultNodes || c.added.text > maxDefaultText
	return !c.overflow
}

// size is how much there is in a value.
type size struct{ nodes, text int }

// under returns a retry policy with what another one says and it does not.
func under(own, other *definition.Retry) *definition.Retry {
	if own == nil || other == nil {
		if own == nil {
			return other
		}
		return own
	}
	both := *own
	for _, key := range []struct{ to, from **definition.Node }{
		{&both.MaxAttempts, &other.MaxAttempts}, {&both.Backoff, &other.Backoff}, {&both.BaseDelay, &other.BaseDelay},
		{&both.MaxDelay, &other.MaxDelay}, {&both.Jitter, &other.Jitter},
	} {
		if *key.to == nil {
			*key.to = *key.from
		}
	}
	return &both
}
