//go:build unix

package documents

import (
	"context"
	"errors"
	"runtime"
	"runtime/metrics"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestReadHostile wants each to be read or refused within what a person waits for, and what a worker has.
func TestReadHostile(t *testing.T) {
	const maxTime, maxMemory = 10 * time.Second, 300 << 20 // Each takes less than two; what grows with a square takes minutes.
	for _, c := range hostile {
		t.Run(c.name, func(t *testing.T) {
			data := c.make(t)
			runtime.GC()
			stop, peak := heapGrowth()
			start := processorTime(t)
			d, err := Read(context.Background(), c.name, data, Options{Images: true})
			took := processorTime(t) - start
			close(stop)
			used := <-peak
			var p *Problem
			switch {
			case c.problem == "" && err != nil:
				t.Errorf("got %v", err)
			case c.problem != "" && (!errors.As(err, &p) || !strings.Contains(p.Text, c.problem) || p.Hint == ""):
				t.Errorf("got %v, %.100q", err, d.Text())
			}
			if took > maxTime || used > maxMemory {
				t.Errorf("took %v and %d MB", took, used>>20)
			}
			t.Logf("%d KB of data: %v, %d MB", len(data)>>10, took.Round(time.Millisecond), used>>20)
			runtime.KeepAlive(data)
		})
	}
}

// processorTime returns what the process has used of its processors. The clock says little where others use them too.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// heapGrowth measures by how much the heap grows until it is stopped.
func heapGrowth() (stop chan struct{}, peak chan int64) {
	stop, peak = make(chan struct{}), make(chan int64, 1)
	heap := func() int64 {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(sample)
		return int64(sample[0].Value.Uint64())
	}
	before := heap()
	go func() {
		most := int64(0)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				peak <- most
				return
			case <-tick.C:
				most = max(most, heap()-before)
			}
		}
	}()
	return stop, peak
}
