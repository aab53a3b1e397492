package xmlarchive

import (
	"encoding/xml"
	"path"
	"slices"
	"strings"
)

// Relation is a reference of one file of an Office document to another, or to something outside.
type Relation struct {
	Kind, Target string // The kind is the last word of its type: "hyperlink".
	External     bool
}

// Relations returns the references of a file by their ids; "" is the document. Targets within the document are names in the archive.
func (a *Archive) Relations(of string) (map[string]Relation, error) {
	all := map[string]Relation{}
	folder, base := path.Split(of)
	err := a.Elements(Small, folder+"_rels/"+base+".rels", false, func(_ *Reader, element xml.StartElement) error {
		if element.Name.Local == "Relationship" {
			r := Relation{Kind: path.Base(Attribute(element, "Type")), Target: Attribute(element, "Target"), External: Attribute(element, "TargetMode") == "External"}
			switch {
			case r.External:
			case strings.HasPrefix(r.Target, "/"):
				r.Target = path.Clean(r.Target[1:])
			default:
				r.Target = path.Join(folder, r.Target)
			}
			all[Attribute(element, "Id")] = r
		}
		return nil
	})
	return all, err
}

// Related returns the targets of a kind, in the order of their ids.
func Related(all map[string]Relation, kind string) []string {
	var ids []string
	for id, r := range all {
		if r.Kind == kind && !r.External {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	targets := make([]string, len(ids))
	for i, id := range ids {
		targets[i] = all[id].Target
	}
	return targets
}
