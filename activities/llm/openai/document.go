package openai

import (
	"encoding/json"
	"strings"

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

// readDocument reads the document, if there is one. Some servers end it as they end a stream: its first value counts.
func (s *events) readDocument() error {
	if s.document.Len() == 0 {
		return nil
	}
	var body json.RawMessage
	if err := json.NewDecoder(strings.NewReader(s.document.String())).Decode(&body); err != nil {
		body = json.RawMessage(s.document.String())
	}
	document, err := value.Parse(body)
	if err != nil {
		return protocol.Errorf(protocol.TaskExecutionFailed, "invalid response from the server: %s", s.quoted(err.Error()))
	}
	if isError(document) {
		return s.failure(body)
	}
	return s.chunk(document, "message")
}

// isError reports whether a document, or an event, is an error: most have it in a field, vLLM's are the object itself.
func isError(document value.Value) bool {
	failure, is := document.Get("error")
	return is && !failure.IsNull() || text(document, "object") == "error"
}
