package stories_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

const tick = "name: Tick\ninputs: {message: hi}\ntasks: [{id: say, method: mcp/tool.echo, parameters: {message: \"${inputs.message}\"}}]\noutputs: {said: \"${say.result}\"}\n"

// schedules returns what `schedule list` says of each.
func (u *user) schedules() (all []shownSchedule) {
	u.T.Helper()
	stdout, _ := u.Gleitzeit(0, "schedule", "list", "-o", "json")
	must(u.T, programtest.StrictJSON(stdout, &all))
	return all
}

type shownSchedule struct {
	Name     string      `json:"name"`
	Workflow string      `json:"workflow"`
	Cron     string      `json:"cron"`
	Every    float64     `json:"every"`
	Timezone string      `json:"timezone"`
	Overlap  string      `json:"overlap"`
	CatchUp  float64     `json:"catch_up"`
	Queue    string      `json:"queue"`
	Paused   bool        `json:"paused"`
	Note     string      `json:"note"`
	Next     []time.Time `json:"next"`
	Started  int         `json:"started"`
	Skipped  int         `json:"skipped"`
	Missed   int         `json:"missed"`
	Open     []string    `json:"open"`
	Last     *struct {
		Run       string    `json:"run"`
		Status    string    `json:"status"`
		DueAt     time.Time `json:"due_at"`
		StartedAt time.Time `json:"started_at"`
	} `json:"last"`
}

func TestScheduleCommands(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("tick.yaml", tick)
	_, said := u.Gleitzeit(7, "schedule", "list")
	wantLines(t, "without an engine", said, "no server runs in ", "`gleitzeit server` in another terminal starts one")
	u.serves()
	stdout, _ := u.Gleitzeit(0, "schedule", "list")
	wantLines(t, "without schedules", stdout, "no schedules; `gleitzeit schedule create FILE` makes one\n")
	for _, test := range []struct {
		code int
		said []string
		args []string
	}{
		{2, []string{"it is not said when the workflow is to run", `--cron "0 2 * * *"`}, nil},
		{2, []string{"--cron and --every exclude each other"}, []string{"--cron", "@daily", "--every", "1h"}},
		{2, []string{`--cron "0 25 * * *" is invalid`, "its fields are minute, hour, "}, []string{"--cron", "0 25 * * *"}},
		{2, []string{`--cron "0 2 31 2 *" is never due`}, []string{"--cron", "0 2 31 2 *"}},
		{2, []string{`--cron "TZ=UTC 0 2 * * *" names a time zone`, "use --timezone"}, []string{"--cron", "TZ=UTC 0 2 * * *"}},
		{2, []string{`--cron "@every 1h" is no cron expression`, "use --every"}, []string{"--cron", "@every 1h"}},
		{2, []string{`--timezone "Europe/Berln" is unknown`, "use a name such as Europe/Berlin"}, []string{"--cron", "@daily", "--timezone", "Europe/Berln"}},
		{2, []string{"--timezone has no effect on --every"}, []string{"--every", "1h", "--timezone", "UTC"}},
		{2, []string{"--every 10ms is too short: the least is 1s"}, []string{"--every", "10ms"}},
		{2, []string{"--catch-up 1s is too short: the least is 10s"}, []string{"--every", "1h", "--catch-up", "1s"}},
		{2, []string{`--overlap "buffer-one" is not one of skip, buffer_one, allow`, `did you mean "buffer_one"?`}, []string{"--every", "1h", "--overlap", "buffer-one"}},
	} {
		_, said := u.Gleitzeit(test.code, append([]string{"schedule", "create", "tick.yaml"}, test.args...)...)
		wantLines(t, strings.Join(test.args, " "), said, test.said...)
	}
	u.File("bad.yaml", "name: Bad\ntasks: [{id: a}]\n")
	_, said = u.Gleitzeit(2, "schedule", "create", "bad.yaml", "--cron", "@daily")
	wantLines(t, "an invalid file", said, "bad.yaml:2:")
	if left := u.schedules(); len(left) != 0 {
		t.Fatalf("there are schedules of commands that failed: %+v", left)
	}

	stdout, said = u.Gleitzeit(0, "schedule", "create", "tick.yaml", "--cron", "30 2 * * 1-5", "--timezone", "Europe/Berlin", "--input", "message=night", "--overlap", "buffer_one", "--catch-up", "2h")
	wantLines(t, "created", stdout, "schedule tick: 30 2 * * 1-5 (Europe/Berlin); the next run is due at ", " 02:30:00 CE")
	if said != "" {
		t.Errorf("created: %s", said)
	}
	one := u.schedules()[0]
	if one.Name != "tick" || one.Workflow != "Tick" || one.Cron != "30 2 * * 1-5" || one.Timezone != "Europe/Berlin" || one.Overlap != "buffer_one" || one.CatchUp != 7200 ||
		one.Queue != "gleitzeit" || one.Paused || len(one.Next) == 0 || one.Started != 0 || one.Last != nil {
		t.Errorf("the schedule is %+v", one)
	}
	_, said = u.Gleitzeit(1, "schedule", "create", "tick.yaml", "--every", "6h")
	wantLines(t, "the second of a name", said, `there is a schedule "tick"`, "--replace replaces it, --name gives this one another name")
	_, said = u.Gleitzeit(0, "schedule", "create", "tick.yaml", "--cron", "0 0 13 * 5", "--name", "friday", "--paused")
	wantLines(t, "two kinds of days", said, "note: runs are due on days that match both the day of the month and the day of the week")

	stdout, _ = u.Gleitzeit(0, "schedule", "trigger", "tick")
	run := strings.TrimSpace(stdout)
	if !strings.HasPrefix(run, "tick-20") {
		t.Fatalf("trigger prints %q", stdout)
	}
	stdout, _ = u.Gleitzeit(0, "watch", run)
	wantLines(t, "the run", stdout, "said: night\n")
	_, said = u.Gleitzeit(1, "schedule", "pause", "tik")
	wantLines(t, "an unknown name", said, `there is no schedule "tik"`, `did you mean "tick"?`)
	u.Gleitzeit(0, "schedule", "pause", "tick", "--note", "holidays")
	stdout, _ = u.Gleitzeit(0, "schedule", "list")
	wantLines(t, "the list", stdout, "tick  ", "  paused: holidays\n", "friday  ")
	u.Gleitzeit(0, "schedule", "resume", "tick")
	stdout, _ = u.Gleitzeit(0, "schedule", "create", "tick.yaml", "--every", "6h", "--replace")
	wantLines(t, "replaced", stdout, "schedule tick: every 6h0m0s; the next run is due at ")
	_, said = u.Gleitzeit(2, "schedule", "create", "tick.yaml", "--cron", "0 2 31 2 *", "--replace")
	wantLines(t, "times that are never due", said, `--cron "0 2 31 2 *" is never due`)
	if one = u.schedules()[1]; one.Paused || one.Note != "" || one.Every != 21600 || one.Cron != "" || one.Timezone != "" || one.Overlap != "skip" || one.CatchUp != 3600 || one.Started != 1 || one.Last.Run != run || one.Last.Status != "completed" {
		t.Errorf("after --replace the schedule is %+v", one)
	}
	u.Gleitzeit(0, "schedule", "delete", "tick")
	if left := u.schedules(); len(left) != 1 || left[0].Name != "friday" {
		t.Errorf("after delete there are %+v", left)
	}
}

// TestScheduleWithoutAServer: what was due while none ran starts as the policy says, whatever ended the server.
func TestScheduleWithoutAServer(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("tick.yaml", tick)
	server := u.serves()
	const every, away = 4 * time.Second, 14 * time.Second
	for _, overlap := range []string{"skip", "buffer_one", "allow"} {
		u.Gleitzeit(0, "schedule", "create", "tick.yaml", "--every", every.String(), "--name", overlap, "--overlap", overlap)
	}
	eventually(t, "both have started runs, none is open, and none is due soon", func() bool {
		for _, schedule := range u.schedules() {
			if schedule.Started == 0 || len(schedule.Open) > 0 || time.Until(schedule.Next[0]) < every/2 {
				return false
			}
		}
		return true
	})
	server.Signal(syscall.SIGKILL)
	server.Exits(-1)
	killed := time.Now()
	eventually(t, "runs are missed", func() bool { return time.Since(killed) > away })
	restarted := time.Now()
	u.serves()
	eventually(t, "runs are due again", func() bool {
		for _, schedule := range u.schedules() {
			if !schedule.Last.DueAt.After(restarted) {
				return false
			}
		}
		return true
	})
	var listed struct {
		Runs []struct {
			Run string `json:"run"`
		} `json:"runs"`
	}
	stdout, _ := u.Gleitzeit(0, "list", "-o", "json", "--limit", "0")
	programtest.JSON(t, stdout, &listed)
	missed := map[string]int{}
	for _, run := range listed.Runs {
		name, due, _ := strings.Cut(run.Run, "-")
		at, err := time.Parse(time.RFC3339, due)
		must(t, err)
		if at.After(killed) && at.Before(restarted) {
			missed[name]++
		}
	}
	if missed["skip"] != 1 || missed["buffer_one"] != 2 || missed["allow"] < int(away/every) {
		t.Errorf("of the runs that were due without a server, these started: %v", missed)
	}
}
