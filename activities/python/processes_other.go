//go:build !linux

package python

// userProcesses is unknown on this system, so no limit on processes is set.
func userProcesses() int64 { return 0 }
