package sqlite

import (
	"fmt"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

func BenchmarkOpen(b *testing.B) {
	s := opened(b)
	for b.Loop() {
		again, err := Open(b.Context(), s.path)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := again.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func BenchmarkPut(b *testing.B) {
	s := opened(b)
	for item := 0; b.Loop(); item++ {
		if err := s.Put(b.Context(), batchOf("r", item)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkThousandPutsAtOnce(b *testing.B) {
	const puts = 1000
	s := opened(b)
	outcomes := make(chan error, puts)
	for round := 0; b.Loop(); round++ {
		for item := range puts {
			go func() { outcomes <- s.Put(b.Context(), batchOf(fmt.Sprint("r", round), item)) }()
		}
		for range puts {
			if err := <-outcomes; err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*puts), "µs/put")
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
	s := opened(b)
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
