package redis

import (
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/redistest"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

func BenchmarkPut(b *testing.B) {
	s := opened(b, redistest.Start(b).URL("", 0))
	for item := 0; b.Loop(); item++ {
		if err := s.Put(b.Context(), batchOf("r", item)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPutIntoALargeStore prints what a Put into a store and a run of 100,000 records costs, over one into 100.
// The two take turns, so that a slower moment of the disk slows both.
func BenchmarkPutIntoALargeStore(b *testing.B) {
	const small, large = 100, 100_000
	stores := map[int]*Store{small: filled(b, small), large: filled(b, large)}
	took := map[int]time.Duration{}
	for item := large; b.Loop(); item++ {
		for _, size := range []int{small, large} {
			began := time.Now()
			if err := stores[size].Put(b.Context(), batchOf("r", item)); err != nil {
				b.Fatal(err)
			}
			took[size] += time.Since(began)
		}
	}
	b.ReportMetric(took[large].Seconds()/took[small].Seconds(), "large/small")
}

func filled(b *testing.B, records int) *Store {
	b.Helper()
	s := opened(b, redistest.Start(b).URL("", 0))
	for first := 0; first < records; first += 1000 {
		var batch resultstore.Batch
		for item := first; item < min(first+1000, records); item++ {
			one := batchOf("r", item)
			batch.Records = append(batch.Records, one.Records...)
			batch.Values = append(batch.Values, one.Values...)
		}
		if err := s.Put(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	return s
}
