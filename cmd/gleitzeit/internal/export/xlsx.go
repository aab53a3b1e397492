package export

import (
	"fmt"
	"io"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/internal/workbook"
)

// sheet is XLSX: a row with the names of the columns, and one for each item. A text is never a formula.
type sheet struct {
	to *workbook.Writer
	*document
	rows, cut int // Rows that were written, and cells of which only a part was.
}

func newWorkbook(to io.Writer, d *document) (Writer, error) {
	if len(d.columns) > workbook.MaxColumns {
		return nil, protocol.Errorf(protocol.InvalidParams, "there are %d columns, and XLSX has at most %d", len(d.columns), workbook.MaxColumns).
			WithHint("name the fields that you want with --fields, or write CSV")
	}
	file, err := workbook.NewWriter(to)
	if err != nil {
		return nil, err
	}
	w := &sheet{to: file, document: d}
	names := make([]value.Value, len(d.columns))
	for i, one := range d.columns {
		names[i] = value.String(one.name)
	}
	return w, w.row(names)
}

// Write implements Writer.
func (w *sheet) Write(item Item) error { return w.row(cells(w.columns, item)) }

func (w *sheet) row(values []value.Value) error {
	if w.rows++; w.rows > workbook.MaxRows {
		return protocol.Errorf(protocol.InvalidParams, "XLSX has at most %d rows", workbook.MaxRows).WithHint("write CSV or Parquet")
	}
	row := make([]workbook.Cell, len(values))
	for i, v := range values {
		row[i] = w.cellOf(v)
	}
	return w.to.Row(row)
}

// exactDigits is how many digits of a number a spreadsheet program shows and keeps.
const exactDigits = 15

func (w *sheet) cellOf(v value.Value) workbook.Cell {
	switch v.Kind() {
	case value.KindBool:
		if v.Bool() {
			return workbook.Cell{Kind: workbook.Bool, Text: "1"}
		}
		return workbook.Cell{Kind: workbook.Bool, Text: "0"}
	case value.KindNumber:
		kind := kindOfNumber(v.Digits())
		if kind == hasFloat || kind == hasInt && len(strings.TrimLeft(v.Digits(), "-")) <= exactDigits {
			return workbook.Cell{Kind: workbook.Number, Text: v.Digits()}
		}
	}
	text, cut := workbook.Fit(textOf(v))
	if cut {
		w.cut++
	}
	return workbook.Cell{Kind: workbook.Text, Text: text}
}

// Close implements Writer.
func (w *sheet) Close() error {
	if w.cut > 0 {
		w.notes = append(w.notes, fmt.Sprintf("warning: %d of the cells have only the first %d characters of their text, which is the limit of XLSX; CSV and Parquet have all of it", w.cut, workbook.MaxText))
	}
	return w.to.Close()
}
