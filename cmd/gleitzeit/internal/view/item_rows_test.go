package view

import (
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// TestRowsOfAnItem: all of the reason is there, its words are whole, and the path is relative and not repeated.
func TestRowsOfAnItem(t *testing.T) {
	for _, c := range []struct {
		path, message string
		width         int
		want          string
	}{
		{"/home/you/docs/a.pdf", `file "/home/you/docs/a.pdf" is a PDF document, not text`, 80, "✗ batch[7]  docs/a.pdf  is a PDF document, not text"},
		{"/home/you/docs/a.pdf", `file "/home/you/docs/a.pdf" is a PDF document, not text`, 30, "✗ batch[7]  docs/a.pdf  is a\n  PDF document, not text"},
		{"/home/you/docs/a.txt", `cannot read file "/home/you/docs/a.txt": permission denied`, 80, `✗ batch[7]  docs/a.txt  cannot read file "docs/a.txt": permission denied`},
		{"/home/you/docs/" + strings.Repeat("long-", 8) + "name.txt", "the model refused", 50, "✗ batch[7]\n  …ong-long-long-long-long-long-long-long-name.txt\n  the model refused"},
		{"/home/you/" + strings.Repeat("深い/", 5) + "文書.txt", strings.Repeat("理由 ", 30), 60, ""},
		{"/elsewhere/a.txt", "first line\nsecond line", 80, "✗ batch[7]  /elsewhere/a.txt  first line second line"},
		{"/home/you/docs/a.txt", "the script raised an exception:\nTraceback (most recent call last):\n  File \"do.py\", line 4, in <module>\n    raise ValueError('x')\nValueError: page 3 is cut", 60, "✗ batch[7]  docs/a.txt  ValueError: page 3 is cut"},
		{"/home/you/docs/a\x1b[2J.txt", "no\tway", 80, `✗ batch[7]  docs/a\x1b[2J.txt  no\tway`},
	} {
		item := &Item{Task: "batch", Index: 7, Item: value.String(c.path), Status: protocol.Failed, Error: &Error{Message: c.message}}
		got := item.Rows(c.width, "/home/you")
		if c.want != "" && got != c.want {
			t.Errorf("at %d columns:\ngot  %s\nwant %s", c.width, got, c.want)
		}
		for row := range strings.SplitSeq(got, "\n") {
			if runewidth.StringWidth(row) > c.width && strings.Contains(strings.TrimSpace(row), " ") {
				t.Errorf("%d columns of %d: %s", runewidth.StringWidth(row), c.width, row)
			}
		}
	}
	warned := &Item{Task: "batch", Item: value.String("/home/you/a.txt"), Status: protocol.Completed, Warning: "the document was cut"}
	if got := warned.Rows(80, "/home/you"); got != "! batch[0]  a.txt  the document was cut" {
		t.Error(got)
	}
	number := &Item{Task: "many", Item: value.Int(1), Status: protocol.Completed, Warning: "the answer was cut: raise max_tokens"}
	if got := number.Rows(30, "/home/you"); got != "! many[0]  item 1  the answer\n  was cut: raise max_tokens" {
		t.Error(got)
	}
}
