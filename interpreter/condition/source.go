package condition

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"

	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// source is a condition with its references replaced by calls of functions: what a value says never becomes part of the
// expression, and a value that is not needed is never read.
type source struct {
	text       string
	program    string // The expression.
	references []reference.Reference
	starts     []int // Of each reference in the program, in characters.
	offsets    []int // Of each character of the program in the text, in bytes, and of its end.
	patterns   map[string]expression
}

// functionOf names the function that replaces a reference. The name cannot be written in a condition: the sign before it is rejected.
func functionOf(number int) string { return "$" + strconv.Itoa(number) }

// read takes the references out of a condition.
func read(text string) (*source, []Error) {
	parts, wrong := reference.Parse(text)
	if len(wrong) > 0 {
		errs := make([]Error, len(wrong))
		for i, m := range wrong {
			errs[i] = Error{Offset: m.Offset, Message: m.Message, Hint: m.Hint}
		}
		return nil, errs
	}
	s := &source{text: text}
	var program strings.Builder
	at := 0 // In the text.
	for _, part := range parts {
		piece := part.Literal
		if part.Ref != nil {
			at = part.Ref.Offset
			piece = functionOf(len(s.references)) + "()"
			s.starts = append(s.starts, len(s.offsets))
			s.references = append(s.references, *part.Ref)
		}
		program.WriteString(piece)
		for i := range piece {
			if part.Ref == nil && strings.HasPrefix(piece[i:], "${") && strings.HasPrefix(text[at:], "$${") {
				at++ // It is written with two.
			}
			s.offsets = append(s.offsets, at)
			if part.Ref == nil {
				_, size := utf8.DecodeRuneInString(piece[i:])
				at += size
			}
		}
		if part.Ref != nil {
			at += len(part.Ref.Text)
		}
	}
	s.offsets = append(s.offsets, len(text))
	s.program = program.String()
	return s, s.misplaced()
}

// at converts a character of the program to a byte of the text.
func (s *source) at(character int) int {
	return s.offsets[min(max(character, 0), len(s.offsets)-1)]
}

// misplaced finds references where a value cannot be, names that only references have, and pipes.
func (s *source) misplaced() []Error {
	tokens, err := lexer.Lex(file.NewSource(s.program))
	if err != nil {
		return []Error{s.problem(err)}
	}
	var errs []Error
	next, end := 0, 0 // The reference that is looked for, and where the token before has ended.
	lost := func(why, hint string) {
		ref := s.references[next]
		errs = append(errs, Error{Offset: ref.Offset, Message: shown(ref.Text) + " " + why, Hint: hint})
		next++
	}
	for i, token := range tokens {
		for next < len(s.starts) && s.starts[next] < token.From && s.starts[next] >= end {
			lost("is inside a comment", "remove the comment")
		}
		for next < len(s.starts) && s.starts[next] < token.To && token.Kind != lexer.EOF {
			switch {
			case token.Kind == lexer.String:
				lost("is inside quotes, where references are not replaced", "remove the quotes")
			case token.From != s.starts[next] || token.Kind != lexer.Identifier || token.Value != functionOf(next):
				lost("is joined to the text next to it", "a reference stands for a whole value: put a space or an operator between them")
			case i > 0 && (tokens[i-1].Is(lexer.Operator, ".") || tokens[i-1].Is(lexer.Operator, "?.")):
				lost("cannot be the name of a field", "write [${…}]")
			case i+3 < len(tokens) && tokens[i+3].Is(lexer.Bracket, "("):
				lost("is a value and cannot be called", "")
			default:
				next++
			}
		}
		if token.Kind == lexer.Identifier && strings.HasPrefix(token.Value, "$") && !s.within(token) {
			errs = append(errs, Error{Offset: s.at(token.From), Message: fmt.Sprintf("unknown name %q", token.Value), Hint: "write values as ${…}"})
		}
		if token.Is(lexer.Operator, "|") {
			errs = append(errs, Error{Offset: s.at(token.From), Message: `"|" is not supported in conditions`, Hint: "write || or the word or; pass values to functions in parentheses, as in len(${…})"})
		}
		end = token.To
	}
	for next < len(s.starts) {
		lost("is inside a comment", "remove the comment")
	}
	return errs
}

// within reports whether a token has part of a reference in it.
func (s *source) within(token lexer.Token) bool {
	for _, start := range s.starts {
		if start >= token.From && start < token.To {
			return true
		}
	}
	return false
}
