package protocol

// Step says which step of its items a Call is for. How the steps before have ended is in the result store.
type Step struct {
	Index   int         `json:"index"`             // Its place in Chain.
	Chain   []ChainStep `json:"chain,omitempty"`   // All steps, in the order in which they run.
	Result  int         `json:"result"`            // The place of the one whose result is that of the item, if there are no Outputs.
	Outputs *Payload    `json:"outputs,omitempty"` // An object, with its references: the result of the item.
	When    string      `json:"when,omitempty"`    // A condition, with its references, whose bindings are those of the Call.
}

// ChainStep is what the others have to know of a step.
type ChainStep struct {
	ID       string   `json:"id"`
	Name     string   `json:"name,omitempty"`
	After    []string `json:"after,omitempty"`    // The steps before that it needs.
	Done     bool     `json:"done,omitempty"`     // It also runs if one of these was skipped by a condition.
	Continue bool     `json:"continue,omitempty"` // The item goes on although it has failed.
}

// ID returns the id of the step.
func (s *Step) ID() string { return s.Chain[s.Index].ID }

// IsLast reports whether no step follows.
func (s *Step) IsLast() bool { return s.Index == len(s.Chain)-1 }

// AddNext adds an item whose next step is to be done. Items are added in their order.
func (u *UnitOutcome) AddNext(index int) { u.Next = addItem(u.Next, index) }

// addItem adds an item behind those of ranges.
func addItem(ranges []ItemRange, index int) []ItemRange {
	if last := len(ranges) - 1; last >= 0 && ranges[last].First+ranges[last].Count == index {
		ranges[last].Count++
		return ranges
	}
	return append(ranges, ItemRange{index, 1})
}
