package definition

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

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

// number reads a plain scalar as YAML 1.2's core schema does and returns it as JSON, digit by digit: 0x1F and 0o17 become
// decimal, `.5` and `1.` get their zero, `+` goes. What begins with a zero that JSON does not allow (02139) is no
// number but text, so that nothing is lost.
func number(text string) (digits string, isNumber bool) {
	if base := baseOf(text); base != 0 {
		if len(text) > MaxDigits {
			return text, true
		}
		value, isInteger := new(big.Int).SetString(text[2:], base)
		if !isInteger {
			return "", false
		}
		return value.String(), true
	}
	unsigned := strings.TrimPrefix(text, "+")
	sign := ""
	if unsigned == text && strings.HasPrefix(text, "-") {
		sign, unsigned = "-", text[1:]
	}
	whole, rest := digitsOf(unsigned)
	fraction, hasPoint := "", strings.HasPrefix(rest, ".")
	if hasPoint {
		fraction, rest = digitsOf(rest[1:])
	}
	if whole == "" && fraction == "" || len(whole) > 1 && whole[0] == '0' {
		return "", false
	}
	if rest != "" && !isExponent(rest) {
		return "", false
	}
	if whole == "" {
		whole = "0"
	}
	if hasPoint && fraction == "" {
		fraction = "0"
	}
	digits = sign + whole
	if hasPoint {
		digits += "." + fraction
	}
	return digits + rest, true
}

// baseOf returns 16 or 8 for `0x…` and `0o…` with digits only, else 0.
func baseOf(text string) int {
	if len(text) < 3 || text[0] != '0' {
		return 0
	}
	base, digits := 0, ""
	switch text[1] {
	case 'x':
		base, digits = 16, "0123456789abcdefABCDEF"
	case 'o':
		base, digits = 8, "01234567"
	default:
		return 0
	}
	if strings.Trim(text[2:], digits) != "" {
		return 0
	}
	return base
}

// digitsOf splits text after its leading digits.
func digitsOf(text string) (digits, rest string) {
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	return text[:end], text[end:]
}

func isExponent(text string) bool {
	if text[0] != 'e' && text[0] != 'E' {
		return false
	}
	text = text[1:]
	if text != "" && (text[0] == '+' || text[0] == '-') {
		text = text[1:]
	}
	digits, rest := digitsOf(text)
	return digits != "" && rest == ""
}

// tooLarge reports whether a number is so long, or so far from 1, that working with it would cost too much.
func tooLarge(digits string) bool {
	if len(digits) > MaxDigits {
		return true
	}
	at := strings.IndexAny(digits, "eE")
	if at < 0 || strings.HasPrefix(digits, "0x") {
		return false
	}
	exponent, err := strconv.Atoi(digits[at+1:])
	return err != nil || exponent > MaxExponent || exponent < -MaxExponent
}

// notFinite reports whether YAML would read infinity, or what is not a number.
func notFinite(text string) bool {
	switch text {
	case ".nan", ".NaN", ".NAN":
		return true
	}
	if text != "" && (text[0] == '+' || text[0] == '-') {
		text = text[1:]
	}
	switch text {
	case ".inf", ".Inf", ".INF":
		return true
	}
	return false
}
