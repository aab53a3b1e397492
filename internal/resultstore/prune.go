package resultstore

import (
	"encoding/hex"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// PruneRequest names what Prune removes.
type PruneRequest struct {
	Executions []Execution // All of their Records. An execution that is unknown is passed over.
	Before     time.Time   // Also Cached records of calls that started before. Zero: none.
	// Unused: also values that were last put before, and to which neither a remaining Record nor Keep refers; and the Records of
	// executions without a Record of a run, as calls are, that all started before. Functions stay. Zero: none of these.
	Unused time.Time
	Keep   Hashes
	DryRun bool // Nothing is removed; Pruned is what would be.
}

// Execution identifies one execution of a run.
type Execution struct{ Run, Execution string }

// Of returns the execution that a key belongs to.
func (k Key) Of() Execution { return Execution{k.Run, k.Execution} }

// Size is a number of things and their size.
type Size struct {
	Count int64 `json:"count"`
	Bytes int64 `json:"bytes"` // As stored, without the store's own overhead.
}

// Add adds things.
func (s *Size) Add(count, bytes int64) {
	s.Count += count
	s.Bytes += bytes
}

// Pruned is what Prune has removed.
type Pruned struct {
	Runs   Size `json:"runs"`   // Records of runs.
	Tasks  Size `json:"tasks"`  // Records of tasks and items, and of their chunks.
	Cached Size `json:"cached"` // Records of cached calls.
	Values Size `json:"values"`
}

// Of returns where things of a kind are counted.
func (p *Pruned) Of(kind Kind) *Size {
	switch kind {
	case Run:
		return &p.Runs
	case Cached:
		return &p.Cached
	}
	return &p.Tasks
}

// Sizes is what a store has.
type Sizes struct {
	Pruned
	Functions Size  `json:"functions"`
	Free      int64 `json:"free"`  // Bytes of the file that are not in use and that the store will use first; 0 where there is no file.
	Total     int64 `json:"total"` // Bytes of the files, or of the memory in use by the keys of the store.
}

// Of returns where things of a kind are counted.
func (s *Sizes) Of(kind Kind) *Size {
	if kind == Function {
		return &s.Functions
	}
	return s.Pruned.Of(kind)
}

// hashLength is the number of hexadecimal digits of a hash.
const hashLength = 64

// Hashes is a set of hashes of values. Only the first half of a hash is kept: another hash that begins like one of the set is
// in it too, so that a set of what must stay never has too few.
type Hashes map[[hashLength / 4]byte]struct{}

// Add adds the hash of a Ref, by the names that the store may have for its value.
func (h Hashes) Add(store Store, ref protocol.Ref) {
	names := []string{ref.Hash}
	if namer, is := store.(Namer); is {
		names = namer.Names(ref.Hash)
	}
	for _, name := range names {
		h.Scan([]byte(name))
	}
}

// Scan adds everything in the data that could be the hash of a Ref, and returns it.
func (h Hashes) Scan(data []byte) (found []string) {
	digits := 0
	for i := 0; i <= len(data); i++ {
		if i < len(data) && isHexDigit(data[i]) {
			digits++
			continue
		}
		if digits == hashLength {
			text := string(data[i-hashLength : i])
			if key, ok := keyOf(text); ok {
				h[key] = struct{}{}
				found = append(found, text)
			}
		}
		digits = 0
	}
	return found
}

// Has reports whether the hash is in the set.
func (h Hashes) Has(hash string) bool {
	key, ok := keyOf(hash)
	_, has := h[key]
	return ok && has
}

func keyOf(hash string) (key [hashLength / 4]byte, ok bool) {
	if len(hash) != hashLength {
		return key, false
	}
	_, err := hex.Decode(key[:], []byte(hash[:hashLength/2]))
	return key, err == nil
}

func isHexDigit(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' }
