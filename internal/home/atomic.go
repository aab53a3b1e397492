package home

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// WriteAtomic replaces the file (0600) in one step: a reader gets the old bytes or the new ones, even after a crash.
func WriteAtomic(path string, data []byte) error {
	return ReplaceFile(path, func(to io.Writer) error {
		_, err := to.Write(data)
		return err
	})
}

// ReplaceFile is WriteAtomic for what is written piece by piece. If write returns an error, the file stays as it is.
func ReplaceFile(path string, write func(to io.Writer) error) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	err = write(file)
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
