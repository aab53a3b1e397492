package table

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// workbook is an XLSX file. Its sheets are read as they are in the file, not by excelize, whose iterator of rows gives texts without the
// types and styles of cells, takes a sheet that is cut off for one that ends, and a formula without a result for an empty cell.
type workbook struct {
	parts    map[string]*zip.File
	sheets   []sheetEntry
	is1904   bool // Dates count from 1904.
	texts    []string
	patterns []pattern // Of the styles of cells, by number.
}

type sheetEntry struct{ name, part string }

const (
	maxPart    = 16 << 20  // Size of a part other than sheets and texts, in bytes.
	maxTexts   = 256 << 20 // Size of all texts of a workbook.
	maxRowsOf  = 1 << 20   // Number of rows that a sheet may have.
	letters    = 26
	typeSheet  = "worksheet"
	typeTexts  = "sharedStrings"
	typeStyles = "styles"
)

func openWorkbook(from io.ReaderAt, size int64, o Options) (reader, error) {
	archive, err := zip.NewReader(from, size)
	if err != nil {
		return nil, errorf("it is not valid XLSX: %s", err).withHint("save it as .xlsx without a password")
	}
	w := &workbook{parts: map[string]*zip.File{}}
	for _, part := range archive.File {
		w.parts[strings.ToLower(strings.TrimPrefix(part.Name, "/"))] = part
	}
	if err := w.open(); err != nil {
		return nil, err
	}
	return w.sheet(o.Sheet)
}

// open reads what all sheets share.
func (w *workbook) open() error {
	main := "xl/workbook.xml"
	root, err := w.relations("")
	if err != nil {
		return err
	}
	for _, r := range root {
		if r.kind == "officeDocument" {
			main = r.part
		}
	}
	related, err := w.relations(main)
	if err != nil {
		return err
	}
	err = w.each(main, maxPart, func(d *xml.Decoder, start xml.StartElement) error {
		switch start.Name.Local {
		case "workbookPr":
			date := attribute(start, "date1904")
			w.is1904 = date == "1" || date == "true"
		case "sheet":
			if of := related[attribute(start, "id")]; of.kind == typeSheet {
				w.sheets = append(w.sheets, sheetEntry{attribute(start, "name"), of.part})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, of := range related {
		switch of.kind {
		case typeTexts:
			err = w.readTexts(of.part)
		case typeStyles:
			err = w.readStyles(of.part)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// relation is another part that a part names.
type relation struct{ kind, part string }

// relations returns the parts that a part names, by id. "" is the file.
func (w *workbook) relations(of string) (map[string]relation, error) {
	name, all := path.Join(path.Dir(of), "_rels", path.Base(of)+".rels"), map[string]relation{}
	if of == "" {
		name = "_rels/.rels"
	}
	if w.parts[strings.ToLower(name)] == nil {
		return all, nil
	}
	return all, w.each(name, maxPart, func(_ *xml.Decoder, start xml.StartElement) error {
		if start.Name.Local != "Relationship" || attribute(start, "TargetMode") == "External" {
			return nil
		}
		part := attribute(start, "Target")
		if !strings.HasPrefix(part, "/") {
			part = path.Join(path.Dir(of), part)
		}
		all[attribute(start, "Id")] = relation{path.Base(attribute(start, "Type")), strings.TrimPrefix(part, "/")}
		return nil
	})
}

func attribute(of xml.StartElement, name string) string {
	for _, a := range of.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// openPart opens a part of the file, of which so much may be read before left is set again.
func (w *workbook) openPart(name string, most int) (*xml.Decoder, *limited, io.Closer, error) {
	part := w.parts[strings.ToLower(name)]
	if part == nil {
		return nil, nil, nil, errorf("it is not valid XLSX: %s is missing", name)
	}
	opened, err := part.Open()
	if err != nil {
		return nil, nil, nil, errorf("it is not valid XLSX: %s: %s", name, err)
	}
	source := &limited{from: opened, left: most, most: most, what: name}
	return xml.NewDecoder(source), source, opened, nil
}

// each passes every element of a part.
func (w *workbook) each(name string, most int, pass func(*xml.Decoder, xml.StartElement) error) error {
	decoder, _, opened, err := w.openPart(name, most)
	if err != nil {
		return err
	}
	defer func() { _ = opened.Close() }() // It was only read.
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return invalidPart(name, err)
		}
		if start, is := token.(xml.StartElement); is {
			if err := pass(decoder, start); err != nil {
				return invalidPart(name, err)
			}
		}
	}
}

func invalidPart(name string, err error) error {
	if of, is := errors.AsType[*Error](err); is {
		return of
	}
	return errorf("it is not valid XLSX: %s: %s", name, err)
}

// readTexts reads the texts that cells refer to.
func (w *workbook) readTexts(part string) error {
	return w.each(part, maxTexts, func(d *xml.Decoder, start xml.StartElement) error {
		if start.Name.Local != "si" {
			return nil
		}
		text, err := textWithin(d, start.Name.Local)
		w.texts = append(w.texts, text)
		return err
	})
}

// textWithin returns the text in an element, without how it is pronounced, and reads the end of the element.
func textWithin(d *xml.Decoder, element string) (string, error) {
	var text strings.Builder
	for in := []string{element}; len(in) > 0; {
		token, err := d.Token()
		if err != nil {
			return "", err
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "rPh" {
				if err := d.Skip(); err != nil {
					return "", err
				}
				continue
			}
			in = append(in, token.Name.Local)
		case xml.EndElement:
			in = in[:len(in)-1]
		case xml.CharData:
			if in[len(in)-1] == "t" {
				text.Write(token)
			}
		}
	}
	return unescapeControls(text.String()), nil
}

// unescapeControls replaces what stands for characters that XML does not have: _x000D_.
func unescapeControls(text string) string {
	var plain strings.Builder
	for {
		at := strings.Index(text, "_x")
		if at < 0 || len(text) < at+7 {
			plain.WriteString(text)
			return plain.String()
		}
		code, err := strconv.ParseUint(text[at+2:at+6], 16, 16)
		if err != nil || text[at+6] != '_' {
			plain.WriteString(text[:at+2])
			text = text[at+2:]
			continue
		}
		plain.WriteString(text[:at])
		plain.WriteRune(rune(code))
		text = text[at+7:]
	}
}

// readStyles reads the patterns in which numbers are shown.
func (w *workbook) readStyles(part string) error {
	codes, within := map[int]string{}, ""
	return w.each(part, maxPart, func(_ *xml.Decoder, start xml.StartElement) error {
		number := func(name string) int {
			n, _ := strconv.Atoi(attribute(start, name))
			return n
		}
		switch start.Name.Local {
		case "numFmt":
			codes[number("numFmtId")] = attribute(start, "formatCode")
		case "cellXfs", "cellStyleXfs", "dxfs", "cellStyles":
			within = start.Name.Local
		case "xf":
			if id := number("numFmtId"); within == "cellXfs" {
				w.patterns = append(w.patterns, patternOf(id, codes[id]))
			}
		}
		return nil
	})
}

// sheet opens a sheet by its name; "" is the first one.
func (w *workbook) sheet(name string) (reader, error) {
	var names []string
	for _, of := range w.sheets {
		if name == "" || strings.EqualFold(of.name, name) {
			return newSheet(w, of.part)
		}
		names = append(names, strconv.Quote(of.name))
	}
	if len(names) == 0 {
		return nil, errorf("it has no sheet with cells")
	}
	return nil, errorf("it has no sheet %q; its sheets: %s", name, strings.Join(names, ", "))
}

// sheetRows are the rows of a sheet.
type sheetRows struct {
	*workbook
	part    string
	decoder *xml.Decoder
	source  *limited
	names   []string
	row     int // Number of the one that was read last.
	rows    int
}

// sheetCell is a cell with a value.
type sheetCell struct {
	column int // From 0.
	value  value.Value
}

func newSheet(w *workbook, part string) (reader, error) {
	s := &sheetRows{workbook: w, part: part}
	var err error
	if s.decoder, s.source, _, err = w.openPart(part, MaxRow); err != nil {
		return nil, err
	}
	cells, invalid, err := s.cells()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errorf("the sheet is empty: its first row must have the names of the columns")
	case err != nil:
		return nil, err
	case invalid != nil:
		return nil, errorf("the header is invalid: %s", invalid)
	}
	for _, cell := range cells {
		for len(s.names) <= cell.column {
			s.names = append(s.names, "")
		}
		text := cell.value.Text()
		if cell.value.Kind() != value.KindString {
			text = string(cell.value.JSON())
		}
		s.names[cell.column] = text
	}
	return s, checkColumns(s.names)
}

func (s *sheetRows) columns() []string { return s.names }

func (s *sheetRows) next() (Row, error) {
	cells, invalid, err := s.cells()
	if err != nil {
		return Row{}, err
	}
	row := Row{Place: fmt.Sprintf("row %d", s.row)}
	values := make([]value.Value, len(s.names))
	for i := range values {
		values[i] = value.String("")
	}
	for _, cell := range cells {
		if cell.column < len(values) {
			values[cell.column] = cell.value
		} else if invalid == nil {
			invalid = errorf("cell %s is in a column without a name", cellName(cell.column, s.row))
		}
	}
	row.Value = object(s.names, values)
	row.Err = at(row.Place, invalid)
	return row, nil
}

// cells reads the next row with cells that are not empty. The first error is one of the row alone.
func (s *sheetRows) cells() (cells []sheetCell, invalid, err error) {
	for {
		s.source.left = MaxRow
		token, err := s.decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil, nil, io.EOF
		}
		if err != nil {
			return nil, nil, s.broken(err)
		}
		start, is := token.(xml.StartElement)
		if !is || start.Name.Local != "row" {
			continue
		}
		s.row++
		if given, err := strconv.Atoi(attribute(start, "r")); err == nil && given > s.row {
			s.row = given
		}
		if s.rows++; s.rows > maxRowsOf || s.row > maxRowsOf {
			return nil, nil, errorf("the sheet has more than %d rows", maxRowsOf)
		}
		if cells, invalid, err = s.readRow(); err != nil {
			return nil, nil, s.broken(err)
		}
		if len(cells) > 0 || invalid != nil {
			return cells, invalid, nil
		}
	}
}

func (s *sheetRows) broken(err error) error {
	return at(fmt.Sprintf("after row %d", s.row), invalidPart(s.part, err))
}

// readRow reads the cells of a row and its end.
func (s *sheetRows) readRow() (cells []sheetCell, invalid, err error) {
	column := -1
	for {
		token, err := s.decoder.Token()
		if err != nil {
			return nil, nil, err
		}
		if _, isEnd := token.(xml.EndElement); isEnd {
			return cells, invalid, nil
		}
		start, is := token.(xml.StartElement)
		switch {
		case !is:
			continue
		case start.Name.Local != "c":
			if err := s.decoder.Skip(); err != nil {
				return nil, nil, err
			}
			continue
		}
		column++
		if given, is := columnOf(attribute(start, "r")); is {
			column = given
		}
		if column >= maxColumns {
			return nil, nil, tooManyColumns(column + 1)
		}
		read, err := s.readCell(start)
		if of, is := errors.AsType[*Error](err); is {
			if invalid == nil {
				invalid = errorf("cell %s %s", cellName(column, s.row), of.Message).withHint("%s", of.Hint)
			}
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if read.Kind() != value.KindNull {
			cells = append(cells, sheetCell{column, read})
		}
	}
}

// readCell reads a cell and its end; null is an empty one. An *Error is one of the cell alone.
func (s *sheetRows) readCell(cell xml.StartElement) (value.Value, error) {
	var raw string
	var formula, has bool
	for {
		token, err := s.decoder.Token()
		if err != nil {
			if of, is := errors.AsType[*Error](err); is {
				err = errors.New(of.Message) // It is of the sheet.
			}
			return value.Value{}, err
		}
		if _, isEnd := token.(xml.EndElement); isEnd {
			break
		}
		start, is := token.(xml.StartElement)
		if !is {
			continue
		}
		switch start.Name.Local {
		case "v":
			has = true
			err = s.decoder.DecodeElement(&raw, &start)
		case "is":
			has = true
			raw, err = textWithin(s.decoder, "is")
		case "f":
			formula = true
			err = s.decoder.Skip()
		default:
			err = s.decoder.Skip()
		}
		if err != nil {
			return value.Value{}, errors.New(err.Error()) // Not an *Error: it is of the sheet.
		}
	}
	switch {
	case formula && !has:
		return value.Value{}, errorf("is a formula without a result").withHint("open the workbook in a spreadsheet program, and save it")
	case !has:
		return value.Value{}, nil
	}
	return s.valueOf(attribute(cell, "t"), attribute(cell, "s"), raw)
}

// valueOf returns the value of a cell of a type and style.
func (s *sheetRows) valueOf(kind, style, raw string) (value.Value, error) {
	switch kind {
	case "s":
		at, err := strconv.Atoi(strings.TrimSpace(raw))
		if err != nil || at < 0 || at >= len(s.texts) {
			return value.Value{}, errorf("refers to the text %q, which the workbook does not have", raw)
		}
		return value.String(s.texts[at]), nil
	case "b":
		return value.Bool(strings.TrimSpace(raw) == "1" || raw == "true"), nil
	case "str":
		return value.String(unescapeControls(raw)), nil
	case "inlineStr", "e", "d":
		return value.String(raw), nil
	}
	if raw == "" {
		return value.Value{}, nil
	}
	shown := general
	if at, err := strconv.Atoi(style); err == nil && at >= 0 && at < len(s.patterns) {
		shown = s.patterns[at]
	}
	return shown.value(strings.TrimSpace(raw), s.is1904), nil
}

// columnOf returns the number of the column of a cell, from 0, by its name.
func columnOf(cell string) (column int, is bool) {
	for _, c := range []byte(cell) {
		if c < 'A' || c > 'Z' || column > maxColumns {
			break
		}
		column = column*letters + int(c-'A') + 1
	}
	return column - 1, column > 0
}

// cellName returns the name of a cell: "B7".
func cellName(column, row int) string {
	name := ""
	for column++; column > 0; column = (column - 1) / letters {
		name = string(rune('A'+(column-1)%letters)) + name
	}
	return name + strconv.Itoa(row)
}
