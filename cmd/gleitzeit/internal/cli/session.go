package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/approve"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/completion"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/doctor"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/documents"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/export"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/logs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/methods"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/opener"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/report"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/schedule"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/starter"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/upkeep"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/config"
	"github.com/gleitzeit/gleitzeit/internal/documents/reader"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/internal/version"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// temporalFlags are for commands that may use another Temporal server than the home's engine. They are named as the
// temporal CLI has them.
func (p *program) temporalFlags(command *cobra.Command) *cobra.Command {
	command.Flags().StringVar(&p.temporal.Address, "address", "", "host:port of a Temporal server to use instead of the home's engine (default $TEMPORAL_ADDRESS)")
	command.Flags().StringVar(&p.temporal.Namespace, "namespace", "", "namespace of that server (default $TEMPORAL_NAMESPACE, else default)")
	command.Flags().StringVar(&p.temporal.Profile, "profile", "", "name of the connection profile in temporal.toml (default $TEMPORAL_PROFILE)")
	return command
}

// settings loads them, and prints their warnings.
func (p *program) settings() (*config.Settings, error) {
	settings, err := config.Load(p.options())
	if err != nil {
		return nil, err
	}
	for _, warning := range settings.Warnings {
		p.say("warning: %s", warning)
	}
	return settings, nil
}

func (p *program) options() config.Options { return runs.ConfigOptions(p.Env, p.home) }

// runOptions are what a session is opened with.
func (p *program) runOptions() (runs.Options, error) {
	settings, err := p.settings()
	if err != nil {
		return runs.Options{}, err
	}
	return p.optionsOf(settings), nil
}

// quietOptions are runOptions for a command that shows the warnings of the settings itself.
func (p *program) quietOptions() (runs.Options, error) {
	settings, err := config.Load(p.options())
	if err != nil {
		return runs.Options{}, err
	}
	return p.optionsOf(settings), nil
}

func (p *program) optionsOf(settings *config.Settings) runs.Options {
	return runs.Options{
		Settings: settings, Temporal: p.temporal, Env: p.Env, Environ: p.Environ, Notify: p.notify,
		Log: slog.New(slog.NewTextHandler(p.Err, &slog.HandlerOptions{Level: settings.LogLevel})),
	}
}

// open opens the session of a command that looks at what other processes do, or leaves something for them.
func (p *program) openSession(ctx context.Context) (*runs.Session, error) {
	o, err := p.runOptions()
	if err != nil {
		return nil, err
	}
	return runs.Open(ctx, o)
}

// openOwnSession opens the session of a command that executes what it starts, and waits for it.
func (p *program) openOwnSession(ctx context.Context) (*runs.Session, error) {
	o, err := p.runOptions()
	if err != nil {
		return nil, err
	}
	return runs.OpenOwn(ctx, o)
}

// upkeep is what the commands about the home as a whole use.
func (p *program) upkeep() upkeep.Program {
	return upkeep.Program{
		Open: p.openSession, Settings: p.settings, Arguments: exact, Temporal: p.temporalFlags,
		Say: func(text string) { p.say("%s", value.VisibleLines(text)) }, Print: p.printDocument,
	}
}

// logs is what the command about logs uses.
func (p *program) logs() logs.Program {
	return logs.Program{
		Open: p.openToShow, Mark: p.sayInterrupted, Arguments: between, Temporal: p.temporalFlags, Invalid: func(err error) error { return usageError{err} },
		Say: func(text string) { p.say("%s", value.VisibleLines(text)) }, Out: p.Out, Format: func() string { return p.output.String() },
		Width: p.width,
	}
}

// doctor is what the command that checks everything uses.
func (p *program) doctor() doctor.Program {
	return doctor.Program{Options: p.quietOptions, Arguments: exact, Print: p.printDocument, Width: p.width, Problems: exitError{exitOther}}
}

// methods is what the command about methods uses.
func (p *program) methods() methods.Program {
	return methods.Program{
		Specs: func() ([]protocol.Spec, error) { return runs.Specs(p.options(), false) }, Arguments: between,
		Invalid: func(err error) error { return usageError{err} }, Print: p.printDocument,
	}
}

// completion is what completion in shells uses.
func (p *program) completion() completion.Program {
	return completion.Program{
		Options: p.quietOptions, Specs: p.methods().Specs, Arguments: exact, Env: p.Env, Choices: func(key string) []string { return config.Choices(key, p.options().Providers) },
		Invalid: func(err error) error { return usageError{err} }, Print: p.printDocument,
	}
}

// opener is what the command that opens the Web UI uses.
func (p *program) opener() opener.Program {
	return opener.Program{
		Open: p.openSession, Env: p.Env, Terminal: func() bool { return p.output == asText && p.width() > 0 }, Arguments: exact,
		Say: func(text string) { p.say("%s", value.VisibleLines(text)) }, Print: p.printDocument,
	}
}

// starter is what the command that writes a first workflow uses.
func (p *program) starter() starter.Program {
	return starter.Program{
		Options: p.runOptions, Arguments: between, Invalid: func(err error) error { return usageError{err} },
		Say: func(text string) { p.say("%s", value.VisibleLines(text)) }, Print: p.printDocument,
	}
}

// approvals is what the command about approvals uses.
func (p *program) approvals() approve.Program {
	return approve.Program{
		Open: p.openSession, Arguments: exact, Temporal: p.temporalFlags, Invalid: func(err error) error { return usageError{err} },
		Say: func(text string) { p.say("%s", value.VisibleLines(text)) }, Print: p.printDocument,
	}
}

// schedules is what the commands about schedules use.
func (p *program) schedules() schedule.Program {
	return schedule.Program{
		Open: p.openSession, Arguments: exact, Temporal: p.temporalFlags, Env: p.Env, Width: p.width,
		Say: func(text string) { p.say("%s", value.VisibleLines(text)) }, Print: p.printDocument,
		Inputs: func(command *cobra.Command) func(string, bool) (*plan.Plan, error) {
			inputs := given{}
			inputs.flags(command, "")
			return func(file string, remote bool) (*plan.Plan, error) {
				compiled, diagnostics, err := p.compileFor(file, inputs, remote)
				if err != nil {
					return nil, err
				}
				if compiled == nil {
					return nil, p.refuse(file, diagnostics)
				}
				p.notes(diagnostics)
				return compiled, nil
			}
		},
	}
}

// printDocument prints a result: the document to programs, the text to people.
func (p *program) printDocument(document any, text string) {
	if p.forPrograms() {
		p.writeJSON(p.Out, document)
		return
	}
	fmt.Fprint(p.Out, view.Wrap(text, p.width()))
}

// documents is what the commands about documents use.
func (p *program) documents() documents.Program {
	return documents.Program{Reader: p.documentReader, Methods: p.methodReader, Arguments: exact, Say: func(text string) { p.say("%s", value.VisibleLines(text)) }, Print: p.printResult}
}

// documentReader reads documents as the settings say.
func (p *program) documentReader() (*reader.Reader, error) {
	settings, err := p.settings()
	if err != nil {
		return nil, err
	}
	return runs.DocumentReader(settings, p.Env), nil
}

// methodReader is documentReader with the tools and functions that may read documents. The caller closes it.
func (p *program) methodReader(ctx context.Context) (*reader.Reader, func() error, error) {
	s, err := p.openOwnSession(ctx)
	if err != nil {
		return nil, nil, err
	}
	r, closeReader, err := s.DocumentReader()
	if err != nil {
		s.Close()
		return nil, nil, err
	}
	return r, func() error { defer s.Close(); return closeReader() }, nil
}

// exports are what the commands about the items of runs use.
func (p *program) exports() export.Program {
	return export.Program{
		Open: func(ctx context.Context) (export.Session, error) { return p.openToShow(ctx) },
		Mark: func(s export.Session, run *view.Run) error { return p.sayInterrupted(s.(*runs.Session), run) },
		Newest: func(ctx context.Context, s export.Session) ([]*view.Run, error) {
			return s.(*runs.Session).List(ctx, runs.Query{})
		},
		Temporal: p.temporalFlags, Arguments: between, Invalid: func(err error) error { return usageError{err} },
		Format: batchFormat{&p.output},
		Say:    func(text string) { p.say("%s", value.VisibleLines(text)) },
		Print: func(document any) bool {
			if p.forPrograms() {
				p.writeJSON(p.Out, document)
			}
			return p.forPrograms()
		},
		Out: p.Out, Width: p.width,
		Follow: func(ctx context.Context, s export.Session, run, task string, ended func(context.Context, int) error) error {
			return runs.FollowItems(ctx, s.(*runs.Session), run, task, ended)
		},
	}
}

// reports is what the command `report` uses.
func (p *program) reports() report.Program {
	return report.Program{
		Open:     func(ctx context.Context) (report.Session, error) { return p.openToShow(ctx) },
		Mark:     func(s report.Session, run *view.Run) error { return p.sayInterrupted(s.(*runs.Session), run) },
		Temporal: p.temporalFlags, Arguments: exact, Invalid: func(err error) error { return usageError{err} },
		Say:     func(text string) { p.say("%s", value.VisibleLines(text)) },
		Version: version.Current, Out: p.Out,
	}
}

// openToShow opens the session of a command that shows things: connected where an engine runs. Where none does, what is
// recorded is all there is; one that does not answer is reported.
func (p *program) openToShow(ctx context.Context) (*runs.Session, error) {
	o, err := p.runOptions()
	if err != nil {
		return nil, err
	}
	s, err := runs.OpenToShow(ctx, o)
	if err != nil {
		return nil, err
	}
	_, err = s.Connect(ctx)
	switch unreachable := runs.AsUnreachable(err); {
	case unreachable != nil:
		p.notify(runs.Notice{Kind: runs.Unreachable, Message: unreachable.Message + "; showing what is recorded"})
	case err != nil:
		s.Close()
		return nil, err
	}
	return s, nil
}

// notify prints a notice: a line for people, a document for programs that read line by line.
func (p *program) notify(notice runs.Notice) {
	if p.output == asJSONL && !p.toFile {
		p.writeJSON(p.Err, notice)
		return
	}
	if p.volume == quiet && isProgress(notice.Kind) {
		return
	}
	text := notice.Message
	switch {
	case !p.hasNew:
	case notice.Kind == runs.Attached:
		text += "; `--new` starts another"
	case notice.Kind == runs.TakesOver:
		text += "; use `--new` to do everything again"
	case notice.Kind == runs.FinishedEarlier:
		text += "; use `--new` to run it again"
	}
	p.say("%s", value.VisibleLines(text))
}

// isProgress reports whether a notice says only that a run goes on as it should.
func isProgress(kind runs.NoticeKind) bool {
	switch kind {
	case runs.Started, runs.Attached, runs.Resumed, runs.Restarted, runs.TakesOver, runs.TookOver, runs.FinishedEarlier, runs.Ended, runs.Files, runs.Ready:
		return true
	}
	return false
}

// sayInterrupted marks a run that is open and that no process executes, and prints how to resume it.
func (p *program) sayInterrupted(s *runs.Session, run *view.Run) error {
	text, err := s.MarkInterrupted(run)
	if text != "" {
		p.notify(runs.Notice{Kind: runs.Interrupted, Run: run.Run, Message: text})
	}
	return err
}

// streamFlag is for commands that follow a run.
func (p *program) streamFlag(command *cobra.Command) *cobra.Command {
	command.Flags().BoolVar(&p.stream, "stream", false, "write answers of models, and what scripts print, to standard error as it comes, even if that is not a terminal")
	return p.volumeFlags(p.progressFlag(command))
}

// volume is how much a command that follows a run says.
type volume int

const (
	quiet volume = iota - 1
	normal
	verbose
)

// volumeFlags adds --quiet and --verbose.
func (p *program) volumeFlags(command *cobra.Command) *cobra.Command {
	flags := command.Flags()
	flags.VarPF(&volumeFlag{&p.volume, quiet}, "quiet", "q", "show only what went wrong, and the results").NoOptDefVal = "true"
	flags.VarPF(&volumeFlag{&p.volume, verbose}, "verbose", "v", "show also the start of each task, each item that ends, and tokens").NoOptDefVal = "true"
	return command
}

// volumeFlag is the value of --quiet or --verbose.
type volumeFlag struct {
	of  *volume
	set volume
}

func (f *volumeFlag) String() string {
	return strconv.FormatBool(f.of != nil && *f.of == f.set && f.set != normal)
}

func (f *volumeFlag) Type() string { return "bool" }

func (f *volumeFlag) Set(text string) error {
	wanted, err := strconv.ParseBool(text)
	switch {
	case err != nil:
		return err
	case !wanted && *f.of == f.set:
		*f.of = normal
	case wanted && *f.of != normal && *f.of != f.set:
		return errors.New("--quiet and --verbose exclude each other")
	case wanted:
		*f.of = f.set
	}
	return nil
}

// progressFlag is for commands that show the progress of items.
func (p *program) progressFlag(command *cobra.Command) *cobra.Command {
	command.Flags().Var((*progressForm)(&p.asTable), "progress", "progress of items: line, or table with a row for each task and model")
	return command
}

// progressForm is the value of --progress: whether it is a table.
type progressForm bool

func (f *progressForm) String() string {
	if *f {
		return "table"
	}
	return "line"
}

func (f *progressForm) Type() string { return "string" }

// Words are for completion.
func (*progressForm) Words() []string { return []string{"line", "table"} }

func (f *progressForm) Set(text string) error {
	if text != "line" && text != "table" {
		return errors.New("must be line or table")
	}
	*f = text == "table"
	return nil
}
