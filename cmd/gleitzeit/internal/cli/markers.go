package cli

import (
	"time"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// answered is what any of the local activities that name their task may have answered: protocol.GatherResponse, Decided or
// Expanded.
type answered struct {
	Task    string                 `json:"task"`
	Method  string                 `json:"method"`
	Outcome protocol.Outcome       `json:"outcome"` // Of a task whose items have ended.
	Holds   *bool                  `json:"holds"`   // The answer of a condition.
	Error   *protocol.Error        `json:"error"`   // Why there is no answer, or are no items.
	Refused []protocol.SkippedItem `json:"refused"` // Items that are not to run.
	Reason  string                 `json:"reason"`
}

// marked is what a local activity of the run tells, which is no activity of Temporal's: the end of a task whose items have
// ended, of one that is not to run or cannot, and of items that are not to run.
func marked(marker *historypb.MarkerRecordedEventAttributes, at time.Time) []taskEvent {
	payloads := marker.GetDetails()["result"].GetPayloads()
	var answer answered
	if len(payloads) == 0 || converter.GetDefaultDataConverter().FromPayload(payloads[0], &answer) != nil || answer.Task == "" {
		return nil // Of another local activity.
	}
	end := func(item int, outcome protocol.Outcome) taskEvent {
		return taskEvent{task: answer.Task, item: item, method: answer.Method, at: at, outcome: &outcome}
	}
	skipped := protocol.Outcome{Status: protocol.Skipped, Reason: answer.Reason}
	switch {
	case answer.Outcome.Status.Ended():
		return []taskEvent{end(protocol.NoItem, answer.Outcome)}
	case answer.Error != nil:
		return []taskEvent{end(protocol.NoItem, protocol.Outcome{Status: protocol.Failed, Error: answer.Error})}
	case answer.Holds != nil && !*answer.Holds:
		return []taskEvent{end(protocol.NoItem, skipped)}
	}
	var events []taskEvent
	for _, item := range answer.Refused {
		outcome := skipped
		if item.Error != nil {
			outcome = protocol.Outcome{Status: protocol.Failed, Error: item.Error}
		}
		events = append(events, end(item.Index, outcome))
	}
	return events
}
