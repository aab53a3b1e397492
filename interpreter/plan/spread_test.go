package plan

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// elsewhere runs the items of one task: it reads messages when it pleases, uses what it may, and returns what it has to.
type elsewhere struct {
	left     int // Items that have not begun.
	inFlight int
	messages []SlotsOf // Sent, not read.
	slots    SlotsOf   // The last one that was read.
	owes     bool
	answers  []answer // Sent, not read.
	shared   bool
	said     int
	told     bool
}

type answer struct{ turn, held, wanted int }

func (e *elsewhere) read() {
	for _, message := range e.messages {
		e.owes = e.owes || message.Slots < e.slots.Slots
		e.slots = message
		if e.said = max(e.said, message.Slots); e.told {
			e.said = math.MaxInt // The answer may have come after the run had sent this: it did not count.
		}
	}
	e.messages = nil
}

func (e *elsewhere) step() {
	for e.left > 0 && e.inFlight < e.slots.Slots {
		e.left--
		e.inFlight++
	}
	a := answer{e.slots.Turn, max(e.slots.Slots, e.inFlight), e.inFlight + e.left}
	if e.shared && a.wanted < a.held {
		a.held = max(a.wanted, e.inFlight)
	}
	if e.owes && e.inFlight <= e.slots.Slots || e.shared && a.held < e.said {
		e.owes, e.said, e.told = false, a.held, true
		e.answers = append(e.answers, a)
	}
}

// TestSlotsAreShared runs plans at random in which the items of tasks run elsewhere, with messages that take their time. No more than
// MaxParallel are in flight at any time, everything ends, and slots do not stay unused when nothing is on its way.
func TestSlotsAreShared(t *testing.T) {
	for seed := range uint64(2000) {
		if problem := shareSlots(rand.New(rand.NewPCG(seed, 7))); problem != "" {
			t.Fatalf("seed %d: %s", seed, problem)
		}
	}
}

func shareSlots(random *rand.Rand) string {
	p := &Plan{MaxParallel: 1 + random.IntN(6)}
	for i := range 1 + random.IntN(9) {
		next := Task{ID: fmt.Sprintf("t%d", i), Method: "m", Priority: []Priority{High, Normal}[random.IntN(2)]}
		if i > 0 && random.IntN(3) == 0 {
			next.After = []string{fmt.Sprintf("t%d", random.IntN(i))}
		}
		if random.IntN(2) == 0 {
			next.FanOut = &FanOut{MaxConcurrent: random.IntN(5)}
		}
		p.Tasks = append(p.Tasks, next)
	}
	s, err := Begin(p, nil)
	if err != nil {
		return err.Error()
	}
	places := map[int]*elsewhere{}
	var running []Work
	for rounds := 0; !s.Done(); rounds++ {
		if rounds > 20000 {
			return "it does not end"
		}
		for task, place := range places {
			for _, a := range place.answers {
				s.ReturnSlots(task, a.turn, a.held, a.wanted)
			}
			place.answers = nil
		}
		s.Allot()
		for _, changed := range s.Changed() {
			places[changed.Task].messages = append(places[changed.Task].messages, changed)
		}
		for work, found := s.Next(); found; work, found = s.Next() {
			running = append(running, work)
		}
		inFlight := len(running)
		quiet := true // Nothing is on its way.
		waiting := 0
		for task := range p.Tasks {
			place := places[task]
			if place == nil {
				continue
			}
			if random.IntN(3) > 0 {
				place.read()
			}
			place.step()
			inFlight += place.inFlight
			quiet = quiet && len(place.messages) == 0 && len(place.answers) == 0
			if most := p.Tasks[task].FanOut.MaxConcurrent; most > 0 && place.inFlight > most {
				return fmt.Sprintf("%d items of %d at once", place.inFlight, most)
			} else if most == 0 || place.inFlight < most {
				waiting += place.left
			}
		}
		switch {
		case inFlight > p.MaxParallel:
			return fmt.Sprintf("%d in flight, and max_parallel is %d", inFlight, p.MaxParallel)
		case quiet && inFlight < p.MaxParallel && waiting > 0:
			return fmt.Sprintf("%d in flight, %d wait, and max_parallel is %d", inFlight, waiting, p.MaxParallel)
		}
		for task := range p.Tasks { // Something ends.
			place := places[task]
			if place != nil && place.inFlight > 0 && random.IntN(2) == 0 {
				place.inFlight--
			}
			if place != nil && place.inFlight == 0 && place.left == 0 {
				s.EndSpread(task)
				s.End(task, protocol.Outcome{Status: protocol.Completed})
				delete(places, task)
			}
		}
		if len(running) == 0 {
			continue
		}
		at := random.IntN(len(running))
		work := running[at]
		running = append(running[:at:at], running[at+1:]...)
		if work.Step == Expand {
			count := random.IntN(12)
			s.SpreadItems(work.Task, count)
			places[work.Task] = &elsewhere{left: count, shared: s.Shares(work.Task)}
			continue
		}
		s.End(work.Task, protocol.Outcome{Status: protocol.Completed})
	}
	return ""
}
