package split

import "sync"

// Ratios are how many tokens servers have counted of prompts, compared to the estimates of them, by model. They are of one process.
type Ratios struct {
	mu  sync.Mutex
	all map[string]ratio
}

type ratio struct{ counted, estimated float64 }

const (
	// leastObserved is the estimate of the shortest prompt that counts: in shorter ones the template of the model is the most.
	leastObserved = 200
	// mostObserved is how much counts of what was seen before.
	mostObserved = 200_000
	// ratioMargin is the margin of an estimate by what was seen before.
	ratioMargin = 1.1
	// smallestRatio and largestRatio bound a ratio, whatever a server says.
	smallestRatio, largestRatio = 0.4, 4
)

// Observe notes how many tokens a server has counted of a text. A server that leaves out the part that it has in its cache counts too
// few: that does not count.
func (r *Ratios) Observe(model string, estimated float64, tokens int64) {
	of := float64(tokens) / estimated
	if estimated < leastObserved || of < smallestRatio || of > largestRatio {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[string]ratio{}
	}
	seen := r.all[model]
	if seen.estimated > mostObserved {
		seen = ratio{seen.counted / 2, seen.estimated / 2}
	}
	r.all[model] = ratio{seen.counted + float64(tokens), seen.estimated + estimated}
}

// Of returns by what estimates of the tokens of texts for a model are multiplied.
func (r *Ratios) Of(model string) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen, known := r.all[model]
	if !known {
		return 1 // The estimate has a margin.
	}
	return seen.counted / seen.estimated * ratioMargin
}
