//go:build !unix

package child

import "os/exec"

// Group does nothing on a system without process groups.
func Group(*exec.Cmd) {}

// EndGroup does nothing on a system without process groups.
func EndGroup(*exec.Cmd) {}
