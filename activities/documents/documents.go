// Package documents is the protocol documents/v1: it reads files as text, for tasks that are no prompts. It must not know Temporal, and
// opens no file itself.
package documents

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/documents"
	"github.com/gleitzeit/gleitzeit/internal/documents/reader"
	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Read is the method.
const Read = "documents/read"

// maxText is the maximum size of a document's text in bytes. The result has it twice: as a whole, and by pages.
const maxText = 24 << 20

// Spec describes documents/v1.
func Spec() protocol.Spec {
	return protocol.Spec{
		Name:    "documents/v1",
		Summary: "Documents as text: PDF, Word, spreadsheets, HTML, mails and more",
		Methods: []protocol.Method{{
			Name: Read, Summary: "Read a document as text", Parameters: json.RawMessage(parameters), Result: json.RawMessage(result),
			Timeout: 120 * time.Second, FileParameters: []string{"file_path"}, ItemParameter: "file_path", Check: check,
		}},
	}
}

const parameters = `{
  "type": "object",
  "properties": {
    "file_path": {"type": "string", "minLength": 1, "description": "File to read"},` + reader.Properties + `
  },
  "required": ["file_path"],
  "additionalProperties": false
}`

const result = `{
  "type": "object",
  "properties": {
    "format": {"type": "string", "description": "Format of the file, such as pdf"},
    "title": {"type": "string", "description": "Title, as the document says; empty if it does not"},
    "text": {"type": "string", "description": "The text as Markdown"},
    "pages": {"type": "array", "description": "Pages, slides, sheets, chapters or attachments, in their order", "items": {
      "type": "object",
      "properties": {
        "kind": {"type": "string", "description": "page, slide, sheet, chapter or attachment; empty if the format has none"},
        "name": {"type": "string", "description": "Number of a page, or the name of a sheet or an attachment"},
        "text": {"type": "string"}
      },
      "additionalProperties": false,
      "required": ["kind", "name", "text"]
    }},
    "metadata": {"type": "object", "description": "What the document says about itself, such as its author"},
    "warnings": {"type": "array", "items": {"type": "string"}, "description": "What could not be read"}
  },
  "additionalProperties": false,
  "required": ["format", "title", "text", "pages", "metadata", "warnings"]
}`

// check finds invalid parameters beyond the schema.
func check(given value.Value, _ []string) (found []protocol.ParameterError) {
	for _, name := range []string{reader.PagesParameter, reader.EncodingParameter} {
		one, is := given.Get(name)
		if !is {
			continue
		}
		if _, err := reader.Options(value.Object(value.Field{Name: name, Value: one})); err != nil {
			failure := protocol.AsError(err, protocol.InvalidParams)
			found = append(found, protocol.ParameterError{Parameter: name, Message: failure.Message, Hint: failure.Hint})
		}
	}
	return found
}

// Handler runs the method.
type Handler struct {
	reader *reader.Reader
	schema *jsonschema.Schema
}

// New makes a Handler. A nil reader is one without converters.
func New(r *reader.Reader) (*Handler, error) {
	schema, err := jsonschema.Compile([]byte(parameters))
	if err != nil {
		return nil, protocol.Errorf(protocol.InternalError, "the schema of %s: %v", Read, err)
	}
	return &Handler{reader: r, schema: schema}, nil
}

// Handle reads a document.
func (h *Handler) Handle(ctx context.Context, request protocol.Request, _ protocol.Progress) (protocol.Result, error) {
	if request.Method != Read {
		return protocol.Result{}, protocol.Errorf(protocol.MethodNotSupported, "unknown method %q", request.Method)
	}
	if found := h.schema.Check("parameters", request.Parameters); found != "" {
		return protocol.Result{}, protocol.Errorf(protocol.InvalidParams, "%s: %s", request.Method, found)
	}
	options, err := reader.Options(request.Parameters)
	if err != nil {
		return protocol.Result{}, err
	}
	options.Limits.Text = maxText
	path, _ := request.Parameters.Get("file_path")
	d, err := h.reader.Read(ctx, request.Files, path.Text(), options)
	if err != nil {
		return protocol.Result{}, err
	}
	return protocol.Result{Value: Value(d), Warning: strings.Join(reader.Warnings(path.Text(), d.Warnings), "; ")}, nil
}

// Value is the result for a document.
func Value(d documents.Document) value.Value {
	metadata, warnings := value.Object(), make([]value.Value, len(d.Warnings))
	for _, property := range d.Metadata {
		metadata = metadata.With(property.Name, value.String(property.Value))
	}
	for i, warning := range d.Warnings {
		warnings[i] = value.String(warning)
	}
	return value.Object(
		value.Field{Name: "format", Value: value.String(d.Format)},
		value.Field{Name: "title", Value: value.String(d.Title)},
		value.Field{Name: "text", Value: value.String(d.Text())},
		value.Field{Name: "pages", Value: reader.Parts(d)},
		value.Field{Name: "metadata", Value: metadata},
		value.Field{Name: "warnings", Value: value.List(warnings...)},
	)
}

// Health implements protocol.Handler: nothing is needed.
func (h *Handler) Health(context.Context) error { return nil }

// Identity implements protocol.Identifier: the ending of the file's name, which helps to recognise its format, and its converter.
func (h *Handler) Identity(ctx context.Context, request protocol.Request) (value.Value, error) {
	path, _ := request.Parameters.Get("file_path")
	own := []value.Value{value.String(strings.ToLower(filepath.Ext(path.Text())))}
	if converter := h.reader.Converter(path.Text()); converter != nil {
		how, err := converter.Identity(ctx)
		if err != nil {
			return value.Value{}, err
		}
		own = append(own, how)
	}
	return value.List(own...), nil
}
