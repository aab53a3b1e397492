package rules

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

func refersIn(texts Texts, n *definition.Node) bool {
	for _, text := range texts {
		if text.Node == n {
			return true
		}
	}
	return false
}

// locate looks for a file or folder that the workflow names: in the workflow's folder, then in that of the start. Where it
// lies outside of both, or behind a link, its place is returned: the run may read it because the file names it. One that
// holds a reference is not known yet.
func (c *Context) locate(n *definition.Node, folder, refers bool) (outside, problem string, missing bool) {
	name := strings.ReplaceAll(n.Written, "$${", "${") // As it is meant, where nothing in it refers.
	switch {
	case refers:
		return "", "", false
	case name == "":
		return "", "is empty", false
	}
	places := c.places(name)
	for _, place := range places {
		info, err := c.stat(place)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return "", definition.Quote(name) + " cannot be read: " + reason(err), false
		case folder && !info.IsDir():
			return "", definition.Quote(name) + " is a file, not a folder: " + place, false
		case !info.IsDir() && !info.Mode().IsRegular():
			return "", definition.Quote(name) + " is no ordinary file: " + place, false
		}
		if c.within(place) {
			return "", "", false
		}
		return place, "", false
	}
	return "", definition.Quote(name) + " is not there: looked for " + list(places, "and"), true
}

// places are where a path may lead, in this order.
func (c *Context) places(name string) []string {
	if path.IsAbs(name) {
		return []string{path.Clean(name)}
	}
	places := []string{path.Join(c.FlowFolder, name)}
	if other := path.Join(c.Folder, name); other != places[0] {
		places = append(places, other)
	}
	return places
}

func (c *Context) stat(place string) (fs.FileInfo, error) {
	if c.Files == nil {
		return nil, fs.ErrNotExist
	}
	return fs.Stat(c.Files, inFS(place))
}

// inFS is an absolute path as the file system of the checks has it.
func inFS(place string) string {
	if name := strings.TrimPrefix(place, "/"); name != "" {
		return name
	}
	return "."
}

// within tells whether a place lies beneath one of the run's folders, no link on the way.
func (c *Context) within(place string) bool {
	for _, folder := range []string{c.FlowFolder, c.Folder} {
		beneath, isBeneath := strings.CutPrefix(place, strings.TrimSuffix(folder, "/")+"/")
		if place == folder {
			return true
		}
		if isBeneath && !c.linked(folder, beneath) {
			return true
		}
	}
	return false
}

func (c *Context) linked(folder, beneath string) bool {
	links, can := c.Files.(fs.ReadLinkFS)
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
