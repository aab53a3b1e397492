package report

import (
	"bufio"
	"cmp"
	"context"
	_ "embed"
	"html/template"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/page"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

//go:embed report.css
var style string

//go:embed report.js
var script string

//go:embed report.gohtml
var source string

// look is the look of reports.
var look = page.New(style, script, false)

// Policy returns the Content-Security-Policy of reports.
func Policy() string { return look.Policy() }

// pages are the templates of a report. They are read when the first one is made: most commands make none.
var pages = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("report").Funcs(template.FuncMap{"number": number[int64], "count": number[int], "duration": view.Duration, "brief": view.Brief, "visible": visible}).Parse(source))
})

// summary is what a page has of a run above its items.
type summary struct {
	Run       *view.Run
	Name      string
	About     string
	State     protocol.Status
	Live      string
	Notices   []string
	Facts     []fact
	Tiles     []tile
	Sections  []section
	Failures  []reason
	Warnings  []reason
	Graph     *drawing
	Ticks     []tick
	Lanes     []laneRow
	MoreLanes int
	Models    []*modelRow
	Total     protocol.Usage
	Inputs    []text
	Outputs   []text
	Details   []taskDetails
	ResultsOf string // The command that prints all results.
}

// section is an entry of the table of contents.
type section struct{ ID, Name string }

type fact struct {
	Name, Text string
	Machine    string // Of a time.
	Code       bool
}

type tile struct{ Name, Text, Note string }

// laneRow is a lane as it is drawn.
type laneRow struct {
	Label string // In words.
	Name  string
	Took  string
	Bars  []bar
	Items bool
}

// writePage writes the page.
func (r *report) writePage(ctx context.Context, to io.Writer) error {
	buffered := bufio.NewWriterSize(to, 64<<10)
	out := &counted{to: buffered}
	s := r.summary()
	if err := look.Begin(out, s.Name+" · "+r.run.Run); err != nil {
		return err
	}
	templates := pages()
	if err := templates.ExecuteTemplate(out, "top", s); err != nil {
		return err
	}
	for i, l := range r.lists {
		if err := r.writeItems(ctx, l, i, out, templates); err != nil {
			return err
		}
	}
	if err := templates.ExecuteTemplate(out, "foot", fact{Name: r.options.Version, Text: instant(r.options.Now), Machine: r.options.Now.UTC().Format(time.RFC3339)}); err != nil {
		return err
	}
	if err := look.End(out); err != nil {
		return err
	}
	return buffered.Flush()
}

func (r *report) summary() *summary {
	s := &summary{
		Run: r.run, Name: shownName(r.run.Workflow), State: r.run.State(), Live: r.options.Live, Graph: drawGraph(r.run.Graph()), Outputs: r.outputs, Details: r.details,
		Models: r.models.list(), Total: r.models.total, ResultsOf: "gleitzeit " + view.ShellWords("results", r.run.Run),
	}
	s.Failures, s.Warnings = r.reasons()
	if r.plan != nil {
		s.Inputs = inputTexts(r.plan.Inputs)
		s.About = visible(r.plan.Description)
	}
	s.Notices, s.Facts, s.Tiles = r.notices(), r.facts(), r.tiles()
	for i := range s.Details {
		details := &s.Details[i]
		details.Began = r.since(details.StartedAt)
		for at, l := range r.lists {
			if l.task.ID == details.ID {
				details.List = itemsID(at)
			}
		}
	}
	if r.end.After(r.begin) {
		s.Ticks = ticks(r.end.Sub(r.begin))
	}
	for i := range r.lanes {
		lane := &r.lanes[i]
		row := laneRow{Label: value.Visible(lane.label()), Name: value.Visible(lane.task.ID), Bars: lane.bars}
		if lane.density != nil {
			row.Bars, row.Items = lane.density.bars(), true
		}
		if len(row.Bars) == 0 || s.Ticks == nil {
			continue
		}
		if len(s.Lanes) == maxLanes {
			s.MoreLanes++
			continue
		}
		if lane.task.Duration > 0 {
			row.Took = view.Duration(lane.task.Duration)
		}
		s.Lanes = append(s.Lanes, row)
	}
	s.Sections = r.sections(s)
	return s
}

// shownName returns the name of a workflow on one line.
func shownName(name string) string {
	line, _ := cutText(strings.Join(strings.Fields(name), " "), 200)
	return cmp.Or(value.Visible(line), "run")
}

func (r *report) sections(s *summary) (all []section) {
	add := func(has bool, id, name string) {
		if has {
			all = append(all, section{id, name})
		}
	}
	add(len(s.Failures) > 0, "failures", "Failures")
	add(len(s.Warnings) > 0, "warnings", "Warnings")
	add(len(s.Outputs) > 0, "outputs", "Outputs")
	add(len(s.Details) > 0, "tasks", "Tasks")
	add(len(s.Lanes) > 0, "timeline", "Time line")
	add(len(s.Models) > 0, "models", "Models")
	add(len(s.Inputs) > 0, "inputs", "Inputs")
	for i, l := range r.lists {
		name := "Items"
		if len(r.lists) > 1 {
			name += " of " + value.Visible(l.task.ID)
		}
		add(true, itemsID(i), name)
	}
	return all
}

// notices are what has to be known before all else.
func (r *report) notices() (all []string) {
	run := r.run
	switch {
	case run.Interrupted:
		all = append(all, "The run is open, and no process executes it: this is what was recorded until then.")
	case run.Lost:
		all = append(all, "The engine no longer knows this run, and its end is not recorded.")
	case !run.Status.Ended():
		all = append(all, "The run is "+string(run.Status)+": this is its state at "+instant(r.options.Now)+".")
	}
	if failed := run.CleanUpFailure(); failed != "" {
		all = append(all, value.Visible("Of this run, "+failed+"."))
	}
	if line := run.Continues.Line(); line != "" {
		all = append(all, value.Visible("This run "+line+"."))
	}
	return all
}

func (r *report) facts() (all []fact) {
	add := func(f fact) {
		if f.Text = visible(f.Text); f.Text != "" {
			all = append(all, f)
		}
	}
	run := r.run
	add(fact{Name: "Run", Text: run.Run, Code: true})
	add(fact{Name: "Started", Text: instant(run.StartedAt), Machine: run.StartedAt.UTC().Format(time.RFC3339)})
	if run.FinishedAt != nil {
		add(fact{Name: "Finished", Text: instant(*run.FinishedAt), Machine: run.FinishedAt.UTC().Format(time.RFC3339)})
	}
	add(fact{Name: "Version", Text: value.Visible(run.Version)})
	add(fact{Name: "Tags", Text: value.Visible(strings.Join(run.Tags, ", "))})
	if r.plan != nil {
		add(fact{Name: "File", Text: value.Visible(r.plan.File), Code: true})
		if r.plan.IsTypedBatch() {
			add(fact{Name: "Folder", Text: value.Visible(r.plan.Folder), Code: true})
		}
	}
	if run.Metadata != nil {
		for _, field := range withoutSecrets(*run.Metadata).Fields() {
			line, _ := gist(view.Text(field.Value))
			add(fact{Name: value.Visible(field.Name), Text: line})
		}
	}
	return all
}

func (r *report) tiles() (all []tile) {
	run := r.run
	took := run.Duration
	note := ""
	if run.FinishedAt == nil {
		took = protocol.RoundedSeconds(r.end.Sub(r.begin))
		if !run.Status.Ended() {
			note = "so far"
		}
	}
	all = append(all, tile{"Duration", view.Duration(took), note})
	ended := map[protocol.Status]int{}
	for i := range run.Tasks {
		ended[run.Tasks[i].Status]++
	}
	if len(run.Tasks) > 0 {
		t := tile{Name: "Tasks completed", Text: number(ended[protocol.Completed]) + " of " + number(len(run.Tasks))}
		if failed := ended[protocol.Failed] + ended[protocol.TimedOut]; failed > 0 {
			t.Note = number(failed) + " failed"
		}
		all = append(all, t)
	}
	var items protocol.Counts
	for _, l := range r.lists {
		if l.task.Items != nil {
			items.Add(*l.task.Items)
		}
	}
	if items.Total > 0 {
		t := tile{Name: "Items completed", Text: number(items.Succeeded) + " of " + number(items.Total)}
		if items.Failed > 0 {
			t.Note = number(items.Failed) + " failed"
		}
		if items.Skipped > 0 {
			t.Note = strings.TrimPrefix(t.Note+", "+number(items.Skipped)+" skipped", ", ")
		}
		all = append(all, t)
	}
	if used := r.models.total; used.LLMCalls > 0 {
		all = append(all, tile{"Calls of models", number(used.LLMCalls), ""},
			tile{"Tokens", number(used.Tokens()), number(used.PromptTokens) + " read, " + number(used.TokensUsed) + " written"})
	}
	return all
}
