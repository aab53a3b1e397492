//go:build !linux && !darwin

package doctor

// diskOf reports the disk of a folder; false where the system does not say.
func diskOf(string) (disk, bool, error) { return disk{}, false, nil }
