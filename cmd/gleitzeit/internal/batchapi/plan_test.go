package batchapi

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// slots are Runs whose servers take so many calls at once.
type slots struct {
	Runs
	count int
}

func (s slots) Slots() int { return s.count }

// As many requests are in flight as keep the servers busy, however many they are.
func TestRequestsInFlight(t *testing.T) {
	kept, err := openStorage(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(kept.path(contentFolder, "c"), []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for count, want := range map[int]int{0: 16, 4: 16, 8: 16, 9: 18, 64: 128, 5000: 2000} {
		e := &execution{batches: &batches{storage: kept, options: Options{Runs: slots{count: count}, Specs: []protocol.Spec{llm.Spec("ollama")}}}}
		p, err := e.plan(&record{document: document{ID: newID(batchPrefix), ExpiresAt: time.Now().Add(time.Hour).Unix()}, Content: "c", Filename: "f"})
		if err != nil {
			t.Fatal(err)
		}
		if p.MaxParallel != want || p.Tasks[0].FanOut.MaxConcurrent != want {
			t.Errorf("%d slots: max_parallel %d, max_concurrent %d, want %d", count, p.MaxParallel, p.Tasks[0].FanOut.MaxConcurrent, want)
		}
	}
}
