package activities

import (
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
)

// maxMessage is how much of an error's message goes into the history, in bytes.
const maxMessage = 8 << 10

// secrets are the values of `${env…}` and `${secrets…}` that a call got, and the values of `${secrets…}` that any call of this
// worker got: a server, a file or a process may repeat them. None of them leaves the activity.
type secrets struct {
	set  redaction.Set
	used bool // Some are among the parameters.
}

// watch returns a lookup that adds every value it finds to the sets.
func watch(head string, lookup func(string) (string, bool), sets ...*redaction.Set) func(string) (string, bool) {
	return func(name string) (string, bool) {
		val, found := lookup(name)
		if found {
			for _, set := range sets {
				set.Add("["+head+"."+name+"]", val)
			}
		}
		return val, found
	}
}

// amongParameters returns a lookup that marks what it finds as a part of the call's parameters.
func (s *secrets) amongParameters(lookup func(string) (string, bool)) func(string) (string, bool) {
	return func(name string) (string, bool) {
		s.used = true
		return lookup(name)
	}
}

// shortened cuts a long message in the middle: its beginning says what happened, and the end of a traceback why. It was
// redacted.
func shortened(e *protocol.Error) *protocol.Error {
	if len(e.Message) <= maxMessage {
		return e
	}
	short := *e
	var clean *redaction.Set
	short.Message = clean.Text(e.Message).Ends(maxMessage)
	return &short
}
