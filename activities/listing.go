package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/rows"
	"github.com/gleitzeit/gleitzeit/internal/folder"
	"github.com/gleitzeit/gleitzeit/internal/glob"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/table"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// filter selects files of a folder.
type filter struct {
	pattern *glob.Pattern   // Relative to the folder.
	exclude []*glob.Pattern // A pattern without a slash is for names at any depth.
	omit    []fs.FileInfo   // Files that are not to be read.
}

// newFilter reads the patterns of a task, which come from a plan: who made it may not have checked them. An empty pattern selects
// all files directly in a folder. The case of endings is ignored, unless it is to be respected.
func newFilter(pattern string, exclude []string, caseSensitive bool) (filter, error) {
	if pattern == "" {
		pattern = "*"
	}
	selected, err := parsePattern("pattern", pattern, caseSensitive)
	if err != nil {
		return filter{}, err
	}
	want := filter{pattern: selected}
	for _, text := range exclude {
		excluded, err := parsePattern("exclude", text, caseSensitive)
		if err != nil {
			return filter{}, err
		}
		want.exclude = append(want.exclude, excluded)
	}
	return want, nil
}

func parsePattern(key, text string, caseSensitive bool) (*glob.Pattern, error) {
	parsed, err := glob.Parse(text)
	if invalid, is := errors.AsType[*glob.Error](err); is {
		return nil, protocol.Errorf(protocol.TaskValidationFailed, "%s %.60q %s", key, text, invalid.Message).WithHint("%s", invalid.Hint)
	}
	if err == nil && !caseSensitive {
		parsed.IgnoreEndingCase()
	}
	return parsed, err
}

var errNotFolder = errors.New("it is not a folder")

// listing is what a folder has.
type listing struct {
	folder  string   // Its absolute path.
	files   []string // Absolute paths, sorted.
	leftOut []string // What was not read, and why.
	ignored []IgnoredFile
}

// List returns the selected files of a folder. It resolves a relative path as Read does. Links to folders are followed within the
// folder, and left out if they lead out of it. A broken link, or one to a file outside, counts as a file: reading it reports the error.
func (f files) List(ctx context.Context, folder string, want filter) (listing, error) {
	if folder == "" {
		return listing{}, protocol.Errorf(protocol.TaskValidationFailed, "the path of the folder is empty")
	}
	var first error
	for _, candidate := range f.listed(folder) {
		found, err := f.list(ctx, candidate, want)
		if err == nil {
			return found, nil
		}
		if ctx.Err() != nil {
			return listing{}, ctx.Err()
		}
		at := candidate
		if of, is := errors.AsType[*fs.PathError](err); is && !filepath.IsAbs(of.Path) {
			at = filepath.Join(candidate, filepath.FromSlash(of.Path)) // A folder in it.
		}
		if first == nil {
			first = f.readError("folder", folder, at, err)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return listing{}, f.readError("folder", folder, at, err)
		}
	}
	return listing{}, first
}

// Find returns the absolute path of a file or folder, and reports which of the two it is.
func (f files) Find(name string) (found string, isFolder bool, err error) {
	var first error
	for _, candidate := range f.listed(name) {
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

// openRows opens the table that a request names.
func (f files) openRows(request protocol.ExpandRequest, scope *reference.Scope) (*rows.Source, error) {
	written, err := resolvePath("rows", request.Rows.File, scope)
	if err != nil {
		return nil, err
	}
	path, sheet := table.SplitSheet(written)
	place, isFolder, err := f.Find(path)
	switch {
	case err != nil:
		return nil, err
	case isFolder:
		return nil, f.readError("file", path, place, errNotFile)
	}
	omitted := filter{}.omitting(request.Omit)
	if omitted.isOmitted(os.Lstat(place)) || omitted.isOmitted(f.stat(place)) {
		return nil, protocol.Errorf(protocol.TaskValidationFailed, "cannot read the rows of %q: the results are written to it", place).WithHint("write the results to another file")
	}
	file, err := f.open(place)
	if err != nil {
		return nil, f.readError("file", path, place, err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNotFile
	}
	if err != nil {
		return nil, f.readError("file", path, place, errors.Join(err, file.Close()))
	}
	return rows.New(place, file, info.Size(), sheet, request), nil
}

// listed returns the candidates of a path that may be escaped, because it is not UTF-8.
func (f files) listed(path string) []string {
	all := f.candidates(path)
	if raw, escaped := value.UnescapeInvalid(path); escaped {
		all = append(all, f.candidates(raw)...)
	}
	return all
}

// stat does not open the file: opening a pipe may block.
func (f files) stat(path string) (fs.FileInfo, error) {
	within, name, err := f.folder(path)
	switch {
	case err != nil:
		return nil, err
	case within == nil:
		return os.Stat(path)
	}
	info, err := within.Stat(name)
	return info, errors.Join(err, within.Close())
}

func (f files) list(ctx context.Context, path string, want filter) (found listing, err error) {
	found.folder = path
	outer, name, err := f.folder(path)
	if err != nil {
		return found, err
	}
	if outer == nil {
		return found, errNotFolder
	}
	defer func() { err = errors.Join(err, outer.Close()) }()
	info, err := outer.Stat(name)
	switch {
	case err != nil:
		return found, &fs.PathError{Op: "stat", Path: path, Err: cause(err)}
	case !info.IsDir():
		return found, errNotFolder
	}
	within, err := outer.Sub(name)
	if err != nil {
		return found, &fs.PathError{Op: "open", Path: path, Err: cause(err)}
	}
	defer func() { err = errors.Join(err, within.Close()) }()
	err = want.pattern.Walk(ctx, within, glob.Visitor{
		Skip: want.excludes,
		Visit: func(name string, entry fs.DirEntry) {
			at := filepath.Join(path, filepath.FromSlash(name))
			switch {
			case want.excludes(name) || !mayBeFile(within, name, entry):
			case leadsToFolderOutside(within, name, at, entry):
				found.leftOut = append(found.leftOut, leadsOut(at, path))
			case want.omits(within, name):
				found.leftOut = append(found.leftOut, omitted(at))
			default:
				found.files = append(found.files, at)
			}
		},
		Ignore: func(name string, kind glob.Kind, entry fs.DirEntry) {
			if !want.excludes(name) && (entry.IsDir() || mayBeFile(within, name, entry)) {
				found.ignored = append(found.ignored, IgnoredFile{filepath.Join(path, filepath.FromSlash(name)), kind, entry.IsDir()})
			}
		},
		LeaveOut: func(name string, err error) {
			at := filepath.Join(path, filepath.FromSlash(name))
			switch {
			case !errors.Is(err, glob.ErrOutside):
				found.leftOut = append(found.leftOut, fmt.Sprintf("linked folder %q, because %v", at, err))
			case isFolder(at): // A file does not match.
				found.leftOut = append(found.leftOut, leadsOut(at, path))
			}
		},
	})
	slices.Sort(found.files)
	found.files = slices.Compact(found.files)
	slices.Sort(found.leftOut)
	found.leftOut = slices.Compact(found.leftOut)
	slices.SortFunc(found.ignored, func(a, b IgnoredFile) int { return strings.Compare(a.Path, b.Path) })
	found.ignored = slices.Compact(found.ignored)
	return found, err
}

// bareEnding is a pattern that is only the ending of names.
var bareEnding = regexp.MustCompile(`^\.?[A-Za-z][A-Za-z0-9]{1,4}$`)

// noMatch is the error of a folder that has no file to read. Where files lie in folders beneath it, it says how to take them.
func (s *search) noMatch(ctx context.Context, folder string, found listing) error {
	request := s.request
	pattern := cmp.Or(request.Pattern, "*")
	message := protocol.Errorf(protocol.TaskValidationFailed, "no file in %q matches %q", folder, pattern)
	if len(found.ignored) > 0 {
		message.Message += "; left out: " + CountIgnored(found.ignored)
	}
	if len(found.leftOut) > 0 {
		message.Message += "; " + leftOut(found.leftOut)
		return message.WithHint("links are followed only within a folder, and the file for the results is not read: name the folder or file that is meant")
	}
	beneath, known := s.beneath(ctx, folder, pattern)
	if len(beneath) > 0 {
		folders := make(map[string]bool, len(beneath))
		for _, file := range beneath {
			folders[filepath.Dir(file)] = true
		}
		lie, them := "lie", "them"
		if len(beneath) == 1 {
			lie, them = "lies", "it"
		}
		message.Message += fmt.Sprintf("; %s %s in %s beneath", counted(len(beneath), "file"), lie, counted(len(folders), "folder"))
		if s.nameFlags {
			return message.WithHint("--recursive takes %s", them)
		}
		return message.WithHint("pattern: \"%s%s\", or --recursive of `gleitzeit batch`, takes %s", anyDepth, pattern, them)
	}
	if len(request.Exclude) > 0 {
		return message.WithHint("%q are excluded", request.Exclude)
	}
	if first, rest, within := strings.Cut(pattern, "/"); within && first == filepath.Base(folder) {
		return message.WithHint("a pattern is relative to the folder: write %s", s.selects(rest))
	}
	if ending := strings.TrimPrefix(pattern, "."); bareEnding.MatchString(pattern) {
		return message.WithHint("a pattern stands for the whole name: write %s for all files with this ending", s.selects("*."+ending))
	}
	if !known {
		if s.nameFlags {
			return message.WithHint("--recursive searches the folders beneath it, too")
		}
		return message.WithHint("pattern: \"%s%s\", or --recursive of `gleitzeit batch`, searches the folders beneath it, too", anyDepth, pattern)
	}
	return s.others(ctx, folder, pattern, message)
}

// selects is how a pattern is given.
func (s *search) selects(pattern string) string {
	if s.nameFlags {
		return "--pattern '" + pattern + "'"
	}
	return "pattern: \"" + pattern + "\""
}

// others adds to the error of a folder without a file that matches which other files it has, and a pattern that selects some of them.
func (s *search) others(ctx context.Context, folder, pattern string, message *protocol.Error) *protocol.Error {
	every := "*"
	if strings.HasPrefix(pattern, anyDepth) {
		every = anyDepth + every
	}
	ctx, cancel := context.WithTimeout(ctx, maxBeneath)
	defer cancel()
	want, err := newFilter(every, s.request.Exclude, s.caseSensitive)
	if err != nil {
		return message
	}
	want.omit = s.want.omit
	listed, err := s.List(ctx, folder, want)
	if err != nil || len(listed.files) == 0 {
		return message.WithHint("the folder has no files to read, and none beneath it: name another folder")
	}
	const shown = 3
	endings, most, names := map[string]int{}, "", []string(nil)
	for _, file := range listed.files {
		if len(names) < shown {
			names = append(names, filepath.Base(file))
		}
		ending := filepath.Ext(file)
		if endings[ending]++; endings[ending] > endings[most] || most == "" {
			most = ending
		}
	}
	if len(listed.files) > shown {
		names = append(names, "…")
	}
	message.Message += fmt.Sprintf("; it has %s: %s", counted(len(listed.files), "file"), strings.Join(names, ", "))
	return message.WithHint("write %s", s.selects(strings.TrimSuffix(every, "*")+"*"+most))
}

// anyDepth makes a pattern of names one of names in all folders beneath, too.
const anyDepth = "**/"

// maxBeneath is how long folders beneath are searched for an error.
const maxBeneath = time.Second

// beneath returns the files in the folders beneath one that the pattern would match there. It is not known whether there are some if
// there are too many folders to look at.
func (s *search) beneath(ctx context.Context, folder, pattern string) (files []string, known bool) {
	if strings.HasPrefix(pattern, anyDepth) || pattern == "**" {
		return nil, true
	}
	want, err := newFilter(anyDepth+pattern, s.request.Exclude, s.caseSensitive)
	if err != nil {
		return nil, true // The longer pattern is beyond a limit of patterns.
	}
	ctx, cancel := context.WithTimeout(ctx, maxBeneath)
	defer cancel()
	want.omit = s.want.omit
	listed, err := s.List(ctx, folder, want)
	return listed.files, err == nil
}

func counted(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func leadsOut(link, folder string) string {
	return fmt.Sprintf("linked folder %q, because it leads out of %q", link, folder)
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// leadsToFolderOutside reports whether what a pattern matches is a link out of the folder to another one: it is no file to read.
func leadsToFolderOutside(within glob.FS, name, at string, entry fs.DirEntry) bool {
	if entry.Type()&fs.ModeSymlink == 0 {
		return false
	}
	_, err := within.Stat(name)
	return errors.Is(err, glob.ErrOutside) && isFolder(at)
}

func omitted(file string) string {
	return fmt.Sprintf("file %q, because the results are written to it", file)
}

// cause returns the reason in an error of a path.
func cause(err error) error {
	if of, is := errors.AsType[*fs.PathError](err); is {
		return of.Err
	}
	return err
}

func mayBeFile(within glob.FS, name string, entry fs.DirEntry) bool {
	kind := entry.Type()
	if kind&fs.ModeSymlink != 0 {
		info, err := within.Stat(name)
		return err != nil || info.Mode().IsRegular()
	}
	return kind.IsRegular()
}

// omits reports whether a file is one that is not to be read, whatever path or link leads to it.
func (w filter) omits(within *folder.Folder, name string) bool {
	return len(w.omit) > 0 && (w.isOmitted(within.Lstat(name)) || w.isOmitted(within.Stat(name)))
}

// isOmitted is omits for what Lstat or Stat return.
func (w filter) isOmitted(info fs.FileInfo, err error) bool {
	return err == nil && slices.ContainsFunc(w.omit, func(other fs.FileInfo) bool { return os.SameFile(info, other) })
}

// omitting returns the filter without the files at the paths, so far as there are any, and without what a run writes there before it has
// ended. A link stands for itself and for its target.
func (w filter) omitting(paths []string) filter {
	for _, path := range paths {
		for _, look := range []func(string) (fs.FileInfo, error){os.Lstat, os.Stat} {
			if info, err := look(path); err == nil {
				w.omit = append(w.omit, info)
			}
		}
		if linked, err := filepath.EvalSymlinks(path); err == nil {
			path = linked
		}
		if info, err := os.Lstat(path + partial); err == nil {
			w.omit = append(w.omit, info)
		}
	}
	return w
}

// partial is what the name of a file ends with that has the results of a run until the run has ended.
const partial = ".partial"

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
