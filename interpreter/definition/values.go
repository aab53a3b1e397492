package definition

import (
	"fmt"

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
