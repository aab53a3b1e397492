package startpage

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

const (
	maxRuns   = 50 // On the page, newest first.
	maxOpen   = 20 // Of these, open ones whose tasks are read.
	maxNotes  = 3  // Lines below a run.
	maxModels = 12 // Names of a server.
	maxName   = 120
	// probeEvery is how often servers of models are asked for their state, probePatience how long that may take, and probeWait how long a
	// page waits for it.
	probeEvery    = 15 * time.Second
	probePatience = 10 * time.Second
	probeWait     = 1500 * time.Millisecond
)

// sections are the parts of the page that change, in their order: templates, and ids of elements.
var sections = []string{"runs", "servers"}

// state is what the page shows.
type state struct {
	parts map[string]string // HTML, by section.
	sent  string
}

// html returns the sections for the page.
func (s *state) html() map[string]template.HTML {
	all := map[string]template.HTML{}
	for name, part := range s.parts {
		all[name] = template.HTML(part) // Made by the templates here, which have escaped what is in it.
	}
	return all
}

// event returns the sections as JSON, on one line.
func (s *state) event() string { return s.sent }

// runRow is a run on the page.
type runRow struct {
	ID, Name string
	Status   protocol.Status
	Started  string
	Machine  string // The same for programs.
	Took     string
	Done     int
	Total    int
	Progress string // In words.
	Notes    []string
	Report   string
	Temporal string
}

// serverRow is a server of models on the page.
type serverRow struct {
	Name, URL string
	State     string
	OK        bool
	Problem   string
	Calls     int
	Limit     int
	Waiting   int
	Models    []string // Calls in flight, by model.
	Loaded    []string
	More      int // Models that are loaded and not shown.
	Version   string
}

// collector reads what the page shows.
type collector struct {
	options Options

	mu      sync.Mutex
	probed  []protocol.ServerState
	asked   time.Time
	probing chan struct{}     // Closed when the servers have answered; nil while none is asked.
	ended   map[string]runRow // By id: ended runs on the page, which stay as they are.
}

// collect returns the state; nil if it cannot be read.
func (c *collector) collect(ctx context.Context) *state {
	runs, open, err := c.runs(ctx)
	if err != nil {
		if ctx.Err() == nil {
			c.options.Log.Warn("cannot read the runs for the start page", "error", err)
		}
		return nil
	}
	data := struct {
		Runs     []runRow
		Open     int
		Full     bool
		Temporal string
		Servers  []serverRow
	}{runs, open, len(runs) == maxRuns, temporalRuns, c.servers(ctx)}
	s := &state{parts: map[string]string{}}
	for _, name := range sections {
		var text bytes.Buffer
		if err := pages().ExecuteTemplate(&text, name, data); err != nil {
			c.options.Log.Error("cannot show a part of the start page", "part", name, "error", err)
			return nil
		}
		s.parts[name] = text.String()
	}
	encoded, err := json.Marshal(s.parts)
	if err != nil {
		c.options.Log.Error("cannot send the start page", "error", err)
		return nil
	}
	s.sent = string(encoded)
	return s
}

// runs returns the newest runs, and how many of them are open.
func (c *collector) runs(ctx context.Context) (rows []runRow, open int, err error) {
	newest, err := c.options.Runs.Newest(ctx, maxRuns)
	if err != nil {
		return nil, 0, err
	}
	c.mu.Lock()
	before, ended := c.ended, map[string]runRow{}
	c.mu.Unlock()
	for _, run := range newest {
		var row runRow
		if run.Status.Ended() {
			row, err = c.endedRow(ctx, run, before)
			ended[run.Run] = row
		} else {
			open++
			row, err = c.openRow(ctx, run, open <= maxOpen)
		}
		if err != nil {
			return nil, 0, err
		}
		rows = append(rows, row)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = ended
	return rows, open, nil
}

// endedRow returns the row of a run that has ended, as it was read before where it was.
func (c *collector) endedRow(ctx context.Context, run *view.Run, before map[string]runRow) (runRow, error) {
	if row, known := before[run.Run]; known {
		return row, nil
	}
	known, err := c.options.Runs.Known(ctx, run.Run)
	if err != nil {
		return runRow{}, err
	}
	return rowOf(known), nil
}

// openRow returns the row of an open run, with its progress where its tasks are read.
func (c *collector) openRow(ctx context.Context, run *view.Run, withTasks bool) (_ runRow, err error) {
	if withTasks {
		if run, err = c.options.Runs.Known(ctx, run.Run); err != nil {
			return runRow{}, err
		}
	}
	if err := c.options.Runs.Mark(run); err != nil {
		return runRow{}, err
	}
	return rowOf(run), nil
}

// rowOf returns the row of a run; of one with its tasks, with its progress.
func rowOf(run *view.Run) runRow {
	row := runRow{
		ID: run.Run, Name: cmp.Or(short(run.Workflow), run.Run), Status: run.State(), Started: run.StartedAt.UTC().Format("2006-01-02 15:04:05"),
		Machine: run.StartedAt.UTC().Format(time.RFC3339), Report: reportPath(run.Run), Temporal: temporalPath(run.Run),
	}
	if run.FinishedAt != nil {
		row.Took = view.Duration(run.Duration)
	} else if !run.Status.Ended() {
		row.Took = sinceStart(time.Since(run.StartedAt))
	}
	var failed int
	for i := range run.Tasks {
		task := &run.Tasks[i]
		if task.Within != "" {
			continue
		}
		row.add(task)
		if task.Items != nil {
			failed += task.Items.Failed
		}
	}
	if row.Total > 0 {
		row.Progress = fmt.Sprintf("%d of %d", row.Done, row.Total)
		if failed > 0 {
			row.Progress += fmt.Sprintf(", %d failed", failed)
		}
	}
	return row
}

// sinceStart returns how long a run has been open, in whole seconds.
func sinceStart(open time.Duration) string {
	if open < 2*time.Minute {
		return fmt.Sprintf("%d s", int(max(open, 0).Seconds()))
	}
	return view.Duration(protocol.SecondsOf(open))
}

// add adds a task to the progress of a run: a task counts as one, or as so many as it has items.
func (r *runRow) add(task *view.Task) {
	switch {
	case task.Items != nil:
		r.Total += task.Items.Total
		r.Done += task.Items.Succeeded + task.Items.Failed + task.Items.Skipped
	default:
		r.Total++
		if task.Status.Ended() {
			r.Done++
		}
	}
	if len(r.Notes) >= maxNotes || task.Status != protocol.Running {
		return
	}
	note := short(task.ID)
	switch {
	case task.Approval != nil:
		note += " waits for an answer: gleitzeit " + short(view.ShellWords("approve", r.ID, task.ID))
	case task.Reason != "":
		note += ": " + short(task.Reason)
	case task.Items != nil:
		note += ": " + view.ItemCounts(*task.Items, task.Values, false)
	}
	r.Notes = append(r.Notes, note)
}

// short returns a text on one line, and not too long.
func short(text string) string {
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > maxName {
		runes = append(runes[:maxName-1], '…')
	}
	return value.Visible(string(runes))
}

// servers returns the servers of models, with what they work on now and what they have last said.
func (c *collector) servers(ctx context.Context) []serverRow {
	states := map[protocol.Server]protocol.ServerState{}
	for _, state := range c.states(ctx) {
		states[state.Server] = state
	}
	var rows []serverRow
	for _, load := range c.options.Models.Load() {
		row := serverRow{Name: short(load.Provider), URL: short(load.URL), Calls: load.Calls, Limit: load.Limit, Waiting: load.Waiting, State: "not known yet"}
		for _, model := range load.Models {
			row.Models = append(row.Models, fmt.Sprintf("%s: %d", short(model.Name), model.Calls))
		}
		if state, known := states[load.Server]; known {
			row.OK, row.State, row.Version = state.Error == nil, "ok", short(state.Version)
			if state.Error != nil {
				row.State, row.Problem = "unavailable", short(view.Brief(state.Error.Message))
			}
			for i, model := range state.Loaded {
				if i == maxModels {
					row.More = len(state.Loaded) - i
					break
				}
				row.Loaded = append(row.Loaded, short(model))
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// states returns what servers have said last, and asks them again from time to time. The first time it waits for them a moment.
func (c *collector) states(ctx context.Context) []protocol.ServerState {
	c.mu.Lock()
	if c.probing == nil && time.Since(c.asked) >= probeEvery {
		answered := make(chan struct{})
		c.probing, c.asked = answered, time.Now()
		go c.probe(answered)
	}
	wait := c.probing
	if c.probed != nil {
		wait = nil
	}
	c.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
		case <-time.After(probeWait):
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.probed
}

// probe asks the servers. It ends by itself: no server may take longer than a moment.
func (c *collector) probe(answered chan struct{}) {
	ctx, done := context.WithTimeout(context.Background(), probePatience)
	defer done()
	found := c.options.Models.Probe(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.probed, c.probing = found, nil
	close(answered)
}
