package rules

import (
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// method is a method of a protocol as tasks are checked against it.
type method struct {
	protocol.Method
	protocol   string             // "python/v1".
	schema     *jsonschema.Schema // nil where the method has none
	properties []string           // The names of its parameters, in the schema's order.
	closed     bool               // It has no others.
	problem    string             // Why the schema cannot be used; a fault of the protocol.
}

// finding is a mistake before it has a place.
type finding struct {
	at            definition.Position
	message, hint string
}

// methodOf returns the method that a task calls, or why there is none. Both are nil where the task names no method.
func (c *Context) methodOf(task *Task) (*method, *finding) {
	if task.Task.Method == nil || task.Task.Method.Text == "" {
		return nil, nil
	}
	name, at := task.Task.Method.Written, task.Task.Method.Position
	if task.Protocol == nil {
		if found, _ := c.findMethod(name); found != nil {
			return found, nil
		}
		return nil, &finding{at, "no protocol has the method " + definition.Quote(name), c.suggestMethod(name, "")}
	}
	spec := c.findSpec(task.Protocol.Written)
	if spec == nil {
		var known []string
		for _, other := range c.Specs {
			known = append(known, other.Name)
		}
		return nil, &finding{task.Protocol.Position, "there is no protocol " + definition.Quote(task.Protocol.Written),
			c.suggestProtocol(task.Protocol.Written, known)}
	}
	found, of := c.findMethod(name)
	if found != nil && of.Name == spec.Name {
		return found, nil
	}
	if short, of := c.findMethod(family(spec.Name) + "/" + name); short != nil && of.Name == spec.Name {
		return short, nil
	}
	if found != nil {
		return nil, &finding{at, fmt.Sprintf("the method %s is of the protocol %s, not of %s",
			definition.Quote(name), of.Name, spec.Name), "remove the protocol, or correct it"}
	}
	return nil, &finding{at, fmt.Sprintf("the protocol %s has no method %s", spec.Name, definition.Quote(name)),
		c.suggestMethod(name, spec.Name)}
}

func (c *Context) findSpec(name string) *protocol.Spec {
	for i := range c.Specs {
		if c.Specs[i].Name == name {
			return &c.Specs[i]
		}
	}
	return nil
}

// findMethod returns a method by its full name.
func (c *Context) findMethod(name string) (*method, *protocol.Spec) {
	for i := range c.Specs {
		for _, candidate := range c.Specs[i].Methods {
			if candidate.Name != name {
				continue
			}
			if c.methods[name] == nil {
				c.methods[name] = newMethod(candidate)
				c.methods[name].protocol = c.Specs[i].Name
			}
			return c.methods[name], &c.Specs[i]
		}
	}
	return nil, nil
}

// family returns the first part of the names of a protocol's methods: "python" of "python/v1".
func family(protocolName string) string {
	before, _, _ := strings.Cut(protocolName, "/")
	return before
}

// suggestMethod looks for a method of nearly that name, in one protocol or in all: in full, and by its last part.
func (c *Context) suggestMethod(name, protocolName string) string {
	var full []string
	for _, spec := range c.Specs {
		if protocolName != "" && spec.Name != protocolName {
			continue
		}
		for _, candidate := range spec.Methods {
			full = append(full, candidate.Name)
			if _, short, _ := strings.Cut(candidate.Name, "/"); short == name {
				return "did you mean " + definition.Quote(candidate.Name) + "?"
			}
		}
	}
	if hint := c.suggest(name, full); hint != "" || protocolName == "" {
		return hint
	}
	return c.suggest(family(protocolName)+"/"+name, full)
}

func (c *Context) suggestProtocol(name string, known []string) string {
	for _, candidate := range known {
		if family(candidate) == name {
			return "did you mean " + definition.Quote(candidate) + "?"
		}
	}
	return c.suggest(name, known)
}
