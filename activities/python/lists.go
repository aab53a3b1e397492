package python

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/gleitzeit/gleitzeit/internal/listfile"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// contextLists returns the lists of a request that belong into `context`, with their places in it. The parameter's own keys take
// precedence over dependencies.
func contextLists(request protocol.Request) (found []protocol.List) {
	given, _ := request.Parameters.Get("context")
	for _, list := range request.Lists {
		switch list.Place[0] {
		case protocol.ListOfParameters:
			list.Place = list.Place[2:]
		default:
			list.Place = list.Place[1:]
			if _, own := given.Get(list.Place[0]); own {
				continue
			}
		}
		found = append(found, list)
	}
	return found
}

// encodeLists returns what runner/lists.py reads: the places of lists in `context`, and their files.
func encodeLists(lists []protocol.List) value.Value {
	all := make([]value.Value, len(lists))
	for i, list := range lists {
		place := make([]value.Value, len(list.Place))
		for j, step := range list.Place {
			place[j] = value.String(step)
		}
		all[i] = value.Object(
			value.Field{Name: "place", Value: value.List(place...)},
			value.Field{Name: "path", Value: value.String(list.Path)},
			value.Field{Name: "count", Value: value.Int(int64(list.Count))})
	}
	return value.List(all...)
}

// listFolders returns the folders with the files of lists, without symbolic links.
func listFolders(lists []protocol.List) (folders []string) {
	for _, list := range lists {
		if folder := resolveLinks(filepath.Dir(list.Path)); !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	return folders
}

// giveListsToNobody makes the files of lists those of the user as which a sandbox of root runs.
func giveListsToNobody(lists []protocol.List) error {
	number, err := strconv.Atoi(nobody)
	if err != nil {
		return err
	}
	for _, list := range lists {
		for _, path := range []string{filepath.Dir(list.Path), list.Path, list.Path + listfile.IndexEnding} {
			if err := os.Chown(path, number, number); err != nil {
				return err
			}
		}
	}
	return nil
}
