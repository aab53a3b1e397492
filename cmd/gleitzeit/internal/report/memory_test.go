package report

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/require"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/sqlite"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// large records a run with so many items, each with an answer of about 900 bytes and a prompt.
func large(t testing.TB, count int) *fixture {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "results.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	prompt := value.Object(value.Field{Name: "prompt", Value: value.String("Summarise in one paragraph what the customer wants:\n${item}")})
	f := newFixture(t, store, &plan.Plan{Name: "Letters", Tasks: []plan.Task{{
		ID: "batch", Method: "llm/chat", Parameters: prompt, FanOut: &plan.FanOut{Values: &noItems}, Retry: &protocol.Retry{MaxAttempts: 2},
	}}})
	items := make([]value.Value, count)
	counts := &protocol.Counts{Total: count}
	for i := range items {
		items[i] = value.String(fmt.Sprintf("letter %06d from a customer in Hamburg, about an order that did not arrive", i))
		from := float64(i) / float64(count) * 58
		if i%97 == 5 {
			counts.Failed++
			f.item("batch", i, from, from+1, "", func(r *resultstore.Record) {
				r.Status, r.Error = protocol.Failed, protocol.Errorf(protocol.TaskExecutionFailed, "no answer about %q", items[i].Text()).WithHint("ask again")
			})
			continue
		}
		counts.Succeeded++
		answer := fmt.Sprintf("Letter %d. ", i) + strings.Repeat("The customer wants the money back, or a new one. ", 18)
		result := value.Object(value.Field{Name: "response", Value: value.String(answer)}, value.Field{Name: "model", Value: value.String("llama")},
			value.Field{Name: "eval_duration", Value: value.Float(0.5)})
		f.item("batch", i, from, from+1, string(result.JSON()), func(r *resultstore.Record) { r.Usage = protocol.Usage{LLMCalls: 1, PromptTokens: 40, TokensUsed: 200} })
	}
	f.items("batch", items, counts)
	return f
}

// measuring notes what is in use while it is written.
type measuring struct {
	to    io.Writer
	bytes int
	next  int
	most  uint64
}

func (m *measuring) Write(data []byte) (int, error) {
	if m.bytes += len(data); m.bytes >= m.next {
		m.next = m.bytes + 1<<20
		runtime.GC()
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		m.most = max(m.most, now.HeapAlloc)
	}
	return m.to.Write(data)
}

// Memory does not grow with the number of items, whether they are in the report or not.
func TestMemoryOfAReport(t *testing.T) {
	require.Long(t, "it stores 100,000 items")
	most := map[int]uint64{}
	for _, count := range []int{10_000, 100_000} {
		f := large(t, count)
		run := f.run(protocol.Completed, "")
		m := &measuring{to: io.Discard}
		if path := os.Getenv("GLEITZEIT_TEST_REPORTS"); path != "" {
			file, err := os.Create(filepath.Join(path, fmt.Sprintf("large-%d.html", count)))
			f.must(err)
			defer file.Close()
			m.to = file
		}
		f.must(Write(t.Context(), f.store, run, Options{Items: count, Now: noon}, m))
		most[count] = m.most
		t.Logf("%d items: %d KiB in use, a page of %d KiB", count, m.most>>10, m.bytes>>10)
	}
	if most[100_000] > most[10_000]+16<<20 {
		t.Errorf("%d bytes in use for 10,000 items, %d for 100,000", most[10_000], most[100_000])
	}
}
