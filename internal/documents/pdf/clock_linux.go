package pdf

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// threadClock binds the goroutine to its thread and returns a clock of the time that the thread has computed, which anybody may read: a
// page must not be refused because other programs use the machine. free ends the binding.
func threadClock() (clock func() time.Duration, free func()) {
	runtime.LockOSThread()
	id := int32(^unix.Gettid()<<3 | 6) // As the C library makes the clock of a thread.
	clock = func() time.Duration {
		var t unix.Timespec
		if unix.ClockGettime(id, &t) != nil {
			return 0
		}
		return time.Duration(t.Nano())
	}
	return clock, runtime.UnlockOSThread
}
