package definition

import (
	"fmt"
	"strconv"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// maxDuration is the longest that a workflow can name: ten years, far within what Go and Temporal can count.
const maxDuration = 10 * 365 * 24 * time.Hour

// Duration reads a number of seconds, or text such as 90s, 2h or 1m30s. A problem says what is wanted instead, to follow
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
		value, err := time.ParseDuration(n.Text)
		if err != nil {
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

func tooLong(n *Node) string {
	return fmt.Sprintf("must be at most %dh, not %s", maxDuration/time.Hour, n.Describe())
}
