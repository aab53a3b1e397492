package runs

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	enums "go.temporal.io/api/enums/v1"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/temporalname"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// claimedRun is a claim whose run Temporal knows.
type claimedRun struct {
	claim      home.Claim
	runID      string // Of the first Temporal run.
	open       bool
	cancelling bool // Its cancellation was requested.
}

// newClaim returns the claim of a run of the plan that is to start.
func newClaim(p *plan.Plan, command string, over *TakeOver) (home.Claim, error) {
	encoded, err := value.Encode(p)
	if err != nil {
		return home.Claim{}, err
	}
	id, err := runID(p)
	if err != nil {
		return home.Claim{}, err
	}
	hashed := encoded.JSON()
	if over != nil && over.Variant != "" {
		hashed = append(append(hashed, '\n'), over.Variant...)
	}
	return home.Claim{
		Run: id, Workflow: p.Name, File: p.File, Folder: p.Folder, Command: command, PlanHash: protocol.RefOf(hashed).Hash,
		Queue: ownQueue(id), StartedAt: time.Now().UTC(),
	}, nil
}

// ClaimedRun returns the newest run whose claim a start of the plan has an equal one to; empty if there is none. Temporal is not asked
// about it.
func (c *connection) ClaimedRun(p *plan.Plan, over *TakeOver) (string, error) {
	wanted, err := newClaim(p, "", over)
	if err != nil {
		return "", err
	}
	claims, err := c.home.Claims()
	for _, claim := range slices.Backward(claims) {
		if claim.File == wanted.File && claim.PlanHash == wanted.PlanHash {
			return claim.Run, nil
		}
	}
	return "", err
}

// runID returns the id of a run of the plan: the fixed one, else a new one.
func runID(p *plan.Plan) (string, error) {
	if p.ID != "" {
		return p.ID, nil
	}
	return newID(p.Name)
}

// longestSlug is how many characters of a workflow's name are in the ids of its runs.
const longestSlug = 40

// newID makes an id from a name: "my-flow-7f3a9c12". It is ASCII, which Temporal's client wants of an id, and short,
// whatever the name.
func newID(name string) (string, error) {
	random := make([]byte, 4)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	return cmp.Or(temporalname.Slug(name, longestSlug), "run") + "-" + hex.EncodeToString(random), nil
}

// CheckName returns an error for the id of a run, or the name of a queue, that Temporal does not take: INVALID_PARAMS with
// the characters that are not legal.
func CheckName(what, name string) error {
	if problem := temporalname.Problem(name); problem != "" {
		return protocol.Errorf(protocol.InvalidParams, "%s %q %s", what, name, problem).WithHint("%s", temporalname.Hint(name))
	}
	return nil
}

// lookUpClaim asks Temporal about the run of a claim. Nil means that it never started; then the claim is removed.
func (c *connection) lookUpClaim(ctx context.Context, claim home.Claim) (*claimedRun, error) {
	described, err := c.client.DescribeWorkflowExecution(ctx, claim.Run, "")
	if isNotFound(err) {
		return nil, c.dropClaim(claim.Run)
	}
	if err != nil {
		return nil, c.failed(err, "cannot look up run %s", claim.Run)
	}
	return &claimedRun{
		claim:      claim,
		runID:      described.GetWorkflowExecutionInfo().GetFirstRunId(),
		open:       described.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING,
		cancelling: described.GetWorkflowExtendedInfo().GetCancelRequested(),
	}, nil
}

// dropClaim removes a claim, unless a process holds it: it may be just starting the run, or printing its results.
func (c *connection) dropClaim(run string) error {
	if err := c.home.RemoveClaim(run); err != nil && !errors.Is(err, home.ErrClaimed) {
		return err
	}
	return nil
}

// claimOf returns the claim of a run, nil where there is none.
func (c *connection) claimOf(run string) (*home.Claim, error) {
	claims, err := c.home.Claims()
	for i := range claims {
		if claims[i].Run == run {
			return &claims[i], nil
		}
	}
	return nil, err
}

// commandOf returns the command that resumes the run of a claim when it is typed again.
func (c *connection) commandOf(claim home.Claim) string {
	return cmp.Or(c.keys.DecryptCommand(claim.Command), "gleitzeit run "+cmp.Or(claim.File, "-"))
}

// noteEarlier notifies of the newest open run of the same file, or of a batch of the same files, that no process executes, and that a start
// does not resume: the file, an input or a flag was another one.
func noteEarlier(ctx context.Context, s *Session, wanted home.Claim, p *plan.Plan) error {
	claims, err := s.home.Claims()
	if err != nil {
		return err
	}
	for _, claim := range slices.Backward(claims) {
		if claim.File != wanted.File || claim.PlanHash == wanted.PlanHash || wanted.File == "" && claim.Folder != wanted.Folder {
			continue
		}
		executed, err := s.home.Executed(claim.Run)
		if err != nil {
			return err
		}
		if executed {
			continue
		}
		what, how := "this file with other content or inputs", "`gleitzeit server` resumes it"
		if wanted.File == "" {
			earlier, err := view.ReadPlan(ctx, s.store, claim.Run)
			if err != nil {
				return err
			}
			if what = sameItems(p, earlier); what == "" {
				continue
			}
			what, how = "these "+what+" with other flags", "`"+s.commandOf(claim)+"` resumes it"
		}
		found, err := s.lookUpClaim(ctx, claim)
		if err != nil {
			return err
		}
		if found != nil && found.open && !found.cancelling {
			s.notify(Interrupted, claim.Run, "run %s of %s is interrupted; %s, `gleitzeit cancel %[1]s` cancels it", claim.Run, what, how)
			return nil
		}
	}
	return nil
}

// sameItems returns what two batches of one folder both ask about: the same files, or rows; empty if they do not.
func sameItems(one, other *plan.Plan) string {
	if other == nil || !one.IsTypedBatch() || !other.IsTypedBatch() {
		return ""
	}
	each := one.Tasks[0].FanOut
	switch {
	case !each.SameItems(other.Tasks[0].FanOut):
		return ""
	case each.Rows == nil:
		return "files"
	case each.Rows.Requests:
		return "requests"
	}
	return "rows"
}

// stillOpen is the error of a run that should start while one of its id is open.
func stillOpen(run string) error {
	return protocol.Errorf(protocol.ConfigurationError, "run %s is still open", run).
		WithHint("`gleitzeit status %s` shows it, `gleitzeit cancel %s` cancels it", run, run)
}
