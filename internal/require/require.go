// Package require lets tests skip what a machine does not have or what takes long, and forbids it where nothing may be
// skipped. Only tests may import it.
package require

import (
	"os"
	"testing"
)

// Variable is set where a test that cannot run is a failure.
const Variable = "GLEITZEIT_TEST_REQUIRE"

// short is the value of Variable that lets -short skip tests. It is for a second round of tests, with the race detector
// say, after a round that skipped nothing.
const short = "short"

// Skip skips the test because of what is missing, or fails it where Variable is set.
func Skip(t testing.TB, missing string) {
	t.Helper()
	if os.Getenv(Variable) != "" {
		t.Fatalf("%s, and %s forbids skipping this test", missing, Variable)
	}
	t.Skip(missing)
}

// Long skips a test under -short because it takes long or measures time, or fails it where Variable is set.
func Long(t testing.TB, reason string) {
	t.Helper()
	if !testing.Short() {
		return
	}
	if required := os.Getenv(Variable); required != "" && required != short {
		t.Fatalf("%s, and %s forbids skipping this test under -short", reason, Variable)
	}
	t.Skip(reason)
}
