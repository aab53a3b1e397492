// Package lists takes lists of items' results that are too large for memory out of a call, and writes them to files for its handler.
package lists

import (
	"path/filepath"
	"slices"
	"strconv"

	"github.com/gleitzeit/gleitzeit/internal/listfile"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/scratch"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// Files are the lists of one call. Remove must be called after it.
type Files struct {
	scope   *reference.Scope
	folder  *scratch.Folder // Nil: there is no file yet.
	lists   []protocol.List
	written map[string]protocol.List // By their keys: a list that a request has twice is written once.
	values  []placedValue
}

// placedValue is what comes in a place of the parameters after their references were resolved: a value is never searched for references.
type placedValue struct {
	place []string
	value value.Value
}

// New returns the lists of a call, of which there are none yet.
func New(scope *reference.Scope) *Files { return &Files{scope: scope} }

// End returns the lists that were written. Nothing more can be taken out: what the references led to need not stay in memory.
func (l *Files) End() []protocol.List {
	l.scope, l.values = nil, nil
	return l.lists
}

// TakeOutOf replaces references to large lists in one of the parameters by null. An empty name is that of no parameter.
func (l *Files) TakeOutOf(parameters value.Value, name string) (value.Value, error) {
	of, given := parameters.Get(name)
	if name == "" || !given {
		return parameters, nil
	}
	of, err := l.takeOut(of, []string{protocol.ListOfParameters, name})
	return parameters.With(name, of), err
}

func (l *Files) takeOut(v value.Value, place []string) (value.Value, error) {
	switch v.Kind() {
	case value.KindString:
		list, err := reference.OpenList(v.Text(), l.scope)
		if err != nil || list == nil || list.Bytes() <= protocol.MaxPlainList {
			return v, err
		}
		whole, err := l.Write(list, place)
		l.values = append(l.values, placedValue{place[1:], whole})
		return value.Value{}, err
	case value.KindList:
		elements := slices.Clone(v.Elements())
		for i := range elements {
			var err error
			if elements[i], err = l.takeOut(elements[i], append(slices.Clip(place), strconv.Itoa(i))); err != nil {
				return v, err
			}
		}
		return value.List(elements...), nil
	case value.KindObject:
		fields := slices.Clone(v.Fields())
		for i := range fields {
			var err error
			if fields[i].Value, err = l.takeOut(fields[i].Value, append(slices.Clip(place), fields[i].Name)); err != nil {
				return v, err
			}
		}
		return value.Object(fields...), nil
	}
	return v, nil
}

// PutInto puts the values that belong into the parameters there.
func (l *Files) PutInto(parameters value.Value) value.Value {
	for _, one := range l.values {
		parameters = with(parameters, one.place, one.value)
	}
	return parameters
}

// Write returns what the reference of a list leads to: with the list, where it is small, and else with null in its place, and a file.
func (l *Files) Write(list *reference.List, place []string) (value.Value, error) {
	place = append(slices.Clip(place), list.Place()...)
	known, again := l.written[list.Key()]
	if !again {
		small, stored, err := l.store(list)
		if err != nil {
			return value.Value{}, err
		}
		if stored == nil {
			return with(list.Whole(), list.Place(), value.List(small...)), nil
		}
		if l.written == nil {
			l.written = map[string]protocol.List{}
		}
		l.written[list.Key()], known = *stored, *stored
	}
	known.Place = place
	l.lists = append(l.lists, known)
	return with(list.Whole(), list.Place(), value.Value{}), nil
}

// store returns the elements of a list or, if they are large, its file. They are in memory up to protocol.MaxPlainList.
func (l *Files) store(list *reference.List) (small []value.Value, _ *protocol.List, err error) {
	var writer *listfile.Writer
	size := 0
	err = list.Each(func(element value.Value) error {
		if writer != nil {
			return failedList(writer.Add(element))
		}
		small = append(small, element)
		if size += len(element.JSON()); size <= protocol.MaxPlainList {
			return nil
		}
		var err error
		if writer, err = l.create(); err != nil {
			return failedList(err)
		}
		for _, one := range small {
			if err := writer.Add(one); err != nil {
				return failedList(err)
			}
		}
		small = nil
		return nil
	})
	if writer == nil {
		return small, nil, err
	}
	stored, closed := writer.Close()
	if err == nil {
		err = failedList(closed)
	}
	return nil, &stored, err
}

func (l *Files) create() (*listfile.Writer, error) {
	if l.folder == nil {
		folder, err := scratch.New("lists")
		if err != nil {
			return nil, err
		}
		l.folder = folder
	}
	return listfile.Create(filepath.Join(l.folder.Path, strconv.Itoa(len(l.written))+".jsonl"))
}

func failedList(err error) error {
	if err == nil {
		return nil
	}
	return protocol.Errorf(protocol.PersistenceFailed, "cannot write a list of results to a file for the script: %v", err).WithCause(err).
		WithHint("free disk space, or set TMPDIR to a folder of a larger disk")
}

// Remove deletes the files.
func (l *Files) Remove() error {
	if l.folder == nil {
		return nil
	}
	return l.folder.Remove()
}

// Identity returns what identifies the lists of a request.
func Identity(lists []protocol.List) value.Value {
	all := make([]value.Value, len(lists))
	for i, list := range lists {
		place := make([]value.Value, len(list.Place))
		for j, step := range list.Place {
			place[j] = value.String(step)
		}
		all[i] = value.List(value.List(place...), value.String(list.Digest))
	}
	return value.List(all...)
}

// with returns a value with another one in a place of it.
func with(v value.Value, place []string, inner value.Value) value.Value {
	if len(place) == 0 {
		return inner
	}
	if v.Kind() == value.KindObject {
		field, _ := v.Get(place[0])
		return v.With(place[0], with(field, place[1:], inner))
	}
	elements := slices.Clone(v.Elements())
	at, err := strconv.Atoi(place[0])
	if err != nil || at >= len(elements) {
		return v // It is not the value in which the place was found.
	}
	elements[at] = with(elements[at], place[1:], inner)
	return value.List(elements...)
}
