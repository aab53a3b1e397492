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

// ErrClaimed: another process executes the run.
var ErrClaimed = errors.New("another process runs it")

// ErrNoClaim: no process of this home executes or executed the run, or the run has ended.
var ErrNoClaim = errors.New("no process of this home executes the run")

// takePoll is how often TakeClaim looks whether the holder is gone.
const takePoll = 50 * time.Millisecond

// Claim says that a process of this home executes a run, or did so until it died.
type Claim struct {
	Run       string    `json:"run"`                 // The run's id.
	File      string    `json:"file"`                // The workflow file, absolute.
	Folder    string    `json:"folder,omitempty"`    // Where it was started, absolute.
	Command   string    `json:"command,omitempty"`   // What was typed, where that was not `run FILE`.
	PlanHash  string    `json:"plan_hash"`           // Tells plans apart.
	Queue     string    `json:"queue"`               // The Temporal task queue that the process polls.
	StartedAt time.Time `json:"started_at,omitzero"` // Of the run, UTC.
}

// HeldClaim is a claim of this process. It is lost with the process, its file is not.
type HeldClaim struct {
	Claim Claim
	path  string
	lock  *lock
}

// Claim says that this process executes c.Run from now on, and replaces what an earlier process left. It returns
// ErrClaimed where a living process does.
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

// TakeClaim waits until whoever executes the run is gone, and executes it from then on. It returns ErrNoClaim where the
// run was never claimed or its claim was removed, and ctx's error.
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

// Claims returns every claim, of living processes and of dead ones, by StartedAt and then by Run. With an error about some
// of them it returns the others.
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
			continue // The run has just ended.
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

// RemoveClaim removes the claim of a run that never started or has ended. It returns ErrClaimed where a process
// executes the run, and nothing where there is no claim.
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

// save writes what the claim says.
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

// Release ends the claim: with remove because the run has ended, without so that another process may go on.
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

// escapeGlob makes a pattern that matches the path alone.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// Executed tells whether a living process executes the run.
func (h *Home) Executed(run string) (bool, error) {
	path := h.claimPath(run)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return false, nil
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
