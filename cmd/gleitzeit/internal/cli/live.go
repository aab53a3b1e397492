package cli

import (
	"context"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/converter"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// listenEvery is how often a task that runs alone is asked what it has written: about as often as it tells.
const listenEvery = 300 * time.Millisecond

// liveRows is how many rows of a terminal show what is being written.
const liveRows = 6

// live is what one attempt of a task tells while it runs.
type live struct {
	protocol.Heartbeat
	task    string
	attempt int32
}

// listen asks what a task tells; nil where it tells nothing now, or others run beside it.
func (s *session) listen(ctx context.Context, run, task string) *live {
	ctx, done := context.WithTimeout(ctx, lookEvery)
	defer done()
	described, err := s.client.DescribeWorkflowExecution(ctx, run, "")
	if err != nil || len(described.GetPendingActivities()) != 1 {
		return nil
	}
	pending := described.GetPendingActivities()[0]
	details := pending.GetHeartbeatDetails().GetPayloads()
	// An attempt that has just begun still has the last words of the one before it.
	stale := pending.GetLastHeartbeatTime().AsTime().Before(pending.GetLastStartedTime().AsTime())
	if pending.GetActivityId() != task || pending.GetState() != enums.PENDING_ACTIVITY_STATE_STARTED || len(details) == 0 || stale {
		return nil
	}
	return &live{Heartbeat: beatOf(details[0]), task: task, attempt: pending.GetAttempt()}
}

// beatOf reads a heartbeat. One of another program, which tells it in its own way, says nothing.
func beatOf(payload *commonpb.Payload) protocol.Heartbeat {
	var beat protocol.Heartbeat
	if converter.GetDefaultDataConverter().FromPayload(payload, &beat) != nil {
		return protocol.Heartbeat{}
	}
	return beat
}

// alone is the task that runs while no other does, and that is to be listened to; empty without one.
func (s *progress) alone() string {
	if len(s.running) != 1 || s.fans[s.running[0]] != nil || !s.screen.terminal() && !s.program.stream {
		return ""
	}
	return s.running[0]
}

// hear shows what a task has told.
func (s *progress) hear(heard *live) {
	if heard != nil && heard.task != s.alone() {
		heard = nil // It has ended meanwhile.
	}
	s.heard = heard
	if s.screen.terminal() {
		s.draw()
		return
	}
	if heard == nil {
		return
	}
	if s.streamed.task != heard.task || s.streamed.attempt != heard.attempt {
		s.screen.clear()
		s.streamed = live{task: heard.task, attempt: heard.attempt}
	}
	switch more := heard.Written - s.streamed.Written; {
	case more <= 0:
		return
	case more <= len(heard.Tail):
		s.run(heard.Tail[len(heard.Tail)-more:])
	default:
		s.run("…" + heard.Tail)
	}
	s.streamed = *heard
}

// rest writes what nobody has heard of an answer that is there now, where its task still runs alone: all of it, if it
// came so fast and no other task ran meanwhile.
func (s *progress) rest(ctx context.Context, event taskEvent) error {
	if s.screen.terminal() || s.alone() != event.task || event.outcome.Status != protocol.Completed || event.at.Before(s.began) {
		return nil
	}
	if s.streamed.task != event.task && s.beside[event.task] {
		return nil
	}
	result, err := s.result(ctx, event)
	if err != nil || result == nil {
		return err
	}
	if response, _ := result.Get("response"); response.Kind() == value.KindString && strings.HasPrefix(event.method, "llm/") {
		heard := ""
		if s.streamed.task == event.task {
			heard = s.streamed.Tail
		}
		s.run(remainder(response.Text(), heard, s.streamed.Written))
	}
	return nil
}

// remainder is the part of an answer that follows what was heard: written bytes, of which tail is the end. A model that was
// asked several times has written more than its last answer.
func remainder(answer, tail string, written int) string {
	if tail == "" {
		return answer
	}
	if written <= len(answer) && strings.HasSuffix(answer[:written], tail) {
		return answer[written:]
	}
	for known := min(len(answer), len(tail)); known > 0; known-- {
		if strings.HasSuffix(tail, answer[:known]) {
			return answer[known:]
		}
	}
	return "\n" + answer
}

func (s *progress) run(text string) { s.screen.run(view.Printable(text)) }
