package home

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

const (
	// turnPoll is how often TakeTurn checks whether the other process is done.
	turnPoll = 20 * time.Millisecond
	// turnsKept is how long the file of a turn stays after its last use: longer than any process waits for its turn.
	turnsKept = 24 * time.Hour
)

// Turn is the turn of this process to look for a run and to start one: no other process of this home has the turn of the same
// name meanwhile.
type Turn struct {
	// Last is the run that was last started, by whoever had the turn then; zero if none was, or it is too long ago.
	Last   Started
	record string // The path of the file that has Last.
	lock   *lock
}

// Started is a run that was started.
type Started struct {
	Run       string    `json:"run"`        // The run's id.
	Execution string    `json:"execution"`  // The id of its first Temporal run.
	StartedAt time.Time `json:"started_at"` // By the clock of this machine.
}

// TakeTurn waits for the turn of a name, whatever text that is, until ctx is done.
func (h *Home) TakeTurn(ctx context.Context, name string) (*Turn, error) {
	if err := os.MkdirAll(h.turns(), 0o700); err != nil {
		return nil, h.turnFailed(err)
	}
	if err := h.removeOldTurns(); err != nil {
		return nil, h.turnFailed(err)
	}
	record := filepath.Join(h.turns(), fileName(name)+".json")
	ticker := time.NewTicker(turnPoll)
	defer ticker.Stop()
	for {
		held, err := tryLock(lockPath(record))
		if err != nil {
			return nil, h.turnFailed(err)
		}
		if held != nil {
			return takenTurn(held, record)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-ticker.C:
		}
	}
}

func takenTurn(held *lock, record string) (*Turn, error) {
	t := &Turn{record: record, lock: held}
	data, err := os.ReadFile(record)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(err, t.Done())
	}
	if json.Unmarshal(data, &t.Last) != nil {
		t.Last = Started{} // There is none yet, or its process was killed while it wrote.
	}
	return t, nil
}

// Started records the run that was started.
func (t *Turn) Started(last Started) error {
	data, err := json.Marshal(last)
	if err != nil {
		return err
	}
	return os.WriteFile(t.record, append(data, '\n'), 0o600)
}

// Done gives the turn to the next.
func (t *Turn) Done() error { return t.lock.unlock() }

// removeOldTurns removes the files of turns that nobody has used for long.
func (h *Home) removeOldTurns() error {
	records, err := filepath.Glob(filepath.Join(escapeGlob(h.turns()), "*.json"))
	if err != nil {
		return err
	}
	for _, record := range records {
		info, err := os.Stat(record)
		if errors.Is(err, fs.ErrNotExist) || err == nil && time.Since(info.ModTime()) < turnsKept {
			continue
		}
		if err != nil {
			return err
		}
		held, err := tryLock(lockPath(record))
		if err != nil {
			return err
		}
		if held == nil {
			continue
		}
		if err := errors.Join(os.Remove(record), held.remove()); err != nil {
			return err
		}
	}
	return nil
}

func (h *Home) turns() string { return h.file("turns") }

func (h *Home) turnFailed(err error) error {
	return protocol.Errorf(protocol.ConfigurationError, "cannot lock a start in %q: %v", h.turns(), cause(err)).WithCause(err).
		WithHint("free some disk space, or set GLEITZEIT_HOME or --home to a folder that you can write")
}
