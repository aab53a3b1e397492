package followers

import "testing"

// The last start that gives up is the one that ends a run, however many looked on and in whatever order they gave up.
func TestTheLastStartGivesUp(t *testing.T) {
	b := Book{}
	b.Enter("r", true)
	b.Enter("r", true)
	b.Enter("r", false)
	if b.Abandon("r") {
		t.Error("another start wants the run")
	}
	if !b.Abandon("r") {
		t.Error("nobody wants the run any more: whoever looks on does not count")
	}
	b.Leave("r", false, false)
	b.Leave("r", false, true)
	if !b.Followed("r") {
		t.Error("one still looks on")
	}
	b.Leave("r", false, false)
	if b.Followed("r") || !b.Forget("r") || len(b) != 0 {
		t.Errorf("the account is not closed: %+v", b)
	}
}

// A run whose id somebody has goes on without its starts: its results can be asked for.
func TestARunWhoseIDIsKnownIsWanted(t *testing.T) {
	b := Book{}
	b.Enter("r", true)
	b.Leave("r", true, true) // As a submission.
	if b.Followed("r") {
		t.Error("nobody follows a submission")
	}
	b.Enter("r", true)
	if b.Abandon("r") {
		t.Error("its id is known")
	}
	b.Leave("r", false, false)
	if !b.Forget("r") {
		t.Error("its results need not be kept for an equal start")
	}
}

// What nobody was delivered is kept for an equal start; runs are counted apart.
func TestWhatNobodyWasToldIsKept(t *testing.T) {
	b := Book{}
	b.Enter("a", true)
	b.Enter("b", true)
	b.Leave("a", true, false)
	b.Leave("b", true, true)
	if b.Forget("a") || !b.Forget("b") {
		t.Error("a was delivered, or b was not")
	}
	if b.Abandon("c") || b.Followed("c") || b.Forget("c") {
		t.Error("of a run that was never entered nothing is known")
	}
	b.Enter("d", false)
	b.Forget("d")
	if !b.Followed("d") {
		t.Error("the account of a run that is followed was closed")
	}
}
