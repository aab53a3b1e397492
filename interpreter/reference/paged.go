package reference

import (
	"encoding/json"
	"fmt"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// stepResults is the list of a task's items in its result.
const stepResults = "results"

// pages is a result that is stored in pages. Only those that a path leads through are read, one after the other.
type pages struct {
	*Scope
	ref   *Reference
	whole protocol.Ref
	index protocol.PagedResult
}

// isPaged reports whether a binding holds a result in pages.
func isPaged(held protocol.Payload) bool {
	return held.Inline == nil && held.Ref != nil && held.Ref.Paged
}

func (s *Scope) openPages(ref *Reference, whole protocol.Ref) (*pages, error) {
	p := &pages{Scope: s, ref: ref, whole: whole}
	alone := whole
	alone.Paged = false
	index, err := s.value(ref, protocol.Payload{Ref: &alone})
	if err == nil {
		err = json.Unmarshal(index.JSON(), &p.index)
	}
	return p, err
}

// summary is the result without results.
func (p *pages) summary() value.Value { return p.index.Value(value.List()) }

func (p *pages) load(page protocol.Page) ([]value.Value, error) {
	if p.Load == nil {
		return nil, refuse(p.ref, "the value of %s is in the result store, which cannot be read here", headAsWritten(p.ref.Head))
	}
	list, err := p.Load(page.Ref)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", clip(p.ref.Text), err)
	}
	return list.Elements(), nil
}

// lookupPages is lookup in a result in pages.
func (w *walker) lookupPages(s *Scope, whole protocol.Ref) (v value.Value, err error) {
	p, err := s.openPages(w.ref, whole)
	if err != nil {
		return value.Value{}, err
	}
	v, from := enter(p.summary(), w.ref.Steps)
	var wrong *lookupError
	switch rest := w.ref.Steps[from:]; {
	case len(rest) == 0:
		v, err = s.value(w.ref, protocol.Payload{Ref: &whole})
	case rest[0].named() && rest[0].name() == stepResults:
		v, wrong, err = w.inPages(p, from+1)
	default:
		v, wrong = w.follow(v, from)
	}
	if wrong != nil {
		err = wrong.of(w.ref)
	}
	return v, err
}

// inPages follows the path from the result's step `results`, which is the one before next.
func (w *walker) inPages(p *pages, next int) (value.Value, *lookupError, error) {
	if next == len(w.ref.Steps) {
		whole, err := p.value(w.ref, protocol.Payload{Ref: &p.whole})
		if err != nil {
			return whole, nil, err
		}
		results, _ := whole.Get(stepResults)
		v, wrong := w.orDefault(results, nil)
		return v, wrong, nil
	}
	switch step := w.ref.Steps[next]; {
	case step.Every:
		return w.everyInPages(p, next)
	case step.IsIndex:
		return w.elementInPages(p, next)
	}
	v, wrong := w.follow(value.List(), next)
	return v, wrong, nil
}

func (w *walker) elementInPages(p *pages, at int) (value.Value, *lookupError, error) {
	index := w.ref.Steps[at].Index
	if index < 0 {
		index += p.index.Total
	}
	for _, page := range p.index.Pages {
		if !page.Has(index) {
			continue
		}
		elements, err := p.load(page)
		if err != nil {
			return value.Value{}, nil, err
		}
		v, wrong := w.follow(elements[index-page.First], at+1)
		return v, wrong, nil
	}
	v, wrong := w.orDefault(value.Value{}, w.noElement(p.index.Total, at))
	return v, wrong, nil
}

func (w *walker) everyInPages(p *pages, at int) (value.Value, *lookupError, error) {
	found := make([]value.Value, 0, p.index.Total)
	size := 0
	w.elements = []int{0}
	for _, page := range p.index.Pages {
		elements, err := p.load(page)
		if err != nil {
			return value.Value{}, nil, err
		}
		for i, element := range elements {
			w.elements[0] = page.First + i
			v, wrong := w.follow(element, at+1)
			if wrong != nil {
				return value.Value{}, wrong, nil
			}
			found = append(found, v)
		}
		if p.index.Bytes <= protocol.MaxValue {
			continue // Parts of it are no larger.
		}
		for _, v := range found[len(found)-len(elements):] {
			size += len(v.JSON())
		}
		if size > protocol.MaxValue {
			return value.Value{}, nil, p.index.Check()
		}
	}
	w.elements = nil
	return value.List(found...), nil, nil
}
