package python

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// maxTail is how many bytes of the end of a stream are told in messages.
const maxTail = 2 << 10

// capture keeps the beginning of what is written to it, the end, and how much there was.
type capture struct {
	kept    []byte
	tail    []byte
	written int64
}

// drain takes what comes until the end, or an error, of which the beginning up to most bytes is kept: a script must not
// stall because it writes much.
func (c *capture) drain(from io.Reader, most int64) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		c.write(buffer[:n], most)
		if err != nil {
			return // The end, or the deadline.
		}
	}
}

func (c *capture) write(data []byte, most int64) {
	c.written += int64(len(data))
	c.tail = append(c.tail, data[max(0, len(data)-maxTail):]...)
	if excess := len(c.tail) - maxTail; excess > 0 {
		c.tail = append(c.tail[:0], c.tail[excess:]...)
	}
	if room := most - int64(len(c.kept)); most >= 0 {
		data = data[:max(0, min(room, int64(len(data))))]
	}
	c.kept = append(c.kept, data...)
}

// String is what is kept as valid UTF-8, with a last line that says what was cut.
func (c *capture) String() string {
	kept := c.kept
	if cut := c.written > int64(len(kept)); !cut {
		return strings.ToValidUTF8(string(kept), "\uFFFD")
	}
	for i := 1; i < utf8.UTFMax && i <= len(kept); i++ { // The cut may lie inside a character.
		if start := len(kept) - i; utf8.RuneStart(kept[start]) {
			if !utf8.FullRune(kept[start:]) {
				kept = kept[:start]
			}
			break
		}
	}
	return fmt.Sprintf("%s\n[cut here: %d more bytes were written; %d are kept]",
		strings.ToValidUTF8(string(kept), "\uFFFD"), c.written-int64(len(kept)), len(kept))
}

// end is the end of what was written, in whole lines where there are some.
func (c *capture) end() string {
	tail := strings.ToValidUTF8(string(c.tail), "\uFFFD")
	if c.written > int64(len(c.tail)) {
		if _, lines, more := strings.Cut(tail, "\n"); more {
			tail = lines
		}
	}
	return strings.TrimRight(tail, "\n")
}
