package interpreter_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/temporalname"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// TestExactlyTheLimits: what is as large as it may be has a plan; one more of it has none.
func TestExactlyTheLimits(t *testing.T) {
	const tasks = "name: x\ntasks: [{id: a, method: free/any}]\n"
	padded := func(size int) string { return tasks + strings.Repeat("#", size-len(tasks)) }
	nested := func(depth int) string {
		return tasks + "metadata: {x: " + strings.Repeat("[", depth-2) + strings.Repeat("]", depth-2) + "}"
	}
	// The anchored list makes 100 values each time: itself and 99 in it.
	aliases := func(values int) string {
		return tasks + "metadata:\n  a: &a [" + list(99, "%d") + "]\n  one: &one 1\n  b: [" + strings.Repeat("*a , ", values/100) + "]\n" +
			"  c: [" + strings.Repeat("*one , ", values%100) + "]\n"
	}
	many := func(count int) string {
		return "name: x\ntasks:\n" + lines(count, "  - {id: t%d, method: free/any}\n")
	}
	for _, test := range []struct {
		name  string
		limit int
		text  func(int) string
	}{
		{"size", definition.MaxSize, padded},
		{"marks", definition.MaxMarks, func(marks int) string { return tasks + strings.Repeat("#\n", marks-strings.Count(tasks, "\n")-7) }},
		{"depth", definition.MaxDepth, nested},
		{"aliases", definition.MaxAliasNodes, aliases},
		{"tasks", definition.MaxTasks, many},
		{"text", definition.MaxText, func(size int) string { return tasks + "description: " + strings.Repeat("x", size) }},
		{"digits", definition.MaxDigits, func(size int) string { return tasks + "version: " + strings.Repeat("9", size) }},
		{"exponent", definition.MaxExponent, func(size int) string { return tasks + fmt.Sprintf("version: 1e%d", size) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			if p, found := compile([]byte(test.text(test.limit))); p == nil {
				t.Errorf("no plan at the limit:\n%s", listed(found))
			}
			p, found := compile([]byte(test.text(test.limit + 1)))
			if p != nil || len(found) != 1 || found[0].Rule != "limit" {
				t.Errorf("beyond the limit: %s", listed(found))
			}
		})
	}
}

// TestTheLongestActivityID: Temporal fails the workflow task for ever that schedules an activity with a longer id.
func TestTheLongestActivityID(t *testing.T) {
	id := strings.Repeat("𐐀", definition.MaxID) // A letter of four bytes.
	if p, found := compile([]byte("name: x\ntasks: [{id: " + id + ", for_each: [1], method: free/any}]\n")); p == nil {
		t.Fatalf("no plan: %s", listed(found))
	}
	if longest := protocol.FormatUnitID(id, math.MaxInt-1, math.MaxInt); len(longest) > temporalname.Max {
		t.Errorf("an activity id can have %d bytes, and Temporal takes %d", len(longest), temporalname.Max)
	}
}
