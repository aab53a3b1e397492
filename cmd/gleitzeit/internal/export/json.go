package export

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
)

// jsonl writes a line for each item and, if the entries are whole, a last one for the run.
type jsonl struct {
	to io.Writer
	*document
}

func newJSONL(to io.Writer, d *document) (Writer, error) { return &jsonl{to, d}, nil }

// Write implements Writer.
func (w *jsonl) Write(item Item) error {
	_, err := w.to.Write(append(w.row(item).JSON(), '\n'))
	return err
}

// Close implements Writer.
func (w *jsonl) Close() error {
	if w.fields != nil {
		return nil
	}
	encoder := json.NewEncoder(w.to)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(w.about)
}

// oneJSON writes one document: the run, with its items as the last field, or a list of the rows of a table.
type oneJSON struct {
	to io.Writer
	*document
	indent string // Of an item.
	end    string // Of the document, after the items.
	begun  bool
}

func newJSON(to io.Writer, d *document) (Writer, error) {
	if d.options.asList {
		_, err := io.WriteString(to, "[")
		return &oneJSON{to: to, document: d, indent: "  ", end: "]\n"}, err
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(d.about); err != nil {
		return nil, err
	}
	_, err := io.WriteString(to, strings.TrimSuffix(text.String(), "\n}\n")+",\n  \"results\": [")
	return &oneJSON{to: to, document: d, indent: "    ", end: "  ]\n}\n"}, err
}

// Write implements Writer.
func (w *oneJSON) Write(item Item) error {
	var text bytes.Buffer
	if w.begun {
		text.WriteByte(',')
	}
	w.begun = true
	text.WriteString("\n" + w.indent)
	if err := json.Indent(&text, w.row(item).JSON(), w.indent, "  "); err != nil {
		return err
	}
	_, err := text.WriteTo(w.to)
	return err
}

// Close implements Writer.
func (w *oneJSON) Close() error {
	end := "\n" + w.end
	if !w.begun {
		end = strings.TrimLeft(w.end, " ")
	}
	_, err := io.WriteString(w.to, end)
	return err
}
