package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/internal/engine"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/webui"
	"github.com/gleitzeit/gleitzeit/worker"
)

// stopTimeout bounds what a server takes to stop its engine; another process takes it over then.
const stopTimeout = 15 * time.Second

func (p *program) serverCommand() *cobra.Command {
	o := serving{}
	command := &cobra.Command{
		Use:   "server",
		Short: "Keep the engine running and execute submitted runs until it is stopped",
		Long: "Keep the home's engine running, execute what is submitted, and go on with runs whose process has died.\n" +
			"Ctrl-C and SIGTERM stop it; open runs go on with the next process that serves them.",
		Args: exact(),
		RunE: func(command *cobra.Command, _ []string) error {
			if o.slots < 1 {
				return usage{fmt.Errorf("--slots %d is less than 1", o.slots)}
			}
			return p.server(command.Context(), o)
		},
	}
	command.Flags().StringVar(&o.queue, "queue", sharedQueue, "Temporal task queue to serve")
	command.Flags().IntVar(&o.slots, "slots", sharedSlots, "tasks that it executes at once")
	command.Flags().IntVar(&o.uiPort, "ui-port", 8233, "port of Temporal's Web UI, on loopback; another one where it is taken")
	command.Flags().BoolVar(&o.noUI, "no-ui", false, "serve no Web UI")
	return command
}

// serving is what the flags of server say.
type serving struct {
	queue  string
	slots  int
	uiPort int
	noUI   bool
}

// serverDocument is what a server says of itself.
type serverDocument struct {
	Engine    string  `json:"engine"` // host:port of the Temporal frontend.
	Namespace string  `json:"namespace"`
	UI        *string `json:"ui"` // A link with the token that lets its holder in; null without a Web UI.
	Home      string  `json:"home"`
	Store     string  `json:"store"`
	Queue     string  `json:"queue"`
	PID       int     `json:"pid"`

	version string // Of the Temporal server.
}

func (p *program) server(ctx context.Context, o serving) (err error) {
	s, err := p.openSession(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	lock, err := s.home.Serve()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	if err := s.join(ctx); err != nil {
		return err
	}
	v, err := p.serve(s, nil, worker.Options{Queue: o.queue, Local: true, Slots: o.slots})
	if err != nil {
		return err
	}
	ui, err := p.startUI(ctx, s, o)
	if err != nil {
		return errors.Join(err, v.stop())
	}
	signals, give := p.interrupts.take()
	defer give()
	adopting, stopAdopting := context.WithCancel(ctx)
	defer stopAdopting()
	adopted := make(chan struct{})
	a := &adopter{program: p, session: s, acts: v.acts, ended: map[string]time.Time{}}
	go func() {
		defer close(adopted)
		a.adopt(adopting)
	}()
	if err := p.announce(s, lock, ui, o.queue); err != nil {
		return err
	}
	if err := p.untilSignal(s, signals, v.failed); err != nil {
		return err
	}
	p.say("stopping; another signal leaves at once")
	return p.until(signals, func() error {
		stopAdopting()
		err := v.worker.Stop()
		<-adopted
		err = errors.Join(err, v.closeHandlers())
		stopping, done := context.WithTimeout(context.Background(), stopTimeout)
		defer done()
		if ui != nil {
			err = errors.Join(err, ui.Stop(stopping))
		}
		return errors.Join(err, s.engine.Stop(stopping))
	})
}

// startUI serves the Web UI; nil where none is wanted.
func (p *program) startUI(ctx context.Context, s *session, o serving) (*webui.Server, error) {
	if o.noUI {
		return nil, nil
	}
	return webui.Start(ctx, webui.Options{
		Home: s.home, Port: o.uiPort, Log: s.log, Payloads: worker.ExternalStorage(s.store),
		Engine: func() (string, error) {
			info, err := engine.ReadInfo(s.home)
			return info.Address, err
		},
	})
}

// announce prints the page of a server that is ready.
func (p *program) announce(s *session, lock *home.Serving, ui *webui.Server, queue string) error {
	info, err := engine.ReadInfo(s.home)
	if err != nil {
		return err
	}
	if err := lock.Announce(home.Server{PID: os.Getpid(), Engine: info.Address}); err != nil {
		return err
	}
	d := serverDocument{
		Engine: info.Address, Namespace: engine.Namespace, Home: s.home.Path, Store: s.settings.ShownStore(), Queue: queue,
		PID: os.Getpid(), version: info.ServerVersion,
	}
	if ui != nil {
		link := ui.URL()
		d.UI = &link
	}
	if p.output == asText {
		fmt.Fprint(p.Out, d.text())
		return nil
	}
	// One line, whatever the format: it is followed by nothing, and who starts a server reads it line by line.
	line, err := json.Marshal(d)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.Out, "%s\n", line)
	return nil
}

func (d serverDocument) text() string {
	var page strings.Builder
	row := func(name, value string) { fmt.Fprintf(&page, "%-7s %s\n", name, value) }
	row("engine", fmt.Sprintf("%s (Temporal %s, namespace %s)", d.Engine, d.version, d.Namespace))
	if d.UI != nil {
		row("web UI", *d.UI)
	}
	row("home", d.Home)
	row("store", d.Store)
	row("queue", d.Queue)
	page.WriteString("Ctrl-C stops it; open runs go on with the next process that serves them\n")
	return page.String()
}
