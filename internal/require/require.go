// Package require skips tests on machines without a required program, and long tests, unless nothing may be skipped. Only tests
// may import it.
package require

import (
	"os"
	"testing"
)

// Variable, if set, makes a test that cannot run a failure.
const Variable = "GLEITZEIT_TEST_REQUIRE"

// short is the value of Variable with which -short skips tests: for a second round, with the race detector for example, after
// a round that skipped nothing.
const short = "short"

// Skip skips the test because something is missing, or fails it if Variable is set.
func Skip(t testing.TB, missing string) {
	t.Helper()
	if os.Getenv(Variable) != "" {
		t.Fatalf("%s, and %s forbids skipping this test", missing, Variable)
	}
	t.Skip(missing)
}

// Long skips a test under -short because it takes long or measures time, or fails it if Variable is set.
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
