// Package doctor is the command that looks whether everything is there that runs need, and says what to do where it is not. It starts
// no engine and creates no home folder.
package doctor

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Program is what the command uses of the program.
type Program struct {
	Options   func() (runs.Options, error)
	Arguments func(names ...string) cobra.PositionalArgs
	Print     func(document any, text string) // Prints the result: the document to programs, the text to people.
	Width     func() int                      // Of the terminal in columns; 0: standard output is none.
	Problems  error                           // Ends the command if there are some; the report is printed.
}

// status is how something is.
type status string

const (
	ok      status = "ok"
	warning status = "warning" // Runs work, and something will be in the way, or slower.
	problem status = "problem" // Something does not work.
)

// Check is a line of the report.
type Check struct {
	Name   string `json:"name"`
	Status status `json:"status"`
	Detail string `json:"detail"`           // What is there, or what is wrong.
	Remedy string `json:"remedy,omitempty"` // What to do.
}

// Report is the result of the command.
type Report struct {
	OK     bool    `json:"ok"` // There is no problem.
	Checks []Check `json:"checks"`
}

// Command returns the command.
func Command(p Program) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check everything that runs need, and print what to do",
		Long: "Check everything that runs need: settings, home folder, disk, clock, store, engine,\n" +
			"Python, the sandbox, each model server, each MCP server, and ports. Each line is ok, or\n" +
			"has what to do. Model servers are asked for their models; MCP servers are started.\n" +
			"No engine is started and no home folder is created.\n" +
			"If something does not work, the exit code is 1; warnings (!) do not count.",
		Example: "  gleitzeit doctor\n  gleitzeit doctor -o json",
		Args:    p.Arguments(),
		RunE: func(command *cobra.Command, _ []string) error {
			report := p.examine(command.Context())
			p.Print(report, report.text(p.Width()))
			if !report.OK {
				return p.Problems
			}
			return nil
		},
	}
}

// timeout bounds each of the checks that ask something else.
const timeout = 30 * time.Second

// examination collects the checks.
type examination struct {
	options runs.Options
	checks  []Check
}

func (p Program) examine(ctx context.Context) Report {
	e := &examination{}
	options, err := p.Options()
	if err != nil {
		known := *protocol.AsError(err, protocol.ConfigurationError)
		const then = "`gleitzeit doctor` checks the rest when this is correct"
		if known.Hint == "" {
			known.Hint = then
		} else {
			known.Hint += "; " + then
		}
		e.fail("settings", &known)
	} else {
		// What the parts say on their way is in the report.
		options.Notify, options.Log = func(runs.Notice) {}, slog.New(slog.DiscardHandler)
		e.options = options
		e.settings()
		ctx, done := context.WithTimeout(ctx, timeout)
		defer done()
		e.folder(ctx)
		e.python(ctx)
		e.sandbox(ctx)
		e.servers(ctx)
		e.ports(ctx)
	}
	report := Report{OK: true, Checks: e.checks}
	for _, c := range e.checks {
		report.OK = report.OK && c.Status != problem
	}
	return report
}

func (e *examination) add(name string, is status, remedy, format string, args ...any) {
	e.checks = append(e.checks, Check{name, is, fmt.Sprintf(format, args...), remedy})
}

// fail adds a problem with its hint.
func (e *examination) fail(name string, err error) {
	known := protocol.AsError(err, protocol.ConfigurationError)
	e.add(name, problem, known.Hint, "%s", view.BriefOutput(known.Message))
}

func (e *examination) settings() {
	s := e.options.Settings
	if len(s.Warnings) > 0 {
		e.add("settings", warning, "correct the lines in "+s.File, "%s", strings.Join(s.Warnings, "; "))
		return
	}
	for _, entry := range s.Entries {
		if strings.HasPrefix(entry.From, s.File+":") {
			e.add("settings", ok, "", "%s", s.File)
			return
		}
	}
	e.add("settings", ok, "", "defaults; %s sets others", s.File)
}

// marks are how a status is shown.
var marks = map[status]string{ok: "✓", warning: "!", problem: "✗"}

func (r Report) text(width int) string {
	problems, warnings := 0, 0
	var rows [][]string
	for _, c := range r.Checks {
		rows = append(rows, []string{marks[c.Status] + " " + c.Name, oneLine(c.Detail)})
		if c.Remedy != "" {
			rows = append(rows, []string{"", view.Arrow + oneLine(c.Remedy)})
		}
		switch c.Status {
		case problem:
			problems++
		case warning:
			warnings++
		}
	}
	text := view.FitTable(rows, width, view.Shape{Text: true})
	switch {
	case problems > 0:
		return text + fmt.Sprintf("%s, %s\n", counted(problems, "problem"), counted(warnings, "warning"))
	case warnings > 0:
		return text + fmt.Sprintf("no problems, %s\n", counted(warnings, "warning"))
	}
	return text + "no problems\n"
}

// oneLine returns a text of several lines on one.
func oneLine(text string) string {
	return value.VisibleLines(strings.Join(strings.Fields(text), " "))
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
