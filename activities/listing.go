package activities

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// wanted says which files of a folder are meant.
type wanted struct {
	pattern string   // Relative to the folder; empty is all that lie in it.
	exclude []string // One without a slash is for names at any depth.
}

var errNoFolder = errors.New("it is no folder")

// List returns the files of a folder that are wanted, sorted by path, as absolute paths. A relative path is taken as Read
// does. Links to folders are not followed. A link that leads nowhere, or out of the folder, counts as a file: reading it says what is wrong with it.
func (f files) List(folder string, want wanted) ([]string, error) {
	if folder == "" {
		return nil, protocol.Errorf(protocol.TaskValidationFailed, "the path of a folder is empty")
	}
	var first error
	for _, candidate := range f.candidates(folder) {
		found, err := f.list(candidate, want)
		if err == nil {
			return found, nil
		}
		if first == nil {
			first = f.refusedAs("folder", folder, candidate, err)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, f.refusedAs("folder", folder, candidate, err)
		}
	}
	return nil, first
}

// Find returns the absolute path of a file or folder, and which of the two it is.
func (f files) Find(name string) (found string, isFolder bool, err error) {
	var first error
	for _, candidate := range f.candidates(name) {
		info, err := f.stat(candidate)
		if err == nil {
			return candidate, info.IsDir(), nil
		}
		if first == nil {
			first = f.refused(name, candidate, err)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", false, f.refused(name, candidate, err)
		}
	}
	return "", false, first
}

// stat opens nothing: opening a pipe may wait for ever.
func (f files) stat(path string) (info fs.FileInfo, err error) {
	place, beneath, err := f.place(path)
	if err != nil {
		return nil, err
	}
	if beneath == "." {
		return os.Stat(place)
	}
	root, err := os.OpenRoot(place)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	return root.Stat(beneath)
}

func (f files) list(folder string, want wanted) (found []string, err error) {
	place, beneath, err := f.place(folder)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(place)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	info, err := root.Stat(beneath)
	switch {
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, errNoFolder
	}
	within, err := fs.Sub(root.FS(), filepath.ToSlash(beneath))
	if err != nil {
		return nil, err
	}
	pattern := want.pattern
	if pattern == "" {
		pattern = "*"
	}
	err = doublestar.GlobWalk(within, pattern, func(name string, entry fs.DirEntry) error {
		if !want.excludes(name) && mayBeFile(within, name, entry) {
			found = append(found, filepath.Join(folder, filepath.FromSlash(name)))
		}
		return nil
	}, doublestar.WithNoHidden(), doublestar.WithNoFollow(), doublestar.WithFailOnIOErrors())
	if err != nil {
		return nil, err
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

func mayBeFile(within fs.FS, name string, entry fs.DirEntry) bool {
	kind := entry.Type()
	if kind&fs.ModeSymlink != 0 {
		info, err := fs.Stat(within, name)
		return err != nil || info.Mode().IsRegular()
	}
	return kind.IsRegular()
}

// excludes tells whether a path, or a folder on the way to it, is to be left out.
func (w wanted) excludes(name string) bool {
	for at := name; at != "."; at = path.Dir(at) {
		for _, pattern := range w.exclude {
			subject := at
			if path.Base(pattern) == pattern {
				subject = path.Base(at)
			}
			// A pattern that is none matches nothing; the check of the workflow has told so.
			if doublestar.MatchUnvalidated(pattern, subject) {
				return true
			}
		}
	}
	return false
}
