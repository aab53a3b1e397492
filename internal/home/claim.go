package home

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// ErrClaimed means that another process runs it.
var ErrClaimed = errors.New("another process runs it")

// ErrNoClaim means that no process of this home runs or ran it, or that the run has ended.
var ErrNoClaim = errors.New("no process of this home runs it")

// takePoll is how often TakeClaim checks whether the holder has ended.
const takePoll = 50 * time.Millisecond

// Claim records that a process of this home executes a run, or did until it ended.
type Claim struct {
	Run       string    `json:"run"`                 // The run's id.
	Workflow  string    `json:"workflow,omitempty"`  // The workflow's name.
	File      string    `json:"file"`                // The workflow file, absolute.
	Folder    string    `json:"folder,omitempty"`    // Where it was started, absolute.
	Command   string    `json:"command,omitempty"`   // The command, if it was not `run FILE`.
	PlanHash  string    `json:"plan_hash"`           // Identifies the plan.
	Queue     string    `json:"queue"`               // The Temporal task queue that the process polls.
	StartedAt time.Time `json:"started_at,omitzero"` // Of the run, UTC.
	// Its cancellation was requested.
	Cancelling bool `json:"cancelling,omitempty"`
}

// HeldClaim is a claim that this process holds, until it ends; the file stays.
type HeldClaim struct {
	Claim Claim
	path  string
	lock  *lock
}

// Claim claims c.Run for this process, and replaces the claim of a process that has ended. It returns ErrClaimed if a running
// process holds it.
func (h *Home) Claim(c Claim) (*HeldClaim, error) {
	if err := os.MkdirAll(h.runs(), 0o700); err != nil {
		return nil, h.claimFailed(c.Run, err)
	}
	path := h.claimPath(c.Run)
	held, err := tryLock(lockPath(path))
	if err != nil {
		return nil, h.claimFailed(c.Run, err)
	}
	if held == nil {
		return nil, ErrClaimed
	}
	claim := &HeldClaim{path: path, lock: held}
	if err := claim.save(c); err != nil {
		return nil, errors.Join(h.claimFailed(c.Run, err), held.unlock())
	}
	return claim, nil
}

// TakeClaim waits until the process that executes the run has ended, and then claims the run. It returns ErrNoClaim if the run
// was never claimed or its claim was removed, and the error of ctx.
func (h *Home) TakeClaim(ctx context.Context, run string) (*HeldClaim, error) {
	path := h.claimPath(run)
	ticker := time.NewTicker(takePoll)
	defer ticker.Stop()
	for {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, ErrNoClaim
		}
		held, err := tryLock(lockPath(path))
		if err != nil {
			return nil, h.claimFailed(run, err)
		}
		if held != nil {
			return take(path, held)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-ticker.C:
		}
	}
}

func take(path string, held *lock) (*HeldClaim, error) {
	claim, err := readClaim(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(ErrNoClaim, held.remove())
	}
	if err != nil {
		return nil, errors.Join(err, held.unlock())
	}
	return &HeldClaim{Claim: claim, path: path, lock: held}, nil
}

// Claims returns all claims, of running processes and of ended ones, by StartedAt and then by Run. With an error about some of
// them it returns the others.
func (h *Home) Claims() ([]Claim, error) {
	paths, err := filepath.Glob(filepath.Join(escapeGlob(h.runs()), "*.json"))
	if err != nil {
		return nil, err
	}
	claims := []Claim{}
	var unreadable error
	for _, path := range paths {
		claim, err := readClaim(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // The run has ended meanwhile.
		}
		if err != nil {
			unreadable = errors.Join(unreadable, err)
			continue
		}
		claims = append(claims, claim)
	}
	slices.SortFunc(claims, func(a, b Claim) int {
		return cmp.Or(a.StartedAt.Compare(b.StartedAt), cmp.Compare(a.Run, b.Run))
	})
	return claims, unreadable
}

// RemoveClaim removes the claim of a run that never started or has ended. It returns ErrClaimed if a process executes the run,
// and nil if there is no claim.
func (h *Home) RemoveClaim(run string) error {
	path := h.claimPath(run)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	held, err := tryLock(lockPath(path))
	if err != nil {
		return h.claimFailed(run, err)
	}
	if held == nil {
		return ErrClaimed
	}
	return (&HeldClaim{path: path, lock: held}).Release(true)
}

// save writes the claim to its file.
func (c *HeldClaim) save(claim Claim) error {
	data, err := json.MarshalIndent(claim, "", "  ")
	if err != nil {
		return err
	}
	if err := WriteAtomic(c.path, append(data, '\n')); err != nil {
		return err
	}
	c.Claim = claim
	return nil
}

// MarkCancelling records that the cancellation of the run was requested.
func (c *HeldClaim) MarkCancelling() error {
	marked := c.Claim
	marked.Cancelling = true
	return c.save(marked)
}

// Release releases the claim. With remove, because the run has ended, it also removes the file; without, another process can
// resume the run.
func (c *HeldClaim) Release(remove bool) error {
	if !remove {
		return c.lock.unlock()
	}
	err := os.Remove(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, c.lock.remove())
}

func (h *Home) claimPath(run string) string { return filepath.Join(h.runs(), fileName(run)+".json") }

func lockPath(path string) string { return strings.TrimSuffix(path, ".json") + ".lock" }

func (h *Home) claimFailed(run string, err error) error {
	return protocol.Errorf(protocol.ConfigurationError, "cannot claim run %q in %q: %v", run, h.runs(), cause(err)).WithCause(err).
		WithHint("free some disk space, or set GLEITZEIT_HOME or --home to a folder that you can write")
}

func readClaim(path string) (Claim, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Claim{}, err
	}
	var claim Claim
	if err := json.Unmarshal(data, &claim); err != nil {
		return Claim{}, protocol.Errorf(protocol.ConfigurationError, "invalid claim %q: %v", path, err).WithCause(err).
			WithHint("remove the file; the run itself is not affected")
	}
	return claim, nil
}

// escapeGlob returns a pattern that matches only the path.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// Executed reports whether a running process executes the run.
func (h *Home) Executed(run string) (bool, error) {
	path := h.claimPath(run)
	for _, needed := range []string{path, lockPath(path)} { // Whoever holds the lock has made its file; it is not made here.
		if _, err := os.Stat(needed); errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
	}
	held, err := tryLock(lockPath(path))
	if err != nil {
		return false, h.claimFailed(run, err)
	}
	if held == nil {
		return true, nil
	}
	return false, held.unlock()
}
