//go:build unix

package interpreter_test

import (
	"syscall"
	"testing"
	"time"
)

// cpuTime is how long the processors have worked for this process. Unlike a clock it tells little of what else the machine
// has to do.
func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
