package definition

import (
	"fmt"

	"go.yaml.in/yaml/v4"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

var (
	depthMessage = fmt.Sprintf("lists and mappings are nested more than %d levels deep", MaxDepth)
	aliasMessage = fmt.Sprintf("aliases and merge keys expand to more than %d values or %d MiB of text", MaxAliasNodes, MaxAliasText>>20)
)

// DuplicateKey is a key that a mapping has twice.
type DuplicateKey struct {
	At, First Position
	Key       string
	Canonical string // The first one as written: another word for the same thing, or equal.
}

// converter makes Nodes of the YAML parser's. It stops at the first broken limit of depth or aliases.
type converter struct {
	source   *source
	report   func(at Position, rule, message, hint string)
	repeated []DuplicateKey
	anchored map[*yaml.Node]*weighed
	made     weight // By aliases, so far.
	stopped  bool
	badKeys  bool // A key is no text: what its mapping means is not known.
}

func newConverter(source *source, report func(at Position, rule, message, hint string)) *converter {
	return &converter{source: source, report: report, anchored: map[*yaml.Node]*weighed{}}
}

// weight is how much there is in a value, all that lies in it included.
type weight struct {
	nodes, text, height int
}

// weighed is a converted value that aliases may repeat.
type weighed struct {
	node   *Node
	weight weight
	done   bool // False while the value is being converted: an alias to it would never end.
}

func (c *converter) at(n *yaml.Node) Position { return c.source.position(n.Line, n.Column) }

func (c *converter) stop(at Position, rule, message, hint string) (*Node, weight) {
	if !c.stopped {
		c.report(at, rule, message, hint)
	}
	c.stopped = true
	return &Node{Position: at}, weight{nodes: 1}
}

// convert returns the node and its weight. The depth is that of what holds it.
func (c *converter) convert(n *yaml.Node, depth int) (*Node, weight) {
	if c.stopped {
		return &Node{Position: c.at(n)}, weight{nodes: 1}
	}
	if n.Kind == yaml.AliasNode {
		return c.alias(n, depth)
	}
	var entry *weighed
	if n.Anchor != "" {
		entry = &weighed{}
		c.anchored[n] = entry
	}
	var node *Node
	var w weight
	switch n.Kind {
	case yaml.SequenceNode:
		node, w = c.list(n, depth+1)
	case yaml.MappingNode:
		node, w = c.mapping(n, depth+1)
	default:
		node = c.scalar(n)
		w = weight{nodes: 1, text: len(n.Value)}
	}
	if entry != nil {
		*entry = weighed{node, w, true}
	}
	return node, w
}

func (c *converter) alias(n *yaml.Node, depth int) (*Node, weight) {
	target := c.anchored[n.Alias]
	if target == nil || !target.done {
		return c.stop(c.at(n), ruleSyntax, "the alias *"+Shorten(n.Value)+" stands inside the value that it repeats", "")
	}
	if depth+target.weight.height > MaxDepth {
		return c.stop(c.at(n), ruleLimit, depthMessage, "")
	}
	if !c.count(target.weight) {
		return c.stop(c.at(n), ruleLimit, aliasMessage, "")
	}
	return target.node, target.weight
}

// count adds what an alias makes; false where that is too much.
func (c *converter) count(w weight) bool {
	c.made.nodes += w.nodes
	c.made.text += w.text
	return c.made.nodes <= MaxAliasNodes && c.made.text <= MaxAliasText
}

func (c *converter) node(n *yaml.Node, kind value.Kind) *Node {
	return &Node{Position: c.at(n), Kind: kind, read: true}
}

func (c *converter) list(n *yaml.Node, depth int) (*Node, weight) {
	if depth > MaxDepth {
		return c.stop(c.at(n), ruleLimit, depthMessage, "")
	}
	c.checkTag(n, "!!seq")
	node, w := c.node(n, value.KindList), weight{nodes: 1}
	node.Elements = make([]*Node, 0, len(n.Content))
	for i, child := range n.Content {
		element, more := c.convert(child, depth)
		n.Content[i] = nil // A file's values are in memory once, not as the parser's nodes as well.
		node.Elements = append(node.Elements, element)
		w = w.with(more)
	}
	w.height++
	return node, w
}

func (w weight) with(more weight) weight {
	return weight{w.nodes + more.nodes, w.text + more.text, max(w.height, more.height)}
}

func (c *converter) checkTag(n *yaml.Node, usual string) {
	if n.Style&yaml.TaggedStyle != 0 && n.ShortTag() != usual {
		c.report(c.at(n), ruleSyntax, "unsupported tag "+Shorten(n.ShortTag()), "remove it")
	}
}
