package regex_test

import (
	"regexp/syntax"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/regex"
)

// TestSteps compares with the programs that are compiled, where that takes little.
func TestSteps(t *testing.T) {
	for _, expression := range []string{
		"", "a", "abc", "^yes$", "(?i)yes|no", "[a-z]+@[a-z]+", "a{10}", "a{2,10}", "a{5,}", "(ab{3}){20}", "((a|b){10}c){10}", "(?:a?){30}", strings.Repeat("(a|b)*", 30),
	} {
		got, err := regex.Steps(expression)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := syntax.Parse(expression, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		program, err := syntax.Compile(parsed.Simplify())
		if err != nil {
			t.Fatal(err)
		}
		if size := len(program.Inst); got > 2*size || 3*got+3 < size {
			t.Errorf("%s: %d steps, and the program has %d", expression, got, size)
		}
	}
}

func TestStepsOfLargeExpressions(t *testing.T) {
	for expression, least := range map[string]int{
		"(?:" + strings.Repeat("a", 3000) + "){1000}":        3_000_000,
		`(?:(?:` + strings.Repeat(`\pL`, 600) + `){30}){33}`: 600 * 30 * 33,
	} {
		if got, err := regex.Steps(expression); err != nil || got < least {
			t.Errorf("%.20s: %d, %v", expression, got, err)
		}
	}
	if _, err := regex.Steps("a("); err == nil {
		t.Error("no error")
	}
}
