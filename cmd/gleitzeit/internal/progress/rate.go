package progress

import (
	"fmt"
	"time"
)

const (
	// rateWindow is the time over which a rate is measured: long enough for a steady number, short enough to follow a change.
	rateWindow = 30 * time.Second
	// rateItems is how many items it covers at least, however long they take.
	rateItems = 8
	// samplesEvery is the time between two samples.
	samplesEvery = time.Second
)

// rate measures, over a moving window, how many items end and how many tokens models write in a second.
type rate struct {
	now     sample
	samples []sample // The first is the beginning of the window. Their number depends on the window alone.
}

// sample is what has ended up to a moment.
type sample struct {
	at     time.Time
	items  int
	tokens int64
}

// begin starts the measurement anew at a moment, as what was measured before was another process.
func (r *rate) begin(at time.Time) { r.now, r.samples = sample{at: at}, []sample{{at: at}} }

// add counts an item that ended at a moment. Moments that are earlier than another one count as that one.
func (r *rate) add(at time.Time, tokens int64) {
	if len(r.samples) == 0 {
		r.begin(at)
	}
	if at.Before(r.now.at) {
		at = r.now.at
	}
	r.now = sample{at, r.now.items + 1, r.now.tokens + tokens}
	if last := r.samples[len(r.samples)-1]; at.Sub(last.at) >= samplesEvery {
		r.samples = append(r.samples, r.now)
	}
	for len(r.samples) > 1 && at.Sub(r.samples[1].at) >= rateWindow && r.now.items-r.samples[1].items >= rateItems {
		r.samples = r.samples[1:]
	}
}

// perSecond returns the rates at a moment; false while too little is known.
func (r *rate) perSecond(at time.Time) (items, tokens float64, known bool) {
	if len(r.samples) == 0 {
		return 0, 0, false
	}
	if at.Before(r.now.at) {
		at = r.now.at // Another machine's clock.
	}
	first := r.samples[0]
	took := at.Sub(first.at)
	if took < samplesEvery || r.now.items-first.items < 2 {
		return 0, 0, false
	}
	return float64(r.now.items-first.items) / took.Seconds(), float64(r.now.tokens-first.tokens) / took.Seconds(), true
}

// itemsRate returns a rate of items as text: "43/s", "4.1/s", "6.0/min".
func itemsRate(perSecond float64) string {
	switch {
	case perSecond >= 9.95:
		return fmt.Sprintf("%.0f/s", perSecond)
	case perSecond >= 0.5:
		return fmt.Sprintf("%.1f/s", perSecond)
	case perSecond*60 >= 1:
		return fmt.Sprintf("%.1f/min", perSecond*60)
	}
	return fmt.Sprintf("%.1f/h", perSecond*3600)
}

// leftText returns a time that is left as text: "40s", "4m 30s", "12m", "7h 5m", "3d 4h".
func leftText(left time.Duration) string {
	seconds := int(left.Round(time.Second).Seconds())
	switch {
	case seconds < 60:
		return fmt.Sprintf("%ds", seconds)
	case seconds < 10*60:
		return fmt.Sprintf("%dm %ds", seconds/60, seconds%60)
	case seconds < 60*60:
		return fmt.Sprintf("%dm", seconds/60)
	case seconds < 24*60*60:
		return fmt.Sprintf("%dh %dm", seconds/3600, seconds/60%60)
	}
	return fmt.Sprintf("%dd %dh", seconds/(24*3600), seconds/3600%24)
}
