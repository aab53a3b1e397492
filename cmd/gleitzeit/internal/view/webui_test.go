package view

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// Temporal takes a run whatever people write about it, and what is for people stays text.
func TestWebUIDetails(t *testing.T) {
	long := strings.Repeat("<ä😀", 60_000)
	metadata := func(text string) *value.Value {
		parsed, err := value.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return &parsed
	}
	for name, c := range map[string]struct {
		plan plan.Plan
		want string
	}{
		"a description alone": {plan.Plan{Description: "What *it* is"}, "What *it* is"},
		"all": {plan.Plan{
			Version: "1.0", Tags: []string{"a", "`b`"}, Description: "Two\nlines\n",
			Metadata: metadata(`{"owner": "# Ada\n![x](y)", "runs": {"nightly": true}}`),
		}, "- `version` `1.0`\n- `tags` `a` `` `b` ``\n- `owner` `# Ada ![x](y)`\n- `runs` `{\"nightly\":true}`\n\nTwo\nlines\n"},
	} {
		if got := WebUIDetails(&c.plan); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
	much := &plan.Plan{Name: long, Description: long, Version: long, Tags: []string{long, long}, Metadata: metadata(`{"a": "` + long + `"}`)}
	for text, limit := range map[string]int{WebUIDetails(much): 20_000, WebUISummary(much): 400, SearchName(much): 2_048} {
		encoded, err := json.Marshal(text)
		if err != nil || len(encoded) > limit {
			t.Errorf("%d bytes of JSON, and Temporal takes %d (%v)", len(encoded), limit, err)
		}
	}
}
