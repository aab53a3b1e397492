// Package regex bounds regular expressions before they are compiled: `(a{1000}){1000}` would take seconds and gigabytes, and time
// that is out of proportion for each character of a text.
package regex

import "regexp/syntax"

// Unbounded is what Steps returns for all expressions with more steps.
const Unbounded = 1 << 30

// Steps returns about how many steps an expression has after its counts are expanded: the time to compile it, its memory, and the
// time for each character of a text grow with these.
func Steps(expression string) (int, error) {
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return 0, err
	}
	return steps(parsed), nil
}

func steps(of *syntax.Regexp) int {
	total := 1
	switch of.Op {
	case syntax.OpLiteral:
		total = len(of.Rune)
	case syntax.OpCharClass:
		total += len(of.Rune) / 16 // Pairs of characters, among which the right one is looked for.
	case syntax.OpRepeat:
		total = 0
	}
	for _, part := range of.Sub {
		total = min(total+steps(part), Unbounded)
	}
	if of.Op == syntax.OpRepeat {
		times := of.Max
		if times < 0 {
			times = of.Min + 1 // The last of them again and again.
		}
		total = min(total*times, Unbounded)
	}
	return total
}
