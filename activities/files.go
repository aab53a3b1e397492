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

	"github.com/gleitzeit/gleitzeit/internal/folder"
	"github.com/gleitzeit/gleitzeit/internal/glob"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// files reads the files that one call may read.
type files struct {
	folders []string // Relative paths are resolved against these folders, in this order.
	places  []string // Absolute paths of folders that may be read with all beneath them, or of single files.
	worker  bool     // The places are the worker's, not the run's.
	within  string   // Absolute path of a folder out of which no link is followed, unless a place in it is named; may be empty.
}

// newFiles returns the files that a call of the run may read: those in its folders and the places in reads. Roots, where
// set, take precedence. Within, where set, is the folder of the call's item.
func newFiles(run protocol.RunInfo, reads, roots []string, within string) files {
	f := files{folders: []string{run.FlowFolder}, within: within}
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

// open opens a file beneath a place. It follows no link that leads out of it.
func (f files) open(path string) (*os.File, error) {
	within, name, err := f.folder(path)
	if err != nil {
		return nil, err
	}
	if within == nil { // Whoever named the file meant the link.
		return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	}
	file, err := within.OpenFile(name)
	return file, errors.Join(err, within.Close())
}

// folder opens the innermost folder that has the path beneath it and out of which no link is followed. It returns no folder for a
// file that is a place itself.
func (f files) folder(path string) (within *folder.Folder, name string, err error) {
	place, beneath, err := f.place(path)
	if err != nil {
		return nil, "", err
	}
	if beneath == "." {
		if info, err := os.Stat(path); err != nil || !info.IsDir() {
			return nil, "", err
		}
	}
	outer, err := folder.Open(place)
	if err != nil {
		return nil, "", err
	}
	inner, further := under(place, f.within)
	name, has := under(f.within, path)
	if !further || !has || inner == "." {
		return outer, filepath.ToSlash(beneath), nil
	}
	within, err = outer.Sub(filepath.ToSlash(inner))
	return within, filepath.ToSlash(name), errors.Join(err, outer.Close())
}

// under returns the path relative to a folder, if it is the folder or beneath it.
func under(folder, path string) (string, bool) {
	if folder == "" {
		return "", false
	}
	way, err := filepath.Rel(folder, path)
	return way, err == nil && way != ".." && !strings.HasPrefix(way, ".."+string(filepath.Separator))
}

// place returns the innermost place that has the path beneath it, and the path relative to that: a folder that the workflow
// names may be behind a link in one of the run's own.
func (f files) place(path string) (place, beneath string, err error) {
	for _, candidate := range f.places {
		way, is := under(candidate, path)
		if !is || len(candidate) < len(place) {
			continue
		}
		place, beneath = candidate, way
	}
	if place == "" {
		return "", "", errOutside
	}
	return place, beneath, nil
}

// Check returns the error of a file that Read would refuse to read, for handlers that read it by themselves. One that is missing is
// theirs to report.
func (f files) Check(path string) error {
	info, err := f.stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errNotFile
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return f.readError("file", path, path, err)
}

// readError returns the error of a file or folder that cannot be read, with a hint.
func (f files) readError(what, path, at string, err error) error {
	if of, is := errors.AsType[*fs.PathError](err); is {
		err = of.Err
	}
	if errors.Is(err, glob.ErrOutside) {
		return protocol.Errorf(protocol.TaskValidationFailed, "cannot read %s %q: %s", what, at, glob.ErrOutside).
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
