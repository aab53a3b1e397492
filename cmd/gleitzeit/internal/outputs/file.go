// Package outputs is the one rule for files that commands write: what cannot be replaced, and what must not be, because a run reads it.
package outputs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// File is a file that a command writes.
type File struct {
	Flag     string // That names it: "--output".
	Path     string // Empty: it is not written.
	Contents string // "the results".
	Example  string // The end of a name for a file beside a folder, "-results.md"; empty: none is suggested.
}

// Results is the file for results that a flag names.
func Results(flag, path string) File { return File{flag, path, "the results", "-results.md"} }

// Check finds out, before the work begins, why one of the files cannot be written. Of all files of a command, no two may be one.
func Check(files ...File) *protocol.Error {
	for i, file := range files {
		if file.Path == "" {
			continue
		}
		if err := file.check(); err != nil {
			return err
		}
		for _, other := range files[:i] {
			if other.Path != "" && isSame(other.Path, file.Path) {
				return protocol.Errorf(protocol.InvalidParams, "%s and %s name the same file %q", other.Flag, file.Flag, file.Path).
					WithHint("each of them needs a file of its own")
			}
		}
	}
	return nil
}

// checkName reports a path that stands for standard output, or for another file that is open, and not for a file.
func checkName(file File) *protocol.Error {
	switch {
	case file.Path == "":
		return nil
	case file.Path == "-":
		return file.stream(file.Flag + " names a file (a file of that name is ./-)")
	case isDevice(file.Path):
		return file.stream("not a regular file")
	}
	for _, stream := range []struct {
		file *os.File
		why  string
	}{{os.Stdin, "standard input is read from it"}, {os.Stdout, "standard output is redirected to it"}, {os.Stderr, "standard error is redirected to it"}} {
		open, err := stream.file.Stat()
		if info, missing := os.Stat(file.Path); missing == nil && err == nil && open.Mode().IsRegular() && os.SameFile(open, info) {
			return file.stream(stream.why)
		}
	}
	return nil
}

func (f File) check() *protocol.Error {
	if err := checkName(f); err != nil {
		return err
	}
	info, err := os.Stat(filepath.Dir(f.Path))
	switch {
	case err != nil:
		return f.Unwritable(err)
	case !info.IsDir():
		return f.Unwritable(errors.New("its folder is a file"))
	}
	if info, err := os.Stat(f.Path); err == nil && info.IsDir() {
		if f.Flag != "--output" || f.Example == "" {
			return f.Unwritable(errors.New("it is a folder")).WithHint("%s must name a file", f.Flag)
		}
		return f.Unwritable(errors.New("it is a folder")).WithHint("name a file beside it, as in --output %s%s", filepath.Clean(f.Path), f.Example)
	} else if err == nil && !info.Mode().IsRegular() {
		return f.stream("not a regular file")
	}
	return nil
}

func (f File) exists() bool {
	_, err := os.Lstat(f.Path)
	return err == nil
}

// stream is the error of a path that was meant, or could be meant, for what is printed.
func (f File) stream(why string) *protocol.Error {
	err := protocol.Errorf(protocol.InvalidParams, "cannot write %s to %q: %s", f.Contents, f.Path, why)
	if f.Flag != "--output" {
		return err.WithHint("%s must name a regular file", f.Flag)
	}
	return err.WithHint("name a regular file; without --output, the results are printed to standard output, and --format, or -o, selects their format")
}

// NotWritten returns the error of results that were not written: that of the file, or why they could not be read.
func NotWritten(path string, err error) error {
	_, ofPath := errors.AsType[*fs.PathError](err)
	_, ofRename := errors.AsType[*os.LinkError](err)
	if path != "" && (ofPath || ofRename) {
		return Results("--output", path).Unwritable(err)
	}
	return err
}

// Unwritable returns the error of a file that cannot be written.
func (f File) Unwritable(err error) *protocol.Error {
	if of, is := errors.AsType[*fs.PathError](err); is {
		err = of.Err
	}
	return protocol.Errorf(protocol.InvalidParams, "cannot write %s to %q: %s", f.Contents, f.Path, err).
		WithHint("%s must name a file in an existing folder", f.Flag)
}

// maxLinks is how many links in a row are followed, as Linux does.
const maxLinks = 40

// isDevice reports whether a path, or a link on its way, is one of those of devices and open files. What is behind such a link may be a
// regular file, to which the process was to write, not in place of which.
func isDevice(path string) bool {
	for range maxLinks {
		folder, err := filepath.Abs(filepath.Dir(path))
		if err != nil {
			return false
		}
		if isDeviceFolder(folder) {
			return true
		}
		if folder, err = filepath.EvalSymlinks(folder); err != nil {
			return false
		}
		if isDeviceFolder(folder) {
			return true
		}
		path = filepath.Join(folder, filepath.Base(path))
		target, err := os.Readlink(path)
		if err != nil {
			return false
		}
		if !filepath.IsAbs(target) {
			target = folder + string(filepath.Separator) + target // Not cleaned: a part may be a link.
		}
		path = target
	}
	return false
}

func isDeviceFolder(folder string) bool {
	return folder == "/dev" || folder == "/dev/fd" || folder == "/proc" || strings.HasPrefix(folder, "/proc/")
}

// isSame reports whether two paths lead to one file, which need not exist.
func isSame(a, b string) bool {
	first, errFirst := os.Stat(a)
	second, errSecond := os.Stat(b)
	if errFirst == nil && errSecond == nil {
		return os.SameFile(first, second)
	}
	return place(a) == place(b)
}

// place is the absolute path of a file without links; of one that does not exist, that in its folder.
func place(path string) string {
	if found, err := filepath.EvalSymlinks(path); err == nil {
		path = found
	} else if folder, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		path = filepath.Join(folder, filepath.Base(path))
	}
	if absolute, err := filepath.Abs(path); err == nil {
		return absolute
	}
	return path
}
