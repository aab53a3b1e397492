package mcpserver

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// maxRead is one byte more than the largest workflow file, so that the interpreter reports a file that is too large.
const maxRead = 8<<20 + 1

// folder is a folder that workflows are read from. Nothing outside of it is read: a link that leads out of it is an error.
type folder struct {
	path string // Absolute.
	root *os.Root
}

func openFolder(path string) (folder, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return folder{}, err
	}
	root, err := os.OpenRoot(absolute)
	if err != nil {
		return folder{}, protocol.Errorf(protocol.ConfigurationError, "cannot open the folder %q of workflows: %s", path, withoutPath(err))
	}
	return folder{absolute, root}, nil
}

// withoutPath returns the cause of an error of the file system, without the path that the message repeats.
func withoutPath(err error) error {
	if of, is := errors.AsType[*fs.PathError](err); is {
		return of.Err
	}
	return err
}

// within returns a path relative to the folder; false if it does not lie beneath the folder.
func (f folder) within(path string) (string, bool) {
	relative, err := filepath.Rel(f.path, path)
	return relative, err == nil && filepath.IsLocal(relative)
}

// read returns the text of a file beneath the folder.
func (f folder) read(name string) ([]byte, error) {
	// To open or to read anything but a regular file may block.
	info, err := f.root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	file, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxRead))
	return text, errors.Join(err, file.Close())
}

// workflows lists the files of the folder that may be workflows, sorted: the YAML files in it, and the files flow.yaml and
// flow.yml in its subfolders.
func (f folder) workflows() ([]string, error) {
	entries, err := fs.ReadDir(f.root.FS(), ".")
	if err != nil {
		return nil, err
	}
	var found []string
	for _, entry := range entries {
		name := entry.Name()
		switch {
		case strings.HasPrefix(name, "."):
		case isYAML(name):
			found = append(found, name)
		default:
			for _, file := range []string{"flow.yaml", "flow.yml"} {
				if info, err := f.root.Stat(filepath.Join(name, file)); err == nil && info.Mode().IsRegular() {
					found = append(found, filepath.Join(name, file))
				}
			}
		}
	}
	slices.Sort(found)
	return found, nil
}

func isYAML(name string) bool {
	extension := strings.ToLower(filepath.Ext(name))
	return extension == ".yaml" || extension == ".yml"
}

// foldersFS is the file system, rooted at "/", of a workflow that a client wrote: it has the folders and nothing else.
type foldersFS []folder

// Open implements fs.FS.
func (f foldersFS) Open(name string) (fs.File, error) {
	for _, in := range f {
		if relative, within := in.within("/" + name); within {
			return in.root.FS().Open(filepath.ToSlash(relative))
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}
