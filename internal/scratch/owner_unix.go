//go:build unix

package scratch

import (
	"io/fs"
	"os"
	"syscall"
)

// nobody is the user to whom a sandbox of root gives its folder.
const nobody = 65534

// isOwn reports whether a folder belongs to this user.
func isOwn(info fs.FileInfo) bool {
	status, is := info.Sys().(*syscall.Stat_t)
	return is && (int64(status.Uid) == int64(os.Geteuid()) || os.Geteuid() == 0 && status.Uid == nobody)
}
