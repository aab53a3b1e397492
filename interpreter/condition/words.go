package condition

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/file"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// error puts an error of the expression language into our words, at its place.
func (s *source) problem(err error) Error {
	message, character := messageOf(err)
	m := Error{Offset: s.at(character)}
	if message == neverClosed {
		m.Offset = strings.LastIndexAny(s.text, "\"'`")
	}
	for m.Offset > 0 && (m.Offset == len(s.text) || !utf8.RuneStart(s.text[m.Offset])) {
		m.Offset-- // At the end there is nothing to point at.
	}
	m.Message, m.Hint = s.reword(message)
	return m
}

// compared says what to do with a condition that is neither true nor false.
const compared = "compare it with a value, as in ${…} == 3"

const neverClosed = "literal not terminated"

// failure is an error while a condition was decided.
func (s *source) failure(err error) *protocol.Error {
	message, character := messageOf(err)
	message, hint := s.reword(message)
	wrong := protocol.Errorf(protocol.TaskParameterError, "the condition cannot be evaluated: %s, near %q", message, shown(s.text[s.at(character):]))
	if hint != "" {
		return wrong.WithHint("%s", hint)
	}
	return wrong
}

func messageOf(err error) (message string, character int) {
	if known, is := errors.AsType[*file.Error](err); is {
		return known.Message, known.From
	}
	return err.Error(), 0
}

var (
	unexpected = regexp.MustCompile(`^unexpected token (\w+)(?:\("(.*)"\))?$`)
	conversion = regexp.MustCompile(`^interface conversion: interface \{\} is (.+), not (.+)$`)
	argument   = regexp.MustCompile(`^reflect: Call using (.+) as type (.+)$`)
	fetched    = regexp.MustCompile(`^cannot fetch (.+) from (.+)$`)
	mismatched = regexp.MustCompile(`\(mismatched types? (.+?)(?: and (.+))?\)$`)
	operation  = regexp.MustCompile(`^invalid operation: (\S+) (\S+) (\S+)$`)
	coalesce   = regexp.MustCompile(`^Operator \((\S+)\) and coalesce expressions`)
	counting   = regexp.MustCompile(`^invalid operation: (?:int|int64|float)\((.+)\)$`)
	passed     = regexp.MustCompile(`^cannot use (\S+) as argument \(type (.+)\) to call (\w+)\s*$`)
	unfit      = regexp.MustCompile(`^invalid argument for (\w+) \(type (.+)\)$`)
	standIn    = regexp.MustCompile(`^\$\d+$`)
	goTypes    = strings.NewReplacer(
		"condition.large", "a number", "map[string]interface {}", "an object", "[]interface {}", "a list", "[]uint8", "a text", "interface {}", "a value",
		"float64", "a number", "string", "a text", "bool", "true or false",
		"int", "a number", "<nil>", "null", "unknown", "a value",
	)
)

// reword says what the expression language says of types and signs in words that people know who have not heard of it.
func (s *source) reword(message string) (reworded, hint string) {
	if parts := unexpected.FindStringSubmatch(message); parts != nil {
		return s.unexpected(parts[1], parts[2])
	}
	parts := conversion.FindStringSubmatch(message)
	if parts == nil {
		parts = argument.FindStringSubmatch(message)
	}
	if parts != nil {
		return fmt.Sprintf("expected %s, got %s", goTypes.Replace(parts[2]), goTypes.Replace(parts[1])), ""
	}
	if parts := fetched.FindStringSubmatch(message); parts != nil {
		return fmt.Sprintf("%s has no %s", goTypes.Replace(parts[2]), parts[1]), ""
	}
	if parts := passed.FindStringSubmatch(message); parts != nil {
		return fmt.Sprintf("%s(…) expects %s, got %s", parts[3], goTypes.Replace(parts[2]), goTypes.Replace(parts[1])), ""
	}
	if parts := coalesce.FindStringSubmatch(message); parts != nil {
		return fmt.Sprintf("\"??\" and %q cannot be combined without parentheses", parts[1]), "write (a ?? b) == c, for example"
	}
	if parts := counting.FindStringSubmatch(message); parts != nil {
		return fmt.Sprintf("expected a whole number of at most 64 bits, got %s", goTypes.Replace(parts[1])), ""
	}
	if parts := unfit.FindStringSubmatch(message); parts != nil {
		return fmt.Sprintf("%s(…) does not support %s", parts[1], goTypes.Replace(parts[2])), ""
	}
	if parts := operation.FindStringSubmatch(message); parts != nil {
		return fmt.Sprintf("cannot compute %s %s %s", goTypes.Replace(parts[1]), parts[2], goTypes.Replace(parts[3])), ""
	}
	if place := mismatched.FindStringSubmatchIndex(message); place != nil {
		types := mismatched.FindStringSubmatch(message)
		what := strings.TrimSuffix(strings.TrimPrefix(message[:place[0]], "invalid operation: "), " ")
		if what == "contains" || what == "startsWith" || what == "endsWith" {
			return fmt.Sprintf("%q requires two texts, not %s and %s", what, goTypes.Replace(types[1]), goTypes.Replace(types[2])), "put the text into quotes, or convert a value with text(…)"
		}
		if types[2] == "" {
			return fmt.Sprintf("%q does not support %s", what, goTypes.Replace(types[1])), ""
		}
		return fmt.Sprintf("%q does not support %s and %s", what, goTypes.Replace(types[1]), goTypes.Replace(types[2])), ""
	}
	switch {
	case message == "memory budget exceeded":
		return fmt.Sprintf("it creates lists of more than %d elements", MaxSteps), ""
	case strings.Contains(message, "exceeds maximum allowed nodes"):
		return fmt.Sprintf("the condition has more than %d operators and values", MaxNodes), "compute it in a python/execute task"
	case strings.HasPrefix(message, "invalid integer literal"):
		return "a whole number of more than 64 bits", "write it with a fraction or an exponent to make it a floating-point number"
	case message == neverClosed:
		return "this quote is not closed", ""
	case message == "invalid char escape":
		return "a backslash in quotes must be written twice", "write \"\\\\d\" for \\d, or put the text into backquotes"
	}
	return message, ""
}

func (s *source) unexpected(kind, value string) (message, hint string) {
	switch {
	case kind == "EOF":
		return "unexpected end of the condition", ""
	case standIn.MatchString(value):
		if number, err := strconv.Atoi(value[1:]); err == nil && number < len(s.references) {
			value = s.references[number].Text
		}
	case value == "=":
		hint = "compare values with =="
	case value == "&":
		hint = "write && or and"
	}
	return fmt.Sprintf("unexpected %s", strconv.Quote(shown(value))), hint
}

// longestShown is how much of a condition or a value, in characters, a message repeats.
const longestShown = 80

// shown is a text on one line, and no longer than people read.
func shown(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if utf8.RuneCountInString(text) > longestShown {
		return string([]rune(text)[:longestShown-1]) + "…"
	}
	return text
}
