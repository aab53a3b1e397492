package fanout_test

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/fanout"
)

// TestNothingStartsWhenTheTokensAreUsed, in this history or the next; what is in flight ends, and units are of one item.
func TestNothingStartsWhenTheTokensAreUsed(t *testing.T) {
	limits := fanout.Limits{Total: 100, MaxTokens: 50}
	p := fanout.Continue(limits, fanout.State{Pace: 0.001}, 2)
	p.AddPage(protocol.Page{Count: 100})
	done := protocol.Outcome{Status: protocol.Completed, Usage: protocol.Usage{PromptTokens: 10, TokensUsed: 8}}
	first, _ := p.Begin(0)
	second, _ := p.Begin(0)
	if first.Count != 1 || second.Count != 1 {
		t.Errorf("units of %d and %d items", first.Count, second.Count)
	}
	p.EndItem(first, done)
	p.EndItem(second, done)
	third, found := p.Begin(0)
	if !found || p.TokensReached() {
		t.Fatalf("nothing starts after %d tokens", p.Usage.Tokens())
	}
	fourth, _ := p.Begin(0)
	p.EndItem(third, done)
	if _, found := p.Begin(0); found || !p.TokensReached() || !p.Over() || p.Wanted() != 1 {
		t.Errorf("after %d tokens: reached %v, over %v, %d wanted", p.Usage.Tokens(), p.TokensReached(), p.Over(), p.Wanted())
	}
	p.EndItem(fourth, done)
	if again := fanout.Continue(limits, p.State, 2); !again.Over() || again.Counts.Succeeded != 4 || again.Usage.Tokens() != 72 {
		t.Errorf("in the next history: %+v", again.State)
	}
}
