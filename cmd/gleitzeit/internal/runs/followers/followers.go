// Package followers counts who follows the runs of a process and who wants them, so that the claim of a run is kept until
// its results were delivered, and a run that nobody wants any more is cancelled. It is bookkeeping alone: it knows no claims and
// no Temporal.
package followers

// Book counts by the id of a run, whoever executes it. It is guarded by its owner.
type Book map[string]*entry

type entry struct {
	following int  // All that follow the run.
	starts    int  // Of those, the starts that want it.
	delivered bool // Somebody has got its results, or its id to ask for them.
}

// Enter counts a follower. A start wants the run; any other follower only looks.
func (b Book) Enter(run string, start bool) {
	e := b[run]
	if e == nil {
		e = &entry{}
		b[run] = e
	}
	e.following++
	if start {
		e.starts++
	}
}

// Abandon records that a start no longer wants its run but still follows it, and reports whether it was the last one of a run of
// which nobody has got the id.
func (b Book) Abandon(run string) (last bool) {
	e := b[run]
	if e == nil {
		return false
	}
	e.starts--
	return e.starts == 0 && !e.delivered
}

// Leave removes a follower. delivered: it has received the results, or somebody has the id.
func (b Book) Leave(run string, start, delivered bool) {
	e := b[run]
	if e == nil {
		return
	}
	e.following--
	if start {
		e.starts--
	}
	e.delivered = e.delivered || delivered
}

// Followed reports whether anybody follows the run.
func (b Book) Followed(run string) bool {
	e := b[run]
	return e != nil && e.following > 0
}

// Forget removes the entry of a run, unless it is followed, and reports whether its results were delivered.
func (b Book) Forget(run string) (delivered bool) {
	e := b[run]
	if e == nil {
		return false
	}
	if e.following == 0 {
		delete(b, run)
	}
	return e.delivered
}
