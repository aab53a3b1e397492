package history

import (
	"time"

	historypb "go.temporal.io/api/history/v1"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/workflows"
)

// decodeMarker returns what the marker of a local activity says, which is no activity of Temporal's: the end of a task
// whose items have ended, of one that is not to run or cannot, and of items that are not to run.
func decodeMarker(marker *historypb.MarkerRecordedEventAttributes, at time.Time) []Event {
	payloads := marker.GetDetails()["result"].GetPayloads()
	if len(payloads) == 0 {
		return nil
	}
	var response struct {
		Kind string `json:"kind"`
	}
	if !decodePayload(payloads[0], &response) {
		return nil
	}
	kind := response.Kind
	if kind == "" {
		kind = kindOfActivity(marker)
	}
	switch kind {
	case protocol.GatheredKind:
		var gathered protocol.GatherResponse
		if decodePayload(payloads[0], &gathered) && gathered.Outcome.Status.Ended() {
			return []Event{ended(gathered.Task, protocol.NoItem, gathered.Method, at, gathered.Outcome)}
		}
	case protocol.AskedKind:
		var asked protocol.AskResponse
		if decodePayload(payloads[0], &asked) {
			return askEvents(&asked, at)
		}
	case protocol.AnsweredKind:
		var answered protocol.AnswerResponse
		if decodePayload(payloads[0], &answered) && answered.Outcome != nil {
			return []Event{ended(answered.Task, protocol.NoItem, answered.Method, at, *answered.Outcome)}
		}
	case protocol.DecidedKind:
		var decided protocol.DecideResponse
		if decodePayload(payloads[0], &decided) {
			return decideEvents(&decided, at)
		}
	case protocol.InputsKind:
		var inputs protocol.InputsResponse
		if decodePayload(payloads[0], &inputs) && inputs.Outcome != nil {
			item := protocol.NoItem
			if inputs.Item != nil {
				item = *inputs.Item
			}
			return []Event{ended(inputs.Task, item, inputs.Method, at, *inputs.Outcome)}
		}
	case protocol.ExpandedKind:
		var expanded protocol.ExpandResponse
		if decodePayload(payloads[0], &expanded) {
			return expandEvents(&expanded, at)
		}
	}
	return nil
}

// kindOfActivity returns the kind of a response without one, as programs before the kind have recorded it: the marker
// names the local activity that answered.
func kindOfActivity(marker *historypb.MarkerRecordedEventAttributes) string {
	data := marker.GetDetails()["data"].GetPayloads()
	var activity struct{ ActivityType string }
	if len(data) == 0 || !decodePayload(data[0], &activity) {
		return ""
	}
	switch activity.ActivityType {
	case workflows.GatherActivity:
		return protocol.GatheredKind
	case workflows.DecideActivity:
		return protocol.DecidedKind
	case workflows.ExpandActivity:
		return protocol.ExpandedKind
	}
	return ""
}

func decideEvents(d *protocol.DecideResponse, at time.Time) []Event {
	switch {
	case d.Task == "":
		return nil // Of an item: its task says how it ended.
	case d.Error != nil:
		return []Event{ended(d.Task, protocol.NoItem, d.Method, at, protocol.Outcome{Status: protocol.Failed, Error: d.Error})}
	case !d.Holds:
		return []Event{ended(d.Task, protocol.NoItem, d.Method, at, protocol.Outcome{Status: protocol.Skipped, Reason: d.Reason})}
	}
	return nil
}

func expandEvents(e *protocol.ExpandResponse, at time.Time) []Event {
	if e.Task == "" {
		return nil
	}
	if e.Error != nil {
		return []Event{ended(e.Task, protocol.NoItem, e.Method, at, protocol.Outcome{Status: protocol.Failed, Error: e.Error})}
	}
	var events []Event
	for _, item := range e.Skipped {
		outcome := protocol.Outcome{Status: protocol.Skipped, Reason: e.Reason}
		if item.Error != nil {
			outcome = protocol.Outcome{Status: protocol.Failed, Error: item.Error}
		}
		events = append(events, ended(e.Task, item.Index, e.Method, at, outcome))
	}
	return events
}

func askEvents(a *protocol.AskResponse, at time.Time) []Event {
	began := Event{Task: a.Task, Item: protocol.NoItem, Method: a.Method, At: at}
	if a.Outcome != nil {
		return []Event{began, ended(a.Task, protocol.NoItem, a.Method, at, *a.Outcome)}
	}
	began.Asked = &a.Asked
	return []Event{began}
}
