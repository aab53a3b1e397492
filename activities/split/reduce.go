package split

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Reduce makes one answer of texts: of all of them at once or, if the server says that they are too long together, as answers about chunks
// are combined.
func (c *Call) Reduce(ctx context.Context, texts []string) (protocol.Result, error) {
	r := &reading{Call: c}
	parts := partsOf(texts)
	result, err := c.Handle(ctx, c.Reader.Combination(c.Request, c.Combine.Prompt, r.contents(parts)), c.Progress)
	tooLong, is := errors.AsType[*protocol.TooLong](err)
	if !is {
		return result, err
	}
	r.usage = result.Usage
	r.calibrateWith(ctx, texts[0])
	if len(texts) == 1 {
		room, err := r.roomForAnswers(ctx, parts, tooLong, 0)
		if err != nil {
			return protocol.Result{Usage: r.usage}, err
		}
		const together = 3 // Several pieces fit into a prompt: a round leaves fewer of them.
		parts = partsOf(c.pieces(texts[0], room/together, r.tokens))
	}
	made, err := r.combineAll(ctx, parts, tooLong)
	if err != nil {
		return protocol.Result{Usage: r.usage}, err
	}
	return protocol.Result{Value: made, Usage: r.usage, Warning: strings.Join(r.warnings, "; ")}, nil
}

// partsOf returns texts as they are sent: each under its number.
func partsOf(texts []string) []part {
	parts := make([]part, len(texts))
	for i, text := range texts {
		parts[i] = part{first: fmt.Sprintf("Text %d", i+1), text: strings.TrimSpace(text)}
	}
	return parts
}

// Measure is how long texts are, and how much of them a call can read. It is the same for all rounds of a reduction, so that equal texts
// are grouped in the same way, whatever a process has learned of the model meanwhile.
type Measure struct {
	Room     float64 `json:"room"`      // Tokens of texts that fit into the context beside the prompt and the answer.
	PerToken float64 `json:"per_token"` // Tokens that the model has for one that is estimated.
}

const measureStep = "measure"

// Measure returns the Measure of the call: as it is recorded, or else as the server, or the handler, counts the sample.
func (c *Call) Measure(ctx context.Context, sample func() (string, error)) (m Measure, err error) {
	step, err := c.Steps.Find(ctx, measureStep)
	if err != nil {
		return m, err
	}
	if step != nil {
		if err := json.Unmarshal(step.Value.JSON(), &m); err != nil {
			return m, protocol.Errorf(protocol.InternalError, "cannot read the recorded length of texts: %v", err)
		}
		return m, c.Steps.Put(ctx, measureStep, *step) // Of this run as well: the next one may take over this one alone.
	}
	text, err := sample()
	if err != nil {
		return m, err
	}
	r := &reading{Call: c}
	r.calibrateWith(ctx, text)
	m = Measure{Room: c.Reader.Room(ctx, c.Reader.Combination(c.Request, c.Combine.Prompt, ""), 0), PerToken: r.perToken}
	if m.Room < leastRoom {
		return m, protocol.Errorf(protocol.InvalidParams, "the prompt and the answer leave no room in the model's context for a text").
			WithHint("shorten the prompt, lower `max_tokens`, or raise `num_ctx`")
	}
	recorded, err := value.Encode(m)
	if err != nil {
		return m, err
	}
	return m, c.Steps.Put(ctx, measureStep, Step{Value: recorded})
}

func (m Measure) tokens(text string) float64 { return Estimate(text) * m.PerToken }

// Tokens returns how many tokens a text takes of the room of a call, with its heading.
func (m Measure) Tokens(text string) float64 {
	return m.tokens(part{first: "Text 1000", text: text}.content() + separator)
}

// Pieces returns a text as pieces that each fit into a call: itself, if it does.
func (m Measure) Pieces(text string) []string {
	if m.Tokens(text) <= m.Room {
		return []string{text}
	}
	return (&Call{}).pieces(text, m.Room-m.Tokens(""), m.tokens)
}

// pieces splits a text at paragraphs, and finer where it must.
func (c *Call) pieces(text string, size float64, tokens func(string) float64) (pieces []string) {
	t := newText(Document{Parts: []Part{{Text: text}}})
	for _, chunk := range t.split(Chunk{End: len(t.all)}, Options{Size: size, By: c.By, Tokens: tokens}) {
		from, to := t.contentOf(chunk)
		if from < to {
			pieces = append(pieces, t.all[from:to])
		}
	}
	return pieces
}

// Grouper divides texts into groups that each fit into a call, in their order.
type Grouper struct {
	Measure
	Add func(group []value.Value) error // Takes the groups, one after the other.

	Texts  int // Of all groups; a text that does not fit into a call is several.
	Groups int
	group  []value.Value
	tokens float64
}

// Take adds a text.
func (g *Grouper) Take(text string) error {
	for _, piece := range g.Pieces(text) {
		tokens := g.Tokens(piece)
		if len(g.group) > 0 && g.tokens+tokens > g.Room {
			if err := g.End(); err != nil {
				return err
			}
		}
		g.group, g.tokens = append(g.group, value.String(piece)), g.tokens+tokens
		g.Texts++
	}
	return nil
}

// End ends the last group.
func (g *Grouper) End() error {
	if len(g.group) == 0 {
		return nil
	}
	group := g.group
	g.group, g.tokens = nil, 0
	g.Groups++
	return g.Add(group)
}

// KeyedGrouper divides texts into groups that each fit into a call and have one key.
type KeyedGrouper struct {
	Measure
	Add func(group []value.Value, key *protocol.GroupKey) error // Takes the groups, one after the other.

	byNumber map[int]*ofKey
	order    []*ofKey // As their keys appear.
}

// ofKey are the texts of a key.
type ofKey struct {
	Grouper
	key *protocol.GroupKey // Nil: there are no keys.
}

// Take adds a text. Those without a key are of one that has none.
func (k *KeyedGrouper) Take(text string, key *protocol.GroupKey) error {
	number := 0
	if key != nil {
		number = key.Number
	}
	of := k.byNumber[number]
	if of == nil {
		of = &ofKey{Grouper: Grouper{Measure: k.Measure}}
		if key != nil {
			of.key = &protocol.GroupKey{Key: key.Key, Number: number}
		}
		of.Add = func(group []value.Value) error {
			err := k.Add(group, of.key)
			if of.key != nil {
				of.key.Inputs = 0
			}
			return err
		}
		if k.byNumber == nil {
			k.byNumber = map[int]*ofKey{}
		}
		k.byNumber[number] = of
		k.order = append(k.order, of)
	}
	if key != nil {
		of.key.Inputs += key.Inputs
	}
	return of.Take(text)
}

// End ends the last group of each key.
func (k *KeyedGrouper) End() error {
	for _, of := range k.order {
		if err := of.End(); err != nil {
			return err
		}
	}
	return nil
}

// Keys returns how many different keys there are.
func (k *KeyedGrouper) Keys() int { return len(k.order) }

// Texts returns how many texts there are; one that does not fit into a call is several.
func (k *KeyedGrouper) Texts() (texts int) {
	for _, of := range k.order {
		texts += of.Texts
	}
	return texts
}

// Stuck returns the number of texts of the first key whose groups are not fewer than its texts; 0 if there is none.
func (k *KeyedGrouper) Stuck() (texts int, key *protocol.GroupKey) {
	for _, of := range k.order {
		if of.Groups >= of.Texts {
			return of.Texts, of.key
		}
	}
	return 0, nil
}

// TextOf returns the text that an element of a list stands for: a text itself, the answer in the result of a task or of an item, and of
// everything else its JSON. It is empty where there is none: for null, and for an item that has no result.
func TextOf(element value.Value) string {
	switch element.Kind() {
	case value.KindNull:
		return ""
	case value.KindString:
		return strings.TrimSpace(element.Text())
	case value.KindObject:
		if answer, has := element.Get("response"); has && answer.Kind() == value.KindString {
			return strings.TrimSpace(answer.Text())
		}
		_, isItem := element.Get("index")
		if result, has := element.Get("result"); has && isItem {
			return TextOf(result)
		}
	}
	return string(element.JSON())
}
