package home

import (
	"errors"
	"os"

	"github.com/gofrs/flock"
)

// lock is a locked file that may be removed: its name is free for another process only while nobody can believe to
// hold it.
type lock struct{ file *flock.Flock }

// tryLock returns nil where another holds the lock.
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
		// The file was removed between opening and locking it: this lock keeps nobody out.
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

// remove removes the file before it lets go of the lock.
func (l *lock) remove() error { return errors.Join(os.Remove(l.file.Path()), l.file.Unlock()) }
