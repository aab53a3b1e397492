package resolve

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/glob"
	"github.com/gleitzeit/gleitzeit/internal/suggest"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// Paths looks for the files and folders that a workflow names: first from the workflow's folder, then from that of the run.
type Paths struct {
	files      fs.FS
	folder     string
	flowFolder string
	remote     bool // The files are those of another machine.
	scripts    map[string]readScript
	found      map[string]foundFile
}

func newPaths(source Source) *Paths {
	return &Paths{
		files: source.Files, folder: source.Folder, flowFolder: source.FlowFolder, remote: source.Remote,
		scripts: map[string]readScript{}, found: map[string]foundFile{},
	}
}

// NamedFile is the path of a file as written in a task's parameters.
type NamedFile struct {
	Parameter string
	Path      *definition.Node
	Place     string // Absolute: where the file is, else where it would be.
	Exists    bool   // Something is at the place.
	Problem   string // Why it is not a file to read; "" where it is.
	Hint      string // What to do about it.
	outside   bool   // It is outside the folders of the run, or behind a link.
}

// filesOf returns the paths in a task's parameters that hold no reference. The schema rejects an empty one.
func (p *Paths) filesOf(t *Task) []NamedFile {
	if t.Method == nil || t.Parameters == nil {
		return nil
	}
	var named []NamedFile
	for _, field := range t.Parameters.Fields {
		if !slices.Contains(t.Method.FileParameters, field.Name) {
			continue
		}
		for _, n := range append([]*definition.Node{field.Value}, field.Value.Elements...) {
			if n.Kind == value.KindString && n.Text != "" && !t.RefersTo(n) {
				found, hint := p.find(n.Text), ""
				if !found.exists {
					hint = p.missingHint(n.Text)
				}
				named = append(named, NamedFile{field.Name, n, found.place, found.exists, found.problem, hint, !p.within(found.place)})
			}
		}
	}
	return named
}

// foundFile is what a path leads to.
type foundFile struct {
	place   string // Absolute: where the file is, else where it would be.
	exists  bool   // Something is at the place.
	problem string // Why that is not a file to read.
}

// find looks for a file as the activity will.
func (p *Paths) find(name string) foundFile {
	known, isKnown := p.found[name]
	if !isKnown {
		known = p.search(name)
		p.found[name] = known
	}
	return known
}

func (p *Paths) search(name string) foundFile {
	places := p.places(name)
	for _, place := range places {
		info, err := p.stat(place)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return foundFile{place, true, "cannot be read: " + reason(err)}
		case info.IsDir():
			return foundFile{place, true, "is a folder, not a file: " + place}
		case !info.Mode().IsRegular():
			return foundFile{place, true, "is not a regular file: " + place}
		}
		return foundFile{place, true, ""}
	}
	return foundFile{places[0], false, "does not exist: looked for " + JoinWords(places, "and")}
}

// locate looks for a file or folder that the workflow names: in the workflow's folder, then in that of the start. Where it
// lies outside of both, or behind a link, its place is returned: the run may read it because the file names it. One that
// holds a reference is not known yet.
func (p *Paths) locate(n *definition.Node, folder, refers bool) (outside, problem string, missing bool) {
	name := strings.ReplaceAll(n.Written, "$${", "${") // As it is meant, where nothing in it refers.
	switch {
	case refers:
		return "", "", false
	case name == "":
		return "", "is empty", false
	}
	if _, escaped := value.UnescapeInvalid(name); escaped {
		return "", "", false // It is not UTF-8: the activity looks for it, and fails the item.
	}
	places := p.places(name)
	for _, place := range places {
		info, err := p.stat(place)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return "", definition.Quote(name) + " cannot be read: " + reason(err), false
		case folder && !info.IsDir():
			return "", definition.Quote(name) + " is a file, not a folder: " + place, false
		case !info.IsDir() && !info.Mode().IsRegular():
			return "", definition.Quote(name) + " is not a regular file: " + place, false
		}
		if p.within(place) {
			return "", "", false
		}
		return place, "", false
	}
	return "", definition.Quote(name) + " does not exist: looked for " + JoinWords(places, "and"), true
}

// missingHint says what to do about a path that leads nowhere: to write that of a file or folder with nearly the same name, if there is one.
func (p *Paths) missingHint(name string) string {
	if strings.HasPrefix(name, "~") {
		return "~ is not replaced here: write the path in full, as `echo " + name + "` prints it"
	}
	const most = 1000
	for _, place := range p.places(name) {
		if p.files == nil || p.remote {
			break
		}
		folder, err := p.files.Open(inFS(path.Dir(place)))
		if err != nil {
			continue
		}
		var names []string
		if of, is := folder.(fs.ReadDirFile); is {
			entries, _ := of.ReadDir(most) // Fewer names are fewer suggestions.
			for _, entry := range entries {
				names = append(names, entry.Name())
			}
		}
		near := ""
		if folder.Close() == nil {
			near = suggest.Nearest(path.Base(place), names)
		}
		if near != "" {
			return didYouMean(path.Join(path.Dir(name), near))
		}
	}
	return "correct the path, or create it there"
}

// maxLooked is how many entries of folders are looked at to find files beneath a folder.
const maxLooked = 5000

// beneath counts the files in the folders beneath one that the workflow names, without what wildcards leave out, and reports whether
// there may be more. It follows no links.
func (p *Paths) beneath(n *definition.Node) (files int, more bool) {
	name := strings.ReplaceAll(n.Written, "$${", "${")
	if p.files == nil || p.remote || name == "" {
		return 0, false
	}
	looked := 0
	for _, place := range p.places(name) {
		if info, err := p.stat(place); err != nil || !info.IsDir() {
			continue
		}
		top := inFS(place)
		err := fs.WalkDir(p.files, top, func(at string, entry fs.DirEntry, err error) error {
			looked++
			switch {
			case looked > maxLooked:
				more = true
				return fs.SkipAll
			case at == top:
			case err != nil, entry.IsDir() && glob.KindOf(entry.Name()) == glob.Hidden:
				return fs.SkipDir
			case entry.Type().IsRegular() && path.Dir(at) != top && glob.KindOf(entry.Name()) == "":
				files++
			}
			return nil
		})
		return files, more && err == nil
	}
	return 0, false
}

// places are where a path may lead, in this order.
func (p *Paths) places(name string) []string {
	if path.IsAbs(name) {
		return []string{path.Clean(name)}
	}
	places := []string{path.Join(p.flowFolder, name)}
	if other := path.Join(p.folder, name); other != places[0] {
		places = append(places, other)
	}
	return places
}

func (p *Paths) stat(place string) (fs.FileInfo, error) {
	if p.files == nil {
		return nil, fs.ErrNotExist
	}
	return fs.Stat(p.files, inFS(place))
}

// inFS is an absolute path as the file system of the checks has it.
func inFS(place string) string {
	if name := strings.TrimPrefix(place, "/"); name != "" {
		return name
	}
	return "."
}

// within reports whether a place lies beneath one of the run's folders, no link on the way.
func (p *Paths) within(place string) bool {
	for _, folder := range []string{p.flowFolder, p.folder} {
		beneath, isBeneath := strings.CutPrefix(place, strings.TrimSuffix(folder, "/")+"/")
		if place == folder {
			return true
		}
		if isBeneath && !p.linked(folder, beneath) {
			return true
		}
	}
	return false
}

func (p *Paths) linked(folder, beneath string) bool {
	links, can := p.files.(fs.ReadLinkFS)
	if !can {
		return false
	}
	for part := range strings.SplitSeq(beneath, "/") {
		folder = path.Join(folder, part)
		if info, err := links.Lstat(inFS(folder)); err != nil || info.Mode()&fs.ModeSymlink != 0 {
			return true
		}
	}
	return false
}
