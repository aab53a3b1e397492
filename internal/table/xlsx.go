package table

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/internal/workbook"
	"github.com/gleitzeit/gleitzeit/internal/workbook/numberformat"
	"github.com/gleitzeit/gleitzeit/internal/xmlarchive"
)

const (
	maxTexts  = 256 << 20 // Size of all texts that cells share.
	maxRowsOf = 1 << 20   // Number of rows that a sheet may have.
)

// sheetRows are the rows of a sheet.
type sheetRows struct {
	rows    *workbook.Rows
	names   []string
	dayZero int
	kinds   map[numberformat.Format]numberformat.Kind // Of the formats that were read.
}

func openWorkbook(ctx context.Context, from io.ReaderAt, size int64, o Options) (reader, error) {
	// A sheet may be as large as it likes: its rows are limited.
	archive, err := xmlarchive.Open(from, size, "XLSX", xmlarchive.NewBudget(ctx, xmlarchive.Unlimited))
	if err != nil {
		return nil, invalidWorkbook(err)
	}
	w, err := workbook.Open(archive, xmlarchive.Unpacked(size, maxTexts))
	if err != nil {
		return nil, invalidWorkbook(err)
	}
	sheet, err := sheetNamed(w, o.Sheet)
	if err != nil {
		return nil, err
	}
	rows, err := w.Rows(sheet)
	if err != nil {
		return nil, invalidWorkbook(err)
	}
	s := &sheetRows{rows: rows, dayZero: w.DayZero, kinds: map[numberformat.Format]numberformat.Kind{}}
	return s, s.readHeader()
}

// invalidWorkbook returns an error of a workbook as one of the table.
func invalidWorkbook(err error) error {
	if errors.Is(err, workbook.ErrTooMuchText) || errors.Is(err, workbook.ErrTooManySheets) {
		return errorf("%s", err).withHint("save the sheet as CSV")
	}
	of, is := errors.AsType[*xmlarchive.Error](err)
	switch {
	case !is:
		return err
	case of.Kind == xmlarchive.Broken && of.File == "":
		return errorf("it is not valid XLSX: %s", of).withHint("save it as .xlsx without a password")
	case of.Kind == xmlarchive.TooLong:
		return errorf("%s", of).withHint("save the sheet as CSV")
	}
	return errorf("it is not valid XLSX: %s", of)
}

// sheetNamed returns a sheet by its name; "" is the first one.
func sheetNamed(w *workbook.Workbook, name string) (workbook.Sheet, error) {
	var names []string
	for _, of := range w.Sheets {
		if name == "" || strings.EqualFold(of.Name, name) {
			return of, nil
		}
		names = append(names, strconv.Quote(of.Name))
	}
	if len(names) == 0 {
		return workbook.Sheet{}, errorf("it has no sheet with cells")
	}
	const most = 20
	more := ""
	if len(names) > most {
		more = fmt.Sprintf(" and %d more", len(names)-most)
	}
	return workbook.Sheet{}, errorf("it has no sheet %q; its sheets: %s%s", name, strings.Join(names[:min(len(names), most)], ", "), more)
}

func (s *sheetRows) readHeader() error {
	invalid, err := s.read(func(cell workbook.Cell, v value.Value) {
		for len(s.names) <= cell.Column {
			s.names = append(s.names, "")
		}
		text := v.Text()
		if v.Kind() != value.KindString {
			text = string(v.JSON())
		}
		s.names[cell.Column] = text
	})
	switch {
	case errors.Is(err, io.EOF):
		return errorf("the sheet is empty: its first row must have the names of the columns")
	case err != nil:
		return err
	case invalid != nil:
		return errorf("the header is invalid: %s", invalid)
	}
	return checkColumns(s.names)
}

func (s *sheetRows) columns() []string { return s.names }

func (s *sheetRows) next() (Row, error) {
	values := make([]value.Value, len(s.names))
	for i := range values {
		values[i] = value.String("")
	}
	var nameless error
	var extra []value.Field // By the names of cells.
	invalid, err := s.read(func(cell workbook.Cell, v value.Value) {
		if cell.Column < len(values) {
			values[cell.Column] = v
			return
		}
		if nameless == nil {
			nameless = errorf("cell %s is in a column without a name", cell.Name())
		}
		extra = append(extra, value.Field{Name: cell.Name(), Value: v})
	})
	if err != nil {
		return Row{}, err
	}
	if invalid == nil {
		invalid = nameless
	}
	var rest value.Value
	if extra != nil {
		rest = value.Object(extra...)
	}
	place := fmt.Sprintf("row %d", s.rows.Number())
	return Row{Place: place, Value: object(s.names, values, rest), Err: at(place, invalid)}, nil
}

// read passes the cells of the next row that has some. The first error is one of the row alone.
func (s *sheetRows) read(pass func(workbook.Cell, value.Value)) (invalid, err error) {
	for isEmpty := true; isEmpty; {
		if err := s.rows.Next(); err != nil {
			return nil, s.failed(err)
		}
		if s.rows.Number() > maxRowsOf {
			return nil, errorf("the sheet has more than %d rows", maxRowsOf)
		}
		for {
			cell, err := s.rows.Cell()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, s.failed(err)
			}
			if cell.Column >= maxColumns {
				return nil, s.failed(tooManyColumns(cell.Column + 1))
			}
			isEmpty = false
			v, wrong := s.valueOf(cell)
			if wrong != nil && invalid == nil {
				invalid = errorf("cell %s %s", cell.Name(), wrong.Message).withHint("%s", wrong.Hint)
			}
			pass(cell, v)
		}
	}
	return invalid, nil
}

// failed returns an error after which no row can be read, with its place if it is one of the table.
func (s *sheetRows) failed(err error) error {
	if of, is := errors.AsType[*Error](invalidWorkbook(err)); is {
		return at(fmt.Sprintf("after row %d", s.rows.Number()), of)
	}
	return err
}
