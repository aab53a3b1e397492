package schedule

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/suggest"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
)

// Schedule is one as the commands show it.
type Schedule struct {
	Name     string           `json:"name"`
	Workflow string           `json:"workflow"`
	Cron     string           `json:"cron,omitempty"`
	Every    protocol.Seconds `json:"every,omitempty"`
	Timezone string           `json:"timezone,omitempty"`
	Overlap  string           `json:"overlap"`
	CatchUp  protocol.Seconds `json:"catch_up"`
	Queue    string           `json:"queue"`
	Paused   bool             `json:"paused"`
	Note     string           `json:"note,omitempty"` // Why it is paused.
	NextAt   []time.Time      `json:"next"`           // The next times at which a run is due; none where it is paused.
	Started  int              `json:"started"`        // Runs that it has started.
	Skipped  int              `json:"skipped"`        // Runs that did not start because an earlier one was open.
	Missed   int              `json:"missed"`         // Runs that were due while no server ran, for longer than the catch-up.
	Open     []string         `json:"open"`           // Its runs that are open, as far as the schedule knows.
	Last     *Start           `json:"last,omitempty"`

	due bool // There is a time at which a run is due, unless it is paused.
}

// Start is a run that a schedule started.
type Start struct {
	Run       string          `json:"run"`
	Status    protocol.Status `json:"status,omitempty"` // Empty where the run is gone.
	DueAt     time.Time       `json:"due_at"`
	StartedAt time.Time       `json:"started_at"`
}

// describe returns a schedule.
func describe(ctx context.Context, s *runs.Session, name string) (*Schedule, error) {
	d, err := s.Schedules().GetHandle(ctx, name).Describe(ctx)
	if err != nil {
		return nil, missing(ctx, s, name, err)
	}
	shown := &Schedule{Name: name, due: len(d.Info.NextActionTimes) > 0, NextAt: d.Info.NextActionTimes, Started: d.Info.NumActions, Skipped: d.Info.NumActionsSkippedOverlap, Missed: d.Info.NumActionsMissedCatchupWindow, Open: []string{}}
	if action, is := d.Schedule.Action.(*client.ScheduleWorkflowAction); is {
		shown.Workflow, shown.Queue = action.StaticSummary, action.TaskQueue
	}
	if spec := d.Schedule.Spec; spec != nil {
		shown.Timezone = spec.TimeZoneName
		if len(spec.Calendars) > 0 {
			shown.Cron = spec.Calendars[0].Comment
		}
		if len(spec.Intervals) > 0 {
			shown.Every = protocol.Seconds(spec.Intervals[0].Every.Seconds())
		}
	}
	if policy := d.Schedule.Policy; policy != nil {
		shown.Overlap, shown.CatchUp = overlapName(policy.Overlap), protocol.Seconds(policy.CatchupWindow.Seconds())
	}
	if state := d.Schedule.State; state != nil {
		shown.Paused, shown.Note = state.Paused, strings.TrimSpace(state.Note)
	}
	if shown.NextAt == nil || shown.Paused {
		shown.NextAt = []time.Time{}
	}
	for _, open := range d.Info.RunningWorkflows {
		shown.Open = append(shown.Open, open.WorkflowID)
	}
	if recent := d.Info.RecentActions; len(recent) > 0 {
		if last := recent[len(recent)-1]; last.StartWorkflowResult != nil {
			shown.Last = &Start{Run: last.StartWorkflowResult.WorkflowID, DueAt: last.ScheduleTime, StartedAt: last.ActualTime}
		}
	}
	return shown, nil
}

// missing returns the error of a request about a schedule. Where there is none of the name, it names the nearest.
func missing(ctx context.Context, s *runs.Session, name string, err error) error {
	if _, is := errors.AsType[*serviceerror.NotFound](err); !is {
		return s.ServerError(err, "cannot use schedule %q", name)
	}
	absent := protocol.Errorf(protocol.WorkflowNotFound, "there is no schedule %q", name)
	known, err := names(ctx, s)
	if err != nil {
		return err
	}
	if near := suggest.Nearest(name, known); near != "" {
		return absent.WithHint("did you mean %q?", near)
	}
	return absent.WithHint("`gleitzeit schedule list` shows all")
}

// names returns those of all schedules, sorted.
func names(ctx context.Context, s *runs.Session) ([]string, error) {
	all, err := s.Schedules().List(ctx, client.ScheduleListOptions{})
	if err != nil {
		return nil, s.ServerError(err, "cannot list the schedules")
	}
	var found []string
	for all.HasNext() {
		entry, err := all.Next()
		if err != nil {
			return nil, s.ServerError(err, "cannot list the schedules")
		}
		found = append(found, entry.ID)
	}
	slices.Sort(found)
	return found, nil
}

// list returns all schedules, by name.
func list(ctx context.Context, s *runs.Session) ([]*Schedule, error) {
	found, err := names(ctx, s)
	if err != nil {
		return nil, err
	}
	all := []*Schedule{}
	for _, name := range found {
		shown, err := describe(ctx, s, name)
		if gone, is := errors.AsType[*protocol.Error](err); is && gone.Code == protocol.WorkflowNotFound {
			continue // Deleted meanwhile.
		}
		if err != nil {
			return nil, err
		}
		if shown.Last != nil {
			run, err := s.Known(ctx, shown.Last.Run)
			if known, is := errors.AsType[*protocol.Error](err); err != nil && (!is || known.Code != protocol.WorkflowNotFound) {
				return nil, err
			}
			if err == nil {
				shown.Last.Status = run.Status
			}
		}
		all = append(all, shown)
	}
	return all, nil
}

// times says when runs are due.
func (s *Schedule) times() string {
	if s.Cron != "" {
		return fmt.Sprintf("%s (%s)", s.Cron, s.Timezone)
	}
	return "every " + (time.Duration(float64(s.Every) * float64(time.Second))).String()
}

// local returns a time in the schedule's time zone.
func (s *Schedule) local(t time.Time) string {
	zone, err := time.LoadLocation(s.Timezone)
	if err != nil || s.Timezone == "" {
		zone = time.Local
	}
	return t.In(zone).Format("2006-01-02 15:04:05 MST")
}
