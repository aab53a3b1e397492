// Package requestfile reads request files of OpenAI's Batch API: files of JSON lines, each of which is one request to a model with an
// id. It reads a file of any size line by line, finds every problem of every line, and names it with the code that the API has for it.
// It sends nothing, and knows no server.
//
// A file is checked in two ways. For `gleitzeit batch`, each line stands for itself, and NewReader with the zero Options is all of it. A
// server of the Batch API accepts or refuses a file as a whole: Check, Options.Uniform and the codes URLMismatch, ModelMismatch and
// TooManyTasks are for `gleitzeit server --batch-api`, whose answers are those of the API.
package requestfile

import (
	"slices"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// LongestWindow bounds the time within which a batch of this program's server is to end.
const LongestWindow = 30 * 24 * time.Hour

// Line is one line of a file that is not blank.
type Line struct {
	Number   int         // From 1, blank lines included.
	CustomID string      // Empty if the line has none.
	URL      string      // One of URLs; empty if the line has none of them.
	Body     value.Value // An object, as it was written; null if the line has none.
	Problems []Problem   // Why the request cannot be sent; empty if it can.
}

// Code says what is wrong. Codes are those of the API.
type Code string

// The codes. docs/request-files.md has their sources.
const (
	InvalidJSONLine   Code = "invalid_json_line"
	InvalidRequest    Code = "invalid_request" // A field is missing or invalid.
	DuplicateCustomID Code = "duplicate_custom_id"
	URLMismatch       Code = "url_mismatch"   // Only of Options.Uniform,
	ModelMismatch     Code = "model_mismatch" // as this.
	EmptyFile         Code = "empty_file"
	TooManyTasks      Code = "too_many_tasks" // Only of Check.
)

// Problem is what is wrong with a line or a file.
type Problem struct {
	Code    Code
	Message string
	Param   string // Name of the field: "body.model"; empty if it is none.
	Line    int    // 0: the whole file.
}

// Value returns the problem as an element of `errors.data` of a batch.
func (p Problem) Value() value.Value {
	param, line := value.Value{}, value.Value{}
	if p.Param != "" {
		param = value.String(p.Param)
	}
	if p.Line > 0 {
		line = value.Int(int64(p.Line))
	}
	return value.Object(
		value.Field{Name: "code", Value: value.String(string(p.Code))}, value.Field{Name: "message", Value: value.String(p.Message)},
		value.Field{Name: "param", Value: param}, value.Field{Name: "line", Value: line},
	)
}

// urls are those that a request may have.
var urls = []string{"/v1/chat/completions", "/v1/embeddings", "/v1/completions", "/v1/responses"}

// URLs lists the URLs that a request may have.
func URLs() []string { return slices.Clone(urls) }

// knownURL returns the URL that a line means; false if it is none of urls. Files for Azure leave out the version.
func knownURL(written string) (url string, known bool) {
	if !strings.HasPrefix(written, "/v1/") {
		written = "/v1" + written
	}
	return written, slices.Contains(urls, written)
}

// Item returns the line as an item of a task: `custom_id`, `url` and `body`. An invalid one has `line`, `id` and `problems` instead, which
// the error file quotes: no custom_id identifies it, since another line may have the same. A valid one does not have its number, so that
// it is the same one wherever it is in the file.
func (l Line) Item() value.Value {
	if len(l.Problems) == 0 {
		return value.Object(value.Field{Name: "custom_id", Value: value.String(l.CustomID)}, value.Field{Name: "url", Value: value.String(l.URL)}, value.Field{Name: "body", Value: l.Body})
	}
	var id value.Value
	if l.CustomID != "" {
		id = value.String(l.CustomID)
	}
	problems := make([]value.Value, len(l.Problems))
	for i, p := range l.Problems {
		problems[i] = p.Value()
	}
	return value.Object(
		value.Field{Name: "line", Value: value.Int(int64(l.Number))}, value.Field{Name: "id", Value: id},
		value.Field{Name: "problems", Value: value.List(problems...)},
	)
}

// Problem returns all problems of the line in one text; empty if it is valid.
func (l Line) Problem() string {
	all := make([]string, len(l.Problems))
	for i, p := range l.Problems {
		all[i] = p.Message + " (" + string(p.Code) + ")"
	}
	return strings.Join(all, "; ")
}
