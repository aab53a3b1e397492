// Package require lets tests skip what a machine does not have, and forbids it where nothing may be skipped. Only tests
// may import it.
package require

import (
	"os"
	"testing"
)

// Variable is set where a test that cannot run is a failure.
const Variable = "GLEITZEIT_TEST_REQUIRE"

// Skip skips the test because of what is missing, or fails it where Variable is set.
func Skip(t testing.TB, missing string) {
	t.Helper()
	if os.Getenv(Variable) != "" {
		t.Fatalf("%s, and %s forbids to skip this test", missing, Variable)
	}
	t.Skip(missing)
}
