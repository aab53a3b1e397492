package definition

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Values are values by name, as a file beside the workflow gives them. Root is a mapping; nil where the file is empty.
type Values struct {
	File string // As messages call it.
	Root *Node
}

// ParseValues reads a file of values: one mapping, in YAML or JSON, within the limits of a workflow file. The Values are
// nil where there is nothing to check further, as with Parse.
func ParseValues(file string, text []byte) (*Values, []Diagnostic) {
	p := parsing{file: file, alone: "one file holds one mapping of values", divide: "hand large data over as files"}
	root := p.value(text)
	switch {
	case root == nil && len(p.found) > 0:
		return nil, p.found
	case root != nil && root.Kind != value.KindObject:
		p.report(root.Position, ruleSyntax, "the values must be a mapping, not "+root.Describe(), `write "name: value"`)
		return nil, p.found
	}
	return &Values{file, root}, p.found
}

// ParseValue reads one value, in YAML or JSON, that is not a file; false where it is not a value.
func ParseValue(text string) (value.Value, bool) {
	p := parsing{}
	root := p.value([]byte(text))
	if root == nil || len(p.found) > 0 {
		return value.Value{}, false
	}
	return root.Value(), true
}

// value converts a document whatever it is; nil where it is empty or an error was found.
func (p *parsing) value(text []byte) *Node {
	source, top := p.document(text)
	if top == nil {
		return nil
	}
	c := newConverter(source, p.report)
	root, _ := c.convert(top, 0)
	for _, again := range c.repeated {
		p.report(again.At, ruleDuplicate, fmt.Sprintf("duplicate key %s, first given in line %d", Quote(again.Key), again.First.Line), "")
	}
	if c.stopped || p.stopped {
		return nil
	}
	return root
}

// YAML writes a value as people write workflow files: the lines of a text below each other, and quotes where they are needed.
func YAML(v value.Value) ([]byte, error) {
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	encoder.CompactSeqIndent()
	err := encoder.Encode(yamlOf(v))
	return text.Bytes(), errors.Join(err, encoder.Close())
}

func yamlOf(v value.Value) *yaml.Node {
	switch v.Kind() {
	case value.KindObject:
		node := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		for _, field := range v.Fields() {
			node.Content = append(node.Content, yamlText(field.Name), yamlOf(field.Value))
		}
		return node
	case value.KindList:
		node := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, element := range v.Elements() {
			node.Content = append(node.Content, yamlOf(element))
		}
		return node
	case value.KindString:
		return yamlText(v.Text())
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: string(v.JSON())} // As JSON has it, so it is in YAML.
}

// plainText is text that needs no quotes, unless it is a word or a number with a meaning of its own.
var plainText = regexp.MustCompile(`^[\p{L}\p{N}$./*][\p{L}\p{N} _./,*$(){}?!'%;+~=-]*$`)

func yamlText(text string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Style: yaml.DoubleQuotedStyle}
	read, is := ParseValue(text)
	switch {
	case plainText.MatchString(text) && is && read.Kind() == value.KindString && read.Text() == text && !strings.HasPrefix(text, "*"):
		node.Style = 0
	case isBlock(text):
		node.Style = yaml.LiteralStyle
	}
	return node
}

// isBlock reports whether a text has several lines that can stand as they are.
func isBlock(text string) bool {
	if !strings.Contains(strings.TrimRight(text, "\n"), "\n") || strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\n") || strings.HasSuffix(text, "\n\n") {
		return false
	}
	for line := range strings.SplitSeq(text, "\n") {
		if strings.TrimRight(line, " ") != line {
			return false
		}
	}
	return strings.IndexFunc(text, func(r rune) bool {
		return r != '\n' && r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == 0xfffd
	}) < 0
}
