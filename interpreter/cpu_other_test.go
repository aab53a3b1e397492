//go:build !unix

package interpreter_test

import (
	"testing"
	"time"
)

var began = time.Now()

// cpuTime is by the clock where the system is not asked.
func cpuTime(testing.TB) time.Duration { return time.Since(began) }
