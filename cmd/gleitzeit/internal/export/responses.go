package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/outputs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Responses is the name of the format of the output and error files of a Batch API. docs/request-files.md describes it.
const Responses = "responses"

// FormatOfAnswers returns the name of the format that the ending of a file selects for the answers to a request file. An ending that selects
// none means that of the API: as text, the answers would have no error file, and clients could not read them.
func FormatOfAnswers(file string) string {
	switch format := FormatOfFile(file); format {
	case FormatOfFile(""), FormatOfFile(".jsonl"):
		return Responses
	default:
		return format
	}
}

// Decide selects the format for a file, unless it was named, when it is known whether the items are those of a request file. Fields are
// never those of a response.
func (o *Options) Decide(requests bool, file string) {
	if requests && !o.Named && o.Fields == "" && !o.Keep {
		o.Format = FormatOfAnswers(file)
	}
	o.decided = true
}

// part is which lines of that format are written.
type part int

const (
	allLines   part = iota
	answered        // Requests with an answer: the output file.
	unanswered      // The others: the error file.
)

// responses writes a line for each request.
type responses struct {
	to io.Writer
	*document
}

func newResponses(to io.Writer, d *document) (Writer, error) { return &responses{to, d}, nil }

// Write implements Writer.
func (w *responses) Write(item Item) error {
	_, err := w.to.Write(append(w.line(item).JSON(), '\n'))
	return err
}

// Close implements Writer.
func (w *responses) Close() error { return nil }

// line returns the line of a request.
func (w *responses) line(item Item) value.Value {
	var response, failure value.Value
	if item.Status == protocol.Completed {
		response = w.response(item)
	} else {
		failure = w.failure(item)
	}
	return value.Object(
		value.Field{Name: "id", Value: value.String(w.id(item))}, value.Field{Name: "custom_id", Value: customID(item)},
		value.Field{Name: "response", Value: response}, value.Field{Name: "error", Value: failure},
	)
}

// id is the same each time the line is written.
func (w *responses) id(item Item) string {
	hash := sha256.Sum256([]byte(w.batch.Run + "\x00" + strconv.Itoa(item.Index)))
	return "batch_req_" + hex.EncodeToString(hash[:12])
}

// customID is that of the request; of an item that is not one, the text that it is.
func customID(item Item) value.Value {
	for _, name := range []string{"custom_id", "id"} {
		if id := item.get("item", name); id.Kind() == value.KindString {
			return id
		}
	}
	if own := item.get("item"); own.Kind() == value.KindString {
		return own
	}
	return value.Value{}
}

// response is that of the server; the result of a method that is not a request is the body of one.
func (w *responses) response(item Item) value.Value {
	status, id, body := item.get("result", "status_code"), item.get("result", "request_id"), item.get("result", "body")
	if status.IsNull() {
		status, id, body = value.Int(200), value.String(w.id(item)), item.get("result")
	}
	return value.Object(value.Field{Name: "status_code", Value: status}, value.Field{Name: "request_id", Value: id}, value.Field{Name: "body", Value: body})
}

// failure is why there is no response: what is wrong with the line of the request, or with the call.
func (w *responses) failure(item Item) value.Value {
	if problems := item.get("item", "problems").Elements(); len(problems) > 0 {
		return problems[0]
	}
	code, message := strings.ToLower(item.get("error", "name").Text()), item.problem()
	ended := code == "" || code == strings.ToLower(protocol.TaskCancelled.Info().Name) // The batch has, before the request.
	switch {
	case !ended:
	case w.batch.Status == protocol.TimedOut:
		code = "batch_expired"
	default:
		code = "batch_cancelled"
	}
	return value.Object(
		value.Field{Name: "code", Value: value.String(code)}, value.Field{Name: "message", Value: value.String(message.Text())},
		value.Field{Name: "param", Value: value.Value{}}, value.Field{Name: "line", Value: value.Value{}},
	)
}

// firstError is the first HTTP status that is an error.
const firstError = 400

// isAnswered reports whether the item belongs into the output file. A request that was refused does not, although it has a response.
func isAnswered(item Item) bool {
	status, err := strconv.Atoi(item.get("result", "status_code").Digits())
	return item.Status == protocol.Completed && (err != nil || status < firstError)
}

// splits reports whether requests without an answer go into a file of their own.
func (o *Options) splits() bool { return o.Format == Responses }

// ErrorFile returns the file for the requests without an answer, beside a file with the answers; empty if there is none.
func (o *Options) ErrorFile(output string) string {
	if output == "" || !o.splits() {
		return ""
	}
	if o.Errors != "" {
		return o.Errors
	}
	ending := filepath.Ext(output)
	return strings.TrimSuffix(output, ending) + ".errors" + ending
}

// Files returns the files that are written where the results go to a path.
func (o *Options) Files(output string) []outputs.File {
	return []outputs.File{outputs.Results("--output", output), outputs.Results("--errors", o.ErrorFile(output))}
}

// checkResponses reports flags that the format does not have, and those that only it has.
func (o *Options) checkResponses() error {
	switch {
	case o.Errors != "" && !o.splits() && (o.Named || o.decided):
		return fmt.Errorf("--errors is for --format %s", Responses)
	case o.Fields != "" && o.splits():
		return fmt.Errorf("--fields and --format %s cannot be combined: clients expect all fields of a response", Responses)
	}
	return nil
}

// CheckErrors reports an error file without a file of answers that it is beside.
func (o *Options) CheckErrors(output string) error {
	if o.Errors != "" && output == "" {
		return errors.New("--errors needs --output")
	}
	return nil
}

// WriteResponses writes the lines of the output file and of the error file of a task of a run that has ended, and returns how many each has.
func WriteResponses(ctx context.Context, store resultstore.Store, about *view.Batch, task string, output, failures io.Writer) (answers, others int, err error) {
	records, err := OpenRecords(ctx, store, about.Run, task, false)
	if err != nil {
		return 0, 0, err
	}
	d := &document{batch: about, about: about, options: &Options{Format: Responses}}
	err = records.Each(ctx, func(item Item) error {
		to, count := failures, &others
		if isAnswered(item) {
			to, count = output, &answers
		}
		*count++
		return (&responses{to, d}).Write(item)
	})
	return answers, others, err
}

// write replaces the file at a path by the items, and the error file, if there is one. The error file comes first: where there is a new
// output file, the error file is that of the same run.
func write(ctx context.Context, items Items, about *view.Batch, o *Options, path string) (unknown []string, err error) {
	render := func(to string, of part) error {
		selected := *o
		selected.part, selected.inFile = of, true
		return home.ReplaceFile(to, func(out io.Writer) (err error) {
			unknown, err = Render(ctx, items, about, &selected, out)
			return err
		})
	}
	errorFile := o.ErrorFile(path)
	if errorFile == "" {
		err = render(path, allLines)
		return unknown, err
	}
	if err = render(resolved(errorFile), unanswered); err == nil {
		err = render(path, answered)
	}
	return unknown, err
}
