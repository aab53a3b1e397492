package reference

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

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

// check rejects the result where all of it, or a part that is too large, is needed as one value. ofEach: the part is already one of each
// item, not all of it.
func (p *pages) check(ofEach bool) error {
	err := p.index.Check()
	tooLarge, is := errors.AsType[*protocol.Error](err)
	bound := p.binding(p.ref.Head)
	if !is || bound == nil || bound.Task == "" || p.Run.ID == "" {
		return err
	}
	message := fmt.Sprintf("the results of %d items of task %q have %d bytes, and the limit of one value is %d", p.index.Total, bound.Task, p.index.Bytes, protocol.MaxValue)
	part := fmt.Sprintf("use a part of each, such as ${%s.results[*].result.response}; ", headAsWritten(p.ref.Head))
	if ofEach {
		message = fmt.Sprintf("%s has more than %d bytes, the limit of one value, from the %d items of task %q", clip(p.ref.Text), protocol.MaxValue, p.index.Total, bound.Task)
		part = ""
	}
	return protocol.Errorf(tooLarge.Code, "%s", message).WithHint(
		"%sgive them to a script in context, which reads them one by one; or write them to a file: `gleitzeit batch export %s %s --format jsonl`", part, p.Run.ID, bound.Task)
}

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
		if err = p.check(false); err == nil {
			v, err = s.value(w.ref, protocol.Payload{Ref: &whole})
		}
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
		if err := p.check(false); err != nil {
			return value.Value{}, nil, err
		}
		whole, err := p.value(w.ref, protocol.Payload{Ref: &p.whole})
		if err != nil {
			return whole, nil, err
		}
		results, _ := whole.Get(stepResults)
		v, wrong := w.orDefault(results, nil)
		return v, wrong, nil
	}
	if part := w.part(p, next); part != nil {
		return part.value()
	}
	from, to, at := w.window(p, next)
	if at < len(w.ref.Steps) && w.ref.Steps[at].IsIndex {
		return w.elementInPages(p, from, to, at)
	}
	v, wrong := w.follow(value.List(), at)
	return v, wrong, nil
}

// window returns which elements of the list the slices that begin with step next leave, and the step after them.
func (w *walker) window(p *pages, next int) (from, to, at int) {
	to = p.index.Total
	for at = next; at < len(w.ref.Steps) && w.ref.Steps[at].Slice != nil; at++ {
		first, last := w.ref.Steps[at].Slice.within(to - from)
		from, to = from+first, from+last
	}
	return from, to, at
}

func (w *walker) elementInPages(p *pages, from, to, at int) (value.Value, *lookupError, error) {
	index := w.ref.Steps[at].Index
	if index < 0 {
		index += to - from
	}
	for _, page := range p.index.Pages {
		if index < 0 || index >= to-from || !page.Has(from+index) {
			continue
		}
		elements, err := p.load(page)
		if err != nil {
			return value.Value{}, nil, err
		}
		v, wrong := w.follow(elements[from+index-page.First], at+1)
		return v, wrong, nil
	}
	v, wrong := w.orDefault(value.Value{}, w.noElement(to-from, at))
	return v, wrong, nil
}

// part is the part of a list in pages that a path leads to: some of its elements or, after `[*]`, what the rest of the path leads to
// from each.
type part struct {
	*walker
	pages    *pages
	from, to int
	every    bool
	rest     int // The step after `[*]`.
}

// part returns what the steps that begin with next lead to; nil if that is something else.
func (w *walker) part(p *pages, next int) *part {
	from, to, at := w.window(p, next)
	switch {
	case at == len(w.ref.Steps):
		return &part{w, p, from, to, false, at}
	case w.ref.Steps[at].Every:
		return &part{w, p, from, to, true, at + 1}
	}
	return nil
}

// each calls add with each element. One page is in memory at a time, and only pages with elements of the part are read.
func (p *part) each(add func(value.Value) error) error {
	for _, page := range p.pages.index.Pages {
		first, last := max(p.from, page.First), min(p.to, page.First+page.Count)
		if first >= last {
			continue
		}
		elements, err := p.pages.load(page)
		if err != nil {
			return err
		}
		for i := first; i < last; i++ {
			v := elements[i-page.First]
			if p.every {
				p.elements = []int{i - p.from}
				var wrong *lookupError
				if v, wrong = p.follow(v, p.rest); wrong != nil {
					return wrong.of(p.ref)
				}
			}
			if err := add(v); err != nil {
				return err
			}
		}
	}
	p.elements = nil
	return nil
}

// List is a list of items' results that is stored in pages.
type List struct {
	part  *part
	place []string
	whole value.Value
}

// OpenList returns the list that a text leads to, if it is one reference to such a list, to a part of it, or to the result that has it;
// else nil. Its error is that of Lookup.
func OpenList(text string, s *Scope) (*List, error) {
	ref := Single(text)
	if ref == nil {
		return nil, nil
	}
	return OpenListOf(ref, s)
}

// OpenListOf is OpenList for a reference.
func OpenListOf(ref *Reference, s *Scope) (*List, error) {
	bound := s.binding(ref.Head)
	if bound == nil || !isPaged(bound.Value) || slices.Contains([]string{headRun, headEnv, headSecrets}, ref.Head) {
		return nil, nil
	}
	if _, is := stateOf(bound, ref); is {
		return nil, nil
	}
	p, err := s.openPages(ref, *bound.Value.Ref)
	if err != nil {
		return nil, err
	}
	w := &walker{ref: ref, gaps: s.Gaps, ofTask: bound.Task != ""}
	_, from := enter(p.summary(), ref.Steps)
	switch rest := ref.Steps[from:]; {
	case len(rest) == 0:
		return &List{&part{w, p, 0, p.index.Total, false, from}, []string{stepResults}, p.summary()}, nil
	case rest[0].named() && rest[0].name() == stepResults:
		if part := w.part(p, from+1); part != nil {
			return &List{part: part}, nil
		}
	}
	return nil, nil
}

// Place is where the list belongs in Whole; empty if it is all that the reference leads to.
func (l *List) Place() []string { return l.place }

// Whole is what the reference leads to, with an empty list in the place of this one; null if there is nothing else.
func (l *List) Whole() value.Value { return l.whole }

// Bytes is the size of the results of all items as JSON. The list may be a part of them.
func (l *List) Bytes() int64 { return l.part.pages.index.Bytes }

// Key identifies the list among those of one scope: equal keys have equal elements.
func (l *List) Key() string { return l.part.pages.whole.Hash + l.part.ref.Text }

// Each calls add with each element, and reads one page after another.
func (l *List) Each(add func(value.Value) error) error { return l.part.each(add) }

// value returns the part as a list, which may be no larger than a value.
func (p *part) value() (value.Value, *lookupError, error) {
	found := make([]value.Value, 0, p.to-p.from)
	isSmall := p.pages.index.Bytes <= protocol.MaxValue // So are parts of it.
	size := 0
	err := p.each(func(v value.Value) error {
		if !isSmall {
			if size += len(v.JSON()); size > protocol.MaxValue {
				return p.pages.check(p.every && p.rest < len(p.ref.Steps))
			}
		}
		found = append(found, v)
		return nil
	})
	if err != nil {
		return value.Value{}, nil, err
	}
	return value.List(found...), nil, nil
}
