package batchapi

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io/fs"
	"os"
)

// temporary is a file that is being written, with the hash of its bytes.
type temporary struct {
	file  *os.File
	out   *bufio.Writer
	hash  hash.Hash
	bytes int64
}

// newTemporary makes a file. The caller discards it.
func (s *storage) newTemporary() (*temporary, error) {
	made, err := os.CreateTemp(s.path(uploadsFolder), "*")
	if err != nil {
		return nil, err
	}
	return &temporary{file: made, out: bufio.NewWriterSize(made, 64<<10), hash: sha256.New()}, nil
}

// Write implements io.Writer.
func (t *temporary) Write(data []byte) (int, error) {
	n, err := t.out.Write(data)
	t.hash.Write(data[:n])
	t.bytes += int64(n)
	return n, err
}

// finish writes everything to the disk, and describes it.
func (t *temporary) finish(f *file) error {
	err := t.out.Flush()
	if err == nil {
		err = t.file.Sync()
	}
	f.Bytes, f.Content = t.bytes, hex.EncodeToString(t.hash.Sum(nil))
	return err
}

// discard closes the file, and removes it unless it was stored.
func (t *temporary) discard() {
	_ = t.file.Close()
	if err := os.Remove(t.file.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return // It is removed when the storage is opened again.
	}
}
