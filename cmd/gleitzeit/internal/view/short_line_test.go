package view

import (
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

func TestALineOfAnItemFitsIntoARow(t *testing.T) {
	for _, c := range []struct {
		path, message string
		width         int
		want          string
	}{
		{"/home/you/docs/a.pdf", `file "/home/you/docs/a.pdf" is a PDF document, not text`, 80, "✗ batch[7]  is a PDF document, not text  docs/a.pdf"},
		{"/home/you/docs/a.txt", `cannot read file "/home/you/docs/a.txt": permission denied`, 80, `✗ batch[7]  cannot read file "docs/a.txt": permission denied  docs/a.txt`},
		{"/home/you/docs/" + strings.Repeat("long-", 20) + "name.txt", "the model refused", 60, "✗ batch[7]  the model refused  …long-long-long-long-name.txt"},
		{"/home/you/docs/a.txt", "it failed because " + strings.Repeat("of this and that ", 10), 60, "✗ batch[7]  it failed because of this and that …  docs/a.txt"},
		{"/home/you/" + strings.Repeat("深い/", 20) + "文書.txt", strings.Repeat("理由", 30), 60, ""},
		{"/elsewhere/a.txt", "first line\nsecond line", 80, "✗ batch[7]  first line second line  /elsewhere/a.txt"},
		{"/home/you/docs/a.txt", "no", 10, ""},
		{"/home/you/docs/a.txt", "the script raised an exception:\nTraceback (most recent call last):\n  File \"do.py\", line 4, in <module>\n    raise ValueError('x')\nValueError: page 3 is cut", 60, "✗ batch[7]  ValueError: page 3 is cut  docs/a.txt"},
		{"/home/you/docs/a\x1b[2J.txt", "no\tway", 80, `✗ batch[7]  no\tway  docs/a\x1b[2J.txt`},
	} {
		item := &Item{Task: "batch", Index: 7, Item: value.String(c.path), Status: protocol.Failed, Error: &Error{Message: c.message}}
		got := item.ShortLine(c.width, "/home/you")
		if c.want != "" && got != c.want || runewidth.StringWidth(got) > c.width || strings.Contains(got, "\n") {
			t.Errorf("%d columns of %d:\ngot  %s\nwant %s", runewidth.StringWidth(got), c.width, got, c.want)
		}
	}
	warned := &Item{Task: "batch", Item: value.String("/home/you/a.txt"), Status: protocol.Completed, Warning: "the document was cut"}
	if got := warned.ShortLine(80, "/home/you"); got != "! batch[0]  the document was cut  a.txt" {
		t.Error(got)
	}
	listed := &Item{Task: "each", Item: value.Object(value.Field{Name: "id", Value: value.Int(3)}), Status: protocol.Failed, Error: &Error{Message: "no"}}
	if got := listed.ShortLine(80, "/home/you"); !strings.HasPrefix(got, "✗ each[0]  no  ") {
		t.Error(got)
	}
}
