// Package startpage is what a server shows first: its runs with their progress, the servers of models with their load, and the way to
// reports and to Temporal's pages. It changes by itself while somebody looks.
package startpage

import (
	"context"
	_ "embed"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/page"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/report"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

//go:embed startpage.css
var style string

//go:embed startpage.js
var script string

//go:embed startpage.gohtml
var source string

var look = page.New(style, script, true)

// plainLook is that of a page that says what went wrong.
var plainLook = page.New("", "", false)

// pages are the templates. They are read when the first page is shown.
var pages = sync.OnceValue(func() *template.Template {
	// A run may be completed although some of its items failed: its count of them has the color of a failure.
	has := template.FuncMap{"hasFailed": func(progress string) bool { return strings.HasSuffix(progress, " failed") }}
	return template.Must(template.New("startpage").Funcs(has).Parse(source))
})

// Runs is what the page asks about runs.
type Runs interface {
	// Newest returns the newest runs, without their tasks.
	Newest(ctx context.Context, limit int) ([]*view.Run, error)
	// Known returns a run with its tasks.
	Known(ctx context.Context, run string) (*view.Run, error)
	// Mark marks a run that is open and that no process executes.
	Mark(run *view.Run) error
}

// Models is what the page asks about the servers of models.
type Models interface {
	// Load returns what they work on for this process. It asks none of them.
	Load() []protocol.ServerLoad
	// Probe asks them all for their state.
	Probe(ctx context.Context) []protocol.ServerState
}

// Options of the pages.
type Options struct {
	Runs    Runs
	Models  Models
	Store   resultstore.Store
	Facts   []Fact // About the server.
	Version string // Of the program.
	Log     *slog.Logger
}

// Fact is a line about the server.
type Fact struct{ Name, Text string }

// Addresses of the pages. No page of Temporal's UI has one of these.
const (
	startPath    = "/"
	livePath     = "/live"
	runsPath     = "/runs/"
	reportEnding = "/report"
	temporalRuns = "/namespaces/default/workflows"
)

// reportPath returns the address of the report of a run.
func reportPath(run string) string { return runsPath + url.PathEscape(run) + reportEnding }

// temporalPath returns the address of Temporal's page of a run.
func temporalPath(run string) string { return temporalRuns + "/" + url.PathEscape(run) }

// Pages answers requests for the start page and for reports.
type Pages struct {
	options  Options
	hub      *hub
	reports  chan struct{} // Has an element for each report that is being made.
	temporal http.Handler
}

// maxReports is how many reports are made at once, and reportPatience how long another one waits: each reads all items of a run.
const (
	maxReports     = 2
	reportPatience = 20 * time.Second
)

// New returns what makes the pages of a server that lives until ctx is done. Other requests go to the pages of Temporal.
func New(ctx context.Context, o Options) func(temporal http.Handler) http.Handler {
	return func(temporal http.Handler) http.Handler { return newPages(ctx, o, temporal) }
}

func newPages(ctx context.Context, o Options, temporal http.Handler) *Pages {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Pages{options: o, hub: newHub(ctx, &collector{options: o}), reports: make(chan struct{}, maxReports), temporal: temporal}
}

// ServeHTTP implements http.Handler.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		p.temporal.ServeHTTP(w, r)
		return
	}
	path := r.URL.EscapedPath()
	run, isRun := strings.CutPrefix(path, runsPath)
	switch {
	case path == startPath:
		p.start(w, r)
	case path == livePath:
		p.live(w, r)
	case isRun:
		p.report(w, r, run)
	default:
		p.temporal.ServeHTTP(w, r)
	}
}

// begin sets the headers of a page.
func begin(w http.ResponseWriter, policy string) {
	w.Header().Set("Content-Security-Policy", policy+"; frame-ancestors 'none'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
}

// start shows the start page.
func (p *Pages) start(w http.ResponseWriter, r *http.Request) {
	state := p.hub.state(r.Context())
	if state == nil {
		p.problem(w, http.StatusServiceUnavailable, "The state of the runs cannot be read now.", "Reload the page in a moment.")
		return
	}
	begin(w, look.Policy())
	if r.Method == http.MethodHead {
		return
	}
	if err := look.Begin(w, "Gleitzeit"); err != nil {
		return // The client is gone.
	}
	err := pages().ExecuteTemplate(w, "page", struct {
		Facts    []Fact
		Sections map[string]template.HTML
		Temporal string
		Live     string
		Version  string
	}{p.options.Facts, state.html(), temporalRuns, livePath, p.options.Version})
	if err == nil {
		err = look.End(w)
	}
	if err != nil && r.Context().Err() == nil {
		p.options.Log.Warn("cannot show the start page", "error", err)
	}
}

// report shows the report of a run, whose id is escaped.
func (p *Pages) report(w http.ResponseWriter, r *http.Request, rest string) {
	escaped, is := strings.CutSuffix(rest, reportEnding)
	id, err := url.PathUnescape(escaped)
	if !is || err != nil || id == "" {
		p.problem(w, http.StatusNotFound, "There is no such page.", "")
		return
	}
	waiting, done := context.WithTimeout(r.Context(), reportPatience)
	defer done()
	select {
	case p.reports <- struct{}{}:
		defer func() { <-p.reports }()
	case <-waiting.Done():
		w.Header().Set("Retry-After", "10")
		p.problem(w, http.StatusServiceUnavailable, "Other reports are being made.", "Reload the page in a moment.")
		return
	}
	run, err := p.options.Runs.Known(r.Context(), id)
	if err == nil {
		err = p.options.Runs.Mark(run)
	}
	if err != nil {
		p.failed(w, r, err)
		return
	}
	begin(w, report.Policy())
	if r.Method == http.MethodHead {
		return
	}
	out := &started{to: w}
	o := report.Options{Items: report.MaxItems, Now: time.Now(), Version: p.options.Version, Live: startPath}
	if err = report.Write(r.Context(), p.options.Store, run, o, out); err == nil || r.Context().Err() != nil {
		return
	}
	if !out.is {
		p.failed(w, r, err)
		return
	}
	p.options.Log.Warn("cannot complete a report", "run", id, "error", err)
	panic(http.ErrAbortHandler) // So that a part of a page is not taken for all of it.
}

// started notes whether anything was written.
type started struct {
	to http.ResponseWriter
	is bool
}

// Write implements io.Writer.
func (s *started) Write(data []byte) (int, error) {
	s.is = true
	return s.to.Write(data)
}

// failed says why a run cannot be shown.
func (p *Pages) failed(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return
	}
	status := http.StatusInternalServerError
	failure, is := errors.AsType[*protocol.Error](err)
	switch {
	case !is:
		p.options.Log.Warn("cannot show a run", "error", err)
		p.problem(w, status, "The run cannot be read.", "")
		return
	case failure.Code == protocol.WorkflowNotFound:
		status = http.StatusNotFound
	}
	p.problem(w, status, failure.Message, failure.Hint)
}

// problem shows a page that says what is wrong. A client that is gone gets nothing.
func (p *Pages) problem(w http.ResponseWriter, status int, message, hint string) {
	begin(w, plainLook.Policy())
	w.WriteHeader(status)
	err := plainLook.Begin(w, http.StatusText(status))
	if err == nil {
		err = pages().ExecuteTemplate(w, "problem", struct{ Title, Message, Hint string }{http.StatusText(status), message, hint})
	}
	if err == nil {
		err = plainLook.End(w)
	}
	if err != nil {
		p.options.Log.Debug("a page was not sent", "error", err)
	}
}
