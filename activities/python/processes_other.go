//go:build !linux

package python

// leaveKeyring does nothing: other systems have no sandbox.
func leaveKeyring() error { return nil }

// userProcesses is unknown on this system, so no limit on processes is set.
func userProcesses() int64 { return 0 }
