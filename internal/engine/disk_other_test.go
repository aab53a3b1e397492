//go:build !linux

package engine

// smallDisk is never set here: only Linux lets a test mount a disk of its own.
const smallDisk = "GLEITZEIT_TEST_SMALL_DISK"

func helperOnSmallDisk(string, string) int { return 1 }
