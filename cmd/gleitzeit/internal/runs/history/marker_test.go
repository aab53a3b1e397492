package history

import (
	"strings"
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/workflows"
)

func payloads(t *testing.T, v any) *commonpb.Payloads {
	t.Helper()
	encoded, err := converter.GetDefaultDataConverter().ToPayloads(v)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// TestMarkers: what the local activities of a run answer is read by its kind, and without a kind, as earlier programs have
// recorded it, by the activity that the marker names.
func TestMarkers(t *testing.T) {
	failure := protocol.Errorf(protocol.TaskParameterError, "no such field")
	for name, c := range map[string]struct {
		activity, kind string
		response       func(kind string) any
		want           string
	}{
		"gathered": {workflows.GatherActivity, protocol.GatheredKind, func(kind string) any {
			return protocol.GatherResponse{Kind: kind, Task: "each", Method: "m", Outcome: protocol.Outcome{Status: protocol.Completed, Items: &protocol.Counts{Total: 3, Succeeded: 2, Failed: 1}}}
		}, "each m completed items 2/1/0 of 3"},
		"a condition that holds": {workflows.DecideActivity, protocol.DecidedKind, func(kind string) any {
			return protocol.DecideResponse{Kind: kind, Task: "a", Method: "m", Holds: true}
		}, ""},
		"a condition that is false": {workflows.DecideActivity, protocol.DecidedKind, func(kind string) any {
			return protocol.DecideResponse{Kind: kind, Task: "a", Method: "m", Reason: "false"}
		}, `a m skipped because "false"`},
		"a condition that cannot be decided": {workflows.DecideActivity, protocol.DecidedKind, func(kind string) any {
			return protocol.DecideResponse{Kind: kind, Task: "a", Method: "m", Error: failure}
		}, `a m failed TASK_PARAMETER_ERROR "no such field"`},
		"the condition of an item": {workflows.DecideActivity, protocol.DecidedKind, func(kind string) any {
			return protocol.DecideResponse{Kind: kind}
		}, ""},
		"items that are not to run": {workflows.ExpandActivity, protocol.ExpandedKind, func(kind string) any {
			return protocol.ExpandResponse{Kind: kind, Task: "each", Method: "m", Reason: "false", Skipped: []protocol.SkippedItem{{Index: 2}, {Index: 4, Error: failure}}}
		}, `each[2] m skipped because "false"` + "\n" + `each[4] m failed TASK_PARAMETER_ERROR "no such field"`},
		"no items": {workflows.ExpandActivity, protocol.ExpandedKind, func(kind string) any {
			return protocol.ExpandResponse{Kind: kind, Task: "each", Method: "m", Error: failure}
		}, `each m failed TASK_PARAMETER_ERROR "no such field"`},
		"the close of a run": {workflows.CloseActivity, "", func(string) any { return protocol.CloseResponse{} }, ""},
		"another program":    {"other", "other", func(string) any { return "text" }, ""},
	} {
		for _, kind := range []string{c.kind, ""} {
			marker := &historypb.HistoryEvent{
				EventId: 7, EventType: enums.EVENT_TYPE_MARKER_RECORDED,
				Attributes: &historypb.HistoryEvent_MarkerRecordedEventAttributes{MarkerRecordedEventAttributes: &historypb.MarkerRecordedEventAttributes{
					MarkerName: "LocalActivity",
					Details: map[string]*commonpb.Payloads{
						"data":   payloads(t, map[string]any{"ActivityID": "1", "ActivityType": c.activity, "Attempt": 1}),
						"result": payloads(t, c.response(kind)),
					},
				}},
			}
			var decoder Decoder
			var lines []string
			decoded, _ := decoder.Decode(marker)
			for _, e := range decoded {
				lines = append(lines, line(e))
			}
			if got := strings.Join(lines, "\n"); got != c.want {
				t.Errorf("%s, kind %q: got\n%s\nwant\n%s", name, kind, got, c.want)
			}
		}
	}
}
