package cli

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/batch"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/progress"
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
	file    string // Where the results go; empty is standard output.
	format  output // Of the results.
	another bool
	dryRun  bool
	save    string // Where the workflow goes, instead of being run.
	yes     bool
}

// endings are the formats of files whose names end so, where no format is given.
var endings = map[string]output{".json": asJSON, ".jsonl": asJSONL, ".md": asMarkdown, ".markdown": asMarkdown}

// batchFormat is the value of --format for batch, which has one more.
type batchFormat struct{ *output }

// Set implements pflag.Value.
func (f batchFormat) Set(text string) error {
	if output(text) == asMarkdown || text == "md" {
		*f.output = asMarkdown
		return nil
	}
	if f.output.Set(text) != nil {
		return errors.New("must be text, json, jsonl, markdown or md")
	}
	return nil
}

// batchCommand is the command `batch`.
type batchCommand struct{ *program }

func (p batchCommand) command() *cobra.Command {
	var o batchOptions
	command := &cobra.Command{
		Use:   "batch DIR|FILE…",
		Short: "Ask a model about each file of a folder",
		Long: "Ask a model about each file of a folder, or about the files given, here and now, as `run` does.\n" +
			"If the process dies, the same command in the same folder resumes where it was.",
		Example: "  gleitzeit batch docs --prompt 'Summarize this document' --output summaries.md\n" +
			"  gleitzeit batch docs --prompt 'Summarize this document' --limit 5 --dry-run",
		Args: func(command *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{fmt.Errorf("missing argument DIR or FILE; see `%s --help`", command.CommandPath())}
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			o.format, p.toFile = p.output, o.file != ""
			if !command.Flags().Changed("format") {
				o.format = cmp.Or(endings[strings.ToLower(filepath.Ext(o.file))], asText)
			}
			return p.batch(command.Context(), args, o)
		},
	}
	flags := command.Flags()
	o.request.Register(flags)
	flags.StringVar(&o.file, "output", "", "file for the results, written when the run has ended (default standard output); .json, .jsonl, .md or .markdown selects the format")
	flags.VarP(batchFormat{&p.output}, "format", "o", "format of results: text, json, jsonl or markdown")
	flags.BoolVar(&o.another, "new", false, "start a new run, even if an unfinished run of the same command could be resumed")
	flags.BoolVar(&o.dryRun, "dry-run", false, "print the files, the first prompts and the estimated tokens, and ask nothing")
	flags.StringVar(&o.save, "save", "", "write the workflow of this batch to a `file`, instead of running it")
	flags.BoolVar(&o.yes, "yes", false, "do not ask: start batches of any size, and replace the file of --save")
	return command
}

// checkOutput reports where the results cannot go, and what is not supported without a run.
func (o *batchOptions) checkOutput() (found []definition.Diagnostic) {
	report := func(message, hint string) {
		found = append(found, definition.Diagnostic{File: "batch", Rule: batch.Rule, Message: message, Hint: hint})
	}
	switch o.file {
	case "text", "json", "jsonl", "markdown":
		report(fmt.Sprintf("--output names a file; --format %s, or -o %[1]s, selects the format (a file of that name is ./%[1]s)", o.file), "")
	default:
		if err := writable(o.file); err != nil {
			report(err.Message, err.Hint)
		}
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
	if err := writable(o.save); err != nil {
		report(strings.Replace(err.Message, "the results", "the workflow", 1), "--save must name a file in an existing folder")
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
	specs := runs.Specs(p.options(), false)
	typed, found := o.request.Batch(paths, specs, p.In)
	found = append(found, o.checkOutput()...)
	input := interpreter.Input{File: "batch", Text: typed.Text(), Files: os.DirFS("/"), Folder: folder, FlowFolder: folder, Specs: specs}
	if o.file != "" {
		written := o.file
		if !filepath.IsAbs(written) {
			written = folder + "/" + written // Not cleaned: a part may be a link.
		}
		input.Omit = []string{written}
	}
	compiled, mistakes := interpreter.Compile(input)
	if compiled == nil || len(found) > 0 {
		return p.refuseBatch(append(found, mistakes...))
	}
	if o.save != "" {
		return p.saveBatch(typed, o.save, folder)
	}
	if stop, err := p.preview(ctx, compiled, o); stop || err != nil {
		return err
	}
	command := "gleitzeit " + view.ShellWords(p.Args...)
	return execute(ctx, p.program, compiled, execution{
		another: o.another, command: command, claimed: command,
		print: func(document *view.Run) error { return p.printBatch(document.Batch(definition.BatchID), o) },
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
	scan, err := batch.NewScan(ctx, compiled, settings.CaseSensitive)
	if err != nil {
		return true, err
	}
	if o.dryRun {
		preview, err := scan.Preview(ctx)
		if err != nil {
			return true, err
		}
		if p.forPrograms() {
			p.writeJSON(p.Out, preview)
		} else {
			fmt.Fprint(p.Out, preview.Text())
		}
		return true, nil
	}
	for _, line := range scan.Notices(ctx) {
		p.notify(runs.Notice{Kind: runs.Files, Message: line})
	}
	if scan.Calls() <= askFrom || o.yes || !p.screen.Terminal() || !progress.IsTerminal(p.In) {
		return false, nil
	}
	fmt.Fprintf(p.Err, "%d calls of %s: continue? [y/N] ", scan.Calls(), compiled.Tasks[0].Method)
	answer, err := bufio.NewReader(p.In).ReadString('\n')
	if text := strings.ToLower(strings.TrimSpace(answer)); err == nil && (text == "y" || text == "yes") {
		return false, nil
	}
	p.say("nothing was started")
	return true, exitError{exitOther}
}

// refuseBatch reports every mistake; their places are in a text that nobody has seen.
func (p batchCommand) refuseBatch(mistakes []definition.Diagnostic) error {
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
func (p batchCommand) printBatch(b *view.Batch, o batchOptions) error {
	data, err := renderBatch(b, o.format)
	if err != nil {
		return err
	}
	if o.file == "" {
		_, err = p.Out.Write(data)
		return err
	}
	target := o.file
	if linked, err := filepath.EvalSymlinks(target); err == nil {
		target = linked // A link stays one.
	}
	if err := home.WriteAtomic(target, data); err != nil {
		return unwritable(o.file, err)
	}
	p.say("wrote the results to %s", o.file)
	return nil
}

func renderBatch(b *view.Batch, format output) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	switch format {
	case asMarkdown:
		text.WriteString(b.Markdown())
	case asJSON:
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(b); err != nil {
			return nil, err
		}
	case asJSONL:
		for _, entry := range b.Results.Elements() {
			text.Write(append(entry.JSON(), '\n'))
		}
		alone := *b
		alone.Results = nil
		if err := encoder.Encode(alone); err != nil {
			return nil, err
		}
	default:
		text.WriteString(b.Text())
	}
	return text.Bytes(), nil
}

// writable finds out before the work begins that its results could not be written.
func writable(file string) *protocol.Error {
	if file == "" {
		return nil
	}
	info, err := os.Stat(filepath.Dir(file))
	switch {
	case err != nil:
		return unwritable(file, err)
	case !info.IsDir():
		return unwritable(file, errors.New("its folder is a file"))
	}
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() {
		return unwritable(file, errors.New("not a regular file"))
	}
	return nil
}

func unwritable(file string, err error) *protocol.Error {
	if of, is := errors.AsType[*fs.PathError](err); is {
		err = of.Err
	}
	return protocol.Errorf(protocol.InvalidParams, "cannot write the results to %q: %s", file, err).
		WithHint("--output must name a file in an existing folder")
}
