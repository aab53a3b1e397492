// Package scratch makes temporary folders that do not outlive their process: those of a killed one are removed by the next. It
// must not know what is in them.
package scratch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

// prefix is that of the names of all folders, in the system's folder for temporary files. No other folder has it.
const prefix = "gleitzeit-tmp-"

// Folder is a temporary folder that only this user can enter. While its process lives it is locked.
type Folder struct {
	Path string
	lock *flock.Flock // Nil on a system that cannot lock folders: there none is removed by another process.
}

// New makes a folder with the name of its purpose.
func New(purpose string) (*Folder, error) {
	for {
		path, err := os.MkdirTemp("", prefix+purpose+"-")
		if err != nil {
			return nil, err
		}
		lock := flock.New(path, flock.SetFlag(os.O_RDONLY))
		locked, err := lock.TryLock()
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return &Folder{Path: path}, nil //nolint:nilerr // The folder can be used without a lock.
		case locked && isAt(lock, path):
			return &Folder{path, lock}, nil
		}
		// Another process has taken it for that of a process that was killed before it could lock it.
		if err := lock.Unlock(); err != nil {
			return nil, err
		}
	}
}

// Remove deletes the folder with everything in it, folders that cannot be written to included.
func (f *Folder) Remove() error {
	err := removeAll(f.Path)
	if f.lock != nil {
		err = errors.Join(err, f.lock.Unlock())
	}
	return err
}

// RemoveAbandoned deletes the folders of this user whose processes have ended, and returns what cannot be deleted. It never
// follows a symbolic link.
func RemoveAbandoned() error {
	top := os.TempDir()
	entries, err := os.ReadDir(top)
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), prefix) {
			err = errors.Join(err, removeAbandoned(filepath.Join(top, entry.Name())))
		}
	}
	return err
}

func removeAbandoned(path string) error {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() || !isOwn(info) {
		return nil //nolint:nilerr // It is gone, or that of somebody else.
	}
	lock := flock.New(path, flock.SetFlag(os.O_RDONLY))
	locked, err := lock.TryLock()
	if err != nil || !locked {
		return nil //nolint:nilerr // Where folders cannot be locked, nobody knows whether a process uses this one.
	}
	if isAt(lock, path) {
		err = removeAll(path)
	}
	return errors.Join(err, lock.Unlock())
}

// isAt reports whether the locked folder is that at the path.
func isAt(lock *flock.Flock, path string) bool {
	locked, err := lock.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(path)
	return err == nil && os.SameFile(locked, named)
}

func removeAll(path string) error {
	if os.RemoveAll(path) == nil {
		return nil
	}
	err := filepath.WalkDir(path, func(path string, entry fs.DirEntry, _ error) error {
		if entry != nil && entry.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return os.RemoveAll(path)
}
