// Package schedule has the commands about Temporal's schedules, which start runs of a workflow at given times.
package schedule

import (
	"cmp"
	"context"
	"errors"
	"os"
	"strings"
	"time"
	_ "time/tzdata" // Machines without a database of time zones have the names, too.

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/suggest"
	"github.com/gleitzeit/gleitzeit/internal/temporalname"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// overlaps are what happens when a run is due while an earlier one of the schedule is open, by what users call them.
var overlaps = []struct {
	name   string
	policy enums.ScheduleOverlapPolicy
}{
	{"skip", enums.SCHEDULE_OVERLAP_POLICY_SKIP},
	{"buffer_one", enums.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE},
	{"allow", enums.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL},
}

func overlapNames() (names []string) {
	for _, o := range overlaps {
		names = append(names, o.name)
	}
	return names
}

func overlapOf(name string) (enums.ScheduleOverlapPolicy, error) {
	for _, o := range overlaps {
		if o.name == name {
			return o.policy, nil
		}
	}
	err := protocol.Errorf(protocol.InvalidParams, "--overlap %q is not one of %s", name, strings.Join(overlapNames(), ", "))
	if near := suggest.Nearest(name, overlapNames()); near != "" {
		err = err.WithHint("did you mean %q?", near)
	}
	return 0, err
}

func overlapName(policy enums.ScheduleOverlapPolicy) string {
	for _, o := range overlaps {
		if o.policy == policy {
			return o.name
		}
	}
	return strings.ToLower(policy.String())
}

const (
	// defaultCatchUp is how late a run may start that was due while no server ran. Temporal's default is a year: a laptop that was off
	// for a month would start all runs of that month.
	defaultCatchUp = time.Hour
	leastCatchUp   = 10 * time.Second // The server raises anything shorter to it.
	leastEvery     = time.Second

	triggerTimeout = 20 * time.Second
	triggerPoll    = 100 * time.Millisecond

	// longestName is how many characters of the name of a workflow are in that of its schedule.
	longestName = 40
)

// when is the times at which runs are due.
type when struct {
	cron     string
	every    time.Duration
	timezone string
	local    string // The time zone without --timezone.
}

// spec returns the times for Temporal. A cron expression is kept as the comment of the calendar that the server makes of it.
func (w when) spec() (client.ScheduleSpec, error) {
	switch {
	case w.cron == "" && w.every == 0:
		return client.ScheduleSpec{}, protocol.Errorf(protocol.InvalidParams, "it is not said when the workflow is to run").
			WithHint(`add --cron "0 2 * * *" (each day at 2:00), or --every 6h`)
	case w.cron != "" && w.every != 0:
		return client.ScheduleSpec{}, protocol.Errorf(protocol.InvalidParams, "--cron and --every exclude each other")
	case w.every != 0:
		if w.every < leastEvery {
			return client.ScheduleSpec{}, protocol.Errorf(protocol.InvalidParams, "--every %s is too short: the least is %s", w.every, leastEvery)
		}
		if w.timezone != "" {
			return client.ScheduleSpec{}, protocol.Errorf(protocol.InvalidParams, "--timezone has no effect on --every")
		}
		return client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: w.every}}}, nil
	}
	if strings.ContainsAny(w.cron, "#\n") {
		return client.ScheduleSpec{}, protocol.Errorf(protocol.InvalidParams, "--cron %q has a comment or a line break", w.cron)
	}
	if zoned := strings.HasPrefix(w.cron, "CRON_TZ=") || strings.HasPrefix(w.cron, "TZ="); zoned {
		return client.ScheduleSpec{}, protocol.Errorf(protocol.InvalidParams, "--cron %q names a time zone", w.cron).WithHint("use --timezone")
	}
	if strings.HasPrefix(w.cron, "@every") {
		return client.ScheduleSpec{}, protocol.Errorf(protocol.InvalidParams, "--cron %q is no cron expression", w.cron).WithHint("use --every")
	}
	zone := cmp.Or(w.timezone, w.local)
	if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
		return client.ScheduleSpec{}, protocol.Errorf(protocol.InvalidParams, "--timezone %q is unknown", w.timezone).WithHint("use a name such as Europe/Berlin or UTC")
	}
	return client.ScheduleSpec{CronExpressions: []string{w.cron + " # " + w.cron}, TimeZoneName: zone}, nil
}

// localZone returns the name of this machine's time zone, and UTC where it has none.
func localZone(env func(string) (string, bool)) string {
	if zone, _ := env("TZ"); zone != "" {
		zone = strings.TrimPrefix(zone, ":")
		if _, err := time.LoadLocation(zone); err == nil {
			return zone
		}
	}
	const database = "zoneinfo/"
	if target, err := os.Readlink("/etc/localtime"); err == nil {
		if at := strings.LastIndex(target, database); at >= 0 {
			return target[at+len(database):]
		}
	}
	return "UTC"
}

// options are what a schedule is made of.
type options struct {
	when
	name    string
	overlap string
	catchUp time.Duration
	queue   string
	paused  bool
	replace bool
}

// create makes the schedule of a plan, or replaces it, and returns it.
func create(ctx context.Context, s *runs.Session, p *plan.Plan, o options) (*Schedule, error) {
	spec, err := o.spec()
	if err != nil {
		return nil, err
	}
	overlap, err := overlapOf(o.overlap)
	if err != nil {
		return nil, err
	}
	if o.catchUp < leastCatchUp {
		return nil, protocol.Errorf(protocol.InvalidParams, "--catch-up %s is too short: the least is %s", o.catchUp, leastCatchUp)
	}
	name := cmp.Or(o.name, temporalname.Slug(p.Name, longestName), "schedule")
	if err := runs.CheckName("schedule", name); err != nil {
		return nil, err
	}
	action := s.Scheduled(ctx, p, o.queue, name)
	handle, err := s.Schedules().Create(ctx, client.ScheduleOptions{
		ID: name, Spec: spec, Action: action, Overlap: overlap, CatchupWindow: o.catchUp, Paused: o.paused,
	})
	exists := errors.Is(err, temporal.ErrScheduleAlreadyRunning)
	switch {
	case exists && !o.replace:
		return nil, protocol.Errorf(protocol.ConfigurationError, "there is a schedule %q", name).
			WithHint("--replace replaces it, --name gives this one another name")
	case exists:
		return replace(ctx, s, name, o.when, &client.Schedule{
			Spec: &spec, Action: action, Policy: &client.SchedulePolicies{Overlap: overlap, CatchupWindow: o.catchUp}, State: &client.ScheduleState{Paused: o.paused},
		})
	case err != nil:
		return nil, refused(s, err, o.when, "cannot create schedule %q", name)
	}
	made, err := describe(ctx, s, name)
	if err != nil || made.due {
		return made, err
	}
	if err := handle.Delete(ctx); err != nil {
		return nil, s.ServerError(err, "cannot delete schedule %q, which would never start a run", name)
	}
	return nil, neverDue(o.when)
}

// replace puts a schedule in place of the one of the name. What is never due replaces nothing.
func replace(ctx context.Context, s *runs.Session, name string, times when, by *client.Schedule) (*Schedule, error) {
	handle := s.Schedules().GetHandle(ctx, name)
	before, err := handle.Describe(ctx)
	if err != nil {
		return nil, missing(ctx, s, name, err)
	}
	update := func(to *client.Schedule) error {
		return handle.Update(ctx, client.ScheduleUpdateOptions{DoUpdate: func(client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			return &client.ScheduleUpdate{Schedule: to}, nil
		}})
	}
	if err := update(by); err != nil {
		return nil, refused(s, err, times, "cannot replace schedule %q", name)
	}
	made, err := describe(ctx, s, name)
	if err != nil || made.due {
		return made, err
	}
	if err := update(&before.Schedule); err != nil {
		return nil, s.ServerError(err, "cannot put schedule %q back, whose new times are never due", name)
	}
	return nil, neverDue(times)
}

func neverDue(times when) error {
	return protocol.Errorf(protocol.InvalidParams, "--cron %q is never due", times.cron)
}

// refused returns the error of a request that makes a schedule: the server checks the cron expression.
func refused(s *runs.Session, err error, w when, format string, args ...any) error {
	if invalid, is := errors.AsType[*serviceerror.InvalidArgument](err); is && w.cron != "" {
		return protocol.Errorf(protocol.InvalidParams, "--cron %q is invalid: %s", w.cron, strings.TrimPrefix(invalid.Message, "Invalid schedule spec: ")).
			WithHint(`its fields are minute, hour, day of the month, month and day of the week: "30 2 * * 1-5"`)
	}
	return s.ServerError(err, format, args...)
}

// trigger starts a run of a schedule now, and returns its id. The schedule starts it after it has answered.
func trigger(ctx context.Context, s *runs.Session, name string) (string, error) {
	handle := s.Schedules().GetHandle(ctx, name)
	before, err := handle.Describe(ctx)
	if err != nil {
		return "", missing(ctx, s, name, err)
	}
	if err := handle.Trigger(ctx, client.ScheduleTriggerOptions{Overlap: enums.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL}); err != nil {
		return "", missing(ctx, s, name, err)
	}
	known := map[string]bool{}
	for _, action := range before.Info.RecentActions {
		if action.StartWorkflowResult != nil {
			known[action.StartWorkflowResult.WorkflowID] = true
		}
	}
	ctx, stop := context.WithTimeoutCause(ctx, triggerTimeout, protocol.Errorf(protocol.EngineUnreachable, "schedule %q has not started its run within %s", name, triggerTimeout).
		WithHint("`gleitzeit schedule list` shows the last run"))
	defer stop()
	again := time.NewTicker(triggerPoll)
	defer again.Stop()
	for {
		now, err := handle.Describe(ctx)
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		if err != nil {
			return "", missing(ctx, s, name, err)
		}
		for _, action := range now.Info.RecentActions {
			if started := action.StartWorkflowResult; started != nil && !known[started.WorkflowID] {
				return started.WorkflowID, nil
			}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
		}
	}
}
