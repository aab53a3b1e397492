package doctor

import (
	"testing"
	"time"
)

// TestClock: a clock that is behind the newest run is a problem, one that is a few seconds behind that of a worker is not.
func TestClock(t *testing.T) {
	for ahead, want := range map[time.Duration]status{time.Hour: problem, 10 * time.Second: ok, -time.Hour: ok} {
		e := &examination{}
		e.clock(time.Now().Add(ahead))
		if len(e.checks) != 1 || e.checks[0].Status != want || (want == problem) != (e.checks[0].Remedy != "") {
			t.Errorf("the newest run is %s ahead: %+v", ahead, e.checks)
		}
	}
}
