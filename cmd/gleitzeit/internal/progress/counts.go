package progress

import (
	"math"
	"slices"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// itemCounts is the progress of the items of a task. Its size does not depend on how many there are.
type itemCounts struct {
	list *view.ItemList
	group
	models     []*group        // Of those of each model, where several are asked about each item.
	earlier    int             // Items that ended in an earlier process.
	hints      map[string]bool // Hint lines that were shown.
	began      time.Time       // In this process.
	noted      time.Time       // When the last line about the counts was shown,
	notedItems int             // and of how many items it was.
}

// group is the progress of items: those of a task, or those for one of its models.
type group struct {
	model  string
	counts protocol.Counts
	rate   rate
}

func newItemCounts(list *view.ItemList) *itemCounts {
	c := &itemCounts{list: list, group: group{counts: protocol.Counts{Total: list.Total}}, hints: map[string]bool{}}
	for _, model := range list.Models {
		c.models = append(c.models, &group{model: model, counts: protocol.Counts{Total: list.Total / len(list.Models)}})
	}
	return c
}

// begin starts to measure the rates at a moment: that of a model when the first of its items starts.
func (c *itemCounts) begin(at time.Time) {
	c.began = at
	c.rate.begin(at)
	for _, of := range c.models {
		of.rate = rate{}
	}
}

// start notes that an item has started.
func (c *itemCounts) start(item int, at time.Time) {
	if of := c.of(item); of != nil && len(of.rate.samples) == 0 {
		of.rate.begin(at)
	}
}

// of returns the group of the model of an item; nil if there is none.
func (c *itemCounts) of(item int) *group {
	if len(c.models) == 0 || item < 0 || item >= c.list.Total {
		return nil
	}
	model := protocol.ModelOf(c.list.Models, item, c.list.Total)
	at := slices.IndexFunc(c.models, func(g *group) bool { return g.model == model })
	if at < 0 {
		return nil
	}
	return c.models[at]
}

// add counts an item that has ended.
func (c *itemCounts) add(item int, outcome *protocol.Outcome, at time.Time) {
	c.group.add(outcome, at)
	if of := c.of(item); of != nil {
		of.add(outcome, at)
	}
}

func (g *group) add(outcome *protocol.Outcome, at time.Time) {
	switch outcome.Status {
	case protocol.Completed:
		g.counts.Succeeded++
		if outcome.Cached {
			g.counts.Cached++
		}
	case protocol.Failed:
		g.counts.Failed++
	default:
		g.counts.Skipped++
	}
	g.rate.add(at, outcome.Usage.TokensUsed)
}

// Pace is how quickly the items of a task end.
type Pace struct {
	Model           string   `json:"model,omitempty"`
	protocol.Counts          // Of those that have ended, and the total.
	ItemsPerSecond  *float64 `json:"items_per_second"`  // Null while it is not known, as those below.
	TokensPerSecond *float64 `json:"tokens_per_second"` // That models write.
	SecondsLeft     *float64 `json:"seconds_left"`
}

// pace returns how quickly items end at a moment.
func (g *group) pace(now time.Time) Pace {
	p := Pace{Model: g.model, Counts: g.counts}
	items, tokens, known := g.rate.perSecond(now)
	if !known {
		return p
	}
	p.ItemsPerSecond, p.TokensPerSecond = rounded(items), rounded(tokens)
	if rest := g.counts.Total - g.counts.Succeeded - g.counts.Failed - g.counts.Skipped; items > 0 && rest >= 0 {
		p.SecondsLeft = rounded(float64(rest) / items)
	}
	return p
}

// rounded returns a number with the digits that mean something.
func rounded(number float64) *float64 {
	number = math.Round(number*1e6) / 1e6
	return &number
}

// speed returns the rates as texts; empty where they are not known.
func (p Pace) speed() (items, tokens, left string) {
	const longest = 1000 * 24 * 60 * 60 // Of a time that says something.
	if p.ItemsPerSecond != nil {
		items = itemsRate(*p.ItemsPerSecond)
	}
	if p.TokensPerSecond != nil && *p.TokensPerSecond > 0 {
		tokens = tokensRate(*p.TokensPerSecond)
	}
	if p.SecondsLeft != nil && *p.SecondsLeft < longest {
		left = leftText(protocol.Seconds(*p.SecondsLeft).Duration())
	}
	return items, tokens, left
}
