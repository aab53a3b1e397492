//go:build unix

package images_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm/images"
)

// A photo is scaled down with about the work that it takes to decode it. Processor time is measured: others use the machine as well.
func TestLargePhotoIsScaledQuickly(t *testing.T) {
	photo := encoded(t, "jpeg", corners(4000, 3000))
	used := func() time.Duration {
		var usage syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
			t.Fatal(err)
		}
		return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	decoded, scaled := time.Hour, time.Hour
	for range 3 {
		for largest, best := range map[int]*time.Duration{0: &decoded, 2048: &scaled} {
			before := used()
			if _, err := images.Prepare(photo, largest); err != nil {
				t.Fatal(err)
			}
			*best = min(*best, used()-before)
		}
	}
	if scaled > 4*decoded {
		t.Errorf("it takes %v, and %v without scaling", scaled, decoded)
	}
}
