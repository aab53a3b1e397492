package documents

import (
	"context"
	"fmt"
	"slices"
	"testing"
)

// A quote that is not closed is a warning: it makes one cell of the rest of a table.
func TestOpenQuote(t *testing.T) {
	for _, c := range []struct {
		table string
		line  int // Of the quote; 0 if there is none.
	}{
		{"a,b\n1,\"x\ny\n", 2},
		{"sep=;\na;b\n\n1;2\n3;\"x", 5},
		{"a,b\n\"1\n\",\"x", 3},
		{"a,b\n1,\"x\ny\"\n", 0},
		{"a,b\n1,\"x \"\"y\"\"\"", 0},
		{"a,b\n1,3\" pipe\n", 0},
	} {
		var want []string
		if c.line > 0 {
			want = []string{fmt.Sprintf("the quote that begins in line %d is not closed: all after it is one cell", c.line)}
		}
		if d, err := Read(context.Background(), "a.csv", []byte(c.table), Options{}); err != nil || !slices.Equal(d.Warnings, want) {
			t.Errorf("%q: %q, %v, want %q", c.table, d.Warnings, err, want)
		}
	}
}
