package cli

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/engine"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/worker"
)

// systemDocument is the document of `status` without a run.
type systemDocument struct {
	Engine    engineState     `json:"engine"`
	Workers   []poller        `json:"workers"` // Those of the shared queue.
	Store     storeState      `json:"store"`
	Providers []providerState `json:"providers"`
	Runs      runCounts       `json:"runs"`
}

// engineState is the home's engine, or the Temporal that is configured.
type engineState struct {
	Status    string `json:"status"` // running or stopped.
	Address   string `json:"address,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	PID       int    `json:"pid,omitempty"` // Of the process that holds the home's engine.
	Version   string `json:"version,omitempty"`
}

type storeState struct {
	URL   string      `json:"url"`
	OK    bool        `json:"ok"`
	Error *view.Error `json:"error"`
}

// providerState is what serves one protocol, as this process sees it.
type providerState struct {
	Name  string      `json:"name"` // "python/v1".
	OK    bool        `json:"ok"`
	Error *view.Error `json:"error"`
}

// runCounts is how many runs are in which status.
type runCounts struct {
	Running   int `json:"running"`
	Completed int `json:"completed"`
	Failed    int `json:"failed"`
	Cancelled int `json:"cancelled"`
	TimedOut  int `json:"timed_out"`
}

// healthTimeout bounds what a provider may take to say how it is.
const healthTimeout = 5 * time.Second

func (p *program) systemStatusCommand() *cobra.Command {
	return p.temporalFlags(&cobra.Command{
		Use:   "status",
		Short: "Show how engine, workers, result store and providers are",
		Args:  exact(),
		RunE: func(command *cobra.Command, _ []string) error {
			return p.systemStatus(command.Context())
		},
	})
}

func (p *program) systemStatus(ctx context.Context) error {
	s, err := p.openSession(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	document := systemDocument{Workers: []poller{}, Store: storeState{URL: s.settings.ShownStore()}}
	document.Providers, err = s.providers(ctx)
	if err != nil {
		return err
	}
	running, stopped := s.connect(ctx)
	switch {
	case stopped != nil && unreachable(stopped) == nil:
		return stopped
	case stopped == nil && !running:
		stopped = s.notRunning()
	}
	running = stopped == nil
	if document.Engine, err = s.engineState(ctx, running); err != nil {
		return err
	}
	if running {
		if document.Workers, err = s.pollers(ctx, sharedQueue); err != nil {
			return err
		}
	}
	runs, err := s.runs(ctx, resultstore.Query{})
	document.Store.OK = err == nil
	if err != nil {
		document.Store.Error = view.NewError(protocol.AsError(err, protocol.PersistenceFailed))
	}
	document.Runs = counted(runs)
	if p.output == asText {
		fmt.Fprint(p.Out, document.text())
	} else {
		p.writeJSON(p.Out, document)
	}
	return stopped
}

func (s *session) engineState(ctx context.Context, running bool) (engineState, error) {
	switch {
	case !running && s.cluster != nil:
		return engineState{Status: "unreachable", Address: s.cluster.Address, Namespace: s.cluster.Namespace}, nil
	case !running:
		return engineState{Status: "stopped"}, nil
	}
	if s.cluster == nil {
		info, err := engine.ReadInfo(s.home)
		return engineState{"running", info.Address, engine.Namespace, info.PID, info.ServerVersion}, err
	}
	info, err := s.client.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	return engineState{Status: "running", Address: s.cluster.Address, Namespace: s.cluster.Namespace, Version: info.GetServerVersion()}, err
}

// providers asks every protocol whether calls have a chance now, all at once.
func (s *session) providers(ctx context.Context) ([]providerState, error) {
	handlers, closeHandlers, err := worker.Handlers(s.handlerOptions())
	if err != nil {
		return nil, err
	}
	ctx, done := context.WithTimeout(ctx, healthTimeout)
	defer done()
	states := make([]providerState, len(handlers))
	var asked sync.WaitGroup
	for i, p := range handlers {
		asked.Go(func() {
			states[i] = providerState{Name: p.Spec.Name, OK: true}
			if err := p.Handler.Health(ctx); err != nil {
				states[i].OK, states[i].Error = false, view.NewError(protocol.AsError(err, protocol.ProviderNotAvailable))
			}
		})
	}
	asked.Wait()
	return states, closeHandlers()
}

func counted(runs []*view.Run) runCounts {
	var counts runCounts
	for _, run := range runs {
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

func (d systemDocument) text() string {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	row := func(name, value string) { fmt.Fprintf(table, "%s\t%s\n", name, value) }
	health := func(ok bool, why *view.Error) string {
		if ok {
			return "ok"
		}
		return view.Printable(view.Brief(why.Message))
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
		row(p.Name, health(p.OK, p.Error))
	}
	row("runs", fmt.Sprintf("%d running, %d completed, %d failed, %d cancelled, %d timed out",
		d.Runs.Running, d.Runs.Completed, d.Runs.Failed, d.Runs.Cancelled, d.Runs.TimedOut))
	if err := table.Flush(); err != nil {
		return err.Error() // A strings.Builder takes everything.
	}
	return text.String()
}
