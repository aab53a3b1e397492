package protocol

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// MaxReduceRounds is how many rounds of calls make one answer of texts. Each halves at least the number of them.
const MaxReduceRounds = 24

// Reduce asks which texts each call of a round reads, of a task that makes one answer of many texts. The response is an ExpandResponse
// with Groups, whose items are the groups of all rounds so far.
type Reduce struct {
	Round    int       `json:"round"`          // From 1.
	Input    Payload   `json:"input,omitzero"` // Of the first round: the texts, with their references.
	Bindings []Binding `json:"bindings,omitempty"`
	Before   *Ref      `json:"before,omitempty"`   // Of a later round: the Manifest of the groups of those before.
	First    int       `json:"first,omitempty"`    // The first group of the round before, whose answers are the texts.
	GroupBy  string    `json:"group_by,omitempty"` // The key of an element, with its references: texts with different keys are never in one group.

	StartedAt time.Time `json:"started_at,omitzero"` // When the first round was grouped.
	Warning   string    `json:"warning,omitempty"`   // Of the rounds before.
}

// Groups says what the groups of a round are made of.
type Groups struct {
	First   int `json:"first"`              // The index of the first of them.
	Texts   int `json:"texts"`              // That they have.
	LeftOut int `json:"left_out,omitempty"` // Elements without a text.
	Keys    int `json:"keys,omitempty"`     // Of a Reduce with GroupBy: the different ones. One answer for each of them is left in the end.
}

// Answers returns how many groups a round has in which each key has one.
func (g *Groups) Answers() int { return max(1, g.Keys) }

// Reduced says how the calls of a task ended that makes one answer of many texts.
type Reduced struct {
	Rounds  int `json:"rounds"`
	Inputs  int `json:"inputs"`             // Texts of the first round.
	LeftOut int `json:"left_out,omitempty"` // Elements without a text.

	ByKey bool `json:"by_key,omitempty"` // There is one answer for each key.
}

// The fields of an item that is a group of texts.
const (
	groupRound = "round"
	groupTexts = "texts"
	groupKey   = "group"

	keyValue  = "key"
	keyNumber = "number"
	keyInputs = "inputs"
)

// GroupKey is the key that texts of a group have.
type GroupKey struct {
	Key    value.Value
	Number int // Of the keys in the order in which they first appear, from 0.
	Inputs int // Elements of `input` whose texts begin in the group.
}

// NewGroup returns the item that stands for a group of texts; key is nil where they have none.
func NewGroup(round int, texts []value.Value, key *GroupKey) value.Value {
	group := value.Object(value.Field{Name: groupRound, Value: value.Int(int64(round))}, value.Field{Name: groupTexts, Value: value.List(texts...)})
	if key == nil {
		return group
	}
	return group.With(groupKey, value.Object(value.Field{Name: keyValue, Value: key.Key},
		value.Field{Name: keyNumber, Value: value.Int(int64(key.Number))}, value.Field{Name: keyInputs, Value: value.Int(int64(key.Inputs))}))
}

// KeyOfGroup returns the key of a group; nil where it has none.
func KeyOfGroup(item value.Value) (*GroupKey, error) {
	written, has := item.Get(groupKey)
	if !has {
		return nil, nil
	}
	key := &GroupKey{}
	key.Key, _ = written.Get(keyValue)
	number, _ := written.Get(keyNumber)
	inputs, _ := written.Get(keyInputs)
	var ofNumber, ofInputs error
	key.Number, ofNumber = strconv.Atoi(number.Digits())
	key.Inputs, ofInputs = strconv.Atoi(inputs.Digits())
	if err := errors.Join(ofNumber, ofInputs); err != nil {
		return nil, Errorf(InternalError, "cannot read the key of a group of texts: %v", err)
	}
	return key, nil
}

// TextsOf returns the texts of a group. Other items are none.
func TextsOf(item value.Value) (round string, texts []value.Value, isGroup bool) {
	number, _ := item.Get(groupRound)
	list, _ := item.Get(groupTexts)
	_, hasKey := item.Get(groupKey)
	if fields := len(item.Fields()); fields != 2 && !(fields == 3 && hasKey) || number.Kind() != value.KindNumber || list.Kind() != value.KindList {
		return "", nil, false
	}
	return number.Digits(), list.Elements(), true
}

// nameOfGroup returns a short name of a group, for people.
func nameOfGroup(item value.Value) (name string, isGroup bool) {
	round, texts, isGroup := TextsOf(item)
	if !isGroup {
		return "", false
	}
	name = fmt.Sprintf("round %s, %d texts", round, len(texts))
	if len(texts) == 1 {
		name = fmt.Sprintf("round %s, 1 text", round)
	}
	if key, err := KeyOfGroup(item); err == nil && key != nil {
		name += " of " + key.Key.Brief()
	}
	return name, true
}
