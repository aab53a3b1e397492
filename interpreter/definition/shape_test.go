package definition

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

func TestDuration(t *testing.T) {
	const want = "must be a number of seconds or a duration such as 90s, 2h or 1m30s, not "
	number := func(digits string) *Node { return &Node{Kind: value.KindNumber, Text: digits, Written: digits} }
	text := func(text string) *Node { return &Node{Kind: value.KindString, Text: text, Written: text} }
	for _, test := range []struct {
		node    *Node
		seconds protocol.Seconds
		problem string
	}{
		{number("90"), 90, ""}, {number("0.25"), 0.25, ""}, {number("1e3"), 1000, ""}, {number("0"), 0, ""},
		{text("90s"), 90, ""}, {text("2h"), 7200, ""}, {text("1m30s"), 90, ""}, {text("250ms"), 0.25, ""}, {text("0s"), 0, ""},
		{number("315360000"), 315360000, ""}, {text("87600h"), 315360000, ""},
		{number("315360001"), 0, "must be at most 87600h, not 315360001"},
		{number("1e400"), 0, "must be at most 87600h, not 1e400"},
		{text("87600h1s"), 0, `must be at most 87600h, not "87600h1s"`},
		{number("-1"), 0, "must not be negative: -1"},
		{text("-1s"), 0, `must not be negative: "-1s"`},
		{text("90"), 0, want + `"90"`}, {text(""), 0, want + `""`}, {text("soon"), 0, want + `"soon"`}, {text("1d"), 0, want + `"1d"`},
		{&Node{Kind: value.KindBool, Written: "true"}, 0, want + "true"},
		{&Node{Kind: value.KindList}, 0, want + "a list"},
	} {
		seconds, problem := Duration(test.node)
		if seconds != test.seconds || problem != test.problem {
			t.Errorf("%s: got %v, %q, want %v, %q", test.node.Describe(), seconds, problem, test.seconds, test.problem)
		}
	}
}
