package workflows_test

import (
	"fmt"
	"strings"
	"testing"

	"go.temporal.io/sdk/converter"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Temporal takes a run whatever people write about it, and what is for people stays text.
func TestWhatIsForPeople(t *testing.T) {
	long := strings.Repeat("<ä😀", 60_000)
	for name, c := range map[string]struct{ about, details string }{
		"a description alone": {"description: \"What *it* is\"", "What *it* is"},
		"all": {
			"version: 1.0\ntags: [a, '`b`']\nmetadata: {owner: \"# Ada\\n![x](y)\", runs: {nightly: true}}\ndescription: |\n  Two\n  lines",
			"- `version` `1.0`\n- `tags` `a` `` `b` ``\n- `owner` `# Ada ![x](y)`\n- `runs` `{\"nightly\":true}`\n\nTwo\nlines\n",
		},
		"too much of it": {fmt.Sprintf("description: %q\nversion: %q\ntags: [%q, %q]\nmetadata: {a: %q, %q: 1}", long, long, long, long, long, long[:200]), ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			title := "Details"
			if c.details == "" {
				title = long[:3000]
			}
			run := r.start(t, compile(t, fmt.Sprintf("name: %q\n%s\ntasks:\n  - {id: a, name: %q, method: test/echo, tags: b, metadata: {x: 1}, parameters: {value: 1}}\n", title, c.about, title)))
			result, _ := end(t, run)
			same(t, "status", result.Status, protocol.Completed)
			described, err := r.Client.DescribeWorkflowExecution(t.Context(), run.GetID(), "")
			if err != nil {
				t.Fatal(err)
			}
			var details string
			if err := converter.GetDefaultDataConverter().FromPayload(described.GetExecutionConfig().GetUserMetadata().GetDetails(), &details); err != nil {
				t.Fatal(err)
			}
			if c.details != "" {
				same(t, "details", details, c.details)
			}
			if len(details) > 20_000 {
				t.Errorf("%d bytes of details", len(details))
			}
		})
	}
}
