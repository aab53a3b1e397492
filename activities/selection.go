package activities

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"path/filepath"
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

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
