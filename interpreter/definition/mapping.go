package definition

import (
	"go.yaml.in/yaml/v4"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// mapping converts a mapping: its entries, then those that only `<<` adds. Of equal keys the first
// counts and the others are noted.
func (c *converter) mapping(n *yaml.Node, depth int) (*Node, weight) {
	if depth > MaxDepth {
		return c.stop(c.at(n), ruleLimit, depthMessage, "")
	}
	c.checkTag(n, "!!map")
	node, w := c.node(n, value.KindObject), weight{nodes: 1}
	node.Fields = make([]Field, 0, len(n.Content)/2)
	seen := make(map[string]Position, len(n.Content)/2)
	var merged []Field
	for i := 0; i+1 < len(n.Content) && !c.stopped; i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		n.Content[i], n.Content[i+1] = nil, nil
		if key.Kind == yaml.ScalarNode && key.Tag == "!!merge" {
			fields, more := c.merge(value, depth)
			merged = append(merged, fields...)
			w = w.with(more)
			continue
		}
		name, isText := c.key(key, n)
		field, more := c.convert(value, depth)
		w = w.with(more)
		w.nodes++
		w.text += len(name)
		if !isText {
			continue
		}
		at := c.at(key)
		if first, twice := seen[name]; twice {
			c.repeated = append(c.repeated, DuplicateKey{At: at, First: first, Key: name, Canonical: name})
			continue
		}
		seen[name] = at
		node.Fields = append(node.Fields, Field{name, at, field})
	}
	for _, field := range merged {
		if _, has := seen[field.Name]; !has {
			seen[field.Name] = field.At
			node.Fields = append(node.Fields, field)
		}
	}
	w.height++
	return node, w
}

// key returns the text of a key of a mapping, whatever type YAML would give it.
func (c *converter) key(n, of *yaml.Node) (name string, isText bool) {
	at := c.at(n)
	repeated := n.Kind == yaml.AliasNode
	if repeated {
		n = n.Alias
	}
	if n.Kind != yaml.ScalarNode {
		c.badKeys = true
		if name := bracedName(n); name != "" && len(of.Content) == 2 {
			c.report(c.at(of), ruleSyntax, "{{ "+Shorten(name)+" }} is not a reference here", "write "+InQuotes(dollars(name)))
		} else {
			c.report(at, ruleSyntax, "a key must be text", "put text that begins with { or [ in quotes")
		}
		return "", false
	}
	if len(n.Value) > MaxText {
		c.report(at, ruleLimit, textMessage, "")
		return "", false
	}
	if at, char := otherSpace([]byte(n.Value)); char != 0 && n.Style == 0 && !repeated {
		if !c.badKeys {
			message, hint := c.source.otherSpaceMessage(char)
			c.report(c.source.positionOf(c.source.offset(n.Line, n.Column)+at), ruleSyntax, message, hint)
		}
		c.badKeys = true
		return "", false
	}
	switch {
	case repeated && !c.count(weight{nodes: 1, text: len(n.Value)}):
		c.stop(at, ruleLimit, aliasMessage, "")
	case !repeated && n.Anchor != "":
		c.anchored[n] = &weighed{c.scalar(n), weight{nodes: 1, text: len(n.Value)}, true}
	}
	return n.Value, true
}

// bracedName is the name in a mapping that has it as its only key, without a value: {{ inputs.topic }} is a reference elsewhere.
func bracedName(n *yaml.Node) string {
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 && n.Content[1].Tag == "!!null" && n.Content[0].Kind == yaml.ScalarNode {
		return n.Content[0].Value
	}
	return ""
}

// merge returns the entries that a `<<` adds, the first mapping's before the second's. What it copies is counted like
// what an alias makes, which most of it is: mappings can be merged into one another without any alias.
func (c *converter) merge(n *yaml.Node, depth int) ([]Field, weight) {
	aliases := make([]bool, len(n.Content))
	for i, element := range n.Content {
		aliases[i] = element.Kind == yaml.AliasNode
	}
	val, w := c.convert(n, depth)
	sources := []*Node{val}
	if val.Kind == value.KindList {
		sources = val.Elements
		w.height--
	}
	var fields []Field
	for i, from := range sources {
		repeated := n.Kind == yaml.AliasNode || n.Kind == yaml.SequenceNode && aliases[i]
		if !repeated && !c.count(weight{nodes: len(from.Fields)}) {
			c.stop(c.at(n), ruleLimit, aliasMessage, "")
		}
		if c.stopped {
			return nil, w
		}
		if from.Kind != value.KindObject {
			c.report(c.at(n), ruleSyntax, `"<<" must be a mapping or a list of mappings, not `+from.Describe(), "")
			continue
		}
		fields = append(fields, from.Fields...)
	}
	w.height = max(w.height-1, 0)
	return fields, w
}
