package export

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/require"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/sqlite"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// many are items that are made when they are passed.
type many int

// Table implements Items.
func (many) Table() *protocol.Table { return nil }

func (m many) Each(ctx context.Context, pass func(Item) error) error {
	for i := range int(m) {
		result := value.Object(value.Field{Name: "response", Value: value.String(strings.Repeat("word ", 40))},
			value.Field{Name: "parsed", Value: value.Object(value.Field{Name: "n", Value: value.Int(int64(i))})})
		entry := value.Object(
			value.Field{Name: "item", Value: value.String(fmt.Sprintf("/f/%d.txt", i))}, value.Field{Name: "index", Value: value.Int(int64(i))},
			value.Field{Name: "status", Value: value.String("completed")}, value.Field{Name: "result", Value: result}, value.Field{Name: "error"},
		)
		if err := pass(Item{Index: i, Status: "completed", Entry: entry}); err != nil {
			return err
		}
	}
	return nil
}

// measured passes items, and measures at every few thousandth what is in use.
type measured struct {
	Items
	passed int
	most   uint64
}

func (m *measured) Each(ctx context.Context, pass func(Item) error) error {
	return m.Items.Each(ctx, func(item Item) error {
		err := pass(item)
		if m.passed++; m.passed%5000 == 4999 {
			runtime.GC()
			runtime.GC() // Pools of buffers keep what they have for one more.
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			m.most = max(m.most, now.HeapAlloc)
		}
		return err
	})
}

// Memory does not grow with the number of items: of ten times as many, no format keeps anything.
func TestMemoryOfFormats(t *testing.T) {
	require.Long(t, "it writes a million items")
	f := newFixture(t, 10)
	for _, format := range formats {
		most := map[int]uint64{}
		for _, count := range []int{10_000, 100_000} {
			m := &measured{Items: many(count)}
			if _, err := Render(t.Context(), m, f.about(t), &Options{Format: format.names[0]}, io.Discard); err != nil {
				t.Fatal(err)
			}
			most[count] = m.most
		}
		t.Logf("%s: %d KiB for 10,000 items, %d KiB for 100,000", format.names[0], most[10_000]>>10, most[100_000]>>10)
		if most[100_000] > most[10_000]+4<<20 {
			t.Errorf("%s: %d bytes in use for 10,000 items, %d for 100,000", format.names[0], most[10_000], most[100_000])
		}
	}
}

// Nor does it where they are read from a store.
func TestMemoryOfRecords(t *testing.T) {
	require.Long(t, "it stores 100,000 items")
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "results.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	const count = 100_000
	s := &source{}
	for i := range count {
		s.add(t, value.String(fmt.Sprintf("/f/%06d.txt", i)), fmt.Sprintf(`{"response":"the answer of item %d"}`, i), nil)
	}
	s.put(t, store, 500)
	s = nil
	records, err := OpenRecords(t.Context(), store, "r", "batch", false)
	if err != nil {
		t.Fatal(err)
	}
	m := &measured{Items: records}
	if err := m.Each(t.Context(), func(Item) error { return nil }); err != nil || m.passed != count {
		t.Fatalf("%d items, %v", m.passed, err)
	}
	t.Logf("%d KiB", m.most>>10)
	if m.most > 24<<20 {
		t.Errorf("%d bytes in use", m.most)
	}
}
