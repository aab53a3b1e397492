package definition

import (
	"fmt"

	"gopkg.in/yaml.v3"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

var (
	textMessage   = fmt.Sprintf("the text is longer than %d MiB", MaxText>>20)
	numberMessage = fmt.Sprintf("the number has more than %d characters or an exponent beyond %d", MaxDigits, MaxExponent)
)

// scalar converts text, a number, a boolean or null. Plain scalars mean what YAML 1.2's core schema says: `yes`, `on` and
// dates are text.
func (c *converter) scalar(n *yaml.Node) *Node {
	node := c.node(n, value.KindString)
	node.Text, node.Written = n.Value, n.Value
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		node.style = block
	case n.Style&yaml.DoubleQuotedStyle != 0:
		node.style = doubleQuoted
	case n.Style&yaml.SingleQuotedStyle != 0:
		node.style = singleQuoted
	}
	if len(n.Value) > MaxText {
		c.report(node.Position, ruleLimit, textMessage, "put it into a file")
		return node
	}
	if n.Style&yaml.TaggedStyle != 0 {
		c.tagged(node, n.ShortTag())
	} else if node.style == plain {
		c.resolve(node)
	}
	if node.Kind == value.KindNumber && tooLarge(node.Text) {
		c.report(node.Position, ruleLimit, numberMessage, "put it in quotes to make it text")
	}
	return node
}

// resolve gives a plain scalar its type.
func (c *converter) resolve(node *Node) {
	if digits, isNumber := number(node.Text); isNumber {
		node.Kind, node.Text = value.KindNumber, digits
		return
	}
	switch node.Text {
	case "", "~", "null", "Null", "NULL":
		node.Kind, node.Text = value.KindNull, ""
	case "true", "True", "TRUE":
		node.Kind, node.Truth, node.Text = value.KindBool, true, ""
	case "false", "False", "FALSE":
		node.Kind, node.Text = value.KindBool, ""
	default:
		if notFinite(node.Text) {
			c.report(node.Position, ruleSyntax, node.Text+" is not supported as a number", "put it in quotes to make it text")
		}
	}
}

// tagged gives a scalar the type that its tag names.
func (c *converter) tagged(node *Node, tag string) {
	wants := map[string]value.Kind{
		"!!null": value.KindNull, "!!bool": value.KindBool, "!!int": value.KindNumber, "!!float": value.KindNumber,
	}
	want, known := wants[tag]
	switch {
	case tag == "!!str":
		return
	case !known:
		c.report(node.Position, ruleSyntax, "unsupported tag "+Shorten(tag), "remove it")
		return
	}
	if c.resolve(node); node.Kind != want {
		c.report(node.Position, ruleSyntax, fmt.Sprintf("%s does not match its tag %s", Quote(node.Written), tag), "")
	}
}
