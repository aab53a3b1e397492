package plan

import "slices"

// Format is the latest version of Plan. This program reads every earlier one, and writes the earliest that suffices: an
// older worker rejects a plan of a later format, and runs all others correctly.
const Format = 7

// Beginning is how the JSON of every plan begins.
const Beginning = `{"format":`

// FormatFor returns the format of a plan: the first one that has all of its keys.
func FormatFor(p *Plan) int {
	if len(p.Workflows) > 0 || slices.ContainsFunc(p.Tasks, func(t Task) bool { return t.Waits || t.HasSteps() || t.FanOut.IsReduction() }) {
		return 7
	}
	if p.CleanUpTimeout > 0 || slices.ContainsFunc(p.Tasks, func(t Task) bool { return t.Repeat != nil || t.Retry.Selective() }) {
		return 6
	}
	if slices.ContainsFunc(p.Tasks, func(t Task) bool { return t.Split != nil || t.FanOut != nil && t.FanOut.Rows != nil }) {
		return 5
	}
	if p.ItemsApart || slices.ContainsFunc(p.Tasks, func(t Task) bool { return t.FanOut != nil && t.FanOut.selects() }) {
		return 4
	}
	if p.SkipsPassOn || slices.ContainsFunc(p.Tasks, func(t Task) bool { return t.FanOut != nil && len(t.FanOut.Omit) > 0 }) {
		return 3
	}
	if p.FailFast || len(p.Queues()) > 0 || len(p.ToolServers) > 0 {
		return 2
	}
	for i := range p.Tasks {
		if p.Tasks[i].needsFormat2() {
			return 2
		}
	}
	return 1
}

// needsFormat2 reports whether a program that reads format 1 only would run the task incorrectly.
func (t *Task) needsFormat2() bool {
	return t.When != "" || t.RunIf != "" || t.ContinueOnError || t.FanOut != nil && t.FanOut.Values != nil
}
