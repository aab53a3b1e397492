package protocol

import (
	"fmt"
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
	Before   *Ref      `json:"before,omitempty"` // Of a later round: the Manifest of the groups of those before.
	First    int       `json:"first,omitempty"`  // The first group of the round before, whose answers are the texts.

	StartedAt time.Time `json:"started_at,omitzero"` // When the first round was grouped.
	Warning   string    `json:"warning,omitempty"`   // Of the rounds before.
}

// Groups says what the groups of a round are made of.
type Groups struct {
	First   int `json:"first"`              // The index of the first of them.
	Texts   int `json:"texts"`              // That they have.
	LeftOut int `json:"left_out,omitempty"` // Elements without a text.
}

// Reduced says how the calls of a task ended that makes one answer of many texts.
type Reduced struct {
	Rounds  int `json:"rounds"`
	Inputs  int `json:"inputs"`             // Texts of the first round.
	LeftOut int `json:"left_out,omitempty"` // Elements without a text.
}

// The fields of an item that is a group of texts.
const (
	groupRound = "round"
	groupTexts = "texts"
)

// NewGroup returns the item that stands for a group of texts.
func NewGroup(round int, texts []value.Value) value.Value {
	return value.Object(value.Field{Name: groupRound, Value: value.Int(int64(round))}, value.Field{Name: groupTexts, Value: value.List(texts...)})
}

// TextsOf returns the texts of a group. Other items are none.
func TextsOf(item value.Value) (round string, texts []value.Value, isGroup bool) {
	number, _ := item.Get(groupRound)
	list, _ := item.Get(groupTexts)
	if len(item.Fields()) != 2 || number.Kind() != value.KindNumber || list.Kind() != value.KindList {
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
	if len(texts) == 1 {
		return fmt.Sprintf("round %s, 1 text", round), true
	}
	return fmt.Sprintf("round %s, %d texts", round, len(texts)), true
}
