package definition

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// maxDuration is the longest that a workflow can name: ten years, far within what Go and Temporal can count.
const maxDuration = 10 * 365 * 24 * time.Hour

// Duration reads a number of seconds, or text such as 90s, 2h, 1m30s or 3d. A problem says what is wanted instead, to follow
// the key's name: `must be …, not "soon"`; it is "" where all is well.
func Duration(n *Node) (seconds protocol.Seconds, problem string) {
	const want = "must be a number of seconds or a duration such as 90s, 2h or 1m30s, not "
	switch n.Kind {
	case value.KindNumber:
		value, err := strconv.ParseFloat(n.Text, 64)
		if err == nil && value <= maxDuration.Seconds() {
			seconds = protocol.Seconds(value)
			break
		}
		return 0, tooLong(n)
	case value.KindString:
		value, valid := parseDuration(n.Text)
		if !valid {
			return 0, want + n.Describe()
		}
		if value > maxDuration {
			return 0, tooLong(n)
		}
		seconds = protocol.SecondsOf(value)
	default:
		return 0, want + n.Describe()
	}
	if seconds < 0 {
		return 0, "must not be negative: " + n.Describe()
	}
	return seconds, ""
}

// parseDuration is Go's, and has days of 24 hours before the rest: an approval may wait for 3d, or 1d12h.
func parseDuration(text string) (value time.Duration, valid bool) {
	const day = 24 * time.Hour
	days, rest, found := strings.Cut(text, "d")
	if !found {
		value, err := time.ParseDuration(text)
		return value, err == nil
	}
	count, err := strconv.ParseUint(strings.TrimPrefix(days, "+"), 10, 32)
	if err != nil || strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
		return 0, false
	}
	if count > uint64(maxDuration/day) {
		return maxDuration + day, true
	}
	if rest == "" {
		return time.Duration(count) * day, true
	}
	value, err = time.ParseDuration(rest)
	if err != nil {
		return 0, false
	}
	return min(value, maxDuration) + time.Duration(count)*day, true
}

func tooLong(n *Node) string {
	return fmt.Sprintf("must be at most %dh, not %s", maxDuration/time.Hour, n.Describe())
}
