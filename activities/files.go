package activities

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// files reads the files that one call may read.
type files struct {
	folders []string // Relative paths are resolved against these folders, in this order.
	places  []string // Absolute paths of folders that may be read with all beneath them, or of single files.
	worker  bool     // The places are the worker's, not the run's.
}

// newFiles returns the files that a call of the run may read: those in its folders and the places in reads. Roots, where
// set, take precedence.
func newFiles(run protocol.RunInfo, reads, roots []string) files {
	f := files{folders: []string{run.FlowFolder}}
	if run.Folder != run.FlowFolder {
		f.folders = append(f.folders, run.Folder)
	}
	if roots != nil {
		f.places, f.worker = roots, true
		return f
	}
	f.places = append(append([]string{}, f.folders...), reads...)
	return f
}

// Read implements protocol.Files.
func (f files) Read(path string, limit int64) (data []byte, err error) {
	err = f.readFile(path, limit, func(content io.Reader) (err error) {
		data, err = io.ReadAll(content)
		return err
	})
	return data, err
}

// readFile passes the content of the file to a function. Its error is that of Read.
func (f files) readFile(path string, limit int64, read func(io.Reader) error) error {
	if path == "" {
		return protocol.Errorf(protocol.TaskValidationFailed, "the path of the file is empty")
	}
	var first error
	for _, candidate := range f.candidates(path) {
		err := f.readAt(candidate, limit, read)
		if err == nil {
			return nil
		}
		if first == nil {
			first = f.readError("file", path, candidate, err)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return f.readError("file", path, candidate, err)
		}
	}
	return first
}

func (f files) candidates(path string) []string {
	if filepath.IsAbs(path) {
		return []string{filepath.Clean(path)}
	}
	all := make([]string, len(f.folders))
	for i, folder := range f.folders {
		all[i] = filepath.Join(folder, path)
	}
	return all
}

var (
	errOutside = errors.New("it is outside the folders that may be read")
	errNotFile = errors.New("it is not a regular file")
)

func (f files) readAt(path string, limit int64, read func(io.Reader) error) (err error) {
	file, err := f.open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errNotFile
	}
	content := &io.LimitedReader{R: file, N: limit + 1}
	if err := read(content); err != nil {
		return err
	}
	if content.N == 0 {
		return fmt.Errorf("it is larger than %s", sizeOf(limit))
	}
	return nil
}

// sizeOf formats a limit for people.
func sizeOf(bytes int64) string {
	if bytes >= 1<<20 && bytes%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%d bytes", bytes)
}

// readOnly does not wait for a writer if the file turns out to be a pipe.
const readOnly = os.O_RDONLY | syscall.O_NONBLOCK

// open opens a file beneath a place. It follows no link that leads out of it.
func (f files) open(path string) (*os.File, error) {
	place, beneath, err := f.place(path)
	if err != nil {
		return nil, err
	}
	if beneath == "." { // The place is the file itself: whoever named it meant the link.
		return os.OpenFile(path, readOnly, 0)
	}
	return openBeneath(place, beneath)
}

// place returns the innermost place that has the path beneath it, and the path relative to that: a folder that the workflow
// names may be behind a link in one of the run's own.
func (f files) place(path string) (place, beneath string, err error) {
	for _, candidate := range f.places {
		way, err := filepath.Rel(candidate, path)
		if err != nil || way == ".." || strings.HasPrefix(way, ".."+string(filepath.Separator)) || len(candidate) < len(place) {
			continue
		}
		place, beneath = candidate, way
	}
	if place == "" {
		return "", "", errOutside
	}
	return place, beneath, nil
}

func openBeneath(folder, path string) (*os.File, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	file, err := root.OpenFile(path, readOnly, 0)
	return file, errors.Join(err, root.Close())
}

// escapes is the text of the error of package os for a link that leads out of a root.
const escapes = "path escapes from parent"

// readError returns the error of a file or folder that cannot be read, with a hint.
func (f files) readError(what, path, at string, err error) error {
	if of, is := errors.AsType[*fs.PathError](err); is {
		err = of.Err
	}
	if err.Error() == escapes {
		return protocol.Errorf(protocol.TaskValidationFailed, "cannot read %s %q: it is, or is behind, a link that leads out of the folder", what, at).
			WithHint("links are followed only within a folder: write the path itself into the workflow, or name the folder that the link leads to")
	}
	failure := protocol.Errorf(protocol.TaskValidationFailed, "cannot read %s %q: %v", what, at, err).WithCause(err)
	switch {
	case errors.Is(err, errOutside) && f.worker:
		return failure.WithHint("this worker reads only beneath %s: add the folder to its setting `roots`", strings.Join(f.places, ", "))
	case errors.Is(err, errOutside):
		return failure.WithHint("a path from a value must be beneath the workflow's folder or the folder that the run was started in: write the path itself into the workflow to read a file elsewhere")
	case errors.Is(err, fs.ErrNotExist) && !filepath.IsAbs(path):
		return failure.WithHint("a relative path is resolved against the workflow's folder, then against the folder that the run was started in")
	}
	return failure
}
