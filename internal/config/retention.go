package config

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

const (
	// noRetention is the value of a retention that is switched off, and the default: results are not removed unless somebody
	// asked for it.
	noRetention = "none"
	// minRetention is the shortest that a Temporal server takes for a namespace.
	minRetention = time.Hour
)

// readRetention reads how long ended runs are kept; 0 is until they are pruned.
func readRetention(l *loader) time.Duration {
	given, shown, from := l.fromVariable("GLEITZEIT_RETENTION"), noRetention, fromDefault
	if !given.isSet() {
		given = l.fromFile("retention")
	}
	age := time.Duration(0)
	if given.isSet() {
		from = given.from
	}
	if given.isSet() && given.text() != noRetention {
		shown = given.text()
		var err error
		if age, err = ParseAge(given.text()); err != nil || age < minRetention {
			l.fail(given.at, "retention must be a duration of at least 1h, such as 30d or 12h, or none, not %q", given.text())
		}
	}
	l.entry("retention", value.String(shown), from)
	return age
}

// ParseAge parses a duration such as "30d", "2w", "12h" or "1h30m".
func ParseAge(text string) (time.Duration, error) {
	const day = 24 * time.Hour
	for unit, length := range map[string]time.Duration{"d": day, "w": 7 * day} {
		if number, is := strings.CutSuffix(text, unit); is {
			if count, err := strconv.ParseFloat(number, 64); err == nil && count >= 0 && count < math.MaxInt64/float64(length) {
				return time.Duration(count * float64(length)), nil
			}
		}
	}
	age, err := time.ParseDuration(text)
	if err != nil || age < 0 {
		return 0, protocol.Errorf(protocol.InvalidParams, "%q is not a duration such as 30d, 12h or 90m", text)
	}
	return age, nil
}
