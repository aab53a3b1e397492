//go:build unix

package python

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTheProbeHasItsOwnSession: a Ctrl-C reaches every process of the terminal's session, and must not end the one that asks
// an interpreter for its version, as if there were no Python.
func TestTheProbeHasItsOwnSession(t *testing.T) {
	folder := t.TempDir()
	interpreter, session := filepath.Join(folder, "python"), filepath.Join(folder, "session")
	script := "#!/bin/sh\npython3 -c 'import os; print(os.getsid(0))' > '" + session + "'\nexec python3 \"$@\"\n"
	if err := os.WriteFile(interpreter, []byte(script), 0o700); err != nil { //nolint:gosec // It is a program.
		t.Fatal(err)
	}
	if _, err := probeInterpreter(t.Context(), interpreter); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(session)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := strconv.Atoi(strings.TrimSpace(string(written)))
	ours, failed := unix.Getsid(0)
	if err != nil || failed != nil || theirs == ours {
		t.Errorf("the probe runs in session %d, this test in %d (%v, %v)", theirs, ours, err, failed)
	}
}
