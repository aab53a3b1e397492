package stories_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// counted has an effect that can be counted, and is over in no time: an equal start that is late finds it finished.
const counted = `
name: Counted
tasks:
  - id: count
    method: python/execute
    parameters:
      code: |
        with open("effects", "a") as effects:
            effects.write("x")
        result = 1
`

// TestEqualStartsAtOnce: the same command typed many times at the same moment is one run, which all of them show. With
// GLEITZEIT_TEST_STARTS=50 and GLEITZEIT_TEST_ROUNDS=100 it takes minutes.
func TestEqualStartsAtOnce(t *testing.T) {
	for _, test := range []struct {
		name          string
		starts, times int
	}{
		{"many", programtest.Number(t, "GLEITZEIT_TEST_STARTS", 20), 1},
		{"two", 2, programtest.Number(t, "GLEITZEIT_TEST_ROUNDS", 5)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			u := newUser(t)
			u.File("flow.yaml", counted)
			for range test.times {
				all := make([]*process, test.starts)
				for i := range all {
					all[i] = u.Start("run", "flow.yaml")
				}
				for _, p := range all {
					p.Exits(0)
					if got := p.Stdout.String(); got != "count: 1\n" {
						t.Errorf("a start prints %q and says %s", got, p.Stderr)
					}
				}
				listed, _ := u.Gleitzeit(0, "list", "--limit", "1", "-o", "jsonl")
				newest := regexp.MustCompile(`"run":"([^"]+)"`).FindStringSubmatch(listed)
				for _, p := range all {
					if newest == nil || !strings.Contains(p.Stderr.String(), newest[1]) {
						t.Errorf("the newest run is %s, but a start says %s", listed, p.Stderr)
					}
				}
			}
			effects, err := os.ReadFile(u.Path("effects"))
			if err != nil || len(effects) != test.times {
				t.Errorf("%d rounds of %d starts had %d effects, %v", test.times, test.starts, len(effects), err)
			}
			listed, _ := u.Gleitzeit(0, "list", "--limit", "0", "-o", "jsonl")
			if runs := strings.Count(listed, "\n"); runs != test.times {
				t.Errorf("%d rounds of %d starts had %d runs", test.times, test.starts, runs)
			}
		})
	}
}
