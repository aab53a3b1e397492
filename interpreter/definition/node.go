package definition

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Node is one value of the file with its place. A value that is used through an alias is one Node in several places.
type Node struct {
	Position
	Kind     value.Kind
	Text     string // String: its text. Number: its digits as JSON has them.
	Written  string // Scalars: as the file has them, quotes and escapes undone ("0x1F" where Text is "31").
	Truth    bool   // Boolean.
	Elements []*Node
	Fields   []Field

	read  bool // From the file, where its text begins at its Position.
	style style
}

// Field is one entry of a mapping.
type Field struct {
	Name  string
	At    Position // Of the name.
	Value *Node
}

// style is how a scalar is written.
type style uint8

const (
	plain style = iota
	singleQuoted
	doubleQuoted
	block
)

// Get returns the value of a mapping's entry; nil where there is none.
func (n *Node) Get(name string) *Node {
	for i := range n.Fields {
		if n.Fields[i].Name == name {
			return n.Fields[i].Value
		}
	}
	return nil
}

// Value returns what the node holds, without its places.
func (n *Node) Value() value.Value {
	switch n.Kind {
	case value.KindBool:
		return value.Bool(n.Truth)
	case value.KindNumber:
		if v, isNumber := value.Digits(n.Text); isNumber {
			return v
		}
		return value.String(n.Text)
	case value.KindString:
		return value.String(n.Text)
	case value.KindList:
		elements := make([]value.Value, len(n.Elements))
		for i, element := range n.Elements {
			elements[i] = element.Value()
		}
		return value.List(elements...)
	case value.KindObject:
		fields := make([]value.Field, len(n.Fields))
		for i, field := range n.Fields {
			fields[i] = value.Field{Name: field.Name, Value: field.Value.Value()}
		}
		return value.Object(fields...)
	}
	return value.Value{}
}

// Strings calls visit for each string in the node, in the file's order.
func (n *Node) Strings(visit func(*Node)) {
	switch n.Kind {
	case value.KindString:
		visit(n)
	case value.KindList:
		for _, element := range n.Elements {
			element.Strings(visit)
		}
	case value.KindObject:
		for _, field := range n.Fields {
			field.Value.Strings(visit)
		}
	}
}

// Keys calls visit for each entry of the mappings in the node, in the file's order.
func (n *Node) Keys(visit func(Field)) {
	for _, element := range n.Elements {
		element.Keys(visit)
	}
	for _, field := range n.Fields {
		visit(field)
		field.Value.Keys(visit)
	}
}

// Describe names the value in a message: `"many"`, `12`, `true`, `null`, `a list`, `a mapping`.
func (n *Node) Describe() string {
	switch n.Kind {
	case value.KindString:
		return Quote(n.Text)
	case value.KindList:
		return "a list"
	case value.KindObject:
		return "a mapping"
	case value.KindNull:
		return "null"
	}
	return Shorten(n.Written)
}

// Quote puts text into a message: in quotes, on one line, cut where it is long.
func Quote(text string) string { return strconv.Quote(Shorten(text)) }

// shownText is how many characters of a value a message shows.
const shownText = 60

// Shorten cuts a text that is too long for a message.
func Shorten(text string) string {
	if len(text) <= shownText || utf8.RuneCountInString(text[:min(len(text), 4*shownText+1)]) <= shownText {
		return text
	}
	end := 0
	for range shownText {
		_, size := utf8.DecodeRuneInString(text[end:])
		end += size
	}
	return text[:end] + "…"
}

// Flow writes a value as YAML on one line, for an example that is typed as it is; empty if it is null, or too long for that.
func (n *Node) Flow() string {
	text := n.flow()
	if len(text) > shownText {
		return ""
	}
	return text
}

// unquoted is a text that needs no quotes anywhere.
var unquoted = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*$`)

// notText are the words that are no text in YAML, or were none in YAML 1.1.
var notText = map[string]bool{"true": true, "false": true, "null": true, "yes": true, "no": true, "on": true, "off": true}

func (n *Node) flow() string {
	var parts []string
	switch n.Kind {
	case value.KindString:
		if len(n.Text) <= shownText && (!unquoted.MatchString(n.Text) || notText[strings.ToLower(n.Text)]) {
			return InQuotes(n.Text)
		}
		return n.Text
	case value.KindList:
		for _, element := range n.Elements[:min(len(n.Elements), shownText)] {
			parts = append(parts, element.flow())
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case value.KindObject:
		for _, field := range n.Fields[:min(len(n.Fields), shownText)] {
			parts = append(parts, field.Name+": "+field.Value.flow())
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return n.Written
}

// InQuotes is a text as YAML has it in quotes, shortened where it is long.
func InQuotes(text string) string {
	text = Shorten(text)
	switch {
	case !strings.ContainsAny(text, `"\`):
		return `"` + text + `"`
	case !strings.Contains(text, "'"):
		return "'" + text + "'"
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
