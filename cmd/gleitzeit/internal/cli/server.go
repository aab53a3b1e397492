package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/batchapi"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/batchruns"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/spf13/cobra"
)

// serverCommand is the command `server`.
type serverCommand struct{ *program }

func (p serverCommand) command() *cobra.Command {
	o, api := runs.ServerOptions{}, batchAPIFlags{}
	command := &cobra.Command{
		Use:   "server",
		Short: "Keep the engine running and execute submitted runs",
		Long: "Keep the home's engine running, execute what is submitted, and resume runs whose process has died.\n" +
			"Ctrl-C and SIGTERM stop it; unfinished runs resume when a server, or `run` of the same file, starts again.",
		Example: "  gleitzeit server\n  gleitzeit server --no-ui --slots 20\n  gleitzeit server --batch-api",
		Args:    exact(),
		RunE: func(command *cobra.Command, _ []string) error {
			if o.UIPort < 0 || o.UIPort > 65535 {
				return usageError{fmt.Errorf("--ui-port %d is not a port (0 to 65535)", o.UIPort)}
			}
			if o.Slots < 1 {
				return usageError{fmt.Errorf("--slots %d is less than 1", o.Slots)}
			}
			if api.port > 65535 {
				return usageError{fmt.Errorf("--batch-api-port %d is not a port (0 to 65535)", api.port)}
			}
			o.ExactUIPort, api.changed = command.Flags().Changed("ui-port"), command.Flags().Changed
			return p.serve(command.Context(), o, api)
		},
	}
	command.Flags().StringVar(&o.Queue, "queue", runs.SharedQueue, "Temporal task queue to serve")
	command.Flags().IntVar(&o.Slots, "slots", runs.SharedSlots, "maximum number of tasks in flight")
	command.Flags().IntVar(&o.UIPort, "ui-port", runs.UIPort, "port of Temporal's Web UI, on loopback; it must be free (without the flag another one is used if it is taken)")
	command.Flags().BoolVar(&o.NoUI, "no-ui", false, "do not serve the Web UI")
	command.Flags().BoolVar(&api.on, "batch-api", false, "serve the Batch API on loopback, for clients that upload request files (default server.batch_api of the settings)")
	command.Flags().UintVar(&api.port, "batch-api-port", 0, "port of the Batch API; if it is taken, another one is used (default server.batch_api_port of the settings)")
	return command
}

// serverDocument is the document of a server that is ready.
type serverDocument struct {
	Engine    string  `json:"engine"` // host:port of the Temporal frontend.
	Namespace string  `json:"namespace"`
	UI        *string `json:"ui"`        // A link with the token that lets its holder in; null without a Web UI.
	BatchAPI  *string `json:"batch_api"` // The base URL for clients; null without a Batch API.
	Home      string  `json:"home"`
	Store     string  `json:"store"`
	Queue     string  `json:"queue"`
	PID       int     `json:"pid"`

	version string // Of the Temporal server.
	token   string // The file with the token for the Batch API.
}

func (p serverCommand) serve(ctx context.Context, o runs.ServerOptions, flags batchAPIFlags) (err error) {
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
	api, err := p.startBatchAPI(ctx, s, v, flags)
	if err != nil {
		return errors.Join(err, v.Stop())
	}
	if err := p.announce(s, v.Info, o.Queue, api); err != nil {
		return err
	}
	select {
	case <-signals:
	case err := <-v.Failed():
		return err
	}
	p.say("stopping; press Ctrl-C again to quit immediately")
	return stopping(signals, func() error { return errors.Join(api.stop(), v.Stop()) })
}

// announce prints the page of a server that is ready.
func (p serverCommand) announce(s *runs.Session, info runs.ServerInfo, queue string, api *runningBatchAPI) error {
	d := serverDocument{
		Engine: info.Engine, Namespace: info.Namespace, Home: s.Home().Path, Store: s.ShownStore(), Queue: queue,
		PID: os.Getpid(), version: info.ServerVersion,
	}
	if info.UI != "" {
		d.UI = &info.UI
	}
	if api != nil {
		url := api.server.URL()
		d.BatchAPI, d.token = &url, s.Home().APIToken()
	}
	if p.output == asText {
		fmt.Fprint(p.Out, d.text())
		return nil
	}
	return p.writeLine(d)
}

func (d serverDocument) text() string {
	var page strings.Builder
	width := len("web UI ")
	if d.BatchAPI != nil {
		width = len("batch API")
	}
	row := func(name, value string) { fmt.Fprintf(&page, "%-*s %s\n", width, name, value) }
	row("engine", fmt.Sprintf("%s (Temporal %s, namespace %s)", d.Engine, d.version, d.Namespace))
	if d.UI != nil {
		row("web UI", *d.UI)
	}
	if d.BatchAPI != nil {
		row("batch API", fmt.Sprintf("%s (token in %s)", *d.BatchAPI, d.token))
	}
	row("home", d.Home)
	row("store", d.Store)
	row("queue", d.Queue)
	page.WriteString("Ctrl-C stops it; unfinished runs resume when a server, or `run` of the same file, starts again\n")
	return page.String()
}

// batchAPIFlags are the flags of server about the Batch API. One that is not given leaves it to the settings.
type batchAPIFlags struct {
	on      bool
	port    uint
	changed func(name string) bool
}

// runningBatchAPI is the Batch API of a server; nil: it has none.
type runningBatchAPI struct{ server *batchapi.Server }

// startBatchAPI serves the Batch API if the flags or the settings say so.
func (p serverCommand) startBatchAPI(ctx context.Context, s *runs.Session, v *runs.Server, flags batchAPIFlags) (*runningBatchAPI, error) {
	settings := s.Settings().Server
	on, port := settings.BatchAPI, settings.BatchAPIPort
	if flags.changed("batch-api") {
		on = flags.on
	}
	if flags.changed("batch-api-port") {
		port = int(flags.port)
	}
	if !on {
		return nil, nil
	}
	specs, err := runs.Specs(p.options(), false)
	if err != nil {
		return nil, err
	}
	batches, err := batchruns.New(s, v)
	if err != nil {
		return nil, err
	}
	started, err := batchapi.Start(ctx, batchapi.Options{
		Home: s.Home(), Port: port, Runs: batches, Specs: specs, MaxBytes: settings.MaxFileSize,
		MaxRequests: settings.MaxRequests, ModelNames: settings.ModelNames, Retention: s.Settings().Retention, Log: s.Log(),
		Tell: func(text string) { p.say("%s", text) },
	})
	if err != nil {
		return nil, err
	}
	return &runningBatchAPI{started}, nil
}

// batchAPIStop bounds what the Batch API takes to stop.
const batchAPIStop = 2 * time.Second

func (b *runningBatchAPI) stop() error {
	if b == nil {
		return nil
	}
	ctx, done := context.WithTimeout(context.Background(), batchAPIStop)
	defer done()
	return b.server.Stop(ctx)
}
