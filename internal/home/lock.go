package home

import (
	"errors"
	"os"

	"github.com/gofrs/flock"
)

// lock is a locked file that may be removed: two processes never hold locks of the same name.
type lock struct{ file *flock.Flock }

// tryLock returns nil if another process holds the lock.
func tryLock(path string) (*lock, error) {
	for {
		file := flock.New(path)
		locked, err := file.TryLock()
		if err != nil || !locked {
			return nil, err
		}
		same, err := stillThere(file, path)
		if err != nil {
			return nil, errors.Join(err, file.Unlock())
		}
		if same {
			return &lock{file}, nil
		}
		// The file was removed between opening and locking it: this lock excludes no other process.
		if err := file.Unlock(); err != nil {
			return nil, err
		}
	}
}

func stillThere(file *flock.Flock, path string) (bool, error) {
	locked, err := file.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(locked, named), err
}

func (l *lock) unlock() error { return l.file.Unlock() }

// remove removes the file before it releases the lock.
func (l *lock) remove() error { return errors.Join(os.Remove(l.file.Path()), l.file.Unlock()) }
