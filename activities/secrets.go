package activities

import (
	"errors"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
	"github.com/gleitzeit/gleitzeit/internal/secretsource"
)

// maxMessage is how much of an error's message goes into the history, in bytes.
const maxMessage = 8 << 10

// secrets are the values of `${env…}` and `${secrets…}` that a call got, and the values of `${secrets…}` that any call of this
// worker got: a server, a file or a process may repeat them. None of them leaves the activity.
type secrets struct {
	sources secretsource.Sources
	set     redaction.Set
	used    bool     // Some are among the parameters.
	failure error    // Of a source that cannot be read.
	missing []string // Names that no source has.
}

// lookup returns a secret of the sources, and notes why there is none.
func (s *secrets) lookup(name string) (string, bool) {
	value, found, err := s.sources.Lookup(name)
	switch {
	case err != nil:
		s.failure = err
	case !found:
		s.missing = append(s.missing, name)
	}
	return value, found
}

// explain returns why a call cannot be made: a source that cannot be read, even where the reference has a default. To an error
// it adds where the first missing secret was searched.
func (s *secrets) explain(err error) error {
	if s.failure != nil {
		return s.failure
	}
	failed, is := errors.AsType[*protocol.Error](err)
	if !is || failed.Hint != "" || len(s.missing) == 0 {
		return err
	}
	return failed.WithHint("%s", s.sources.Hint(s.missing[0]))
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
