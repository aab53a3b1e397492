package workbook

import (
	"archive/zip"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf16"
)

// The limits of a sheet, as Microsoft documents them: a spreadsheet program opens no larger one.
const (
	MaxRows    = 1 << 20
	MaxColumns = 1 << 14
	MaxText    = 32_767 // In units of UTF-16.
)

// Writer writes a workbook of one sheet row by row. Its first row stays in sight. No cell of it is ever a formula.
type Writer struct {
	archive *zip.Writer
	sheet   io.Writer
	rows    int
}

// parts are those beside the sheet, in the order of the file: programs recognize it by the first one.
var parts = []struct{ name, text string }{
	{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">` +
		`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
		`<Default Extension="xml" ContentType="application/xml"/>` +
		`<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>` +
		`<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>`},
	{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
		`<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
	{"xl/workbook.xml", `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">` +
		`<bookViews><workbookView/></bookViews><sheets><sheet name="Results" sheetId="1" r:id="rId1"/></sheets></workbook>`},
	{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
		`<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`},
}

const (
	xmlStart   = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	beforeRows = `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetViews><sheetView workbookViewId="0">` +
		`<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>`
	afterRows = `</sheetData></worksheet>`
)

// NewWriter begins a workbook.
func NewWriter(to io.Writer) (*Writer, error) {
	w := &Writer{archive: zip.NewWriter(to)}
	for _, part := range parts {
		file, err := w.archive.Create(part.name)
		if err == nil {
			_, err = io.WriteString(file, xmlStart+part.text)
		}
		if err != nil {
			return nil, err
		}
	}
	sheet, err := w.archive.Create("xl/worksheets/sheet1.xml")
	if err == nil {
		_, err = io.WriteString(sheet, xmlStart+beforeRows)
	}
	w.sheet = sheet
	return w, err
}

// Row writes the next row. Of its cells, the kind and the text count: Number, Bool or Text. One with an empty text is left out.
func (w *Writer) Row(cells []Cell) error {
	if w.rows++; w.rows > MaxRows || len(cells) > MaxColumns {
		return fmt.Errorf("a sheet has at most %d rows and %d columns", MaxRows, MaxColumns)
	}
	var row strings.Builder
	fmt.Fprintf(&row, `<row r="%d">`, w.rows)
	for column, cell := range cells {
		if cell.Text == "" {
			continue
		}
		cell.Row, cell.Column = w.rows, column
		switch name := cell.Name(); cell.Kind {
		case Number:
			fmt.Fprintf(&row, `<c r="%s"><v>%s</v></c>`, name, cell.Text)
		case Bool:
			fmt.Fprintf(&row, `<c r="%s" t="b"><v>%s</v></c>`, name, cell.Text)
		default:
			fmt.Fprintf(&row, `<c r="%s" t="inlineStr"><is><t xml:space="preserve">%s</t></is></c>`, name, escaped(cell.Text))
		}
	}
	row.WriteString("</row>")
	_, err := io.WriteString(w.sheet, row.String())
	return err
}

// Close ends the workbook.
func (w *Writer) Close() error {
	if _, err := io.WriteString(w.sheet, afterRows); err != nil {
		return err
	}
	return w.archive.Close()
}

// Fit returns as much of a text as a cell can have, and whether that is less than all of it.
func Fit(text string) (fitting string, cut bool) {
	if len(text) <= MaxText {
		return text, false
	}
	units := 0
	for at, r := range text {
		if units += utf16.RuneLen(r); units > MaxText {
			return text[:at], true
		}
	}
	return text, false
}

// escape matches what unescapeControls takes for an escape, after its first character. Its last one may be that of another escape.
var escape = regexp.MustCompile(`^x[0-9A-Fa-f]{4}[_\x00-\x08\x0b\x0c\x0e-\x1f\x{fffe}\x{ffff}]`)

// escaped returns a text as a cell has it: unescapeControls reverses it.
func escaped(text string) string {
	var to strings.Builder
	for at, r := range text {
		switch {
		case r == '&':
			to.WriteString("&amp;")
		case r == '<':
			to.WriteString("&lt;")
		case r == '>':
			to.WriteString("&gt;")
		case r == '\r':
			to.WriteString("&#13;") // Not all programs know that _x000D_ is one.
		case r < ' ' && r != '\t' && r != '\n', r == '\ufffe', r == '\uffff', r == '_' && escape.MatchString(text[at+1:]):
			fmt.Fprintf(&to, "_x%04X_", r) // Those that XML cannot have, or that would be read as an escape.
		default:
			to.WriteRune(r)
		}
	}
	return to.String()
}
