package glob

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
)

// ErrOutside is the error of an FS for a path that is, or is behind, a link that leads out of the folder.
var ErrOutside = errors.New("it is, or is behind, a link that leads out of the folder")

// FS is a folder whose links are followed within it. Their number is bounded.
type FS interface {
	fs.StatFS
	fs.ReadDirFS
	// Resolve returns the path without the links in it.
	Resolve(name string) (string, error)
}

// Visitor gets what a walk finds. Its functions are called in an order that the names in the folder decide.
type Visitor struct {
	// Visit is called for each file and folder that matches, once or more often. What cannot be looked at counts as a link.
	Visit func(name string, entry fs.DirEntry)
	// Skip reports whether a folder is not entered, whether by its own name or through a link.
	Skip func(folder string) bool
	// Ignore is called for a file, or a hidden folder, that only wildcards match, once or more often. Nil: nobody wants to know.
	Ignore func(name string, kind Kind, entry fs.DirEntry)
	// LeaveOut is called for a link to a folder that is not followed: its error is ErrOutside or ErrCycle.
	LeaveOut func(link string, err error)
}

// ErrCycle is the error of a link to a folder that has the link in it.
var ErrCycle = errors.New("it leads to a folder above it")

// Walk calls the visitor for what matches. Hidden files and folders match only a segment that begins with a dot, and files of another
// Kind only one that has the mark of it. What a folder
// has is visited once for each way in which it can match: where it is, rather than behind a link, and the first link by name
// counts. It ends with the context.
func (p *Pattern) Walk(ctx context.Context, fsys FS, to Visitor) error {
	w := &walk{Context: ctx, p: p, fsys: fsys, to: to, entered: map[string][]place{}, visited: map[string]bool{}}
	var starts []step
	for i, segments := range p.paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		named, at := ".", 0
		for at < len(segments) && segments[at].literal {
			named = path.Join(named, segments[at].text)
			at++
		}
		start, err := w.start(named, at == len(segments))
		switch {
		case err != nil:
			return err
		case start == nil:
			continue
		}
		known := slices.IndexFunc(starts, func(other step) bool { return other.name == named })
		if known < 0 {
			known, starts = len(starts), append(starts, *start)
		}
		starts[known].at = p.add(starts[known].at, place{i, at})
	}
	for _, start := range starts {
		if err := w.folder(start); err != nil {
			return err
		}
	}
	return w.followLinks()
}

type walk struct {
	context.Context
	p       *Pattern
	fsys    FS
	to      Visitor
	links   []step             // To folders, perhaps: those found and not followed yet.
	entered map[string][]place // By the path of a folder without links.
	visited map[string]bool    // By the path of a file without links, except that it may be one.
}

// step is a folder, and how far its name has matched.
type step struct {
	name, real string // Its path, and that without links.
	at         []place
	isItem     bool // A link whose name matches to the end: it is visited.
}

// start visits a file that an alternative names, or returns the folder in which its wildcards begin; nil if there is none.
func (w *walk) start(named string, isAll bool) (*step, error) {
	info, err := w.fsys.Stat(named)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, nil
	case err != nil && isAll:
		w.to.Visit(named, unknown(path.Base(named)))
		return nil, nil
	case errors.Is(err, ErrOutside):
		w.to.LeaveOut(named, ErrOutside)
		return nil, nil
	case err != nil:
		return nil, err
	case isAll:
		w.to.Visit(named, fs.FileInfoToDirEntry(info))
		return nil, nil
	case !info.IsDir():
		return nil, nil
	}
	real, err := w.fsys.Resolve(named)
	return &step{name: named, real: real}, err
}

// folder visits what a folder has, as far as it was not visited.
func (w *walk) folder(s step) error {
	known := w.entered[s.real]
	s.at = slices.DeleteFunc(slices.Clone(s.at), func(at place) bool { return slices.Contains(known, at) })
	if len(s.at) == 0 {
		return nil
	}
	w.entered[s.real] = append(known, s.at...)
	entries, err := w.fsys.ReadDir(s.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // It was removed since.
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := w.Err(); err != nil {
			return err
		}
		next := step{name: path.Join(s.name, entry.Name()), real: path.Join(s.real, entry.Name()), at: w.p.step(s.at, entry.Name(), false)}
		if len(next.at) == 0 {
			w.ignoreHidden(s, next.name, entry)
			continue
		}
		if next.isItem = w.p.accepts(next.at); next.isItem && !w.visited[next.real] {
			w.visited[next.real] = true
			w.visit(next, entry)
		}
		switch {
		case !w.p.continues(next.at) || w.to.Skip(next.name):
		case entry.Type()&fs.ModeSymlink != 0:
			w.links = append(w.links, next)
		case entry.IsDir():
			if err := w.folder(next); err != nil {
				return err
			}
		}
	}
	return nil
}

// visit visits what matches, or reports that only wildcards match it.
func (w *walk) visit(s step, entry fs.DirEntry) {
	if kind := w.p.leavesOut(s.at, entry.Name()); kind != "" && !entry.IsDir() {
		w.ignore(s.name, kind, entry)
		return
	}
	w.to.Visit(s.name, entry)
}

// ignoreHidden reports what in a folder would match if it were not hidden.
func (w *walk) ignoreHidden(in step, name string, entry fs.DirEntry) {
	kind := KindOf(entry.Name())
	if kind == "" {
		return
	}
	at := w.p.step(in.at, entry.Name(), true)
	if entry.IsDir() && w.p.continues(at) || !entry.IsDir() && w.p.accepts(at) {
		w.ignore(name, kind, entry)
	}
}

func (w *walk) ignore(name string, kind Kind, entry fs.DirEntry) {
	if w.to.Ignore != nil {
		w.to.Ignore(name, kind, entry)
	}
}

// followLinks visits what is behind links to folders, after everything that is not.
func (w *walk) followLinks() error {
	for len(w.links) > 0 {
		links := w.links
		w.links = nil
		slices.SortStableFunc(links, func(a, b step) int { return strings.Compare(a.name, b.name) })
		for _, link := range links {
			if err := w.follow(link); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *walk) follow(link step) error {
	if err := w.Err(); err != nil {
		return err
	}
	info, err := w.fsys.Stat(link.name)
	isFolder := err == nil && info.IsDir()
	switch {
	case errors.Is(err, ErrOutside) && !link.isItem:
		w.to.LeaveOut(link.name, ErrOutside)
		return nil
	case !isFolder:
		return nil // A link to a file, or a broken one.
	}
	real, err := w.fsys.Resolve(link.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // It was removed since.
	case err != nil:
		return err
	case real == "." || strings.HasPrefix(link.real, real+"/"):
		w.to.LeaveOut(link.name, ErrCycle)
		return nil
	case real != "." && w.to.Skip(real):
		return nil
	}
	link.real = real
	return w.folder(link)
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

// unknown is the entry of what cannot be looked at, by its name.
type unknown string

func (u unknown) Name() string             { return string(u) }
func (unknown) IsDir() bool                { return false }
func (unknown) Type() fs.FileMode          { return fs.ModeSymlink }
func (unknown) Info() (fs.FileInfo, error) { return nil, fs.ErrInvalid }
