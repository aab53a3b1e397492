package workflows_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

func TestNamesOfErrorsDecideWhatIsRetried(t *testing.T) {
	const retry = "retry: {max_attempts: 3, base_delay: 0.01, %s}"
	for _, c := range []struct {
		keys, kind string
		calls      int
	}{
		{"on: [TASK_EXECUTION_FAILED, PROVIDER_TIMEOUT]", "task", 3},
		{"on: TASK_EXECUTION_FAILED", "permanent", 1},
		{"on: [PROVIDER_TIMEOUT]", "task", 1},
		{"on: [PROVIDER_TIMEOUT]", "transient", 1},
		{"not_on: [TASK_EXECUTION_FAILED]", "transient", 1},
		{"not_on: [PROVIDER_TIMEOUT]", "task", 3},
	} {
		for _, where := range []string{"task", "items", "defaults"} {
			t.Run(strings.Join([]string{c.keys, c.kind, where}, " "), func(t *testing.T) {
				own, defaults, items := fmt.Sprintf(retry, c.keys)+", ", "", ""
				switch where {
				case "items":
					items = "for_each: [1], "
				case "defaults": // Keys are merged one by one.
					own, defaults = "retry: {max_attempts: 3}, ", fmt.Sprintf("defaults: {test/fail: {"+retry+"}}\n", c.keys)
				}
				r := newRig(t)
				result := r.run(t, fmt.Sprintf("name: Retry\n%stasks:\n  - {id: a, method: test/fail, %s%sparameters: {key: a, times: 99, kind: %s}}\n", defaults, items, own, c.kind))
				same(t, "status", result.Status, protocol.Failed)
				same(t, "calls", r.probe.called("a"), c.calls)
			})
		}
	}
}

func TestMaxElapsedEndsTheRetries(t *testing.T) {
	for name, items := range map[string]string{"task": "", "items": "for_each: [1], "} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			result := r.run(t, "name: Elapsed\ntasks:\n  - {id: a, method: test/fail, "+items+
				"retry: {max_attempts: 1000, backoff: fixed, base_delay: 0.2, max_elapsed: 1s}, parameters: {key: a, times: 9999, kind: task}}\n")
			same(t, "status", result.Status, protocol.Failed)
			calls := r.probe.called("a")
			if calls < 2 || calls > 5 { // The delays alone take the second.
				t.Errorf("%d calls", calls)
			}
			failed := r.tasks(t)["a"]
			same(t, "message", failed.Error.Message, fmt.Sprintf("failure %d", calls))
			same(t, "hint", failed.Error.Hint, fmt.Sprintf("no attempt followed number %d, because of max_elapsed of its retry, 1s", calls))
			same(t, "attempts", failed.Attempts, calls)
		})
	}
}

// An attempt that is under way when max_elapsed is over ends then, and is recorded as one that timed out.
func TestMaxElapsedEndsTheAttemptUnderWay(t *testing.T) {
	for name, items := range map[string]string{"task": "", "items": "for_each: [1], "} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			began := time.Now()
			result := r.run(t, "name: Elapsed\ntasks:\n  - {id: a, method: test/wait, "+items+"retry: {max_elapsed: 0.5}, parameters: {key: a}}\n")
			same(t, "status", result.Status, protocol.Failed)
			failed := r.tasks(t)["a"]
			same(t, "code", failed.Error.Code, protocol.TaskTimeout)
			same(t, "message", failed.Error.Message, "timed out after 500ms in attempt 1 (max_elapsed of its retry)")
			same(t, "calls", r.probe.called("a"), 1)
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}
