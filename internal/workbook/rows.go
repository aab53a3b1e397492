package workbook

import (
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/workbook/numberformat"
	"github.com/gleitzeit/gleitzeit/internal/xmlarchive"
)

// Kind is what a cell has.
type Kind uint8

// The kinds of cells.
const (
	Number  Kind = iota // Text has its digits as the file has them.
	Text                // Text may be empty.
	Bool                // Text is "1" or "0".
	Date                // Text is the date as ISO 8601 has it.
	Failure             // Text is what its formula failed with: "#DIV/0!".
	Formula             // A formula that was never calculated, without a result.
	Unknown             // Text is the number of a text that the workbook does not have.
)

// Cell is a cell that is not empty.
type Cell struct {
	Row, Column int // The row from 1, the column from 0.
	Kind        Kind
	Text        string
	Format      numberformat.Format // Of Number.
	Formula     string              // Also of a cell with a result; empty if it is that of another cell.
	Shared      string              // Number of a formula of several cells, of which one has it.
}

// Name returns the name of a cell: "B7".
func (c Cell) Name() string {
	name := ""
	for column := c.Column + 1; column > 0; column = (column - 1) / letters {
		name = string(rune('A'+(column-1)%letters)) + name
	}
	return name + strconv.Itoa(c.Row)
}

const (
	letters  = 26
	farthest = 1 << 20 // Columns after it are all taken for one: none has so many.
)

// columnOf returns the number of the column that a reference such as "BC12" names, from 0; -1 if it names none.
func columnOf(reference string) int {
	column := 0
	for _, letter := range []byte(reference) {
		if letter |= 0x20; letter < 'a' || letter > 'z' || column > farthest {
			break
		}
		column = column*letters + int(letter-'a') + 1
	}
	return column - 1
}

// Rows are the rows of a sheet. Each has at most xmlarchive.MaxPiece bytes.
type Rows struct {
	*Workbook
	x      *xmlarchive.Reader
	row    int // Number of the one that was read last.
	column int // Of the next cell that does not name it.
	depth  int // Of what is in the row; 0 after its end.
}

// Rows opens a sheet.
func (w *Workbook) Rows(of Sheet) (*Rows, error) {
	x, err := w.archive.Read(of.File)
	return &Rows{Workbook: w, x: x}, err
}

// Number returns the number of the row that was read last, from 1.
func (r *Rows) Number() int { return r.row }

// Next goes to the next row, which may have no cells. After the last the error is io.EOF.
func (r *Rows) Next() error {
	for {
		if r.depth == 0 {
			r.x.Mark()
		}
		token, err := r.x.Next()
		if err != nil {
			r.x.Close()
			return err
		}
		if t, is := token.(xml.StartElement); is && t.Name.Local == "row" {
			r.row++
			if given, err := strconv.Atoi(xmlarchive.Attribute(t, "r")); err == nil && given > r.row {
				r.row = given
			}
			r.column, r.depth = 0, r.x.Depth
			return nil
		}
	}
}

// Cell returns the next cell of the row that is not empty. After the last the error is io.EOF.
func (r *Rows) Cell() (Cell, error) {
	for r.depth > 0 {
		token, err := r.x.Next()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return Cell{}, err
		}
		if r.x.Depth < r.depth {
			r.depth = 0
			break
		}
		t, is := token.(xml.StartElement)
		if !is || t.Name.Local != "c" {
			continue
		}
		cell, isEmpty, err := r.read(t)
		if err != nil || !isEmpty {
			return cell, err
		}
	}
	return Cell{}, io.EOF
}

// read reads a cell and its end.
func (r *Rows) read(start xml.StartElement) (cell Cell, isEmpty bool, err error) {
	if column := columnOf(xmlarchive.Attribute(start, "r")); column >= 0 {
		r.column = column
	}
	cell.Row, cell.Column = r.row, r.column
	r.column++
	hasFormula, hasValue := false, false
	err = r.x.Elements(func(t xml.StartElement) error {
		var err error
		switch t.Name.Local {
		case "v":
			hasValue = true
			cell.Text, err = r.x.Text()
		case "is":
			hasValue = true
			cell.Text, err = richText(r.x)
		case "f":
			hasFormula = true
			cell.Shared = xmlarchive.Attribute(t, "si")
			cell.Formula, err = r.x.Text()
		default:
			err = r.x.Skip()
		}
		return err
	})
	kind := xmlarchive.Attribute(start, "t")
	isText := kind == "str" || kind == "inlineStr"
	switch {
	case err != nil:
	case hasFormula && (!hasValue || cell.Text == "" && !isText):
		cell.Kind = Formula
	case !hasValue || cell.Text == "" && !isText:
		return cell, true, nil
	default:
		r.resolve(&cell, kind, xmlarchive.Attribute(start, "s"))
	}
	return cell, false, err
}

// resolve sets what a cell has, by its type and style.
func (r *Rows) resolve(cell *Cell, kind, style string) {
	switch kind {
	case "s":
		cell.Kind = Unknown
		if text, is := r.text(cell.Text); is {
			cell.Kind, cell.Text = Text, text
		}
	case "str":
		cell.Kind, cell.Text = Text, unescapeControls(cell.Text)
	case "inlineStr":
		cell.Kind = Text
	case "b":
		cell.Kind = Bool
		if cell.Text = strings.TrimSpace(cell.Text); cell.Text == "true" {
			cell.Text = "1"
		}
	case "d":
		cell.Kind = Date
	case "e":
		cell.Kind = Failure
	default:
		cell.Text = strings.TrimSpace(cell.Text)
		if at, _ := strconv.Atoi(style); at >= 0 && at < len(r.formats) { // Style 0 is that of cells that name none.
			cell.Format = r.formats[at]
		}
	}
}
