package openai

import (
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// addToDocument adds a line of a response that is one document, although a stream was requested: an error with the status 200, or
// the answer of a server that does not stream.
func (s *events) addToDocument(line string) error {
	if s.document.Len()+len(line) > protocol.MaxValue {
		return protocol.Errorf(protocol.TaskResultInvalid, "the response is larger than %d bytes", protocol.MaxValue)
	}
	s.document.WriteString(line)
	s.document.WriteByte('\n')
	s.heard("")
	return nil
}

// readDocument reads the document, if there is one.
func (s *events) readDocument() error {
	if s.document.Len() == 0 {
		return nil
	}
	body := []byte(s.document.String())
	document, err := value.Parse(body)
	if err != nil {
		return protocol.Errorf(protocol.TaskExecutionFailed, "invalid response from the server: %s", s.quoted(err.Error()))
	}
	if failure, is := document.Get("error"); is && !failure.IsNull() {
		return s.failure(body)
	}
	return s.chunk(document, "message")
}
