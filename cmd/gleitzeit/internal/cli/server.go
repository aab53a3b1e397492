package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/spf13/cobra"
)

// serverCommand is the command `server`.
type serverCommand struct{ *program }

func (p serverCommand) command() *cobra.Command {
	o := runs.ServerOptions{}
	command := &cobra.Command{
		Use:   "server",
		Short: "Keep the engine running and execute submitted runs until it is stopped",
		Long: "Keep the home's engine running, execute what is submitted, and resume runs whose process has died.\n" +
			"Ctrl-C and SIGTERM stop it; unfinished runs resume when a server, or `run` of the same file, starts again.",
		Example: "  gleitzeit server\n  gleitzeit server --no-ui --slots 20",
		Args:    exact(),
		RunE: func(command *cobra.Command, _ []string) error {
			if o.UIPort < 0 || o.UIPort > 65535 {
				return usageError{fmt.Errorf("--ui-port %d is not a port (0 to 65535)", o.UIPort)}
			}
			if o.Slots < 1 {
				return usageError{fmt.Errorf("--slots %d is less than 1", o.Slots)}
			}
			return p.serve(command.Context(), o)
		},
	}
	command.Flags().StringVar(&o.Queue, "queue", runs.SharedQueue, "Temporal task queue to serve")
	command.Flags().IntVar(&o.Slots, "slots", runs.SharedSlots, "maximum number of tasks in flight")
	command.Flags().IntVar(&o.UIPort, "ui-port", 8233, "port of Temporal's Web UI, on loopback; if it is taken, another one is used")
	command.Flags().BoolVar(&o.NoUI, "no-ui", false, "do not serve the Web UI")
	return command
}

// serverDocument is the document of a server that is ready.
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

func (p serverCommand) serve(ctx context.Context, o runs.ServerOptions) (err error) {
	if err := runs.CheckName("queue", o.Queue); err != nil {
		return err
	}
	s, err := p.openSession(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	v, err := s.StartServer(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.Release()) }()
	signals, release := p.interrupts.receive()
	defer release()
	if err := p.announce(s, v.Info, o.Queue); err != nil {
		return err
	}
	select {
	case <-signals:
	case err := <-v.Failed():
		return err
	}
	p.say("stopping; press Ctrl-C again to quit immediately")
	return stopping(signals, v.Stop)
}

// announce prints the page of a server that is ready.
func (p serverCommand) announce(s *runs.Session, info runs.ServerInfo, queue string) error {
	d := serverDocument{
		Engine: info.Engine, Namespace: info.Namespace, Home: s.Home().Path, Store: s.ShownStore(), Queue: queue,
		PID: os.Getpid(), version: info.ServerVersion,
	}
	if info.UI != "" {
		d.UI = &info.UI
	}
	if p.output == asText {
		fmt.Fprint(p.Out, d.text())
		return nil
	}
	return p.writeLine(d)
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
	page.WriteString("Ctrl-C stops it; unfinished runs resume when a server, or `run` of the same file, starts again\n")
	return page.String()
}
