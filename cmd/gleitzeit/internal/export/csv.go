package export

import (
	"encoding/csv"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

// byteOrderMark is how Excel recognizes UTF-8.
const byteOrderMark = "\ufeff"

// table is CSV: a line with the names of the columns, and one for each item.
type table struct {
	to *csv.Writer
	*document
}

func newCSV(to io.Writer, d *document) (Writer, error) {
	if d.options.BOM {
		if _, err := io.WriteString(to, byteOrderMark); err != nil {
			return nil, err
		}
	}
	w := &table{csv.NewWriter(to), d}
	names := make([]string, len(d.columns))
	for i, one := range d.columns {
		names[i] = w.cell(one, one.name)
	}
	return w, w.to.Write(names)
}

// Write implements Writer.
func (w *table) Write(item Item) error {
	values := cells(w.columns, item)
	row := make([]string, len(values))
	for i, v := range values {
		row[i] = w.cell(w.columns[i], textOf(v))
	}
	return w.to.Write(row)
}

// Close implements Writer.
func (w *table) Close() error {
	w.to.Flush()
	return w.to.Error()
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
