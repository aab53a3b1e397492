package glob

import (
	"slices"
	"strings"
)

// Kind says why wildcards leave a file or folder out.
type Kind string

// The kinds: what no wildcard means, because programs make it for themselves.
const (
	Hidden    Kind = "hidden"    // Its name begins with a dot.
	Lock      Kind = "lock"      // An office program has the document open: `~$letter.docx`, `.~lock.letter.odt#`.
	Temporary Kind = "temporary" // A download or a file that is being written: `a.tmp`, `a.part`, `a.crdownload`.
	System    Kind = "system"    // What file managers write into folders: `.DS_Store`, `Thumbs.db`, `desktop.ini`.
)

var (
	systemNames      = []string{".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini"}
	temporaryEndings = []string{".tmp", ".part", ".crdownload"}
)

// KindOf returns why wildcards leave a file of the name out; empty if they do not.
func KindOf(name string) Kind {
	lower := strings.ToLower(name)
	switch {
	case strings.HasPrefix(name, "~$"), strings.HasPrefix(name, ".~lock.") && strings.HasSuffix(name, "#"):
		return Lock
	case slices.Contains(systemNames, lower):
		return System
	case temporaryEnding(lower) != "":
		return Temporary
	case strings.HasPrefix(name, "."):
		return Hidden
	}
	return ""
}

// temporaryEnding returns the ending that makes a name that of a temporary file.
func temporaryEnding(lower string) string {
	for _, ending := range temporaryEndings {
		if strings.HasSuffix(lower, ending) && lower != ending {
			return ending
		}
	}
	return ""
}

// means reports whether a segment that matches the name has the mark of its kind, and so more than wildcards.
func (s segment) means(name string, kind Kind) bool {
	switch {
	case strings.HasPrefix(name, "."):
		return s.hidden
	case kind == Lock:
		return strings.HasPrefix(s.plain(), "~$")
	case kind == System:
		return s.text != "" && strings.IndexByte("*?[", s.text[0]) < 0
	}
	return strings.HasSuffix(strings.ToLower(s.plain()), temporaryEnding(strings.ToLower(name)))
}

// plain returns the text of a segment without its backslashes.
func (s segment) plain() string {
	if s.literal {
		return s.text
	}
	plain, _ := unescape(s.text)
	return plain
}

// leavesOut returns why a name that matches to the end is left out; empty if it is not.
func (p *Pattern) leavesOut(at []place, name string) Kind {
	kind := KindOf(name)
	if kind == "" {
		return ""
	}
	for _, one := range at {
		segments := p.paths[one.path]
		if one.segment == len(segments) && segments[len(segments)-1].means(name, kind) {
			return ""
		}
	}
	return kind
}
