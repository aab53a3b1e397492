package cli

import (
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

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// batchOptions are the flags of batch.
type batchOptions struct {
	batch   interpreter.Batch
	file    string // Where the results go; empty is standard output.
	format  output // Of the results.
	another bool

	changedOnly bool
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
			if err := p.chooseFormat(command, &o); err != nil {
				return err
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
	p.resultFlags(command, &o)
	changedOnlyFlag(command, &o.changedOnly)
	flags.BoolVar(&o.another, "new", false, "start a new run, even if an unfinished run of the same command could be resumed")
	command.AddCommand(p.resumeCommand())
	return command
}

// resultFlags are for commands that print the results of a batch.
func (p batchCommand) resultFlags(command *cobra.Command, o *batchOptions) {
	command.Flags().StringVar(&o.file, "output", "", "file for the results, written when the run has ended (default standard output); .json, .jsonl, .md or .markdown selects the format")
	command.Flags().VarP(batchFormat{&p.output}, "format", "o", "format of results: text, json, jsonl or markdown")
}

// chooseFormat decides the format of the results from the flags.
func (p batchCommand) chooseFormat(command *cobra.Command, o *batchOptions) error {
	switch o.file {
	case "text", "json", "jsonl", "markdown":
		return usageError{fmt.Errorf("--output names a file; --format %s, or -o %[1]s, selects the format (a file of that name is ./%[1]s)", o.file)}
	}
	o.format, p.toFile = p.output, o.file != ""
	if !command.Flags().Changed("format") {
		o.format = cmp.Or(endings[strings.ToLower(filepath.Ext(o.file))], asText)
	}
	return nil
}

// resumeCommand is the command `batch resume`.
func (p batchCommand) resumeCommand() *cobra.Command {
	var o batchOptions
	var what retryOptions
	command := &cobra.Command{
		Use:   "resume RUN",
		Short: "Do what a batch has not completed, and take over the rest",
		Long: "Start a run of the same batch that takes over every file that the earlier run completed and that has not changed since. The\n" +
			"others are done: those that failed, that did not start, and new ones. RUN may be " + runs.Latest + ".",
		Example: "  gleitzeit batch resume " + runs.Latest + " --output summaries.md",
		Args:    exact("RUN"),
		RunE: func(command *cobra.Command, args []string) error {
			if err := p.chooseFormat(command, &o); err != nil {
				return err
			}
			if err := writable(o.file); err != nil {
				return err
			}
			return retryCommand(p).retry(command.Context(), args[0], what, func(document *view.Run) error {
				return p.printBatch(document.Batch(definition.BatchID), o)
			})
		},
	}
	what.flags(command)
	p.resultFlags(command, &o)
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
	return execute(ctx, p.program, compiled, execution{
		another: o.another, command: typed, claimed: typed, changedOnly: o.changedOnly,
		print: func(document *view.Run) error { return p.printBatch(document.Batch(definition.BatchID), o) },
	})
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

func unwritable(file string, err error) error {
	if of, is := errors.AsType[*fs.PathError](err); is {
		err = of.Err
	}
	return protocol.Errorf(protocol.InvalidParams, "cannot write the results to %q: %s", file, err).
		WithHint("--output must name a file in an existing folder")
}
