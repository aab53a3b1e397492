package reference

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// ItemsFields are the fields of the result of a task with items.
func ItemsFields() []string {
	return []string{"total", "succeeded", "failed", "skipped", stepResults}
}

// EntryFields are the fields of what such a result says of one item. The last two are there for some items alone.
func EntryFields() []string {
	return []string{"item", "index", "status", stepResult, "error", "duration", "model", "reason"}
}

// RunFields are the fields of the run. The last two are known to tasks in `finally` alone.
func RunFields() []string {
	return []string{"id", "workflow", "started_at", "folder", "flow_folder", "attempt", "status", "error"}
}

const stepResult = "result"

// Named reports whether the step can lead to a field.
func (s Step) Named() bool { return s.named() }

// Name returns the field that a named step leads to.
func (s Step) Name() string { return s.name() }

// String returns the step as it is written, with its dot or its brackets.
func (s Step) String() string {
	switch {
	case s.Every:
		return "[*]"
	case s.Slice != nil:
		return s.Slice.String()
	case s.IsIndex && s.Brackets:
		return fmt.Sprintf("[%d]", s.Index)
	case s.IsIndex:
		return fmt.Sprintf(".%d", s.Index)
	case plain(s.Field):
		return "." + s.Field
	}
	return bracketed(s.Field)
}

// With writes the reference with another path.
func (r *Reference) With(steps ...Step) string {
	text := opening + headAsWritten(r.Head)
	for _, step := range steps {
		text += step.String()
	}
	if r.HasDefault {
		text += ":-" + strings.ReplaceAll(r.Default, "}", `\}`)
	}
	return clip(text + "}")
}

// Inserted writes the reference with further fields before the step i.
func (r *Reference) Inserted(i int, fields ...string) string {
	var steps []Step
	for _, field := range fields {
		steps = append(steps, Step{Field: field})
	}
	return r.With(slices.Insert(slices.Clone(r.Steps), i, steps...)...)
}

// Operation is an operator within a reference, where none is supported: `${a.response + 1}` is a field with the name "response + 1".
type Operation struct {
	At       int    // The step; -1 is the head.
	Name     string // What stands before the operator.
	Operator string
	Operand  string // All that follows.
	ref      *Reference
}

// Names before an operator, and what follows. A name can have a dash, and many keys have a colon or a slash: most operators count
// between spaces alone, or before a number.
var (
	operations = []*regexp.Regexp{
		regexp.MustCompile(`^([\p{L}_][\p{L}\p{N}_-]*?)\s*(\?\?|\|\||\?:|:=|\||&&)\s*(.*)$`),
		regexp.MustCompile(`^([\p{L}_][\p{L}\p{N}_-]*?)\s+([-+*/%?]|[=!<>]=|[<>])\s+(.+)$`),
		regexp.MustCompile(`^([\p{L}_][\p{L}\p{N}_]*?)([+*/%])([0-9.]+)$`),
		regexp.MustCompile(`^([\p{L}_][\p{L}\p{N}_-]*?)(:)(.*)$`),
	}
	isLiteral = regexp.MustCompile(`^([0-9.]+|"[^"\\]*"|'[^'\\]*')$`)
	isWord    = regexp.MustCompile(`^[\p{L}\p{N}_ -]*$`)
	isFilter  = regexp.MustCompile(`^default\s*(?:\(\s*(.*?)\s*\)|:\s*(.*))$`)
)

// operators are the characters of which every operator above has one. Most names have none, and the expressions cost more than all else
// that is done with a reference.
const operators = "?|:&-+*/%=!<>"

// Operation returns the first operator within the reference; nil if there is none.
func (r *Reference) Operation() *Operation {
	for i := -1; i < len(r.Steps); i++ {
		name := r.Head
		if i >= 0 {
			if name = r.Steps[i].Field; r.Steps[i].Brackets || name == "" {
				continue
			}
		}
		if !strings.ContainsAny(name, operators) {
			continue
		}
		for _, of := range operations {
			parts := of.FindStringSubmatch(name)
			if parts == nil {
				continue
			}
			operand := parts[3]
			for _, step := range r.Steps[i+1:] {
				operand += step.String()
			}
			return &Operation{At: i, Name: parts[1], Operator: parts[2], Operand: operand, ref: r}
		}
	}
	return nil
}

// Sure reports whether no field of a result is named like this.
func (o *Operation) Sure() bool {
	switch o.Operator {
	case ":":
		return false
	case "??", "||", "|", "&&", "?:", ":=":
		return true
	}
	return isLiteral.MatchString(o.Operand)
}

// Message says what is wrong.
func (o *Operation) Message() string {
	return clip(o.ref.Text) + ": references have no operators and no filters"
}

// before is the reference before the operator.
func (o *Operation) before() string {
	before := Reference{Head: o.ref.Head, Steps: slices.Clone(o.ref.Steps[:max(o.At, 0)])}
	if o.At < 0 {
		before.Head = o.Name
	} else {
		before.Steps = append(before.Steps, Step{Field: o.Name})
	}
	return before.With(before.Steps...)
}

// Hint says what to write instead. A condition has operators behind the brace.
func (o *Operation) Hint(inCondition bool) string {
	before, operand := o.before(), strings.TrimSpace(o.Operand)
	isDefault := slices.Contains([]string{"??", "||", "?:", ":=", ":"}, o.Operator)
	if parts := isFilter.FindStringSubmatch(operand); o.Operator == "|" && parts != nil {
		isDefault, operand = true, parts[1]+parts[2]
	}
	if isDefault {
		if isLiteral.MatchString(operand) {
			operand = strings.Trim(operand, `"'`)
		} else if !isWord.MatchString(operand) {
			operand = "none"
		}
		return "write " + strings.TrimSuffix(before, "}") + ":-" + clip(operand) + "} for a default"
	}
	if inCondition && o.Operator != "|" {
		return "write " + before + " " + o.Operator + " " + clip(operand)
	}
	expression := "…"
	switch {
	case o.Operator == "|" && slices.Contains([]string{"upper", "lower", "title", "strip", "capitalize"}, operand):
		expression = "context['x']." + operand + "()"
	case o.Operator == "|" && operand == "trim":
		expression = "context['x'].strip()"
	case o.Operator == "|" && slices.Contains([]string{"length", "count", "size"}, operand):
		expression = "len(context['x'])"
	case o.Operator != "|" && o.Operator != "?" && isLiteral.MatchString(operand):
		expression = "context['x'] " + o.Operator + " " + strings.ReplaceAll(operand, `"`, "'")
	}
	return `compute it in a task with a script: {id: b, method: python/execute, parameters: {context: {x: "` + before + `"}, code: "result = ` + expression + `"}}`
}
