package provider

import (
	"cmp"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Response is a response that is an error, or an error within a stream.
type Response struct {
	Server string // What messages call the server: "Ollama at http://gpu:11434".
	Model  string // Of the request; may be empty.
	Status int    // 0 within a stream.
	ErrorBody
	Said  string        // The text of the body as messages quote it.
	After time.Duration // After which the server wants to be asked again; 0 if it does not say.
}

// Known returns the error of a response whose words are in the table of wordings, whatever its status; nil for others.
func (r Response) Known() error {
	if refusal := schemaRefusal(r.Server, r.Said); refusal != nil {
		return WithVerdict(refusal, CallerFault)
	}
	reading := Read(r.Status, r.ErrorBody)
	var failure *protocol.Error
	switch reading.Verdict {
	case PromptTooLong:
		failure = protocol.Errorf(protocol.InvalidParams, "the prompt is longer than the model's context: %s", r.Said)
	case CacheFull:
		failure = protocol.Errorf(protocol.ProviderOverloaded, "%s has no room for so many calls at once: %s", r.Server, r.Said).
			WithHint("lower `max_concurrent` of the provider, or start the server with a larger context")
	case Loading:
		failure = protocol.Errorf(protocol.ProviderOverloaded, "%s is loading a model: %s", r.Server, r.Said)
	case RunnerLost, RunnerGone:
		failure = protocol.Errorf(protocol.ProviderNotAvailable, "%s lost the process of the model: %s", r.Server, r.Said).
			WithHint("see the log of the server; the model may need more memory")
	case ServerFault:
		failure = protocol.Errorf(protocol.TaskExecutionFailed, "%s failed: %s", r.Server, r.Said)
	case BadAnswer:
		failure = protocol.Errorf(protocol.TaskResultInvalid, "the model's answer is invalid: %s", r.Said)
	case ModelMissing:
		failure = protocol.Errorf(protocol.TaskValidationFailed, "%s has no model %q: %s", r.Server, r.Model, r.Said).
			WithHint("`gleitzeit provider health -o json` lists its models")
	case AnswerTooLong:
		failure = protocol.Errorf(protocol.InvalidParams, "the prompt and `max_tokens` are longer than the model's context: %s", r.Said)
	case CallerFault:
		failure = protocol.Errorf(protocol.InvalidParams, "%s rejected the request: %s", r.Server, r.Said)
		switch {
		case strings.Contains(r.Text, "does not support thinking"):
			failure = failure.WithHint("remove `think`, or use a model that thinks")
		case strings.Contains(r.Text, "does not support tools"):
			failure = failure.WithHint("remove `tools`, or use a model that calls tools")
		}
	default:
		return nil
	}
	return judged{failure, reading.Verdict, reading, r.After}
}

// Overloaded is the failure of a response with a status for which IsOverloaded is true.
func (r Response) Overloaded() error {
	failure := protocol.Errorf(protocol.ProviderOverloaded, "%s is overloaded: %s", r.Server, r.Said)
	return judged{err: failure, after: r.After}
}

// ReadRetryAfter reads the header Retry-After: seconds, or a time.
func ReadRetryAfter(header http.Header) time.Duration {
	text := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds > 0 && seconds < 1e6 {
		return time.Duration(seconds * float64(time.Second))
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// IsOverloaded reports whether a server that answers with the status may take the request a little later. 529 is the status
// of some that are overloaded.
func IsOverloaded(status int) bool {
	switch status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusTooEarly, http.StatusRequestTimeout, 529:
		return true
	}
	return false
}

// RejectsRequest reports whether the status says that the request is wrong. 501 is that of a server that does not have what the
// request asks for, such as answers of llama.cpp's server with --embeddings: it fails at nothing else.
func RejectsRequest(status int) bool {
	return status >= http.StatusMultipleChoices && status < http.StatusInternalServerError || status == http.StatusNotImplemented
}

// IsUnreachable reports whether the status is that of a proxy which does not reach the server. From 520 on they are those of
// Cloudflare.
func IsUnreachable(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusGatewayTimeout || 520 <= status && status <= 524
}

// MaxErrorBody is how many bytes are read of a response that is an error.
const MaxErrorBody = 64 << 10

// ErrorBody is what the body of a response that is an error says.
type ErrorBody struct {
	Text   string
	Code   string   // The kind of the error, if it has a name.
	Tokens int64    // Of a prompt that is too long,
	Limit  int64    // and of the context, where fields of their own say so.
	Fields []string // Of the request, that the server refuses.
}

// ReadError reads the body of a response that is an error, in one of the forms that servers have; otherwise is for one that says
// nothing.
func ReadError(body []byte, otherwise string) ErrorBody {
	var response struct {
		Error  json.RawMessage `json:"error"`
		Detail json.RawMessage `json:"detail"`
		errorObject
	}
	if list := []json.RawMessage(nil); json.Unmarshal(body, &list) == nil && len(list) > 0 { // Gemini.
		body = list[0]
	}
	if json.Unmarshal(body, &response) == nil {
		var object errorObject
		var plain string
		switch {
		case json.Unmarshal(response.Error, &object) == nil && object.body().Text != "":
			return object.body()
		case isObject(response.Message): // Mistral.
			var nested struct {
				Detail json.RawMessage `json:"detail"`
			}
			if json.Unmarshal(response.Message, &nested) == nil && len(nested.Detail) > 0 {
				return readDetail(nested.Detail)
			}
		case json.Unmarshal(response.Error, &plain) == nil && plain != "":
			if plain[0] == '{' { // Ollama of June 2026 quotes a whole response of llama.cpp there.
				return ReadError([]byte(plain), plain)
			}
			return ErrorBody{Text: plain}
		case text(response.Message) != "":
			return response.body()
		case len(response.Detail) > 0:
			return readDetail(response.Detail)
		}
	}
	if said := strings.TrimSpace(string(body)); said != "" {
		return ErrorBody{Text: said}
	}
	return ErrorBody{Text: otherwise}
}

func isObject(field json.RawMessage) bool { return len(field) > 0 && field[0] == '{' }

// readDetail reads the errors of FastAPI: a text, or one object for each field. They quote what was sent, which is left out.
func readDetail(detail json.RawMessage) ErrorBody {
	var found []struct {
		Place   []json.RawMessage `json:"loc"`
		Message string            `json:"msg"`
	}
	if json.Unmarshal(detail, &found) != nil || len(found) == 0 {
		return ErrorBody{Text: string(detail)}
	}
	var body ErrorBody
	said := make([]string, len(found))
	for i, f := range found {
		place := make([]string, len(f.Place))
		for j, part := range f.Place {
			if place[j] = text(part); place[j] == "" {
				place[j] = string(part) // A number.
			}
		}
		body.Fields = append(body.Fields, place...)
		said[i] = strings.TrimPrefix(strings.Join(place, ".")+": "+f.Message, ": ")
	}
	body.Text = strings.Join(said, "; ")
	return body
}

// errorObject is the object of an error. Servers disagree about the types of its fields.
type errorObject struct {
	Message json.RawMessage `json:"message"`
	Code    json.RawMessage `json:"code"`
	Type    json.RawMessage `json:"type"`
	Param   json.RawMessage `json:"param"`
	Tokens  int64           `json:"n_prompt_tokens"` // llama.cpp.
	Limit   int64           `json:"n_ctx"`
}

func (o errorObject) body() ErrorBody {
	code := cmp.Or(text(o.Code), text(o.Type))
	body := ErrorBody{Text: cmp.Or(text(o.Message), code), Code: code, Tokens: o.Tokens, Limit: o.Limit}
	if field := text(o.Param); field != "" {
		body.Fields = []string{field}
	}
	return body
}

// status is the status that the code says, as a number or as a word; 0 if it says none.
func (o errorObject) status() int {
	code, err := strconv.Atoi(cmp.Or(text(o.Code), string(o.Code)))
	if err == nil && code >= http.StatusBadRequest && code <= 599 {
		return code
	}
	for _, word := range []string{text(o.Code), text(o.Type)} {
		for _, named := range namedStatuses {
			if named.match.MatchString(word) {
				return named.status
			}
		}
	}
	return 0
}

// namedStatuses are the words of codes for errors that may pass: "rate_limit_exceeded", "overloaded_error", "unavailable_error".
var namedStatuses = []struct {
	match  *regexp.Regexp
	status int
}{
	{regexp.MustCompile(`(?i)rate_?limit|too_?many_?requests|resource_?exhausted`), http.StatusTooManyRequests},
	{regexp.MustCompile(`(?i)overloaded|unavailable`), http.StatusServiceUnavailable},
}

// text is the text of a field; empty if it is not a string.
func text(field json.RawMessage) string {
	var s string
	if json.Unmarshal(field, &s) != nil {
		return ""
	}
	return s
}

// ErrorStatus is the status that an error within a stream has in its field `code` or `type`; 0 if there is none.
func ErrorStatus(body []byte) int {
	var response struct {
		Error json.RawMessage `json:"error"`
		errorObject
	}
	var object errorObject
	if json.Unmarshal(body, &response) != nil {
		return 0
	}
	if json.Unmarshal(response.Error, &object) == nil {
		return object.status()
	}
	return response.status()
}
