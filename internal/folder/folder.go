// Package folder opens files beneath a folder and nowhere else. Links are followed as long as they lead to something in the folder,
// also those that have an absolute path, which package os refuses.
package folder

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/gleitzeit/gleitzeit/internal/glob"
)

// Folder is an open folder. Names in it are relative, with slashes. It implements glob.FS.
type Folder struct {
	root *os.Root
	path string // Absolute.
	real string // Without links; empty until it is asked for.
}

// Open opens a folder by its absolute path. Links on the way to it are followed.
func Open(path string) (*Folder, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &Folder{root: root, path: filepath.Clean(path)}, nil
}

// Sub opens a folder in the folder. What it opens is beneath that one.
func (f *Folder) Sub(name string) (*Folder, error) {
	root, err := follow(f, name, f.root.OpenRoot)
	if err != nil {
		return nil, err
	}
	return &Folder{root: root, path: filepath.Join(f.path, filepath.FromSlash(name))}, nil
}

// Close closes the folder. What was opened in it stays open.
func (f *Folder) Close() error { return f.root.Close() }

// OpenFile opens a file for reading. It does not wait for a writer if that is a pipe.
func (f *Folder) OpenFile(name string) (*os.File, error) {
	return follow(f, name, func(name string) (*os.File, error) { return f.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) })
}

// Open implements fs.FS.
func (f *Folder) Open(name string) (fs.File, error) { return f.OpenFile(name) }

// Stat implements fs.StatFS. It does not open the file: opening a pipe may block.
func (f *Folder) Stat(name string) (fs.FileInfo, error) { return follow(f, name, f.root.Stat) }

// Lstat describes a link itself, but follows links on the way to it.
func (f *Folder) Lstat(name string) (fs.FileInfo, error) { return follow(f, name, f.root.Lstat) }

// ReadDir implements fs.ReadDirFS. Unlike that of the root's FS, names need not be UTF-8.
func (f *Folder) ReadDir(name string) ([]fs.DirEntry, error) {
	file, err := f.OpenFile(name)
	if err != nil {
		return nil, err
	}
	entries, err := file.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, errors.Join(err, file.Close())
}

// escapes is the text of the error of package os for a link that leads out of a root, or has an absolute path.
const escapes = "path escapes from parent"

// follow calls a method of the root, again without the links in the name if the root does not follow them. The error of a link
// that leads out of the folder is glob.ErrOutside.
func follow[T any](f *Folder, name string, call func(string) (T, error)) (T, error) {
	got, err := call(name)
	if of, is := errors.AsType[*fs.PathError](err); !is || of.Err.Error() != escapes {
		return got, err
	}
	real, err := f.Resolve(name)
	if err != nil {
		return got, err
	}
	// The root checks the resolved path again: a link may have been put there since.
	got, err = call(real)
	if of, is := errors.AsType[*fs.PathError](err); is && of.Err.Error() == escapes {
		err = &fs.PathError{Op: of.Op, Path: name, Err: glob.ErrOutside}
	}
	return got, err
}

// maxLinks is how many links may be on the way to a file, as in Linux.
const maxLinks = 40

// Resolve implements glob.FS.
func (f *Folder) Resolve(name string) (string, error) {
	fail := func(err error) (string, error) { return "", &fs.PathError{Op: "resolve", Path: name, Err: err} }
	if f.real == "" {
		real, err := filepath.EvalSymlinks(f.path)
		if err != nil {
			return "", err
		}
		f.real = filepath.ToSlash(real)
	}
	base := split(f.real)
	at, rest, links := base, split(name), 0 // The names from the root of the disk to where it has come, without links, and those ahead.
	for len(rest) > 0 {
		part := rest[0]
		rest = rest[1:]
		switch {
		case part == "..":
			at = at[:max(len(at)-1, 0)]
			continue
		case len(at) < len(base):
			if part != base[len(at)] {
				return fail(glob.ErrOutside)
			}
			at = base[:len(at)+1]
			continue
		}
		next := append(at[:len(at):len(at)], part)
		info, err := f.root.Lstat(path.Join(next[len(base):]...))
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		target, err := f.root.Readlink(path.Join(next[len(base):]...))
		if err != nil {
			return "", err
		}
		if links++; links > maxLinks {
			return fail(syscall.ELOOP)
		}
		if beneath, is := f.beneath(target); is {
			at, target = base, beneath
		} else if filepath.IsAbs(target) {
			at = nil
		}
		rest = append(split(target), rest...)
	}
	if len(at) < len(base) {
		return fail(glob.ErrOutside)
	}
	return path.Join(append([]string{"."}, at[len(base):]...)...), nil
}

// beneath returns an absolute target that names the folder as it was opened, relative to it.
func (f *Folder) beneath(target string) (string, bool) {
	if target == f.path {
		return "", true
	}
	return strings.CutPrefix(target, strings.TrimSuffix(f.path, "/")+"/")
}

// split returns the names of a path.
func split(name string) []string {
	return slices.DeleteFunc(strings.Split(name, "/"), func(part string) bool { return part == "" || part == "." })
}
