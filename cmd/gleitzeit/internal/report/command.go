package report

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/outputs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/temporalname"
)

// Session is what the command uses of a session.
type Session interface {
	Resolve(ctx context.Context, run string) (string, error)
	Known(ctx context.Context, run string) (*view.Run, error)
	Store() resultstore.Store
	Close()
}

// Program is what the command uses of the program.
type Program struct {
	Open      func(ctx context.Context) (Session, error)
	Mark      func(s Session, run *view.Run) error // Marks a run that no process executes, and prints how to resume it.
	Temporal  func(*cobra.Command) *cobra.Command  // Adds the flags of another Temporal server.
	Arguments func(names ...string) cobra.PositionalArgs
	Invalid   func(error) error // An error in the arguments.
	Say       func(text string) // Prints a line for people.
	Version   func() string     // Of the program.
	Out       io.Writer
}

// format is the value of --format.
type format string

// The formats of a report.
const (
	asHTML     format = "html"
	asMarkdown format = "markdown"
)

func (f *format) String() string { return string(*f) }

func (*format) Type() string { return "string" }

// Words are for completion.
func (*format) Words() []string { return []string{string(asHTML), string(asMarkdown)} }

func (f *format) Set(text string) error {
	switch format(text) {
	case asHTML, asMarkdown:
		*f = format(text)
		return nil
	}
	return errors.New("must be html or markdown")
}

// standardOutput is the value of --output for it.
const standardOutput = "-"

// Command is the command `report`.
func Command(p Program) *cobra.Command {
	file, of, items := "", asHTML, MaxItems
	command := p.Temporal(&cobra.Command{
		Use:   "report RUN",
		Short: "Write a run as a page of HTML, or as Markdown",
		Long: "Write what a run did as one page of HTML that needs nothing else, to look at, to print and to pass on:\n" +
			"tasks, times, tokens, failures, outputs, and each item with its prompt and its answer. RUN may be @latest.\n" +
			"The page is written to RUN.html, Markdown to standard output; values that are secrets by their names are left out.",
		Example: "  gleitzeit report @latest\n  gleitzeit report @latest --output report.html\n  gleitzeit report @latest --format markdown",
		Args:    p.Arguments("RUN"),
		RunE: func(command *cobra.Command, args []string) error {
			if items < 0 {
				return p.Invalid(fmt.Errorf("--items %d is less than 0", items))
			}
			if named := formatOf(file); named != "" && command.Flags().Changed("format") && named != of {
				return p.Invalid(fmt.Errorf("--format %s and --output %q cannot be combined: a file with the ending %s is of the format %s", of, file, filepath.Ext(file), named))
			} else if named != "" {
				of = named
			}
			return p.report(command.Context(), args[0], file, of, items)
		},
	})
	command.Flags().StringVar(&file, "output", "", "file to write, replaced in one step; its ending selects the format; - is standard output (default RUN.html)")
	command.Flags().VarP(&of, "format", "o", "format: html or markdown")
	command.Flags().IntVar(&items, "items", items, "maximum number of items")
	return command
}

// formatOf returns the format that the ending of a file stands for; empty for any other ending.
func formatOf(file string) format {
	switch strings.ToLower(filepath.Ext(file)) {
	case ".md", ".markdown":
		return asMarkdown
	case ".html", ".htm":
		return asHTML
	}
	return ""
}

// checkEnding reports a file whose ending stands for what a report is not. A name without one, such as report or .report, is no error.
func checkEnding(file string) error {
	ending := filepath.Ext(file)
	if ending == "" || ending == "." || ending == filepath.Base(file) || formatOf(file) != "" {
		return nil
	}
	return fmt.Errorf("--output %q: %s is no ending of a report; it is .html (or .htm) or .md (or .markdown)", file, ending)
}

func (p Program) report(ctx context.Context, named, file string, of format, items int) error {
	s, err := p.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	id, err := s.Resolve(ctx, named)
	if err != nil {
		return err
	}
	run, err := s.Known(ctx, id)
	if err != nil {
		return err
	}
	if err := p.Mark(s, run); err != nil {
		return err
	}
	write := func(to io.Writer) error {
		o := Options{Items: items, Now: time.Now(), Version: p.Version()}
		if of == asMarkdown {
			return WriteMarkdown(ctx, s.Store(), run, o, to)
		}
		return Write(ctx, s.Store(), run, o, to)
	}
	if file == "" && of == asHTML {
		file = FileName(id)
	}
	if file == "" || file == standardOutput {
		return write(p.Out)
	}
	if err := p.check(ctx, s, id, file); err != nil {
		return err
	}
	if err := checkEnding(file); err != nil {
		return p.Invalid(err)
	}
	path := file
	if linked, err := filepath.EvalSymlinks(file); err == nil {
		path = linked // A link stays one.
	}
	if err := home.ReplaceFile(path, write); err != nil {
		return outputs.NotWritten(file, err)
	}
	p.Say("wrote the report to " + file)
	return nil
}

// check reports a file that cannot be written, or that the run has read.
func (p Program) check(ctx context.Context, s Session, run, file string) error {
	to := outputs.File{Flag: "--output", Path: file, Contents: "the report", Example: "-report.html"}
	if err := outputs.Check(to); err != nil {
		return err
	}
	planned, err := view.ReadPlan(ctx, s.Store(), run)
	if err != nil {
		return err
	}
	in, err := outputs.Of(ctx, s.Store(), run, planned, []outputs.File{to})
	if err != nil {
		return err
	}
	return in.Check(func(string) (bool, error) { return false, nil }, to)
}

// plainName matches ids that may be names of files.
var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// FileName returns the name of the file for the report of a run.
func FileName(run string) string {
	const longest = 200
	if len(run) > longest || !plainName.MatchString(run) {
		if run = temporalname.Slug(run, longest); run == "" {
			run = "report"
		}
	}
	return run + ".html"
}
