package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/batch"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/batchclient"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/export"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/mistyped"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/outputs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/progress"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/retry"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/config"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// batchOptions are the flags of batch.
type batchOptions struct {
	request batch.Request
	file    string         // Where the results go; empty is standard output.
	export  export.Options // What of the results, and how.
	another bool
	dryRun  bool
	save    string // Where the workflow goes, instead of being run.
	yes     bool

	changedOnly bool
	remote      batchclient.Options // Of a server that answers a request file.
	nul         bool                // Names on standard input end with NUL.

	flags *pflag.FlagSet
}

// withoutNew returns the words of a command line without the flag --new.
func withoutNew(flags *pflag.FlagSet, words []string) (kept []string) {
	for i := 0; i < len(words); i++ {
		name, _, hasValue := strings.Cut(words[i], "=")
		if words[i] == "--" {
			return append(kept, words[i:]...)
		}
		if name == "--new" {
			continue
		}
		kept = append(kept, words[i])
		flag := flags.Lookup(strings.TrimPrefix(name, "--"))
		if len(name) == 2 && name[0] == '-' {
			flag = flags.ShorthandLookup(name[1:])
		}
		if flag != nil && strings.HasPrefix(name, "-") && !hasValue && flag.NoOptDefVal == "" && i+1 < len(words) {
			i++
			kept = append(kept, words[i]) // Its value, whatever it looks like.
		}
	}
	return kept
}

// batchFormat is the value of --format for batch, which has more of them.
type batchFormat struct{ *output }

// Words are for completion.
func (f batchFormat) Words() []string { return export.Formats() }

// Set implements pflag.Value.
func (f batchFormat) Set(text string) error {
	name, known := export.FormatOf(text)
	if !known {
		return errors.New("must be " + export.FormatNames())
	}
	*f.output = output(name)
	return nil
}

// batchCommand is the command `batch`.
type batchCommand struct{ *program }

func (p batchCommand) command() *cobra.Command {
	var o batchOptions
	command := &cobra.Command{
		Use:   "batch DIR|FILE…|-",
		Short: "Ask a model about each file of a folder, or each row of a table",
		Long: "Ask a model about each file of a folder, about the files given, or about each row of a table, here and now, as `run` does.\n" +
			"If the process dies, the same command in the same folder resumes where it was.\n" +
			"- reads the names of files from standard input, one in each line.\n" +
			"A folder that is named like a command below is ./list, ./show or ./export.",
		Example: "  gleitzeit batch docs --prompt 'Summarize this document' --output summaries.md\n" +
			"  gleitzeit batch docs --prompt 'Summarize this document' --limit 5 --dry-run\n" +
			"  gleitzeit batch --rows questions.csv --key id --prompt 'Answer: ${item.question}' --output answers.csv\n" +
			"  gleitzeit batch requests.jsonl --server http://127.0.0.1:8235/v1 --output answers.jsonl",
		Args: func(command *cobra.Command, args []string) error {
			if len(args) == 0 && !command.Flags().Changed("rows") && !o.remote.Wanted() {
				return usageError{fmt.Errorf("missing argument DIR or FILE, or --rows; write `%s DIR --prompt 'Summarize this file'`, and see `%[1]s --help`", command.CommandPath())}
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			p.chooseFormat(command, &o)
			o.flags = command.Flags()
			if o.remote.Wanted() {
				return p.batchOnServer(command.Context(), args, o)
			}
			return p.batch(command.Context(), args, o)
		},
	}
	flags := command.Flags()
	o.request.Register(flags)
	o.remote.Register(flags)
	p.resultFlags(command, &o)
	changedOnlyFlag(command, &o.changedOnly)
	flags.BoolVar(&o.another, "new", false, "start a new run, even if an unfinished run of the same command could be resumed")
	flags.BoolVarP(&o.nul, "null", "0", false, "names on standard input (-) end with NUL, as `find -print0` and `git ls-files -z` write them")
	flags.BoolVar(&o.dryRun, "dry-run", false, "print the files, the first prompts and the estimated tokens, and ask nothing")
	flags.StringVar(&o.save, "save", "", "write the workflow of this batch to a `file`, instead of running it")
	flags.BoolVar(&o.yes, "yes", false, "do not ask: start batches of any size, and replace the file of --save")
	command.AddCommand(export.Commands(p.exports())...)
	command.AddCommand(p.resumeCommand())
	return p.progressFlag(command)
}

// resultFlags are for commands that print the results of a batch.
func (p batchCommand) resultFlags(command *cobra.Command, o *batchOptions) {
	flags := command.Flags()
	flags.StringVar(&o.file, "output", "", "file for the results, written when the run has ended, and until then as FILE.partial (default standard output); its ending selects the format")
	flags.VarP(batchFormat{&p.output}, "format", "o", "format of results: "+export.FormatNames())
	o.export.AddFlags(flags)
	flags.BoolVar(&o.export.Ordered, "ordered", false, "write the items to --output in their order, not as they end")
}

// chooseFormat decides the format of the results from the flags.
func (p batchCommand) chooseFormat(command *cobra.Command, o *batchOptions) {
	p.toFile, o.export.Format = o.file != "", p.output.String()
	if o.export.Named = command.Flags().Changed("format"); !o.export.Named {
		o.export.Format = export.FormatOfFile(o.file)
	}
}

// checkOutput reports where the results cannot go, and what is not supported without a run.
func (o *batchOptions) checkOutput() (found []definition.Diagnostic) {
	report := func(message, hint string) {
		found = append(found, definition.Diagnostic{File: "batch", Rule: batch.Rule, Message: message, Hint: hint})
	}
	if err := o.export.Check(); err != nil {
		report(err.Error(), "")
	}
	if err := o.export.CheckFile(o.file); err != nil {
		report(err.Error(), "")
	}
	if o.export.Ordered && o.file == "" {
		report("--ordered needs --output", "standard output has the items in their order")
	}
	if err := o.export.CheckErrors(o.file); err != nil {
		report(err.Error(), "standard output has the requests without an answer among the others")
	}
	if _, isFormat := export.FormatOf(o.file); isFormat && o.file != "md" {
		report(fmt.Sprintf("--output names a file; --format %s, or -o %[1]s, selects the format (a file of that name is ./%[1]s)", o.file), "")
	} else if err := outputs.Check(o.export.Files(o.file)...); err != nil {
		report(err.Message, err.Hint)
	}
	if o.save == "" {
		return found
	}
	for _, other := range []struct {
		flag  string
		given bool
	}{{"output", o.file != ""}, {"dry-run", o.dryRun}, {"new", o.another}} {
		if other.given {
			report("--save and --"+other.flag+" cannot be combined", "--save writes a workflow and runs nothing")
		}
	}
	if err := outputs.Check(o.saved()); err != nil {
		report(err.Message, err.Hint)
	} else if _, err := os.Stat(o.save); err == nil && !o.yes {
		report(fmt.Sprintf("%q exists", o.save), "use --yes to replace it")
	}
	return found
}

func (p batchCommand) batch(ctx context.Context, paths []string, o batchOptions) error {
	folder, err := os.Getwd()
	if err != nil {
		return protocol.Errorf(protocol.ConfigurationError, "cannot find the current folder: %s", err)
	}
	specs, err := runs.Specs(p.options(), false)
	if err != nil {
		return err
	}
	if paths, err = p.namesOf(paths, o); err != nil {
		return err
	}
	if err := mistyped.Prompt(paths, o.request.Prompt); err != nil {
		return usageError{err}
	}
	if err := mistyped.Pattern(o.request.Files.Pattern, paths); err != nil && o.flags.Changed("pattern") {
		return usageError{err}
	}
	typed, found := o.request.Batch(paths, specs, p.In)
	o.export.Decide(typed.Requests, o.file)
	found = append(found, o.checkOutput()...)
	if o.export.Keep && typed.Rows == "" {
		found = append(found, definition.Diagnostic{File: "batch", Rule: batch.Rule, Message: export.ErrKeepFiles.Error()})
	}
	input := interpreter.Input{File: "batch", Text: typed.Text(), Files: os.DirFS("/"), Folder: folder, FlowFolder: folder, Specs: specs}
	if o.file != "" {
		input.Omit = []string{absolute(o.file, folder)}
	}
	compiled, mistakes := interpreter.Compile(input)
	if compiled == nil || len(found) > 0 {
		return p.refuseBatch(append(found, mistakes...))
	}
	written := append(o.export.Files(o.file), o.saved())
	in, err := p.inputs(ctx, compiled, written)
	if err != nil {
		return err
	}
	in.Files = append(in.Files, o.request.Reads()...)
	if err := in.Check(p.writtenBefore(ctx), written...); err != nil {
		return err
	}
	if o.save != "" {
		return p.saveBatch(typed, o.save, folder)
	}
	if stop, err := p.preview(ctx, compiled, o); stop || err != nil {
		return err
	}
	command := "gleitzeit " + view.ShellWords(withoutNew(o.flags, p.Args)...) // With --new it would start yet another run.
	how := p.printing(ctx, &o)
	defer how.close()
	how.another, how.command, how.claimed, how.changedOnly = o.another, command, command, o.changedOnly
	return execute(ctx, p.program, compiled, how.execution)
}

// checkCalls reports, before a batch starts, what would fail each of its items. Results that are there already need no server.
func (p batchCommand) checkCalls(ctx context.Context, compiled *plan.Plan) error {
	task := &compiled.Tasks[0]
	if task.Cache || task.Queue != "" || task.Absence > 0 || task.FanOut.HasRequests() {
		return nil
	}
	settings, err := p.runOptions()
	if err != nil {
		return err
	}
	if err := runs.CheckCalls(ctx, settings, task); err != nil {
		known := protocol.AsError(err, protocol.ProviderNotAvailable)
		if _, named := task.Parameters.Get("model"); !named && len(task.FanOut.Models) == 0 && known.Code == protocol.TaskValidationFailed {
			known = known.WithHint("%s; --model NAME asks it, and `gleitzeit config set providers.ollama.model NAME` makes it the one of all tasks", known.Hint)
		}
		return failedCall{known}
	}
	return nil
}

// namesOf returns the paths, with those of standard input in the place of -.
func (p batchCommand) namesOf(paths []string, o batchOptions) ([]string, error) {
	at := slices.Index(paths, standardInput)
	switch {
	case at < 0 && o.nul:
		return nil, usageError{errors.New("--null is for names on standard input: `gleitzeit batch -0 -`")}
	case at < 0:
		return paths, nil
	case slices.Contains(paths[at+1:], standardInput), o.request.PromptFile == standardInput:
		return nil, usageError{errors.New("standard input (-) is named twice and can be read only once")}
	}
	text, err := p.readInputs(standardInput)
	if err != nil {
		return nil, protocol.Errorf(protocol.InvalidParams, "cannot read names from standard input: %s", err)
	}
	if len(text) >= maxFlow {
		return nil, protocol.Errorf(protocol.InvalidParams, "the names on standard input have more than %d MiB", maxFlow>>20).
			WithHint("name a folder with --pattern, or start several batches")
	}
	end := "\n"
	if o.nul {
		end = "\x00"
	} else if strings.Contains(string(text), "\x00") {
		return nil, usageError{errors.New("the names on standard input end with NUL; add -0")}
	}
	var names []string
	for name := range strings.SplitSeq(string(text), end) {
		if !o.nul {
			name = strings.TrimSuffix(name, "\r")
		}
		if name != "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, usageError{errors.New("standard input has no names of files")}
	}
	return slices.Concat(paths[:at], names, paths[at+1:]), nil
}

// saved is the file of --save.
func (o *batchOptions) saved() outputs.File {
	return outputs.File{Flag: "--save", Path: o.save, Contents: "the workflow"}
}

func absolute(path, folder string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return folder + "/" + path // Not cleaned: a part may be a link.
}

// inputs returns what a run of the plan would read that started now, to be compared with files that are written.
func (p batchCommand) inputs(ctx context.Context, planned *plan.Plan, written []outputs.File) (outputs.Inputs, error) {
	settings, err := config.Load(p.options())
	if err != nil {
		return outputs.Inputs{}, err
	}
	return outputs.Now(ctx, planned, settings.CaseSensitive, written)
}

// writtenBefore returns a function that reports whether an earlier run wrote its results to a path.
func (p batchCommand) writtenBefore(ctx context.Context) func(string) (bool, error) {
	return func(path string) (bool, error) {
		o, err := p.runOptions()
		if err != nil {
			return false, err
		}
		s, err := runs.OpenToShow(ctx, o)
		if err != nil {
			return false, err
		}
		defer s.Close()
		return outputs.WrittenBefore(ctx, s.Store(), path)
	}
}

// printing is an execution whose results go where the flags say.
type printing struct {
	execution
	close func()
}

func (p batchCommand) printing(ctx context.Context, o *batchOptions) printing {
	how := printing{close: func() {}}
	how.rest = o.restFlags()
	var file *export.File
	if o.file != "" {
		file = export.NewFile(o.file, definition.BatchID, &o.export)
		how.close = func() { _ = file.Close() } // Whoever resumes the run continues FILE.partial.
		how.ended = file.Ended
	}
	how.print = func(s *runs.Session, document *view.Run) error {
		planned, err := view.ReadPlan(ctx, s.Store(), document.Run)
		if err != nil {
			return err
		}
		o.export.Decide(hasRequests(planned), o.file)
		return p.printBatch(ctx, s, document, file, *o)
	}
	return how
}

// restFlags returns the words of a command line that say where the results go, and how, for the command that does the rest.
func (o *batchOptions) restFlags() (words []string) {
	for _, name := range []string{"output", "errors", "format", "fields", "only", "keep", "raw", "bom", "ordered"} {
		flag := o.flags.Lookup(name)
		switch {
		case !flag.Changed:
		case flag.Value.Type() == "bool":
			words = append(words, "--"+name+strings.TrimPrefix("="+flag.Value.String(), "=true"))
		default:
			words = append(words, "--"+name, flag.Value.String())
		}
	}
	return words
}

// hasRequests reports whether the items of a batch are those of a request file.
func hasRequests(planned *plan.Plan) bool {
	return planned != nil && slices.ContainsFunc(planned.Tasks, func(task plan.Task) bool { return task.ID == definition.BatchID && task.FanOut.HasRequests() })
}

// hasFiles reports whether the items of a batch are files.
func hasFiles(planned *plan.Plan) bool {
	return slices.ContainsFunc(planned.Tasks, func(task plan.Task) bool {
		return task.ID == definition.BatchID && task.FanOut != nil && task.FanOut.HasFiles()
	})
}

// saveBatch writes the workflow of a batch.
func (p batchCommand) saveBatch(typed interpreter.Batch, file, folder string) error {
	if filepath.Dir(file) != "." {
		typed = batch.Elsewhere(typed, folder)
	}
	text, err := typed.YAML()
	if err == nil {
		err = home.WriteAtomic(file, text)
	}
	if err != nil {
		return protocol.Errorf(protocol.ConfigurationError, "cannot write the workflow to %q: %s", file, err)
	}
	p.say("wrote the workflow to %s; run it with `gleitzeit run %s`", file, view.ShellWords(file))
	return nil
}

// askFrom is how many calls a batch has that is only started, on a terminal, after a question.
const askFrom = 100

// preview prints what a batch would do, or only what its files leave out. It reports whether the batch is not to be started.
func (p batchCommand) preview(ctx context.Context, compiled *plan.Plan, o batchOptions) (stop bool, err error) {
	settings, err := config.Load(p.options())
	if err != nil {
		return true, err
	}
	scan, err := batch.NewScan(ctx, compiled, settings.CaseSensitive, runs.DocumentReader(settings, p.Env))
	if err != nil {
		return true, err
	}
	failure := scan.NoItems()
	if o.dryRun {
		if failure != nil {
			return true, failure
		}
		preview, err := scan.Preview(ctx)
		if err != nil {
			return true, err
		}
		preview.Earlier = p.earlier(ctx, compiled, o)
		if p.forPrograms() {
			p.writeJSON(p.Out, preview)
		} else {
			fmt.Fprint(p.Out, preview.Text())
		}
		return true, nil
	}
	if failure != nil && !p.continues(ctx, compiled, o) {
		return true, failure
	}
	for _, line := range scan.Notices(ctx) {
		p.notify(runs.Notice{Kind: runs.Files, Message: line})
	}
	if scan.Calls() > 0 {
		if err := p.checkCalls(ctx, compiled); err != nil {
			return true, err
		}
	}
	if scan.Calls() <= askFrom || o.yes || !p.attended || !progress.IsTerminal(p.In) {
		return false, nil
	}
	fmt.Fprintf(p.Err, "%s of %s: continue? [y/N] ", scan.CountCalls(), compiled.Tasks[0].Method)
	answer, err := bufio.NewReader(p.In).ReadString('\n')
	if text := strings.ToLower(strings.TrimSpace(answer)); err == nil && (text == "y" || text == "yes") {
		return false, nil
	}
	p.say("nothing was started")
	return true, exitError{exitOther}
}

// earlier returns what an earlier run leaves to do; nil if the batch takes over nothing.
func (p batchCommand) earlier(ctx context.Context, compiled *plan.Plan, o batchOptions) *batch.Earlier {
	forecast, resumed, err := p.ahead(ctx, compiled, retry.Start{ChangedOnly: o.changedOnly, New: o.another})
	switch {
	case err != nil:
		return &batch.Earlier{Unknown: err.Error()}
	case forecast == nil:
		return nil
	}
	return &batch.Earlier{Run: forecast.Run, Resumed: resumed, TakenOver: forecast.TakenOver, ToDo: forecast.ToDo, Unknown: forecast.Tasks[0].Unknown}
}

// continues reports whether an open run of the same command is resumed, which has its files.
func (p batchCommand) continues(ctx context.Context, compiled *plan.Plan, o batchOptions) bool {
	_, resumed, err := p.ahead(ctx, compiled, retry.Start{ChangedOnly: o.changedOnly, New: o.another})
	return err != nil || resumed // What is wrong is reported by the start.
}

func (p batchCommand) ahead(ctx context.Context, compiled *plan.Plan, start retry.Start) (*retry.Forecast, bool, error) {
	options, err := p.runOptions()
	if err != nil {
		return nil, false, err
	}
	s, err := runs.OpenEarlier(ctx, options)
	if s == nil || err != nil {
		return nil, false, err
	}
	defer s.Close()
	return retry.Ahead(ctx, s, compiled, start)
}

// refuseBatch reports every mistake; their places are in a text that nobody has seen.
func (p batchCommand) refuseBatch(mistakes []definition.Diagnostic) error {
	mistakes = slices.DeleteFunc(mistakes, func(d definition.Diagnostic) bool {
		return d.Note && d.Rule == "batch" // Of files in folders beneath: a batch that starts has a line in the terms of flags.
	})
	if p.forPrograms() {
		return p.refuse("batch", mistakes)
	}
	for _, mistake := range mistakes {
		line := "gleitzeit: " + mistake.Message
		switch {
		case mistake.Hint == "":
		case mistake.Rule == batch.Rule:
			line += "\n  " + mistake.Hint
		default:
			line += "; " + mistake.Hint
		}
		p.say("%s", value.VisibleLines(line))
	}
	return exitError{exitInvalid}
}

// printBatch writes the results in the format asked for, into the file or to standard output.
func (p batchCommand) printBatch(ctx context.Context, s *runs.Session, run *view.Run, file *export.File, o batchOptions) (err error) {
	about, unknown := run.Batch(definition.BatchID), []string(nil)
	if file != nil {
		if kept := file.KeepEarlier(ctx, s.Store(), about); kept != "" {
			p.notify(runs.Notice{Kind: runs.Files, Run: run.Run, Message: kept})
			return nil
		}
	}
	if file != nil {
		unknown, err = file.Finish(ctx, s.Store(), about)
	} else {
		unknown, err = export.Print(ctx, s.Store(), about, definition.BatchID, &o.export, p.Out, p.width())
	}
	if err != nil {
		return outputs.NotWritten(o.file, err)
	}
	for _, line := range export.Notes(&o.export, o.file, unknown) {
		p.say("%s", line)
	}
	return nil
}
