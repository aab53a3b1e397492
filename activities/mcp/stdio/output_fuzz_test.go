package stdio

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gleitzeit/gleitzeit/internal/redactiontest"
)

// FuzzOutputTail: wherever the output of a server's program is cut, nothing of a secret is left in an error and in the log.
func FuzzOutputTail(f *testing.F) {
	f.Add("hunter2'<S3cret>'value", uint8(1), uint16(4090), uint16(30))
	f.Add("hunter2'<S3cret>'value", uint8(4), uint16(290), uint16(0))
	f.Fuzz(func(t *testing.T, secret string, form uint8, before, after uint16) {
		c, is := redactiontest.New(secret, form, before, after)
		if !is {
			return
		}
		c.Text = strings.ReplaceAll(c.Text, "\n", ".") // The lines are as long as possible.
		var log bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == "stderr" {
				c.Check(t, a.Value.String())
			}
			return a
		}}))
		tail := newOutputTail("stderr", Program{Log: logger, Secrets: c.Secrets})
		tail.read(iotest.OneByteReader(strings.NewReader(c.Text)))
		c.Check(t, strings.TrimPrefix(tail.last("title"), "; title:\n  "))
	})
}
