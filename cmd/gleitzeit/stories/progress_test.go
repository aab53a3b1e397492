package stories_test

import (
	"strings"
	"testing"
)

// gatedItems is a flow whose second item waits for a file.
const gatedItems = `name: Gated
tasks:
  - id: each
    method: python/execute
    for_each: [first, second]
    parameters:
      context: {name: "${item}", gate: "GATE"}
      code: |
        import os, time
        while context["name"] == "second" and not os.path.exists(context["gate"]):
            time.sleep(0.02)
        result = context["name"]
`

// TestProgressTable: each command that follows a run shows its items as a table while they are done, on a terminal.
func TestProgressTable(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", strings.ReplaceAll(gatedItems, "GATE", u.Path("gate")))
	u.serves("--no-ui")
	shows := func(s *terminal) {
		t.Helper()
		eventually(t, "a table of the items is shown", func() bool {
			_, table, is := strings.Cut("\n"+s.shows(), "\nTASK  DONE  FAILED")
			return is && strings.Contains(table, "\neach  1/2   0 ")
		})
	}
	for _, start := range [][]string{
		{"run", "flow.yaml", "--progress", "table"},
		{"submit", "flow.yaml", "--wait", "--progress", "table"},
		{"retry", "@latest", "--items", "1", "--submit", "--wait", "--progress", "table"},
	} {
		must(t, removeAll(u.Path("gate")))
		first := u.terminal(start...)
		shows(first)
		second := u.terminal("watch", "@latest", "--progress", "table")
		shows(second)
		u.File("gate", "")
		wantLines(t, start[0], first.ends(), " completed in ")
		wantLines(t, "watch", second.ends(), " completed in ")
	}
}
