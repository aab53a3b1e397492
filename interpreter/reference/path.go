package reference

import (
	"strconv"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// named reports whether the step can lead to a field.
func (s Step) named() bool { return !s.Every && s.Slice == nil && !(s.IsIndex && s.Brackets) }

// name returns the field that a named step leads to.
func (s Step) name() string {
	if s.IsIndex {
		return strconv.Itoa(s.Index)
	}
	return s.Field
}

// walker follows the steps of one reference.
type walker struct {
	ref      *Reference
	ofTask   bool
	gaps     bool  // As in Scope.
	elements []int // For each `[*]` on the way, the element that it is at.
	wantList bool  // What the whole path leads to is to be a list, and a default may be an empty one.
}

// follow goes from v, which the steps before from led to, along the rest. Beneath `[*]` a default replaces each
// element of its own.
func (w *walker) follow(v value.Value, from int) (value.Value, *lookupError) {
	for i := from; i < len(w.ref.Steps); i++ {
		if w.gaps && len(w.elements) > 0 && v.IsNull() {
			break
		}
		var wrong *lookupError
		if w.ref.Steps[i].Every {
			if v.Kind() == value.KindList {
				return w.every(v, i)
			}
			wrong = w.wrongKind(v, i)
		} else {
			v, wrong = w.take(v, i)
		}
		if wrong != nil {
			return w.orDefault(value.Value{}, wrong)
		}
	}
	return w.orDefault(v, nil)
}

func (w *walker) every(list value.Value, i int) (value.Value, *lookupError) {
	found := make([]value.Value, len(list.Elements()))
	w.elements = append(w.elements, 0)
	last := len(w.elements) - 1
	for n, element := range list.Elements() {
		w.elements[last] = n
		var wrong *lookupError
		if found[n], wrong = w.follow(element, i+1); wrong != nil {
			return value.Value{}, wrong
		}
	}
	w.elements = w.elements[:last]
	return value.List(found...), nil
}

// take goes the step i from v.
func (w *walker) take(v value.Value, i int) (value.Value, *lookupError) {
	step := w.ref.Steps[i]
	switch {
	case v.Kind() == value.KindObject && step.named():
		if field, found := v.Get(step.name()); found {
			return field, nil
		}
		return value.Value{}, w.noField(v, i)
	case v.Kind() == value.KindList && step.IsIndex:
		index, length := step.Index, len(v.Elements())
		if index < 0 {
			index += length
		}
		if index < 0 || index >= length {
			return value.Value{}, w.noElement(length, i)
		}
		return v.Elements()[index], nil
	case v.Kind() == value.KindList && step.Slice != nil:
		from, to := step.Slice.within(len(v.Elements()))
		return value.List(v.Elements()[from:to]...), nil
	}
	return value.Value{}, w.wrongKind(v, i)
}

func (w *walker) orDefault(v value.Value, wrong *lookupError) (value.Value, *lookupError) {
	if w.ref.HasDefault && ((wrong == nil && v.IsNull()) || (wrong != nil && wrong.absent)) {
		if w.wantList && len(w.elements) == 0 && w.ref.HasEmptyListDefault() {
			return value.List(), nil
		}
		return value.String(w.ref.Default), nil
	}
	return v, wrong
}

// enter says where in a task's result the path begins, and with which step: a result that holds everything in its field
// `result` may be written without it, and one that has no such field, with it.
func enter(result value.Value, steps []Step) (value.Value, int) {
	if len(steps) == 0 || !steps[0].named() {
		return result, 0
	}
	name := steps[0].name()
	if _, found := result.Get(name); found {
		return result, 0
	}
	if name == "result" {
		return result, 1
	}
	inner, _ := result.Get("result")
	if _, found := inner.Get(name); found {
		return inner, 0
	}
	return result, 0
}
