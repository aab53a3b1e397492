// Package reader reads documents for calls: with the converter that the settings name for their extension, else by itself. It reads
// files only through those that a call may read.
package reader

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/documents"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// MaxFile is the maximum size of a file in bytes: it is in memory while it is read.
const MaxFile = 128 << 20

// Converter makes text of documents.
type Converter interface {
	// Convert returns the text of a document. Its error is a *documents.Problem if it concerns the document, else a *protocol.Error.
	Convert(ctx context.Context, name string, data []byte) (string, error)
	// Identity returns what decides the text besides the document.
	Identity(ctx context.Context) (value.Value, error)
}

// Reader reads documents. Nil is one without converters.
type Reader struct {
	converters map[string]Converter // By extension, with its dot and in lower case.
}

// New returns a Reader with converters by extension: ".pdf".
func New(converters map[string]Converter) *Reader {
	r := &Reader{converters: make(map[string]Converter, len(converters))}
	for extension, converter := range converters {
		r.converters[strings.ToLower(extension)] = converter
	}
	return r
}

// Converter returns the converter for a file; nil if the file is read without one.
func (r *Reader) Converter(path string) Converter {
	if r == nil {
		return nil
	}
	return r.converters[strings.ToLower(filepath.Ext(path))]
}

// CallsMethod reports whether a file is read by a tool or by Python.
func (r *Reader) CallsMethod(path string) bool {
	_, is := r.Converter(path).(*Method)
	return is
}

// FormatByName returns the name of the format that the extension of a file says; empty if it says none.
func FormatByName(path string) string {
	extension := strings.ToLower(filepath.Ext(path))
	for _, format := range documents.Formats() {
		if slices.Contains(format.Extensions, extension) {
			return format.Name
		}
	}
	return ""
}

// Read reads a file of a call. Its error is a *protocol.Error that names the file, unless ctx has ended.
func (r *Reader) Read(ctx context.Context, files protocol.Files, path string, o documents.Options) (documents.Document, error) {
	data, err := files.Read(path, MaxFile)
	if err != nil {
		return documents.Document{}, err
	}
	return r.ReadData(ctx, path, data, o)
}

// ReadData is Read for a file that was read.
func (r *Reader) ReadData(ctx context.Context, path string, data []byte, o documents.Options) (documents.Document, error) {
	converter := r.Converter(path)
	if converter == nil {
		d, err := documents.Read(ctx, path, data, o)
		return d, Failure(path, err)
	}
	if len(o.Pages) > 0 {
		return documents.Document{}, Failure(path, &documents.Problem{Text: "is read by a converter, which has no pages", Hint: "remove `pages`, or the extension from `documents.converters`"})
	}
	text, err := converter.Convert(ctx, path, data)
	if err != nil {
		return documents.Document{}, Failure(path, err)
	}
	// What a converter returns is bounded and checked like a text file.
	d, err := documents.Read(ctx, "converted.txt", []byte(text), documents.Options{Limits: o.Limits})
	if err != nil {
		return documents.Document{}, Failure(path, err)
	}
	d.Format = strings.TrimPrefix(strings.ToLower(filepath.Ext(path)), ".")
	return d, nil
}

// Render returns the pages of a PDF document as PNG images, by their numbers.
func Render(ctx context.Context, path string, data []byte, pages []int) (images [][]byte, err error) {
	const dpi = 150 // Print of 8 points is still legible to models.
	for _, page := range pages {
		image, err := documents.RenderPDF(ctx, data, page, dpi)
		if err != nil {
			return nil, Failure(path, err)
		}
		images = append(images, image)
	}
	return images, nil
}

// Failure names the file in the problem of a document. Other errors are returned as they are.
func Failure(path string, err error) error {
	if problem, is := errors.AsType[*documents.Problem](err); is {
		return protocol.Errorf(protocol.TaskValidationFailed, "file %q %s", path, problem.Text).WithHint("%s", problem.Hint)
	}
	return err
}

// mostWarnings is how many warnings of one document are reported: each page may have one.
const mostWarnings = 3

// Warnings returns the warnings of a document for people.
func Warnings(path string, all []string) []string {
	if len(all) == 0 {
		return nil
	}
	shown := strings.Join(all[:min(len(all), mostWarnings)], "; ")
	if more := len(all) - mostWarnings; more > 0 {
		shown += fmt.Sprintf(" and %d more", more)
	}
	return []string{fmt.Sprintf("file %q: %s", path, shown)}
}

// WithoutText says of a document without text what helps; empty if it has text.
func WithoutText(d documents.Document) string {
	switch {
	case !d.Empty():
		return ""
	case slices.Contains([]string{"text", "markdown", "csv"}, d.Format):
		return "the file is empty"
	}
	return "the document has no text: if it is a scan, `on_no_text: vision` sends its pages as images to a model that accepts them"
}

// Value returns what references to the file of an item find: `text`, `title` and `pages`, a list of the parts.
func Value(d documents.Document) value.Value {
	return value.Object(
		value.Field{Name: "text", Value: value.String(d.Text())},
		value.Field{Name: "title", Value: value.String(d.Title)},
		value.Field{Name: "pages", Value: Parts(d)},
	)
}

// Parts returns the parts of a document as a list.
func Parts(d documents.Document) value.Value {
	parts := make([]value.Value, len(d.Parts))
	for i, p := range d.Parts {
		parts[i] = value.Object(
			value.Field{Name: "kind", Value: value.String(p.Kind)},
			value.Field{Name: "name", Value: value.String(p.Name)},
			value.Field{Name: "text", Value: value.String(p.Text)},
		)
	}
	return value.List(parts...)
}
