package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// systemDocument is the document of `status` without a run.
type systemDocument struct {
	Engine    runs.EngineState `json:"engine"`
	Workers   []runs.Poller    `json:"workers"` // Those of the shared queue.
	Store     storeState       `json:"store"`
	Providers []providerState  `json:"providers"`
	Runs      runCounts        `json:"runs"`
}

type storeState struct {
	URL   string      `json:"url"`
	OK    bool        `json:"ok"`
	Error *view.Error `json:"error"`
}

// providerState is what serves one protocol, as this process sees it.
type providerState struct {
	Name      string      `json:"name"` // "python/v1".
	OK        bool        `json:"ok"`   // Not of the unchecked ones.
	Error     *view.Error `json:"error"`
	Unchecked []string    `json:"unchecked,omitempty"` // MCP servers and model providers that were not called.
}

// runCounts is how many runs are in which status.
type runCounts struct {
	Running   int `json:"running"`
	Completed int `json:"completed"`
	Failed    int `json:"failed"`
	Cancelled int `json:"cancelled"`
	TimedOut  int `json:"timed_out"`
}

const (
	// healthTimeout is the time limit for the answer of a provider.
	healthTimeout = 5 * time.Second
	// startTimeout is the time limit for the answer of servers that may have to be started.
	startTimeout = 30 * time.Second
)

func (p statusCommand) systemCommand() *cobra.Command {
	return p.temporalFlags(&cobra.Command{
		Use:     "status",
		Short:   "Show the state of engine, workers, result store and providers",
		Example: "  gleitzeit status\n  gleitzeit status -o json",
		Args:    exact(),
		RunE: func(command *cobra.Command, _ []string) error {
			return p.system(command.Context())
		},
	})
}

func (p statusCommand) system(ctx context.Context) error {
	o, err := p.runOptions()
	if err != nil {
		return err
	}
	s, err := runs.OpenToShow(ctx, o)
	if err != nil {
		return err
	}
	defer s.Close()
	document := systemDocument{Workers: []runs.Poller{}, Store: storeState{URL: s.ShownStore()}}
	document.Providers, err = providerStates(ctx, s)
	if err != nil {
		return err
	}
	running, stopped := s.Connect(ctx)
	idle := stopped == nil && !running // Which is no error: most of the time nothing runs.
	switch {
	case stopped != nil && runs.AsUnreachable(stopped) == nil:
		return stopped
	case idle:
		stopped = s.NotRunning()
	}
	running = stopped == nil
	if document.Engine, err = s.Engine(ctx, running); err != nil {
		return err
	}
	if running {
		if document.Workers, err = s.Pollers(ctx, runs.SharedQueue); err != nil {
			return err
		}
	}
	all, err := s.List(ctx, runs.Query{})
	document.Store.OK = err == nil
	if err != nil {
		document.Store.Error = view.NewError(protocol.AsError(err, protocol.PersistenceFailed))
	}
	document.Runs = counted(all)
	if p.output == asText {
		fmt.Fprint(p.Out, document.text(p.width()))
		if idle {
			p.say("no server runs in %s, which is no error (exit code %d says only that): `gleitzeit run` needs none, and `gleitzeit server` starts one that stays", s.Place(), exitNoEngine)
			return exitError{exitNoEngine}
		}
	} else {
		p.writeJSON(p.Out, document)
	}
	return stopped
}

// providerStates asks every protocol whether calls can succeed now.
func providerStates(ctx context.Context, s *runs.Session) ([]providerState, error) {
	ctx, done := context.WithTimeout(ctx, healthTimeout)
	defer done()
	found, err := runs.ProvidersHealth(ctx, s)
	states := make([]providerState, len(found))
	for i, p := range found {
		states[i] = providerState{p.Name, p.Error == nil, view.NewError(p.Error), p.Unchecked}
	}
	return states, err
}

func counted(all []*view.Run) runCounts {
	var counts runCounts
	for _, run := range all {
		switch run.Status {
		case protocol.Running:
			counts.Running++
		case protocol.Completed:
			counts.Completed++
		case protocol.Failed:
			counts.Failed++
		case protocol.Cancelled:
			counts.Cancelled++
		case protocol.TimedOut:
			counts.TimedOut++
		}
	}
	return counts
}

// text returns the document as lines of a terminal of a width in columns; 0 is no limit.
func (d systemDocument) text(width int) string {
	var rows [][]string
	row := func(name, value string) { rows = append(rows, []string{name, value}) }
	health := func(ok bool, why *view.Error) string {
		if ok {
			return "ok"
		}
		text := view.Brief(why.Message)
		if why.Hint != "" {
			text += "; " + view.Brief(why.Hint)
		}
		return value.VisibleLines(text)
	}
	if d.Engine.Status == "running" {
		at := d.Engine.Address + " (Temporal " + d.Engine.Version + ", namespace " + d.Engine.Namespace
		if d.Engine.PID != 0 {
			at += fmt.Sprintf(", process %d", d.Engine.PID)
		}
		row("engine", at+")")
	} else {
		row("engine", d.Engine.Status)
	}
	var names []string
	for _, w := range d.Workers {
		names = append(names, w.Identity)
	}
	row("workers", strings.Join(append([]string{fmt.Sprintf("%d", len(names))}, names...), " "))
	row("store", d.Store.URL+" "+health(d.Store.OK, d.Store.Error))
	for _, p := range d.Providers {
		state := health(p.OK, p.Error)
		if len(p.Unchecked) > 0 {
			state += "; not checked: " + strings.Join(p.Unchecked, ", ") + " (see `gleitzeit provider health`)"
		}
		row(p.Name, state)
	}
	row("runs", fmt.Sprintf("%d running, %d completed, %d failed, %d cancelled, %d timed out",
		d.Runs.Running, d.Runs.Completed, d.Runs.Failed, d.Runs.Cancelled, d.Runs.TimedOut))
	return view.FitTable(rows, width, view.Shape{Text: true})
}
