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

// oneJSON writes one document: the run, with its items as the last field.
type oneJSON struct {
	to io.Writer
	*document
	begun bool
}

func newJSON(to io.Writer, d *document) (Writer, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(d.about); err != nil {
		return nil, err
	}
	_, err := io.WriteString(to, strings.TrimSuffix(text.String(), "\n}\n")+",\n  \"results\": [")
	return &oneJSON{to: to, document: d}, err
}

// Write implements Writer.
func (w *oneJSON) Write(item Item) error {
	var text bytes.Buffer
	if w.begun {
		text.WriteByte(',')
	}
	w.begun = true
	text.WriteString("\n    ")
	if err := json.Indent(&text, w.row(item).JSON(), "    ", "  "); err != nil {
		return err
	}
	_, err := text.WriteTo(w.to)
	return err
}

// Close implements Writer.
func (w *oneJSON) Close() error {
	end := "]\n}\n"
	if w.begun {
		end = "\n  " + end
	}
	_, err := io.WriteString(w.to, end)
	return err
}
