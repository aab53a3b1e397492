package doctor

import "syscall"

// The magic numbers of statfs(2).
var fileSystems = map[uint32]struct {
	name   string
	remote bool
}{
	0x6969: {"nfs", true}, 0x517B: {"smb", true}, 0xFF534D42: {"cifs", true}, 0xFE534D42: {"smb2", true}, 0x01021997: {"9p", true},
	0x5346414F: {"afs", true}, 0x00C36400: {"ceph", true}, 0x0BD00BD0: {"lustre", true}, 0x47504653: {"gpfs", true}, 0x73757245: {"coda", true},
	0xEF53: {"ext4", false}, 0x58465342: {"xfs", false}, 0x9123683E: {"btrfs", false}, 0x01021994: {"tmpfs", false}, 0x794C7630: {"overlayfs", false},
	0x2FC12FC1: {"zfs", false}, 0xF2F52010: {"f2fs", false}, 0x65735546: {"fuse", false}, 0xCA451A4E: {"bcachefs", false},
}

// diskOf reports the disk of a folder; false where the system does not say.
func diskOf(folder string) (disk, bool, error) {
	var about syscall.Statfs_t
	if err := syscall.Statfs(folder, &about); err != nil {
		return disk{}, false, err
	}
	of := fileSystems[uint32(about.Type)]
	return disk{free: about.Bavail * uint64(about.Bsize), kind: of.name, remote: of.remote}, true, nil
}
