package stories_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
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

// TestEqualStartsAtOnce: the same command typed many times at the same moment is one run, which all of them show.
func TestEqualStartsAtOnce(t *testing.T) {
	for _, test := range []struct {
		name          string
		starts, times int
	}{{"many", 20, 1}, {"two", 2, 5}} {
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
		})
	}
}
