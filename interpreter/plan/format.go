package plan

// Format is the latest version of Plan. This program reads every earlier one, and writes the earliest that will do: an
// older worker refuses a plan of a later format, and runs all others as they are meant.
const Format = 2

// FormatFor returns the format in which a plan is written: the first whose programs know everything in it.
func FormatFor(p *Plan) int {
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

// needsFormat2 tells whether a program that knows format 1 alone would run the task otherwise than it is meant.
func (t *Task) needsFormat2() bool {
	return t.When != "" || t.RunIf != "" || t.ContinueOnError || t.FanOut != nil && t.FanOut.Values != nil
}
