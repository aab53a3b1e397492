package value

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A stored value has a large text once, even if the value has it several times: the result of a tool has its text as response, as
// result and in its content. Such a value is stored as
//
//	{"gleitzeit.shared": KEY, "texts": ["…"], "value": …}
//
// where {KEY: 0} stands for the first of the texts. No object of the value has that key.
const (
	sharedKey  = "gleitzeit.shared"
	textsKey   = "texts"
	valueKey   = "value"
	leastShare = 16 << 10 // Bytes of a text from which it is stored once: none that is inline in a history has one.
)

// StoredJSON returns v as JSON that ParseStored reads, in which no large text is repeated.
func (v Value) StoredJSON() []byte {
	texts, key, rest := v.takeOut(func(_ string, times int) bool { return times > 1 })
	if _, ambiguous := v.Get(sharedKey); len(texts) == 0 && !ambiguous {
		return v.JSON()
	}
	list := make([]Value, len(texts))
	for i, text := range texts {
		list[i] = String(text)
	}
	return Object(Field{sharedKey, String(key)}, Field{textsKey, List(list...)}, Field{valueKey, rest}).JSON()
}

// TakeOutTexts returns the large texts of v, and v with {key: n} in place of each, where n is its place among them. No object of v
// has the key. Texts that are not UTF-8 stay, since JSON changes them.
func (v Value) TakeOutTexts() (texts []string, key string, rest Value) {
	return v.takeOut(func(text string, _ int) bool { return utf8.ValidString(text) })
}

func (v Value) takeOut(wanted func(text string, times int) bool) (texts []string, key string, rest Value) {
	s := sharing{seen: map[string]int{}, places: map[string]int{}, keys: map[string]bool{}, key: "text"}
	s.count(v)
	for _, text := range s.order {
		if wanted(text, s.seen[text]) {
			s.places[text] = len(texts)
			texts = append(texts, text)
		}
	}
	for s.keys[s.key] {
		s.key += "_"
	}
	if len(texts) == 0 {
		return nil, s.key, v
	}
	return texts, s.key, s.replace(v)
}

// sharing finds large texts of a value, and replaces some of them.
type sharing struct {
	seen   map[string]int
	order  []string
	places map[string]int // Of those to be replaced.
	keys   map[string]bool
	key    string
}

func (s *sharing) count(v Value) {
	switch v.kind {
	case KindString:
		if len(v.text) < leastShare {
			return
		}
		if s.seen[v.text]++; s.seen[v.text] == 1 {
			s.order = append(s.order, v.text)
		}
	case KindList:
		for _, element := range v.Elements() {
			s.count(element)
		}
	case KindObject:
		for _, field := range v.Fields() {
			if strings.HasPrefix(field.Name, "text") {
				s.keys[field.Name] = true
			}
			s.count(field.Value)
		}
	}
}

func (s *sharing) replace(v Value) Value {
	switch v.kind {
	case KindString:
		if place, is := s.places[v.text]; is {
			return Object(Field{s.key, Int(int64(place))})
		}
	case KindList:
		list := make([]Value, len(v.Elements()))
		for i, element := range v.Elements() {
			list[i] = s.replace(element)
		}
		return List(list...)
	case KindObject:
		fields := make([]Field, len(v.Fields()))
		for i, field := range v.Fields() {
			fields[i] = Field{field.Name, s.replace(field.Value)}
		}
		return Object(fields...)
	}
	return v
}

// ParseStored reads what StoredJSON returned. The data must not change afterwards.
func ParseStored(data []byte) (Value, error) {
	v, err := ParseOwned(data)
	if err != nil {
		return Value{}, err
	}
	key, is := v.Get(sharedKey)
	if !is {
		return v, nil
	}
	texts, _ := v.Get(textsKey)
	inner, has := v.Get(valueKey)
	if key.Kind() != KindString || texts.Kind() != KindList || !has {
		return Value{}, errShared
	}
	return restore(inner, key.Text(), texts.Elements())
}

var errShared = errors.New("a stored value with shared texts is damaged")

func restore(v Value, key string, texts []Value) (Value, error) {
	var err error
	switch v.kind {
	case KindList:
		elements := v.Elements()
		for i := range elements {
			if elements[i], err = restore(elements[i], key, texts); err != nil {
				return Value{}, err
			}
		}
	case KindObject:
		if place, is := v.Get(key); is {
			at, err := strconv.Atoi(place.Digits())
			if err != nil || at < 0 || at >= len(texts) {
				return Value{}, errShared
			}
			return texts[at], nil
		}
		fields := v.Fields()
		for i := range fields {
			if fields[i].Value, err = restore(fields[i].Value, key, texts); err != nil {
				return Value{}, err
			}
		}
	}
	return v, nil
}

// Texts are large texts of several values, which have each of them once in memory. The zero value has none.
type Texts struct {
	known map[string]string
}

// Share returns v with the known texts in place of equal ones of its own, which become known.
func (t *Texts) Share(v Value) Value {
	if t.known == nil {
		t.known = map[string]string{}
	}
	return t.share(v)
}

func (t *Texts) share(v Value) Value {
	switch v.kind {
	case KindString:
		if len(v.text) < leastShare {
			return v
		}
		known, is := t.known[v.text]
		if !is {
			t.known[v.text] = v.text
			return v
		}
		return String(known)
	case KindList:
		list := make([]Value, len(v.Elements()))
		for i, element := range v.Elements() {
			list[i] = t.share(element)
		}
		return List(list...)
	case KindObject:
		fields := make([]Field, len(v.Fields()))
		for i, field := range v.Fields() {
			fields[i] = Field{field.Name, t.share(field.Value)}
		}
		return Object(fields...)
	}
	return v
}
