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

// maxFlow is a little more than the largest workflow file, so that the interpreter sees that it is too large.
const maxFlow = 8<<20 + 1

// folder is one that workflows are read from. Nothing outside of it is: a link that leads out is refused.
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
		return folder{}, protocol.Errorf(protocol.ConfigurationError, "cannot open the folder %q of workflows: %s", path, cause(err))
	}
	return folder{absolute, root}, nil
}

// cause leaves out the path that the system's errors repeat.
func cause(err error) error {
	if of, is := errors.AsType[*fs.PathError](err); is {
		return of.Err
	}
	return err
}

// within is a path as seen from the folder; false where it does not lie beneath it.
func (f folder) within(path string) (string, bool) {
	relative, err := filepath.Rel(f.path, path)
	return relative, err == nil && filepath.IsLocal(relative)
}

// read returns the text of a file beneath the folder.
func (f folder) read(name string) ([]byte, error) {
	// What is no regular file might never end, or never begin.
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
	return readAll(file)
}

func readAll(file *os.File) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(file, maxFlow))
	return text, errors.Join(err, file.Close())
}

// flows lists the files of the folder that may be workflows, sorted: YAML files in it, and those called flow in the
// folders that it holds.
func (f folder) flows() ([]string, error) {
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
			for _, flow := range []string{"flow.yaml", "flow.yml"} {
				if info, err := f.root.Stat(filepath.Join(name, flow)); err == nil && info.Mode().IsRegular() {
					found = append(found, filepath.Join(name, flow))
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

// beneath is what a workflow may see that no user has written: the folders, and nothing else. It is rooted at "/".
type beneath []folder

// Open implements fs.FS.
func (b beneath) Open(name string) (fs.File, error) {
	for _, f := range b {
		if relative, within := f.within("/" + name); within {
			return f.root.FS().Open(filepath.ToSlash(relative))
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}
