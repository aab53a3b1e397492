package activities

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/glob"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Listing is what the items of a task would be.
type Listing struct {
	Items   []string // Absolute paths, in their order; one for each model.
	Folders []string // Those in which they were found.
	Matched int      // Number of files before some were chosen.
	Invalid []protocol.SkippedItem
	Ignored []IgnoredFile
	LeftOut []string // What else is not read, and why.
}

// chosen returns the items of a task that takes some of its files, or each of them for several models.
func chosen(files, folders []string, request protocol.ExpandRequest) []string {
	if request.Sample > 0 {
		files = sample(files, folders, request.Sample, request.Seed)
	}
	if request.Limit > 0 && len(files) > request.Limit {
		files = files[:request.Limit]
	}
	if len(request.Models) < 2 {
		return files
	}
	items := make([]string, 0, len(files)*len(request.Models))
	for range request.Models {
		items = append(items, files...)
	}
	return items
}

// sample returns so many of the files, at random, in their order. A file is chosen by a hash of its path within its folder, so that
// the sample is the same wherever the folder is, and nearly the same after a file was added.
func sample(files, folders []string, count int, seed int64) []string {
	if len(files) <= count {
		return files
	}
	type ranked struct {
		at   int
		rank [sha256.Size]byte
	}
	all := make([]ranked, len(files))
	for i, file := range files {
		prefix := binary.BigEndian.AppendUint64(nil, uint64(seed))
		all[i] = ranked{i, sha256.Sum256(append(prefix, nameWithin(folders, file)...))}
	}
	slices.SortFunc(all, func(a, b ranked) int {
		return cmp.Or(slices.Compare(a.rank[:], b.rank[:]), cmp.Compare(a.at, b.at))
	})
	all = all[:count]
	slices.SortFunc(all, func(a, b ranked) int { return cmp.Compare(a.at, b.at) })
	taken := make([]string, count)
	for i, one := range all {
		taken[i] = files[one.at]
	}
	return taken
}

// nameWithin returns the path of a file within the innermost folder in which it was found; its name if there is none.
func nameWithin(folders []string, file string) string {
	name, innermost := filepath.Base(file), ""
	for _, folder := range folders {
		if beneath, is := under(folder, file); is && len(folder) > len(innermost) {
			name, innermost = beneath, folder
		}
	}
	return name
}

// IgnoredFile is a file, or a hidden folder, that only wildcards match: it is no item.
type IgnoredFile struct {
	Path   string
	Kind   glob.Kind
	Folder bool
}

// CountIgnored returns how many there are of each kind: "2 hidden files, 1 lock file".
func CountIgnored(all []IgnoredFile) string {
	var parts []string
	for _, kind := range []glob.Kind{glob.Hidden, glob.Lock, glob.Temporary, glob.System} {
		for _, what := range []string{"file", "folder"} {
			count := 0
			for _, one := range all {
				if one.Kind == kind && one.Folder == (what == "folder") {
					count++
				}
			}
			switch count {
			case 0:
			case 1:
				parts = append(parts, fmt.Sprintf("1 %s %s", kind, what))
			default:
				parts = append(parts, fmt.Sprintf("%d %s %ss", count, kind, what))
			}
		}
	}
	return strings.Join(parts, ", ")
}

// surprising returns what is left out that people may take for documents, in words: a lock file has the name of one, and only its
// name says that a file is temporary. Nobody looks for hidden files among those that a wildcard takes. Of a kind, all are counted, as
// before the run: the names of some lock files begin with a dot.
func surprising(all []IgnoredFile) []string {
	var some []IgnoredFile
	for _, one := range all {
		if !one.Folder && (one.Kind == glob.Lock || one.Kind == glob.Temporary) {
			some = append(some, one)
		}
	}
	if len(some) == 0 {
		return nil
	}
	seen := slices.IndexFunc(some, func(one IgnoredFile) bool { return !strings.HasPrefix(filepath.Base(one.Path), ".") })
	return []string{fmt.Sprintf("%s, for example %q", CountIgnored(some), filepath.Base(some[max(seen, 0)].Path))}
}
