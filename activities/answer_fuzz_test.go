package activities

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/calllog"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redactiontest"
)

// FuzzAnswer: in whatever pieces an answer comes, and wherever it breaks off, no heartbeat has a part of a secret.
func FuzzAnswer(f *testing.F) {
	f.Add("hunter2'<S3cret>'value", uint8(1), uint16(4000), uint16(300), uint16(5), uint16(4020))
	f.Add("aaaaaaaa", uint8(0), uint16(1), uint16(1), uint16(0), uint16(8))
	f.Fuzz(func(t *testing.T, secret string, form uint8, before, after, chunk, length uint16) {
		c, is := redactiontest.New(secret, form, before%5000, after%5000)
		if !is {
			return
		}
		text := c.Text[:min(len(c.Text), int(length))]
		beat := &heartbeat{}
		w := &answer{pass: beat.write, secrets: &secrets{}}
		w.secrets.set.Follow(c.Secrets)
		for rest := text; rest != ""; {
			size := min(len(rest), int(chunk)+1)
			w.write(rest[:size])
			rest = rest[size:]
			c.Check(t, beat.current().Tail)
		}
		w.end(len(text) == len(c.Text))
		c.Check(t, beat.current().Tail)
	})
}

// FuzzPrint is FuzzAnswer for the streams of a script, of which each is written while the other one is.
func FuzzPrint(f *testing.F) {
	f.Add("hunter2'<S3cret>'value", uint8(1), uint16(4000), uint16(300), uint16(5), uint16(4020))
	f.Add("aaaaaaaa", uint8(0), uint16(1), uint16(1), uint16(0), uint16(8))
	f.Fuzz(func(t *testing.T, secret string, form uint8, before, after, chunk, length uint16) {
		c, is := redactiontest.New(secret, form, before%5000, after%5000)
		if !is {
			return
		}
		text := c.Text[:min(len(c.Text), int(length))]
		beat, of := &heartbeat{}, &secrets{}
		of.set.Follow(c.Secrets)
		w := follow(beat, calllog.New(&of.set, false), of)
		check := func() {
			for _, state := range []protocol.Heartbeat{beat.current(), {Stdout: &beat.stdout, Stderr: &beat.stderr}} {
				c.Check(t, state.Line)
				if state.Stdout != nil && state.Stderr != nil {
					c.Check(t, state.Stdout.Tail)
					c.Check(t, state.Stderr.Tail)
				}
			}
		}
		for rest := text; rest != ""; {
			size := min(len(rest), int(chunk)+1)
			w.print(rest[:size], false)
			w.print(rest[:size], true)
			rest = rest[size:]
			check()
		}
		w.end(len(text) == len(c.Text))
		check()
	})
}
