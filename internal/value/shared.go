package value

import (
	"errors"
	"strconv"
	"strings"
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
	s := sharing{seen: map[string]int{}, keys: map[string]bool{}}
	s.count(v)
	_, ambiguous := v.Get(sharedKey)
	var texts []Value
	for _, text := range s.order {
		if s.seen[text] > 1 {
			s.places[text] = len(texts)
			texts = append(texts, String(text))
		}
	}
	if len(texts) == 0 && !ambiguous {
		return v.JSON()
	}
	s.key = "text"
	for s.keys[s.key] {
		s.key += "_"
	}
	return Object(Field{sharedKey, String(s.key)}, Field{textsKey, List(texts...)}, Field{valueKey, s.replace(v)}).JSON()
}

// sharing finds texts that a value has more than once.
type sharing struct {
	seen   map[string]int
	order  []string
	places map[string]int // Of the shared ones.
	keys   map[string]bool
	key    string
}

func (s *sharing) count(v Value) {
	if s.places == nil {
		s.places = map[string]int{}
	}
	switch v.kind {
	case KindString:
		if len(v.text) < leastShare {
			return
		}
		if s.seen[v.text]++; s.seen[v.text] == 1 {
			s.order = append(s.order, v.text)
		}
	case KindList:
		for _, element := range v.list {
			s.count(element)
		}
	case KindObject:
		for _, field := range v.fields {
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
		list := make([]Value, len(v.list))
		for i, element := range v.list {
			list[i] = s.replace(element)
		}
		return List(list...)
	case KindObject:
		fields := make([]Field, len(v.fields))
		for i, field := range v.fields {
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
		for i := range v.list {
			if v.list[i], err = restore(v.list[i], key, texts); err != nil {
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
		for i := range v.fields {
			if v.fields[i].Value, err = restore(v.fields[i].Value, key, texts); err != nil {
				return Value{}, err
			}
		}
	}
	return v, nil
}
