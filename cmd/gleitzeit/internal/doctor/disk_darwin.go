package doctor

import (
	"strings"
	"syscall"
)

// localMount is MNT_LOCAL of mount(2).
const localMount = 0x1000

// diskOf reports the disk of a folder; false where the system does not say.
func diskOf(folder string) (disk, bool, error) {
	var about syscall.Statfs_t
	if err := syscall.Statfs(folder, &about); err != nil {
		return disk{}, false, err
	}
	var name strings.Builder
	for _, c := range about.Fstypename {
		if c == 0 {
			break
		}
		name.WriteByte(byte(c))
	}
	return disk{free: about.Bavail * uint64(about.Bsize), kind: name.String(), remote: about.Flags&localMount == 0}, true, nil
}
