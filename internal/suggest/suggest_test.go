package suggest

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	long := strings.Repeat("x", LongestWord)
	for _, test := range []struct{ word, candidates, want string }{
		{"fecth", "merge fetch", "fetch"},
		{"fetchh", "fetch", "fetch"},
		{"FETCH", "fetchy fetch", "fetch"},
		{"fetch", "fetch", ""}, // It is no mistake.
		{"abc", "xyz", ""},
		{"ab", "cd", ""},
		{"dependsOn", "dependencies depends_on", "depends_on"},
		{"continueOnError", "continue_on_error", "continue_on_error"},
		{"max-parallel", "max_concurrent max_parallel", "max_parallel"},
		{"größe", "grösse größer", "größer"},
		{"file_pattern", "directory pattern exclude", "pattern"},
		{"model", "model_name timeout", "model_name"},
		{"model", "vision_model embed_model", ""}, // Either may be meant.
		{"a_b", "b", ""},
		{"repattern", "pattern", "pattern"},
		{"counterpattern", "pattern", ""},
		{long + "x", long, ""},
	} {
		if got := Nearest(test.word, strings.Fields(test.candidates)); got != test.want {
			t.Errorf("by %q of %s, it finds that %q is meant, not %q", test.word, test.candidates, got, test.want)
		}
	}
}
