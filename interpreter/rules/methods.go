package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// method is a method of a protocol as tasks are checked against it.
type method struct {
	protocol.Method
	spec       *protocol.Spec
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
			return callable(found, at)
		}
		if wrong := c.unknownServer(name, at); wrong != nil {
			return nil, wrong
		}
		hint := c.suggestMethod(name, "")
		if hint == "" {
			hint = c.suggestServers(name)
		}
		return nil, &finding{at, "no protocol has the method " + definition.Quote(name), hint}
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
		return callable(found, at)
	}
	if short, of := c.findMethod(family(spec.Name) + "/" + name); short != nil && of.Name == spec.Name {
		return callable(short, at)
	}
	for _, full := range []string{name, family(spec.Name) + "/" + name} {
		if wrong := c.unknownServer(full, at); wrong != nil {
			return nil, wrong
		}
	}
	if found != nil {
		return nil, &finding{at, fmt.Sprintf("the method %s is of the protocol %s, not of %s",
			definition.Quote(name), of.Name, spec.Name), "remove the protocol, or correct it"}
	}
	return nil, &finding{at, fmt.Sprintf("the protocol %s has no method %s", spec.Name, definition.Quote(name)),
		c.suggestMethod(name, spec.Name)}
}

// callable returns the method, or why no task can call it.
func callable(found *method, at definition.Position) (*method, *finding) {
	if found.Unavailable != "" {
		return nil, &finding{at, found.Unavailable, ""}
	}
	return found, nil
}

// unknownServer is the mistake in a name that would be right if there were a server of the name in it; nil where it would not.
func (c *Context) unknownServer(name string, at definition.Position) *finding {
	for i := range c.Specs {
		server := c.Specs[i].ServerOf(name)
		known := append(append([]string{}, c.Specs[i].Servers...), c.serverNames()...)
		if server == "" || slices.Contains(known, server) {
			continue
		}
		hint := c.suggest(server, known)
		if hint == "" {
			hint = "the settings name servers, as mcp.servers." + server + ", or the workflow does, in mcp_servers"
		}
		return &finding{at, "there is no MCP server " + definition.Quote(server), hint}
	}
	return nil
}

// suggestServers helps with a name that would be right if there were any server.
func (c *Context) suggestServers(name string) string {
	for i := range c.Specs {
		if c.Specs[i].MayNeedServer(name) {
			return "it would be a tool of an MCP server, and there is none: the settings name servers, in mcp.servers, or the workflow does, in mcp_servers"
		}
	}
	return ""
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
		candidate, found := c.Specs[i].Find(name, c.serverNames()...)
		if !found {
			continue
		}
		if c.methods[name] == nil {
			c.methods[name] = newMethod(candidate)
			c.methods[name].spec = &c.Specs[i]
		}
		return c.methods[name], &c.Specs[i]
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
			if candidate.IsPattern() {
				continue
			}
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
