package batchapi

import (
	"net/http"
	"slices"
	"strconv"
)

// page is the part of a list that a client wants.
type page struct {
	after     string // Id of the last element before it; empty: it is the first.
	limit     int
	ascending bool // The oldest first.
}

// pageOf reads the query of a request. Parameters that are not known are refused, as every list of the API has others.
func pageOf(r *http.Request, prefix string, usual, most int, others ...string) (page, error) {
	query := r.URL.Query()
	for name := range query {
		if !slices.Contains(append(others, "after", "limit"), name) {
			return page{}, invalid(name, "Unknown parameter: '%.60s'.", name)
		}
	}
	p := page{after: query.Get("after"), limit: usual}
	if p.after != "" && !isID(prefix, p.after) {
		return p, invalid("after", "Invalid 'after': %.60q is no id of this list.", p.after)
	}
	if text := query.Get("limit"); text != "" {
		var err error
		if p.limit, err = strconv.Atoi(text); err != nil || p.limit < 1 || p.limit > most {
			return p, invalid("limit", "Invalid 'limit': expected an integer from 1 to %d, but got %.60q instead.", most, text)
		}
	}
	switch order := query.Get("order"); order {
	case "", "desc":
	case "asc":
		p.ascending = true
	default:
		return p, invalid("order", "Invalid value for 'order': %.60q. Supported values are: 'asc' and 'desc'.", order)
	}
	return p, nil
}

// collect reads the elements of a page from the ids of all, the newest last, and reports whether more follow. The element after which the
// page begins may have been removed: ids are in the order of time.
func collect[T any](p page, ids []string, read func(id string) (element T, wanted bool, err error)) (found []T, more bool, err error) {
	found = []T{}
	if !p.ascending {
		slices.Reverse(ids)
	}
	for _, id := range ids {
		if p.after != "" && (p.ascending && id <= p.after || !p.ascending && id >= p.after) {
			continue
		}
		element, wanted, err := read(id)
		if err != nil {
			return nil, false, err
		}
		if !wanted {
			continue
		}
		if len(found) == p.limit {
			return found, true, nil
		}
		found = append(found, element)
	}
	return found, false, nil
}

// listDocument is a list as clients get it.
type listDocument[T any] struct {
	Object  string  `json:"object"`
	Data    []T     `json:"data"`
	FirstID *string `json:"first_id"`
	LastID  *string `json:"last_id"`
	HasMore bool    `json:"has_more"`
}

func listOf[T any](found []T, more bool, id func(T) string) listDocument[T] {
	list := listDocument[T]{Object: "list", Data: found, HasMore: more}
	if len(found) > 0 {
		list.FirstID, list.LastID = optional(id(found[0])), optional(id(found[len(found)-1]))
	}
	return list
}
