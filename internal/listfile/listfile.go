// Package listfile writes a list that is too large for memory as a file that a script reads element by element: a line of JSON for
// each, and beside it an index, a file with the offset of each line and of the end, in eight bytes each, the most significant first.
package listfile

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// IndexEnding is what the name of the index has after that of the file.
const IndexEnding = ".index"

// Writer writes one list. Close must be called, also after an error.
type Writer struct {
	files []*os.File
	lines *bufio.Writer
	index *bufio.Writer
	sum   hash.Hash
	list  protocol.List
}

// Create begins a list in a file, which must not exist.
func Create(path string) (*Writer, error) {
	w := &Writer{sum: sha256.New(), list: protocol.List{Path: path}}
	for _, name := range []string{path, path + IndexEnding} {
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return nil, errors.Join(err, w.closeFiles())
		}
		w.files = append(w.files, file)
	}
	w.lines, w.index = bufio.NewWriterSize(w.files[0], 1<<16), bufio.NewWriter(w.files[1])
	return w, nil
}

// Add adds an element.
func (w *Writer) Add(element value.Value) error {
	if err := w.addOffset(); err != nil {
		return err
	}
	counted := counter{io.MultiWriter(w.lines, w.sum), 0}
	if err := element.WriteJSON(&counted); err != nil {
		return err
	}
	if _, err := counted.Write([]byte{'\n'}); err != nil {
		return err
	}
	w.list.Count++
	w.list.Bytes += counted.bytes
	return nil
}

func (w *Writer) addOffset() error {
	_, err := w.index.Write(binary.BigEndian.AppendUint64(nil, uint64(w.list.Bytes)))
	return err
}

// Close ends the list and returns it, without its place.
func (w *Writer) Close() (protocol.List, error) {
	err := errors.Join(w.addOffset(), w.lines.Flush(), w.index.Flush(), w.closeFiles())
	w.list.Digest = hex.EncodeToString(w.sum.Sum(nil))
	return w.list, err
}

func (w *Writer) closeFiles() (err error) {
	for _, file := range w.files {
		err = errors.Join(err, file.Close())
	}
	return err
}

type counter struct {
	to    io.Writer
	bytes int64
}

func (c *counter) Write(data []byte) (int, error) {
	n, err := c.to.Write(data)
	c.bytes += int64(n)
	return n, err
}
