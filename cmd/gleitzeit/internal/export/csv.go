package export

import (
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	utf "golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	tables "github.com/gleitzeit/gleitzeit/internal/table"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// byteOrderMark is how Excel recognizes UTF-8.
const byteOrderMark = "\ufeff"

// table is CSV or TSV: a line with the names of the columns, and one for each item. The rows of a table are written as that is.
type table struct {
	to     io.Writer
	ending io.Closer // Of the encoding; nil: it is UTF-8.
	as     protocol.CSV
	*document
}

func newCSV(to io.Writer, d *document) (Writer, error) { return newDelimited(to, d, ",", false) }
func newTSV(to io.Writer, d *document) (Writer, error) { return newDelimited(to, d, "\t", true) }

func newDelimited(to io.Writer, d *document, delimiter string, tsv bool) (Writer, error) {
	w := &table{to: to, as: protocol.CSV{Delimiter: delimiter, LineEnd: "\n"}, document: d}
	if d.source != nil && d.source.CSV != nil {
		w.as = *d.source.CSV
		if w.as.TSV != tsv {
			w.as.Delimiter, w.as.Separator = delimiter, false
		}
	}
	w.as.ByteOrderMark = w.as.ByteOrderMark || d.options.BOM
	w.encode()
	begin := ""
	if w.as.ByteOrderMark {
		begin = byteOrderMark
	}
	if w.as.Separator {
		begin += "sep=" + w.as.Delimiter + w.as.LineEnd
	}
	if _, err := io.WriteString(w.to, begin); err != nil {
		return nil, err
	}
	names := make([]string, len(d.columns))
	for i, one := range d.columns {
		names[i] = w.cell(one, one.name)
	}
	return w, w.line(names)
}

// encode selects the encoding.
func (w *table) encode() {
	order := utf.LittleEndian
	switch w.as.Encoding {
	case "":
		return
	case protocol.UTF16BE:
		order = utf.BigEndian
	}
	encoded := transform.NewWriter(w.to, utf.UTF16(order, utf.IgnoreBOM).NewEncoder())
	w.to, w.ending = encoded, encoded
}

// Write implements Writer.
func (w *table) Write(item Item) error {
	values := cells(w.columns, item)
	escaped := item.Status == protocol.Failed && tables.IsEscaped(item.problem().Text())
	row := make([]string, len(values))
	for i, v := range values {
		row[i] = w.cell(w.columns[i], textOf(v))
		if raw, is := value.UnescapeInvalid(row[i]); escaped && is && w.columns[i].field.exact {
			row[i] = raw
		}
	}
	return w.line(row)
}

// line writes a line.
func (w *table) line(cells []string) error {
	var line strings.Builder
	for i, cell := range cells {
		if i > 0 {
			line.WriteString(w.as.Delimiter)
		}
		if w.as.Quoted || w.needsQuotes(cell) || len(cells) == 1 && cell == "" { // Nobody reads an empty line as a cell.
			cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
		}
		line.WriteString(cell)
	}
	line.WriteString(w.as.LineEnd)
	_, err := io.WriteString(w.to, line.String())
	return err
}

// needsQuotes reports whether a cell would be read as something else without quotes. Some programs drop blanks at its beginning, and
// PostgreSQL ends the data at `\.`.
func (w *table) needsQuotes(cell string) bool {
	first, _ := utf8.DecodeRuneInString(cell)
	return strings.Contains(cell, w.as.Delimiter) || strings.ContainsAny(cell, "\"\r\n") || unicode.IsSpace(first) || cell == `\.`
}

// Close implements Writer.
func (w *table) Close() error {
	if w.ending == nil {
		return nil
	}
	return w.ending.Close()
}

// plainNumber matches a number, which no spreadsheet takes for a formula.
var plainNumber = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)

// formulaStarts are what a cell begins with that a spreadsheet takes for a formula; the last four are those of wide keyboards.
const formulaStarts = "=+-@\t\r\n＝＋－＠"

// cell returns a text that a spreadsheet does not take for a formula: what a model says must not run. The cells of a table that people
// have given stay as they are.
func (w *table) cell(of *column, text string) string {
	first, _ := utf8.DecodeRuneInString(text)
	if !w.options.Raw && !of.field.exact && text != "" && strings.ContainsRune(formulaStarts, first) && !plainNumber.MatchString(text) {
		return "'" + text
	}
	return text
}
