//go:build !linux

package pdf

import "time"

// threadClock returns a clock of the time that has passed, at a third of its pace: the system does not say what a thread has computed.
func threadClock() (clock func() time.Duration, free func()) {
	start := time.Now()
	return func() time.Duration { return time.Since(start) / 3 }, func() {}
}
