package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/batch"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/batchapi"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/batchclient"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/batchruns"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/export"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/outputs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/startpage"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/config"
	"github.com/gleitzeit/gleitzeit/internal/gate"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/internal/version"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
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
	command.Flags().IntVar(&o.UIPort, "ui-port", runs.UIPort, "port of the start page and of Temporal's Web UI, on loopback; it must be free (without the flag another one is used if it is taken)")
	command.Flags().BoolVar(&o.NoUI, "no-ui", false, "do not serve the Web UI")
	command.Flags().BoolVar(&api.on, "batch-api", false, "serve the Batch API, for clients that upload request files (default server.batch_api of the settings)")
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
	on, port := flags.over(s.Settings())
	if !on && flags.changed("batch-api-port") {
		return usageError{errors.New("--batch-api-port has no effect without --batch-api, or server.batch_api of the settings")}
	}
	o.Front = func(ctx context.Context, v *runs.Server) runs.Front { return p.front(ctx, s, v, o.Queue) }
	v, err := s.StartServer(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.Release()) }()
	signals, release := p.interrupts.receive()
	defer release()
	var api *runningBatchAPI
	if on {
		api, err = p.startBatchAPI(ctx, s, v, port)
	}
	if err != nil {
		return errors.Join(err, api.stop(), v.Stop())
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

// front returns the pages before Temporal's.
func (p serverCommand) front(ctx context.Context, s *runs.Session, v *runs.Server, queue string) runs.Front {
	return startpage.New(ctx, startpage.Options{
		Runs: shownRuns{s}, Models: v.Executor(), Store: s.Store(), Version: version.Current(), Log: s.Log(),
		Facts: []startpage.Fact{{Name: "Engine", Text: v.Info.Engine}, {Name: "Queue", Text: queue}, {Name: "Home", Text: s.Home().Path}, {Name: "Store", Text: s.ShownStore()}},
	})
}

// shownRuns are the runs that a server shows.
type shownRuns struct{ *runs.Session }

// Newest implements startpage.Runs.
func (r shownRuns) Newest(ctx context.Context, limit int) ([]*view.Run, error) {
	return r.List(ctx, runs.Query{Limit: limit})
}

// Mark implements startpage.Runs.
func (r shownRuns) Mark(run *view.Run) error {
	_, err := r.MarkInterrupted(run)
	return err
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

// over returns whether there is a Batch API, and its port: as the flags say, else as the settings do.
func (f batchAPIFlags) over(settings *config.Settings) (on bool, port int) {
	on, port = settings.Server.BatchAPI, settings.Server.BatchAPIPort
	if f.changed("batch-api") {
		on = f.on
	}
	if f.changed("batch-api-port") {
		port = int(f.port)
	}
	return on, port
}

// startBatchAPI serves the Batch API.
func (p serverCommand) startBatchAPI(ctx context.Context, s *runs.Session, v *runs.Server, port int) (*runningBatchAPI, error) {
	settings := s.Settings().Server
	specs, err := runs.Specs(p.options(), false)
	if err != nil {
		return nil, err
	}
	batches, err := batchruns.New(s, v)
	if err != nil {
		return nil, err
	}
	access := batchapi.Access{Address: settings.BatchAPIAddress, Port: port, Cert: settings.BatchAPICert, Key: settings.BatchAPIKey}
	secrets := runs.Secrets(s.Settings(), p.Env, p.Environ)
	for _, user := range settings.BatchAPITokens {
		token, err := secrets.Require(user.Value)
		if err != nil {
			return nil, err
		}
		access.Tokens = append(access.Tokens, gate.Token{Holder: user.Name, Secret: token})
	}
	started, err := batchapi.Start(ctx, batchapi.Options{
		Home: s.Home(), Access: access, Runs: batches, Specs: specs, MaxBytes: settings.MaxFileSize,
		MaxRequests: settings.MaxRequests, ModelNames: settings.ModelNames, Retention: s.Settings().Retention, Log: s.Log(),
		Tell: func(text string) { p.say("%s", text) },
	})
	if err != nil {
		return nil, err
	}
	return &runningBatchAPI{started}, v.AnnounceBatchAPI(started.URL())
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

// batchOnServer has the Batch API of a server answer a request file.
func (p batchCommand) batchOnServer(ctx context.Context, args []string, o batchOptions) error {
	var found []definition.Diagnostic
	report := func(text, hint string) {
		found = append(found, definition.Diagnostic{File: "batch", Rule: batch.Rule, Message: text, Hint: hint})
	}
	o.remote.Window = o.request.Files.Deadline
	for _, text := range o.remote.Check(args) {
		report(text, "")
	}
	o.export.Decide(true, o.file)
	if o.export.Format != export.Responses {
		report(fmt.Sprintf("the results of --server are those of its files, and cannot be written as %s", o.export.Format), "write them as .jsonl; `gleitzeit batch export` writes those of this home's own runs in any format")
	}
	if err := o.export.CheckErrors(o.file); err != nil {
		report(err.Error(), "standard output has the requests without an answer after the others")
	}
	files := o.export.Files(o.file)
	if err := outputs.Check(files...); err != nil {
		report(err.Message, err.Hint)
	} else if err := (outputs.Inputs{Files: args}).Check(nil, files...); err != nil {
		report(err.Error(), "")
	}
	if len(found) > 0 {
		return p.refuseBatch(found)
	}
	settings, err := p.settings()
	if err != nil {
		return err
	}
	h, err := home.Open(settings.Home)
	if err != nil {
		return err
	}
	o.remote.Output, o.remote.Errors, o.remote.Another = o.file, o.export.ErrorFile(o.file), o.another
	if len(args) > 0 {
		o.remote.Requests = args[0]
	}
	client := batchclient.Program{Say: func(text string) { p.say("%s", value.VisibleLines(text)) }, Out: p.Out, Env: p.Env}
	ended, err := client.Run(ctx, h, o.remote)
	if err != nil {
		if protocol.AsError(err, protocol.InternalError).Code == protocol.ProviderNotAvailable {
			p.report(err)
			return exitError{exitUnavailable}
		}
		return err
	}
	return exitOfBatch(ended)
}
