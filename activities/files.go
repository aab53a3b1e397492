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

// files is what one call may read: a place is a folder with all beneath it, or a single file.
type files struct {
	folders []string // Where relative paths are looked for, in this order.
	places  []string // Absolute.
	worker  bool     // The places are the worker's, not the run's.
}

// files is what a call of the run may read; reads are places outside of its folders.
func (a *Activities) files(run protocol.RunInfo, reads []string) files {
	f := files{folders: []string{run.FlowFolder}}
	if run.Folder != run.FlowFolder {
		f.folders = append(f.folders, run.Folder)
	}
	if a.roots != nil {
		f.places, f.worker = a.roots, true
		return f
	}
	f.places = append(append([]string{}, f.folders...), reads...)
	return f
}

// Read implements protocol.Files.
func (f files) Read(path string, limit int64) (data []byte, err error) {
	err = f.look(path, limit, func(content io.Reader) (err error) {
		data, err = io.ReadAll(content)
		return err
	})
	return data, err
}

// look hands the content of the file over. Its error is that of Read.
func (f files) look(path string, limit int64, take func(io.Reader) error) error {
	if path == "" {
		return protocol.Errorf(protocol.TaskValidationFailed, "the path of a file is empty")
	}
	var first error
	for _, candidate := range f.candidates(path) {
		err := f.read(candidate, limit, take)
		if err == nil {
			return nil
		}
		if first == nil {
			first = f.refused(path, candidate, err)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return f.refused(path, candidate, err)
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
	errOutside = errors.New("it lies outside the folders that may be read")
	errNoFile  = errors.New("it is no file")
)

func (f files) read(path string, limit int64, take func(io.Reader) error) (err error) {
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
		return errNoFile
	}
	content := &io.LimitedReader{R: file, N: limit + 1}
	if err := take(content); err != nil {
		return err
	}
	if content.N == 0 {
		return fmt.Errorf("it has more than %s", sizeOf(limit))
	}
	return nil
}

// sizeOf shows a limit to people.
func sizeOf(bytes int64) string {
	if bytes >= 1<<20 && bytes%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%d bytes", bytes)
}

// readOnly does not wait for somebody to write into what turns out to be a pipe.
const readOnly = os.O_RDONLY | syscall.O_NONBLOCK

// open follows no link that leads out of a place.
func (f files) open(path string) (*os.File, error) {
	place, beneath, err := f.place(path)
	if err != nil {
		return nil, err
	}
	if beneath == "." { // The place is this very file: a link was meant as such by whoever named it.
		return os.OpenFile(path, readOnly, 0)
	}
	return openBeneath(place, beneath)
}

// place returns the innermost place that holds the path, and the way from there: a folder that the workflow names may lie
// behind a link in one of the run's own.
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

func (f files) refused(path, at string, err error) error {
	return f.refusedAs("file", path, at, err)
}

// escapes is what package os says of a link that leads out of a root; it has no error of its own for it.
const escapes = "path escapes from parent"

// refusedAs says why a file or folder cannot be read, and what to do.
func (f files) refusedAs(what, path, at string, err error) error {
	if of, is := errors.AsType[*fs.PathError](err); is {
		err = of.Err
	}
	if err.Error() == escapes {
		return protocol.Errorf(protocol.TaskValidationFailed, "%s %q cannot be read: it is, or lies behind, a link that leads out of the folder", what, at).
			WithHint("links are followed within a folder alone; write the path itself into the workflow, or name the folder that the link leads to")
	}
	refused := protocol.Errorf(protocol.TaskValidationFailed, "%s %q cannot be read: %v", what, at, err).WithCause(err)
	switch {
	case errors.Is(err, errOutside) && f.worker:
		return refused.WithHint("this worker reads beneath %s; its setting `roots` names more folders", strings.Join(f.places, ", "))
	case errors.Is(err, errOutside):
		return refused.WithHint("a path that comes from a value must lie beneath the workflow's folder or the one that the run was started in; write the path itself into the workflow to read a file elsewhere")
	case errors.Is(err, fs.ErrNotExist) && !filepath.IsAbs(path):
		return refused.WithHint("a relative path is taken from the workflow's folder, then from the folder that the run was started in")
	}
	return refused
}
