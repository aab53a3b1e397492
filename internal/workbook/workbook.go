// Package workbook reads workbooks of Excel: their sheets, and the rows of a sheet one after the other, with the value that each cell has
// in the file and the format in which it is shown. Memory does not depend on how many rows there are, but on the texts that cells share.
//
// Workbooks are not read by excelize, whose iterator of rows gives texts without the types and styles of cells, takes a sheet that is cut
// off for one that ends, and a formula without a result for an empty cell. They are written by Writer: what results need of the format is
// one sheet of texts, numbers and truth values, for which excelize would make the program 5 MB larger.
package workbook

import (
	"encoding/xml"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/workbook/numberformat"
	"github.com/gleitzeit/gleitzeit/internal/xmlarchive"
)

// Workbook is a workbook of which all is read that its sheets share.
type Workbook struct {
	Sheets  []Sheet // Those with cells, in the order of their tabs.
	Others  int     // How many sheets are charts or macros.
	DayZero int     // Day 0 of dates, in days from that of the system of 1900.

	archive *xmlarchive.Archive
	texts   [][]string            // Texts that cells refer to by number, in lists that do not grow: copies would take as much memory again.
	formats []numberformat.Format // By the number of a style.
}

// Sheet is a sheet with cells.
type Sheet struct {
	Name, File string // The file is its name in the archive.
	Hidden     bool
}

// ErrTooMuchText is the error of a workbook whose cells share texts that take more memory than they may.
var ErrTooMuchText = errors.New("its cells have too much text")

// MaxSheets is the maximum number of sheets of a workbook.
const MaxSheets = 10_000

// ErrTooManySheets is the error of a workbook with more than MaxSheets. The rest of it is not read.
var ErrTooManySheets = fmt.Errorf("it has more than %d sheets", MaxSheets)

// Open reads what the sheets of a workbook share. The texts among it, and the file that they are in, have at most so many bytes.
func Open(a *xmlarchive.Archive, mostText int64) (*Workbook, error) {
	root, err := a.Relations("")
	if err != nil {
		return nil, err
	}
	main := "xl/workbook.xml"
	if found := xmlarchive.Related(root, "officeDocument"); len(found) > 0 {
		main = found[0]
	}
	w := &Workbook{archive: a}
	tabs, err := w.readTabs(main)
	if err != nil {
		return nil, err
	}
	all, err := a.Relations(main)
	if err != nil {
		return nil, err
	}
	for _, t := range tabs {
		if of := all[t.id]; of.Kind == "worksheet" && !of.External {
			w.Sheets = append(w.Sheets, Sheet{t.name, of.Target, t.hidden})
		} else {
			w.Others++
		}
	}
	for _, file := range xmlarchive.Related(all, "styles") {
		if err := w.readFormats(file); err != nil {
			return nil, err
		}
	}
	for _, file := range xmlarchive.Related(all, "sharedStrings") {
		if err := w.readTexts(file, mostText); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// tab is a sheet as the workbook lists it: what it is and where stands in the relation with its id.
type tab struct {
	name, id string
	hidden   bool
}

func (w *Workbook) readTabs(main string) (tabs []tab, err error) {
	err = w.archive.Elements(xmlarchive.Small, main, true, func(_ *xmlarchive.Reader, t xml.StartElement) error {
		switch t.Name.Local {
		case "workbookPr":
			if date := xmlarchive.Attribute(t, "date1904"); date == "1" || date == "true" || date == "on" {
				const leap = 1462 // Days from 1900 to 1904.
				w.DayZero = leap
			}
		case "sheet":
			if len(tabs) == MaxSheets {
				return ErrTooManySheets
			}
			state := xmlarchive.Attribute(t, "state")
			tabs = append(tabs, tab{xmlarchive.Attribute(t, "name"), xmlarchive.Attribute(t, "id"), state == "hidden" || state == "veryHidden"})
		}
		return nil
	})
	return tabs, err
}

// readTexts reads the texts that cells share. Where they are missing, each cell that refers to one has none.
func (w *Workbook) readTexts(file string, most int64) error {
	const bytesOfText = 32 // What a text takes besides its letters.
	left := most
	return w.archive.Elements(most, file, false, func(x *xmlarchive.Reader, t xml.StartElement) error {
		if t.Name.Local != "si" {
			return nil
		}
		text, err := richText(x)
		last := len(w.texts) - 1
		if last < 0 || len(w.texts[last]) == textsOfList {
			w.texts = append(w.texts, make([]string, 0, textsOfList))
			last++
		}
		w.texts[last] = append(w.texts[last], text)
		if left -= int64(len(text) + bytesOfText); left < 0 {
			return ErrTooMuchText
		}
		return err
	})
}

const textsOfList = 1 << 10

// text returns a text by its number, and whether there is one.
func (w *Workbook) text(number string) (text string, is bool) {
	at, err := strconv.Atoi(strings.TrimSpace(number))
	list := at / textsOfList
	if err != nil || at < 0 || list >= len(w.texts) || at%textsOfList >= len(w.texts[list]) {
		return "", false
	}
	return w.texts[list][at%textsOfList], true
}

// richText returns the text of the element whose start was read last, without how it is pronounced.
func richText(x *xmlarchive.Reader) (string, error) {
	var text strings.Builder
	err := x.Elements(func(t xml.StartElement) error {
		switch t.Name.Local {
		case "rPh":
			return x.Skip()
		case "t":
			run, err := x.Text()
			text.WriteString(run)
			return err
		}
		return nil
	})
	return unescapeControls(text.String()), err
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

// readFormats reads the formats of numbers. Without them a date would be a number, so they are required where they are named.
func (w *Workbook) readFormats(file string) error {
	codes, within := map[int]numberformat.Format{}, ""
	return w.archive.Elements(xmlarchive.Small, file, true, func(_ *xmlarchive.Reader, t xml.StartElement) error {
		switch t.Name.Local {
		case "cellXfs", "cellStyleXfs", "dxfs", "cellStyles":
			within = t.Name.Local
		case "numFmt":
			if id, err := strconv.Atoi(xmlarchive.Attribute(t, "numFmtId")); err == nil && within != "dxfs" { // Those depend on conditions.
				codes[id] = numberformat.Format(xmlarchive.Attribute(t, "formatCode"))
			}
		case "xf":
			if within == "cellXfs" {
				id, _ := strconv.Atoi(xmlarchive.Attribute(t, "numFmtId"))
				format := codes[id]
				if numberformat.BuiltIn[id] != "" {
					format = numberformat.BuiltIn[id]
				}
				w.formats = append(w.formats, format)
			}
		}
		return nil
	})
}
