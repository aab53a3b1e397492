package reference

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Program replaces every reference in program text by the name of a variable that holds its value: what a value says
// never becomes code. Lines stay where they are. References written alike share a variable; variables come in the order
// of their first use. Errors are those of Lookup, or a *protocol.Error of TaskParameterError for an error, with its
// place.
func Program(code string, s *Scope) (*protocol.Program, error) {
	parts, errs := ParseCode(code)
	if len(errs) > 0 {
		return nil, codeError(code, errs)
	}
	program := &protocol.Program{Original: code}
	r := &resolver{scope: s}
	stem := freeStem(code)
	known := map[string]string{}
	var text strings.Builder
	for _, part := range parts {
		if part.Ref == nil {
			text.WriteString(part.Literal)
			continue
		}
		name, again := known[part.Ref.Text]
		if !again {
			v, asText, err := r.reference(part.Ref)
			if err != nil {
				return nil, err
			}
			name = "__" + stem + strconv.Itoa(len(program.Variables)) + "__"
			known[part.Ref.Text] = name
			program.Variables = append(program.Variables, protocol.Variable{
				Name: name, Reference: part.Ref.Text, Value: v, Text: asText,
			})
		}
		text.WriteString(name)
	}
	program.Text = text.String()
	return program, nil
}

// freeStem returns a part of a name that does not occur in the code. The underscores around a name keep Python from
// renaming it in a class, which it does to names that begin with two and do not end so.
func freeStem(code string) string {
	for stem := "ref"; ; stem += "x" {
		if !strings.Contains(code, stem+"_") {
			return stem + "_"
		}
	}
}

func codeError(code string, errs []Error) *protocol.Error {
	line, column := place(code, errs[0].Offset)
	message := fmt.Sprintf("line %d, column %d: %s", line, column, errs[0].Message)
	if more := len(errs) - 1; more > 0 {
		message += fmt.Sprintf(" (and %d more)", more)
	}
	return protocol.Errorf(protocol.TaskParameterError, "%s", message).WithHint("%s", errs[0].Hint)
}

// place returns line and column, both from 1, the column in characters.
func place(code string, offset int) (line, column int) {
	before := code[:offset]
	start := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[start:]) + 1
}
