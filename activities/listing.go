package activities

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/glob"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// filter selects files of a folder.
type filter struct {
	pattern *glob.Pattern   // Relative to the folder.
	exclude []*glob.Pattern // A pattern without a slash is for names at any depth.
}

// newFilter reads the patterns of a task, which come from a plan: who made it may not have checked them. An empty pattern selects
// all files directly in a folder.
func newFilter(pattern string, exclude []string) (filter, error) {
	if pattern == "" {
		pattern = "*"
	}
	selected, err := parsePattern("pattern", pattern)
	if err != nil {
		return filter{}, err
	}
	want := filter{pattern: selected}
	for _, text := range exclude {
		excluded, err := parsePattern("exclude", text)
		if err != nil {
			return filter{}, err
		}
		want.exclude = append(want.exclude, excluded)
	}
	return want, nil
}

func parsePattern(key, text string) (*glob.Pattern, error) {
	parsed, err := glob.Parse(text)
	if invalid, is := errors.AsType[*glob.Error](err); is {
		return nil, protocol.Errorf(protocol.TaskValidationFailed, "%s %.60q %s", key, text, invalid.Message).WithHint("%s", invalid.Hint)
	}
	return parsed, err
}

var errNotFolder = errors.New("it is not a folder")

// List returns the absolute paths of the selected files of a folder, sorted. It resolves a relative path as Read does, and
// does not follow links to folders. A broken link, or one that leads out of the folder, counts as a file: reading it reports
// the error.
func (f files) List(ctx context.Context, folder string, want filter) ([]string, error) {
	if folder == "" {
		return nil, protocol.Errorf(protocol.TaskValidationFailed, "the path of the folder is empty")
	}
	var first error
	for _, candidate := range f.candidates(folder) {
		found, err := f.list(ctx, candidate, want)
		if err == nil {
			return found, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if first == nil {
			first = f.readError("folder", folder, candidate, err)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, f.readError("folder", folder, candidate, err)
		}
	}
	return nil, first
}

// Find returns the absolute path of a file or folder, and reports which of the two it is.
func (f files) Find(name string) (found string, isFolder bool, err error) {
	var first error
	for _, candidate := range f.candidates(name) {
		info, err := f.stat(candidate)
		if err == nil {
			return candidate, info.IsDir(), nil
		}
		if first == nil {
			first = f.readError("file", name, candidate, err)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", false, f.readError("file", name, candidate, err)
		}
	}
	return "", false, first
}

// stat does not open the file: opening a pipe may block.
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

func (f files) list(ctx context.Context, folder string, want filter) (found []string, err error) {
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
		return nil, errNotFolder
	}
	within, err := fs.Sub(root.FS(), filepath.ToSlash(beneath))
	if err != nil {
		return nil, err
	}
	err = want.pattern.Walk(ctx, within, want.excludes, func(name string, entry fs.DirEntry) {
		if !want.excludes(name) && mayBeFile(within, name, entry) {
			found = append(found, filepath.Join(folder, filepath.FromSlash(name)))
		}
	})
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

// excludes reports whether a path, or a folder on the way to it, is excluded.
func (w filter) excludes(name string) bool {
	for at := name; at != "."; at = path.Dir(at) {
		for _, pattern := range w.exclude {
			subject := at
			if pattern.IsName() {
				subject = path.Base(at)
			}
			if pattern.Match(subject) {
				return true
			}
		}
	}
	return false
}
