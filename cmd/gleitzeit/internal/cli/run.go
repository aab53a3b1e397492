package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

func (p *program) runCommand() *cobra.Command {
	var inputs given
	var afresh bool
	command := &cobra.Command{
		Use:   "run FILE",
		Short: "Run a workflow here and wait for its results",
		Long: "Run a workflow in this process, with a Temporal server inside. Progress goes to standard error, results to standard output.\n" +
			"If the process dies, the same command goes on where it was.",
		Args: exact("FILE"),
		RunE: func(command *cobra.Command, args []string) error {
			return p.run(command.Context(), args[0], inputs, afresh)
		},
	}
	inputs.flags(command, "")
	command.Flags().BoolVar(&afresh, "new", false, "start another run, even where one of this file is still open")
	return p.streamFlag(command)
}

func (p *program) run(ctx context.Context, file string, inputs given, afresh bool) error {
	compiled, diagnostics, err := p.compile(file, inputs)
	if err != nil {
		return err
	}
	if len(diagnostics) > 0 {
		return p.refuse(file, diagnostics)
	}
	return p.execute(ctx, compiled, start{file: file, command: "gleitzeit " + shellWords(inputs.typed("run", file)), given: !inputs.none(), afresh: afresh})
}

// start is how a plan came to be executed.
type start struct {
	file    string                // The workflow file as typed; empty for a batch.
	command string                // What goes on with the run when it is typed again.
	given   bool                  // Inputs were given, which belong to the command.
	afresh  bool                  // Another run is wanted, even where one of the plan is open.
	print   func(*view.Run) error // Prints the results; nil prints them as those of a run.
}

// execute goes on with an open run of the plan, or starts one, and prints what came out.
func (p *program) execute(ctx context.Context, compiled *plan.Plan, how start) error {
	s, err := p.openOwnSession(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.join(ctx); err != nil {
		return err
	}
	wanted, err := claimFor(compiled)
	if err != nil {
		return err
	}
	if how.file == "" || how.given {
		wanted.Command = how.command
	}
	x := &execution{program: p, session: s, plan: compiled, command: how.command, print: how.print, began: time.Now(), troubles: make(chan error, 1)}
	defer x.stop()
	if !how.afresh {
		attached, err := x.attach(ctx, wanted)
		if err != nil {
			return err
		}
		if attached {
			return x.finish(ctx)
		}
	}
	if err := x.begin(ctx, wanted); err != nil {
		return err
	}
	return x.finish(ctx)
}

// claimFor says what this process is about to execute.
func claimFor(p *plan.Plan) (home.Claim, error) {
	encoded, err := value.Encode(p)
	if err != nil {
		return home.Claim{}, err
	}
	id := p.ID
	if id == "" {
		if id, err = newID(p.Name); err != nil {
			return home.Claim{}, err
		}
	}
	return home.Claim{
		Run: id, File: p.File, Folder: p.Folder, PlanHash: protocol.RefOf(encoded.JSON()).Hash,
		Queue: "run-" + id, StartedAt: time.Now().UTC(),
	}, nil
}

// newID makes a run id from the workflow's name: "my-flow-7f3a9c".
func newID(name string) (string, error) {
	random := make([]byte, 4)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	const longest = 40
	var slug strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case slug.Len() >= longest:
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			slug.WriteRune(r)
		case slug.Len() > 0 && !strings.HasSuffix(slug.String(), "-"):
			slug.WriteByte('-')
		}
	}
	base := strings.Trim(slug.String(), "-")
	if base == "" {
		base = "run"
	}
	return base + "-" + hex.EncodeToString(random), nil
}

// finish follows the run to its end and prints what came out.
func (x *execution) finish(ctx context.Context) error {
	if err := x.follow(ctx); err != nil {
		return err
	}
	document, err := x.session.endOf(ctx, x.claim.Run, x.runID)
	if err != nil {
		return err
	}
	if document == nil {
		return errors.New("the run has left no record")
	}
	if err := document.AddResults(ctx, x.session.store); err != nil {
		return err
	}
	x.progress.end(document)
	if x.print != nil {
		if err := x.print(document); err != nil {
			return err
		}
	} else {
		x.program.printRun(document, x.progress.printed)
	}
	if err := x.program.written.err(); err != nil {
		return err
	}
	x.session.settle(x.closeHandlers)
	// Not before: whoever finds the claim of a run that has ended tells its results.
	if err := x.release(); err != nil {
		return err
	}
	return ended{exitOf(document)}
}

// printRun prints a run with its results. With jsonl, tasks that were printed as they ended are left out.
func (p *program) printRun(document *view.Run, printed map[string]bool) {
	switch p.output {
	case asJSON:
		p.writeJSON(p.Out, document)
	case asJSONL:
		for _, task := range document.Tasks {
			if !printed[task.ID] {
				p.writeJSON(p.Out, task)
			}
		}
		alone := *document
		alone.Tasks = nil
		p.writeJSON(p.Out, alone)
	default:
		fmt.Fprint(p.Out, document.Results())
	}
}
