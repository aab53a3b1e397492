package glob

import (
	"context"
	"errors"
	"io/fs"
	"path"
)

// Walk calls visit for each file and folder that matches, once or more often, in no order. Hidden ones match only a segment that
// begins with a dot. Links to folders are followed only where the pattern names them before its first wildcard. It does not
// enter folders that skip reports, and ends with the context.
func (p *Pattern) Walk(ctx context.Context, fsys fs.FS, skip func(folder string) bool, visit func(name string, entry fs.DirEntry)) error {
	w := &walk{ctx, p, fsys, skip, visit}
	beneath := map[string][]place{} // By the folder that an alternative names before its first wildcard.
	var folders []string
	for i, segments := range p.paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		named, at := ".", 0
		for at < len(segments) && segments[at].literal {
			named = path.Join(named, segments[at].text)
			at++
		}
		info, err := fs.Stat(fsys, named)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case at == len(segments):
			visit(named, fs.FileInfoToDirEntry(info))
		case info.IsDir():
			if _, has := beneath[named]; !has {
				folders = append(folders, named)
			}
			beneath[named] = p.add(beneath[named], place{i, at})
		}
	}
	for _, folder := range folders {
		if err := w.folder(folder, beneath[folder]); err != nil {
			return err
		}
	}
	return nil
}

type walk struct {
	ctx   context.Context
	p     *Pattern
	fsys  fs.FS
	skip  func(string) bool
	visit func(string, fs.DirEntry)
}

// folder visits what a folder holds.
func (w *walk) folder(folder string, at []place) error {
	entries, err := fs.ReadDir(w.fsys, folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // It was removed since.
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		next := w.p.step(at, entry.Name(), false)
		if len(next) == 0 {
			continue
		}
		name := path.Join(folder, entry.Name())
		if w.p.accepts(next) {
			w.visit(name, entry)
		}
		if entry.IsDir() && w.p.continues(next) && !w.skip(name) {
			if err := w.folder(name, next); err != nil {
				return err
			}
		}
	}
	return nil
}

// continues reports whether an alternative wants more names.
func (p *Pattern) continues(at []place) bool {
	for _, one := range at {
		if one.segment < len(p.paths[one.path]) {
			return true
		}
	}
	return false
}
