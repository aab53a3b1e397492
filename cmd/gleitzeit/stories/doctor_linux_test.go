package stories_test

import (
	"strings"
	"testing"
)

// TestDoctorFindsTheDisk: it is too small, and then the home folder on it is read-only.
func TestDoctorFindsTheDisk(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	p := u.onSmallDisk("4m", "doctor")
	p.Exits(1)
	wantLines(t, "standard output", p.Stdout.String(), "✗ disk ", " 4.0 MiB free, tmpfs", "→ free some, or `gleitzeit prune --older-than 30d`")
	p = u.onSmallDiskShell("4m", `mount -o remount,ro "$1" && exec "$2" doctor --home "$1"`)
	p.Exits(1)
	wantLines(t, "standard output", p.Stdout.String(), "✗ home ", "read-only file system", "→ set GLEITZEIT_HOME or --home to a folder that you can write")
}

// TestDoctorOfAHomeThatCannotBe: of a disk on which there will be nothing, nothing is said.
func TestDoctorOfAHomeThatCannotBe(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	stdout, _ := u.Gleitzeit(1, "doctor", "--home", "/proc/gleitzeit")
	wantLines(t, "standard output", stdout, "✗ home ", "/proc/gleitzeit does not exist and cannot be created")
	if strings.Contains(stdout, "disk ") {
		t.Error(stdout)
	}
}
