package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/retry"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// execution is how a plan is executed in this process.
type execution struct {
	command string                                // What resumes the run when it is typed again.
	claimed string                                // The same, where the workflow file alone does not say it.
	another bool                                  // Another run is wanted, even where one of the plan is open.
	rest    []string                              // Flags of the command that does what this run has not done: where its results go.
	check   func(*runs.Session, *retry.Run) error // Is called before a run is retried; may be nil.
	print   func(*runs.Session, *view.Run) error  // Reads and prints the results; nil prints them as those of a run.
	ended   runs.ItemEnded                        // Is called for each item that has ended; may be nil.

	places    func(task string) string // Where a task is defined, as flow.yaml:3; may be nil.
	corrected []string                 // Flags of retry that name the workflow file; nil if none is known.

	changedOnly bool           // What is unchanged since the newest run of the workflow is taken over from it.
	takeOver    *runs.TakeOver // Of the run that is retried; nil: none is.
}

// execute resumes an open run of the plan, or starts one, and prints its results.
func execute(ctx context.Context, p *program, compiled *plan.Plan, how execution) error {
	s, err := p.openOwnSession(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	return executeIn(ctx, p, s, compiled, how)
}

// executeIn is execute in a session that is open.
func executeIn(ctx context.Context, p *program, s *runs.Session, compiled *plan.Plan, how execution) error {
	if err := s.Join(ctx); err != nil {
		return err
	}
	p.hasNew = how.takeOver == nil
	told := false // It is asked again where another process is faster.
	over := func(ctx context.Context) (*runs.TakeOver, error) {
		if !p.hasNew || how.another && !how.changedOnly {
			return how.takeOver, nil
		}
		before, err := retry.Before(ctx, s, compiled, how.changedOnly)
		if err != nil || before != nil {
			return before, err
		}
		text, err := retry.Failures(ctx, s, compiled)
		if text != "" && !told {
			told = true
			p.say("%s", text)
		}
		return nil, err
	}
	e := s.NewExecutor(ctx)
	f := newFollower(ctx, p, s)
	defer f.stop()
	h, err := e.Start(f.ctx, compiled, runs.StartOptions{Command: how.claimed, New: how.another, Asked: p.Started, Abandon: f.abandon, TakeOver: over})
	if err != nil {
		return f.notStarted(err)
	}
	f.resumeWith, f.rest, f.ended, f.places, f.corrected = how.command, how.rest, how.ended, how.places, how.corrected
	return f.finish(h, how.print, e.Close)
}

// finish follows the run of a handle to its end and prints its results.
func (f *follower) finish(h *runs.Handle, print func(*runs.Session, *view.Run) error, settle func() error) error {
	p := f.program
	if err := f.follow(h, print == nil); err != nil {
		h.Release(false)
		return err
	}
	read := h.Result
	if print != nil { // It reads the results that it prints.
		read = h.Document
	}
	document, err := read(f.ctx)
	if err != nil {
		h.Release(false)
		return err
	}
	f.nameRest(document)
	f.shown.End(document)
	f.noteKept(document, print != nil)
	if print != nil {
		err = print(f.session, document)
	} else {
		p.printRun(document, f.shown)
	}
	// Not before: whoever finds the claim of a run that has ended gets its results.
	if err = errors.Join(err, p.written.err()); err != nil {
		h.Release(p.written.isClosed()) // Whoever stops reading has got what they wanted.
		return err
	}
	f.noteFailed(document, print != nil)
	f.noteNext(document)
	h.Release(true)
	if settle != nil {
		if err := settle(); err != nil {
			f.session.Log().Error("cannot close a protocol", "error", err)
		}
	}
	return exitError{exitOf(document)}
}

// noteKept says how a run that was cancelled here, or whose time was over, can be continued, if it has completed something.
func (f *follower) noteKept(document *view.Run, batch bool) {
	kept := slices.ContainsFunc(document.Tasks, func(task view.Task) bool {
		return task.Status == protocol.Completed || task.Items != nil && task.Items.Succeeded > 0
	})
	command, kind := f.resumeWith, runs.Cancelled
	if document.Status == protocol.TimedOut {
		command, kind = "gleitzeit "+view.ShellWords(f.again(document, batch)...), runs.TimedOut
	}
	if command == "" || !kept || document.Status != protocol.Cancelled && document.Status != protocol.TimedOut {
		return
	}
	f.program.notify(runs.Notice{Kind: kind, Run: document.Run, Message: fmt.Sprintf("what it completed is kept: `%s` continues from it", command)})
}

// nameRest adds to the command in the errors of a batch that stopped at a limit the flags that say where its results go, which the workflow
// does not know: typed as it is, the command completes the file.
func (f *follower) nameRest(document *view.Run) {
	named := "`gleitzeit " + view.ShellWords("batch", "resume", document.Run) + "`"
	whole := "`gleitzeit " + view.ShellWords(f.again(document, true)...) + "`"
	errs := []*view.Error{document.Error}
	for i := range document.Tasks {
		errs = append(errs, document.Tasks[i].Error)
	}
	for _, e := range errs {
		if e != nil && len(f.rest) > 0 {
			e.Hint = strings.Replace(e.Hint, named, whole, 1)
		}
	}
}

// noteFailed says what can be done about items that failed in a run that completed, of a batch or a workflow.
func (f *follower) noteFailed(document *view.Run, batch bool) {
	if exitOf(document) != exitItemsFailed {
		return
	}
	failed, withItems, values, show := 0, 0, false, []string{"batch", "show", document.Run}
	for i := range document.Tasks {
		task := &document.Tasks[i]
		if task.HasItems() {
			withItems++
		}
		if task.Items == nil || task.Items.Failed == 0 {
			continue
		}
		if failed == 0 {
			show = append(show, task.ID)
		}
		failed, values = failed+task.Items.Failed, values || task.Values
	}
	if withItems == 1 {
		show = show[:3] // It is the only one.
	}
	f.program.notify(runs.Notice{Kind: runs.ItemsFailed, Run: document.Run, Message: fmt.Sprintf("%d %s failed: `gleitzeit %s --failed` shows why, `gleitzeit %s` does the rest",
		failed, view.ItemsWord(failed, values), view.ShellWords(show...), view.ShellWords(f.again(document, batch)...))})
}

// noteNext says what to type when the cause of a failed run is removed.
func (f *follower) noteNext(document *view.Run) {
	if document.Status == protocol.Failed && f.corrected != nil && !f.program.forPrograms() {
		f.program.say("when that is corrected: `gleitzeit %s` runs what is not completed", view.ShellWords(append([]string{"retry", document.Run}, f.corrected...)...))
	}
}

// again returns the words of the command that does what a run leaves.
func (f *follower) again(document *view.Run, batch bool) []string {
	if batch {
		return append([]string{"batch", "resume", document.Run}, f.rest...)
	}
	return []string{"retry", document.Run}
}
