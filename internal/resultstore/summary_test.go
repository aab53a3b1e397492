package resultstore_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Items are grouped by what is said about them and by what to do, whatever they are called.
func TestASummaryGroupsItems(t *testing.T) {
	var s resultstore.Summary
	add := func(index int, item value.Value, o protocol.Outcome) {
		t.Helper()
		if err := s.Add(index, &o, func() (value.Value, error) { return item, nil }); err != nil {
			t.Fatal(err)
		}
	}
	failed := func(hint, format string, args ...any) protocol.Outcome {
		return protocol.Outcome{Status: protocol.Failed, Error: protocol.Errorf(protocol.InvalidParams, format, args...).WithHint("%s", hint)}
	}
	for i := range 20 {
		path := fmt.Sprintf("/f/letter%d.pdf", i)
		file := value.String(path)
		switch i % 4 {
		case 1:
			add(i, file, failed("convert it", "file %q is a PDF document, not text", path))
		case 2:
			add(i, file, failed("convert it", "no page in letter%d.pdf", i))
		case 3:
			add(i, file, protocol.Outcome{Status: protocol.Completed, Warning: "page 3 of " + path + " has no text"})
		default:
			add(i, file, protocol.Outcome{Status: protocol.Completed})
		}
	}
	add(20, value.Object(value.Field{Name: "id", Value: value.Int(1)}), failed("", "timed out"))
	add(21, value.String("Berlin"), failed("ask again", "no weather in Berlin"))
	add(22, value.String("Hamburg"), failed("ask again", "no weather in Hamburg"))
	add(23, value.String("Hamburg"), failed("", "no weather in Hamburg"))
	late := failed("", "timed out")
	late.Status = protocol.TimedOut
	add(24, value.Int(7), late)
	add(25, value.Int(7), protocol.Outcome{Status: protocol.Cancelled, Error: protocol.Errorf(protocol.TaskCancelled, "stopped")})
	var text strings.Builder
	for _, g := range append(s.Failures, s.Warnings...) {
		fmt.Fprintf(&text, "%d × %s | %s | %s %d\n", g.Count, g.Message, g.Hint, g.Example.Brief(), g.Index)
	}
	const want = "5 × file \"…\" is a PDF document, not text | convert it | /f/letter1.pdf 1\n5 × no page in … | convert it | /f/letter2.pdf 2\n" +
		"2 × timed out |  | {\"id\":1} 20\n2 × no weather in … | ask again | Berlin 21\n1 × no weather in … |  | Hamburg 23\n" +
		"5 × page 3 of … has no text |  | /f/letter3.pdf 3\n"
	if text.String() != want || s.Warned != 5 || s.OtherFailures+s.OtherWarnings != 0 {
		t.Errorf("%+v\n%s", s, &text)
	}
}

// A summary stays small, however many reasons there are and however large items are.
func TestASummaryIsBounded(t *testing.T) {
	var s resultstore.Summary
	large := value.Object(value.Field{Name: "text", Value: value.String(strings.Repeat("x", 1<<20))})
	for i := range 5000 {
		o := protocol.Outcome{Status: protocol.Failed, Error: protocol.Errorf(protocol.InvalidParams, "reason %d", i)}
		if i%2 == 1 {
			o = protocol.Outcome{Status: protocol.Completed, Warning: fmt.Sprint("warning ", i)}
		}
		if err := s.Add(i, &o, func() (value.Value, error) { return large, nil }); err != nil {
			t.Fatal(err)
		}
	}
	encoded, err := value.Encode(s)
	if err != nil || len(encoded.JSON()) > 64<<10 {
		t.Errorf("%d bytes, %v", len(encoded.JSON()), err)
	}
	if s.Warned != 2500 || len(s.Failures) != 100 || s.OtherFailures != 2400 || len(s.Warnings) != 100 || s.OtherWarnings != 2400 {
		t.Errorf("%d warned, %d and %d failures, %d and %d warnings", s.Warned, len(s.Failures), s.OtherFailures, len(s.Warnings), s.OtherWarnings)
	}
}
