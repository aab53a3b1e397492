package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/export"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// batchOptions are the flags of batch.
type batchOptions struct {
	batch   interpreter.Batch
	file    string         // Where the results go; empty is standard output.
	export  export.Options // What of the results, and how.
	another bool
}

// batchFormat is the value of --format for batch, which has more of them.
type batchFormat struct{ *output }

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
		Use:   "batch DIR|FILE…",
		Short: "Ask a model about each file of a folder",
		Long: "Ask a model about each file of a folder, or about the files given, here and now, as `run` does.\n" +
			"If the process dies, the same command in the same folder resumes where it was.\n" +
			"A folder that is named like a command below is ./list, ./show or ./export.",
		Example: "  gleitzeit batch docs --prompt 'Summarize this document' --output summaries.md",
		Args: func(command *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{fmt.Errorf("missing argument DIR or FILE; see `%s --help`", command.CommandPath())}
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			if o.batch.Prompt == "" {
				return usageError{errors.New("--prompt is required: it says what to ask the model about each file")}
			}
			if o.batch.MaxConcurrent < 1 && command.Flags().Changed("max-concurrent") {
				return usageError{fmt.Errorf("--max-concurrent %d is less than 1", o.batch.MaxConcurrent)}
			}
			if _, isFormat := export.FormatOf(o.file); isFormat && o.file != "md" {
				return usageError{fmt.Errorf("--output names a file; --format %s, or -o %[1]s, selects the format (a file of that name is ./%[1]s)", o.file)}
			}
			p.toFile, o.export.Format = o.file != "", p.output.String()
			if !command.Flags().Changed("format") {
				o.export.Format = export.FormatOfFile(o.file)
			}
			if err := o.export.Check(); err != nil {
				return usageError{err}
			}
			return p.batch(command.Context(), args, o)
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.batch.Pattern, "pattern", "", `pattern of the files of a folder: "*.txt", or "**/*.txt" to include subfolders (default all files)`)
	flags.StringArrayVar(&o.batch.Exclude, "exclude", nil, "pattern of files to leave out; repeatable")
	flags.StringVar(&o.batch.Prompt, "prompt", "", "question about each file (required); ${item.name} is its name")
	flags.StringVar(&o.batch.Model, "model", "", "model to ask (default that of the method)")
	flags.BoolVar(&o.batch.Vision, "vision", false, "the files are images")
	flags.IntVar(&o.batch.MaxConcurrent, "max-concurrent", 0, "maximum number of files in flight (default 16); calls to a model are further limited by providers.ollama.max_concurrent")
	flags.StringVar(&o.file, "output", "", "file for the results, written when the run has ended, and until then as FILE.partial (default standard output); its ending selects the format")
	flags.VarP(batchFormat{&p.output}, "format", "o", "format of results: "+export.FormatNames())
	o.export.AddFlags(flags)
	flags.BoolVar(&o.export.Ordered, "ordered", false, "write the items to --output in their order, not as they end")
	flags.BoolVar(&o.another, "new", false, "start a new run, even if an unfinished run of the same command could be resumed")
	command.AddCommand(export.Commands(p.exports())...)
	return command
}

func (p batchCommand) batch(ctx context.Context, paths []string, o batchOptions) error {
	folder, err := os.Getwd()
	if err != nil {
		return protocol.Errorf(protocol.ConfigurationError, "cannot find the current folder: %s", err)
	}
	if err := writable(o.file); err != nil {
		return err
	}
	if info, err := os.Stat(paths[0]); len(paths) == 1 && err == nil && info.IsDir() {
		o.batch.Directory = paths[0]
	} else {
		o.batch.Files = paths // What is not there is told with all other mistakes.
	}
	input := interpreter.Input{
		File: "batch", Text: o.batch.Text(), Files: os.DirFS("/"), Folder: folder, FlowFolder: folder, Specs: runs.Specs(p.options(), false),
	}
	if o.file != "" {
		written := o.file
		if !filepath.IsAbs(written) {
			written = folder + "/" + written // Not cleaned: a part may be a link.
		}
		input.Omit = []string{written}
	}
	compiled, mistakes := interpreter.Compile(input)
	if compiled == nil {
		return p.refuseBatch(mistakes)
	}
	typed := "gleitzeit " + view.ShellWords(p.Args...)
	how := execution{another: o.another, command: typed, claimed: typed}
	var file *export.File
	if o.file != "" {
		file = export.NewFile(o.file, definition.BatchID, &o.export)
		defer func() { _ = file.Close() }() // Whoever resumes the run continues FILE.partial.
		how.ended = file.Ended
	}
	how.print = func(s *runs.Session, document *view.Run) error { return p.printBatch(ctx, s, document, file, o) }
	return execute(ctx, p.program, compiled, how)
}

// refuseBatch reports every mistake; their places are in a text that nobody has seen.
func (p batchCommand) refuseBatch(mistakes []definition.Diagnostic) error {
	if p.forPrograms() {
		return p.refuse("batch", mistakes)
	}
	for _, mistake := range mistakes {
		line := "gleitzeit: " + mistake.Message
		if mistake.Hint != "" {
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
		unknown, err = file.Finish(ctx, s.Store(), about)
	} else {
		unknown, err = export.Print(ctx, s.Store(), about, definition.BatchID, &o.export, p.Out)
	}
	if err != nil {
		return notWritten(o.file, err)
	}
	for _, line := range export.Notes(o.file, unknown) {
		p.say("%s", line)
	}
	return nil
}

// writable finds out before the work begins that its results could not be written.
func writable(file string) error {
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

// notWritten returns the error of results that were not written: that of the file, or why they could not be read.
func notWritten(file string, err error) error {
	_, ofPath := errors.AsType[*fs.PathError](err)
	_, ofRename := errors.AsType[*os.LinkError](err)
	if file != "" && (ofPath || ofRename) {
		return unwritable(file, err)
	}
	return err
}

func unwritable(file string, err error) error {
	if of, is := errors.AsType[*fs.PathError](err); is {
		err = of.Err
	}
	return protocol.Errorf(protocol.InvalidParams, "cannot write the results to %q: %s", file, err).
		WithHint("--output must name a file in an existing folder")
}
