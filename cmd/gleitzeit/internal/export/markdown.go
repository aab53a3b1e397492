package export

import (
	"fmt"
	"io"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// sections writes a text with a section for each item.
type sections struct {
	to io.Writer
	*document
	section func(entry value.Value) string
	skipped *view.Skipped // Nil: all of these are written.
}

// newText writes what people are shown as results.
func newText(to io.Writer, d *document) (Writer, error) {
	w := &sections{to: to, document: d, section: func(entry value.Value) string { return view.ItemText(entry, d.options.width) }}
	if d.options.brief {
		w.skipped = &view.Skipped{}
	}
	if d.fields != nil {
		w.section = w.lines
	}
	return w, nil
}

// newMarkdown writes a report.
func newMarkdown(to io.Writer, d *document) (Writer, error) {
	w := &sections{to: to, document: d, section: view.MarkdownItem}
	if d.fields != nil {
		w.section = w.blocks
	}
	_, err := io.WriteString(to, d.about.MarkdownHeading())
	return w, err
}

// Write implements Writer.
func (w *sections) Write(item Item) error {
	if w.skipped != nil && !w.skipped.Shows(item.Entry) {
		return nil
	}
	_, err := io.WriteString(w.to, w.section(item.Entry))
	return err
}

// Close implements Writer.
func (w *sections) Close() error {
	if w.skipped == nil {
		return nil
	}
	_, err := io.WriteString(w.to, w.skipped.Rest())
	return err
}

// lines returns the selected fields of an item, each with its name.
func (w *sections) lines(entry value.Value) string {
	item, _ := itemOf(entry)
	text := view.ItemHeading(entry)
	for _, one := range w.row(item).Fields() {
		text += fmt.Sprintf("%s: %s\n", value.Visible(one.Name), view.Text(one.Value))
	}
	return text
}

// blocks returns the selected fields of an item, each with its name above it.
func (w *sections) blocks(entry value.Value) string {
	item, _ := itemOf(entry)
	text := view.MarkdownItemHeading(entry)
	for i, one := range w.row(item).Fields() {
		if i > 0 {
			text += "\n"
		}
		text += view.MarkdownValue(value.String(one.Name+":")) + "\n" + view.MarkdownValue(one.Value)
	}
	return text
}
