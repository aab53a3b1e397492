package wire

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/gleitzeit/gleitzeit/internal/mcptask"
)

// object is a JSON object whose values are not decoded. Unlike a struct, it distinguishes names by case.
type object = map[string]json.RawMessage

// maxTries is the maximum number of places of one line at which a message is searched.
const maxTries = 100

// line returns the messages of a line of a server's standard output, each followed by a line feed. Anything else is reported
// as stray: a server may print a banner without a line end before its first message, or two messages in one line.
func (s *Session) line(line []byte) []byte {
	text := bytes.TrimSpace(line)
	if messages, is := s.messages(text); is {
		return messages
	}
	if json.Valid(text) {
		s.stray(line, false)
		return nil
	}
	var found []byte
	from := 0 // What is before has been handled.
	for at, tries := 0, 0; tries < maxTries; tries++ {
		next := bytes.IndexByte(text[at:], '{')
		if next < 0 {
			break
		}
		at += next
		decoder := json.NewDecoder(bytes.NewReader(text[at:]))
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			at++
			continue
		}
		// A request would be one that the server logs: it is not answered.
		if messages, is := s.messages(value); is && !isRequest(value) {
			s.stray(text[from:at], false)
			found = append(found, messages...)
			from = at + len(value)
		}
		at += len(value)
	}
	s.stray(text[from:], false)
	return found
}

func isRequest(message []byte) bool {
	var fields object
	if json.Unmarshal(message, &fields) != nil {
		return false
	}
	_, method := fields["method"]
	_, id := fields["id"]
	return method && id
}

// messages returns a message, or those of a batch, in a form that the SDK can decode, each followed by a line feed. It reports
// false if the text is neither.
func (s *Session) messages(text []byte) ([]byte, bool) {
	var batch []json.RawMessage
	if len(text) > 0 && text[0] == '[' && json.Unmarshal(text, &batch) == nil && len(batch) > 0 {
		var all []byte
		for _, element := range batch {
			message, is := s.message(element)
			if !is {
				return nil, false
			}
			all = appendLine(all, message)
		}
		return all, true
	}
	message, is := s.message(text)
	return appendLine(nil, message), is
}

// appendLine adds a message as one line. A line feed within it is a blank of JSON: the data of an event may have several lines.
func appendLine(lines, message []byte) []byte {
	if len(message) == 0 {
		return lines
	}
	start := len(lines)
	lines = append(lines, message...)
	for i := start; i < len(lines); i++ {
		if lines[i] == '\n' || lines[i] == '\r' {
			lines[i] = ' '
		}
	}
	return append(lines, '\n')
}

// message returns a message in a form that the SDK can decode; nil if it is of no use to the SDK. It reports false if the text
// is not a message of JSON-RPC 2.0.
func (s *Session) message(text []byte) ([]byte, bool) {
	text = mcptask.KeepInResult(text)
	var fields object
	if len(text) == 0 || text[0] != '{' || json.Unmarshal(text, &fields) != nil {
		return nil, false
	}
	var version string
	if json.Unmarshal(fields["jsonrpc"], &version) != nil || version != "2.0" {
		return nil, false
	}
	if method, is := fields["method"]; is {
		var name string
		return text, json.Unmarshal(method, &name) == nil && isID(fields["id"]) && !deeper(text)
	}
	_, hasResult := fields["result"]
	sent, hasError := fields["error"]
	hasError = hasError && !isNull(sent)
	if !hasResult && !hasError {
		return nil, false
	}
	id, is := requestID(fields["id"])
	if !is {
		return s.withoutID(fields, hasError)
	}
	method, open := s.answered(id)
	if !open {
		return nil, true // Of a request that was given up.
	}
	switch {
	case deeper(text):
		return failed(id, Undecodable, "lists and objects are nested more than %d levels deep", maxNesting), true
	case hasError:
		return s.failure(id, fields, text), true
	}
	result, changed, err := s.result(method, fields["result"])
	if err != nil {
		return failed(id, Undecodable, "%s", err), true
	}
	if !changed && len(fields["id"]) > 0 && fields["id"][0] != '"' {
		return text, true
	}
	fields["result"], fields["id"] = result, strconv.AppendInt(nil, id, 10)
	encoded, err := json.Marshal(fields)
	if err != nil {
		return failed(id, Undecodable, "%s", err), true
	}
	return encoded, true
}

// withoutID returns the message for a response without the id of a request. An error belongs to the only request in flight.
func (s *Session) withoutID(fields object, hasError bool) ([]byte, bool) {
	if !hasError || !isNull(fields["id"]) {
		return nil, false
	}
	id, is := s.only()
	if !is {
		return nil, false
	}
	s.answered(id)
	code, message := readError(fields["error"])
	if code != 0 {
		message += " (" + strconv.FormatInt(code, 10) + ")"
	}
	return failed(id, WithoutID, "%s", message), true
}

// failure returns the message of an error that the server sent.
func (s *Session) failure(id int64, fields object, text []byte) []byte {
	var decoded struct {
		Code    int64           `json:"code"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	}
	if json.Unmarshal(fields["error"], &decoded) == nil && fields["id"][0] != '"' {
		return text
	}
	code, message := readError(fields["error"])
	return failed(id, int(code), "%s", message)
}

// internalError is the code of an error whose code cannot be read.
const internalError = -32603

// readError returns the code and the message of an error in whatever form it was sent.
func readError(sent json.RawMessage) (int64, string) {
	var decoded struct {
		Code    json.RawMessage `json:"code"`
		Message string          `json:"message"`
	}
	var text string
	switch {
	case json.Unmarshal(sent, &text) == nil:
		return internalError, text
	case json.Unmarshal(sent, &decoded) != nil || decoded.Message == "":
		return internalError, string(sent)
	}
	code, err := strconv.ParseInt(string(bytes.Trim(decoded.Code, `"`)), 10, 64)
	if err != nil {
		if len(decoded.Code) > 0 {
			decoded.Message += " (" + string(bytes.Trim(decoded.Code, `"`)) + ")"
		}
		return internalError, decoded.Message
	}
	return code, decoded.Message
}

func isNull(text json.RawMessage) bool { return len(text) == 0 || string(text) == "null" }

// isID reports whether a value can be the id of a message, or of none.
func isID(text json.RawMessage) bool {
	return isNull(text) || text[0] == '"' || text[0] == '-' || text[0] >= '0' && text[0] <= '9'
}

// requestID returns an id as the SDK numbers its requests. Some servers send it back as a string or with a fraction.
func requestID(text json.RawMessage) (int64, bool) {
	plain := string(bytes.Trim(text, `"`))
	id, err := strconv.ParseInt(plain, 10, 64)
	if err == nil {
		return id, true
	}
	number, err := strconv.ParseFloat(plain, 64)
	return int64(number), err == nil && number == float64(int64(number))
}

// deeper reports whether a valid JSON text is nested more deeply than the SDK can decode.
func deeper(text []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxNesting {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
