//go:build unix

package encryption

import (
	"io/fs"
	"syscall"
)

// tooOpen applies PostgreSQL's rule for key files: nobody else has any right; the group of a file of root may read it, as
// Kubernetes mounts secrets for an fsGroup.
func tooOpen(info fs.FileInfo) bool {
	allowed := fs.FileMode(0o700)
	if of, is := info.Sys().(*syscall.Stat_t); is && of.Uid == 0 {
		allowed = 0o740
	}
	return info.Mode().Perm()&^allowed != 0
}
