// Package approve is the command that answers a task of a run that waits for a person.
package approve

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/parameters"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Program is what the command uses of the program.
type Program struct {
	Open      func(ctx context.Context) (*runs.Session, error)
	Temporal  func(*cobra.Command) *cobra.Command // Adds the flags of another Temporal server.
	Arguments func(names ...string) cobra.PositionalArgs
	Invalid   func(error) error               // An error in the arguments.
	Say       func(text string)               // Prints a line for people.
	Print     func(document any, text string) // Prints the result: the document to programs, the text to people.
}

// options are the flags.
type options struct {
	set       []string
	reject    string
	rejects   bool
	by        string
	run, task string
}

// Command returns the command.
func Command(p Program) *cobra.Command {
	o := options{}
	command := p.Temporal(&cobra.Command{
		Use:   "approve RUN TASK [--set NAME=VALUE…]",
		Short: "Approve, or reject, what a task of a run asks",
		Long: "Answer a task with the method human/approve that waits for a person. RUN may be " + runs.Latest + ".\n" +
			"`gleitzeit status RUN` shows what is asked, and which values can be entered. The run checks them, and continues.\n" +
			"If no process executes the run, the answer is recorded, and the run continues when it is resumed.",
		Example: "  gleitzeit approve " + runs.Latest + " review\n" +
			"  gleitzeit approve " + runs.Latest + " review --set amount=250 --set note=\"up to the limit\"\n" +
			"  gleitzeit approve " + runs.Latest + " review --reject \"the total is wrong\"",
		Args: p.Arguments("RUN", "TASK"),
	})
	flags := command.Flags()
	flags.StringArrayVar(&o.set, "set", nil, "value that is entered, as `NAME=VALUE`; may be repeated")
	flags.StringVar(&o.reject, "reject", "", "reject, for this reason: the task fails with it")
	flags.StringVar(&o.by, "by", "", "who answers (default the user's name)")
	command.RunE = func(command *cobra.Command, args []string) error {
		o.run, o.task, o.rejects = args[0], args[1], command.Flags().Changed("reject")
		switch {
		case o.rejects && strings.TrimSpace(o.reject) == "":
			return p.Invalid(errors.New("--reject must say why"))
		case o.rejects && len(o.set) > 0:
			return p.Invalid(errors.New("--set and --reject exclude each other"))
		}
		if o.by == "" {
			if current, err := user.Current(); err == nil {
				o.by = current.Username
			}
		}
		return p.approve(command.Context(), o)
	}
	return command
}

// Approved is the result of the command.
type Approved struct {
	Run string `json:"run"`
	protocol.Receipt
}

func (p Program) approve(ctx context.Context, o options) error {
	s, err := p.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.JoinAny(ctx); err != nil {
		return err
	}
	run, err := s.Resolve(ctx, o.run)
	if err != nil {
		return err
	}
	document, err := s.Known(ctx, run)
	if err != nil {
		return err
	}
	task, err := find(document, o.task)
	if err != nil {
		return err
	}
	answer := protocol.Answer{Task: task.ID, Reject: o.reject, By: o.by}
	if len(o.set) > 0 {
		if answer.Values, err = entered(task, o.set); err != nil {
			return p.Invalid(err)
		}
	}
	receipt, err := answerRun(ctx, s, run, answer)
	if err != nil {
		return err
	}
	verb := "approved"
	if !receipt.Approved {
		verb = "rejected"
	}
	p.Print(Approved{run, *receipt}, fmt.Sprintf("%s %s of run %s\n", verb, value.Visible(task.ID), run))
	if document, err = s.Known(ctx, run); err != nil {
		return err
	}
	text, err := s.MarkInterrupted(document)
	if text != "" {
		p.Say(text)
	}
	return err
}

// answerRun answers. A run that no process executes is executed here until it has recorded the answer, without its tasks.
func answerRun(ctx context.Context, s *runs.Session, run string, answer protocol.Answer) (*protocol.Receipt, error) {
	living, stop := context.WithCancel(ctx)
	executor := s.NewExecutor(living).DecideOnly()
	defer executor.Wait()
	defer stop()
	h, err := executor.Open(ctx, run)
	if err != nil {
		return nil, err
	}
	defer h.Release(false)
	return h.Approve(ctx, answer)
}

// find returns the task of a run that waits for an answer.
func find(document *view.Run, name string) (*view.Task, error) {
	task := document.Task(name)
	switch {
	case task == nil:
		return nil, protocol.Errorf(protocol.InvalidParams, "run %s has no task %q", document.Run, name).WithHint("%s", waiting(document))
	case !task.AsksForApproval():
		return nil, protocol.Errorf(protocol.InvalidParams, "task %q does not ask for an approval: its method is %s", name, task.Method).WithHint("%s", waiting(document))
	case task.Status == protocol.Completed:
		return nil, protocol.Errorf(protocol.InvalidParams, "task %q of run %s was already approved", name, document.Run)
	case task.Error != nil && task.Error.Code == protocol.TaskRejected:
		return nil, protocol.Errorf(protocol.InvalidParams, "task %q of run %s was already %s", name, document.Run, task.Error.Message)
	case task.Status.Ended():
		return nil, protocol.Errorf(protocol.InvalidParams, "task %q of run %s waits no longer: it is %s", name, document.Run, task.Status)
	case document.Status.Ended():
		return nil, protocol.Errorf(protocol.InvalidParams, "run %s has already ended: it is %s", document.Run, document.Status)
	case task.Approval == nil:
		return nil, protocol.Errorf(protocol.InvalidParams, "task %q of run %s does not wait for an approval yet: it is %s", name, document.Run, task.Status).WithHint("%s", waiting(document))
	}
	return task, nil
}

// waiting says which tasks of a run wait.
func waiting(document *view.Run) string {
	var names []string
	for i := range document.Tasks {
		if document.Tasks[i].Approval != nil {
			names = append(names, fmt.Sprintf("%q", document.Tasks[i].ID))
		}
	}
	if len(names) == 0 {
		return "no task of the run waits for an approval now"
	}
	return "waiting for an approval: " + strings.Join(names, ", ")
}

// entered reads the values of --set as the schema of the task means them.
func entered(task *view.Task, pairs []string) (*value.Value, error) {
	var schema []byte
	if task.Approval.Schema != nil {
		schema = task.Approval.Schema.JSON()
	}
	fields, wrong := parameters.Read(pairs, schema)
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	values := value.Object(fields...)
	return &values, nil
}
