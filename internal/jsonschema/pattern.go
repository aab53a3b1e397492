package jsonschema

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gleitzeit/gleitzeit/internal/regex"
)

// patterns compiles the patterns of one schema. JSON Schema means the regular expressions of ECMAScript; Go's are fewer.
type patterns struct {
	unchecked []string
	steps     int // Of those that are checked.
}

// maxSteps is how many steps the patterns of one schema have together, after their counts are expanded: a hundred thousand take a
// quarter of a second and 100 MB.
const maxSteps = 100_000

func (p *patterns) compile(pattern string) (jsonschema.Regexp, error) {
	expression := escapes.ReplaceAllStringFunc(pattern, func(escape string) string {
		if digits, is := strings.CutPrefix(escape, `\u`); is {
			return `\x{` + digits + `}`
		}
		return escape
	})
	steps, err := regex.Steps(expression)
	if err == nil && p.steps+steps <= maxSteps {
		p.steps += steps
		var compiled *regexp.Regexp
		if compiled, err = regexp.Compile(expression); err == nil {
			return compiled, nil
		}
	}
	if err != nil && !isUnsupported(err) {
		return nil, err
	}
	if !slices.Contains(p.unchecked, pattern) {
		p.unchecked = append(p.unchecked, pattern)
	}
	return &unsupported{pattern}, nil
}

// escapes are characters by their number, which Go writes in another way, and escaped backslashes, after which a u is a letter.
var escapes = regexp.MustCompile(`\\u[0-9a-fA-F]{4}|\\\\`)

// isUnsupported reports whether an expression may be a valid one, but not for Go: it has lookaheads, references to groups, or
// counts above 1000.
func isUnsupported(err error) bool {
	invalid, is := errors.AsType[*syntax.Error](err)
	return is && slices.Contains([]syntax.ErrorCode{
		syntax.ErrInvalidPerlOp, syntax.ErrInvalidNamedCapture, syntax.ErrInvalidEscape, syntax.ErrInvalidRepeatSize, syntax.ErrInvalidCharRange, syntax.ErrLarge,
	}, invalid.Code)
}

// unsupported is a pattern that is not checked.
type unsupported struct{ pattern string }

func (*unsupported) MatchString(string) bool { return true }

func (u *unsupported) String() string { return u.pattern }
