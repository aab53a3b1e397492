package python

import (
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/redactiontest"
)

// FuzzCapture: wherever the output or a message of a script is cut, nothing of a secret is left.
func FuzzCapture(f *testing.F) {
	f.Add("hunter2'<S3cret>'value", uint8(1), uint16(90), uint16(3000), uint16(100), uint16(7))
	f.Add("aaaaaaaa", uint8(0), uint16(0), uint16(2040), uint16(3), uint16(1))
	f.Add("hunter2'<S3cret>'value", uint8(0), uint16(65520), uint16(65520), uint16(3), uint16(65535))
	f.Fuzz(func(t *testing.T, secret string, form uint8, before, after, limit, chunk uint16) {
		c, is := redactiontest.New(secret, form, before, after)
		if !is {
			return
		}
		var buffer outputBuffer
		for rest := c.Text; rest != ""; {
			length := min(len(rest), int(chunk)+1)
			buffer.write([]byte(rest[:length]), int64(limit))
			rest = rest[length:]
		}
		kept, _, _ := strings.Cut(buffer.text(c.Secrets), "\n[truncated: ")
		c.Check(t, kept)
		c.Check(t, buffer.tailLines(c.Secrets))
		c.Check(t, buffer.printed(c.Secrets))
		cut := min(len(c.Text), int(limit))
		for _, message := range []string{c.Text, cutMark + c.Text[cut:]} {
			ended := &outcome{secrets: c.Secrets}
			c.Check(t, ended.message(&reply{Message: message}))
		}
	})
}
