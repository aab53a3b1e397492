package documents

import (
	"context"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/documents/numberformat"
)

// xlsx reads an Excel workbook.
type xlsx struct {
	*archive
	d       *Document
	shared  []string              // Texts that cells refer to by number.
	formats []numberformat.Format // By the number of a style.
	from    int                   // Day 0 of dates, in days from that of the system of 1900.
}

type sheet struct {
	name, target string
	hidden       bool
}

func readXLSX(ctx context.Context, _ string, data []byte, o Options) (Document, error) {
	c := newCost(ctx, o, len(data))
	a, err := openArchive(c, "an Excel workbook", data)
	if err != nil {
		return Document{}, err
	}
	main, d, err := a.officeDocument()
	if err != nil {
		return Document{}, err
	}
	if strings.HasSuffix(main, ".bin") {
		return Document{}, &Problem{Text: "is a binary Excel workbook", Hint: "save it as XLSX"}
	}
	all, err := a.relations(main)
	if err != nil {
		return Document{}, err
	}
	r := &xlsx{archive: a, d: &d}
	sheets, err := r.sheets(main, all)
	if err != nil {
		return Document{}, err
	}
	numbers, err := o.selected(len(sheets))
	if err == nil {
		err = r.readShared(related(all, "sharedStrings"))
	}
	if err == nil {
		r.formats, err = a.numberFormats(related(all, "styles"))
	}
	for _, n := range numbers {
		if err == nil {
			err = r.sheet(sheets[n-1], o.Images)
		}
	}
	if c.err != nil {
		err = c.err
	}
	return d, err
}

// sheets returns the sheets in the order of their tabs.
func (r *xlsx) sheets(main string, all map[string]relation) (sheets []sheet, err error) {
	charts := 0
	err = r.walk(main, true, func(_ *xmlReader, token xml.Token) error {
		t, is := token.(xml.StartElement)
		switch {
		case !is:
		case t.Name.Local == "workbookPr" && isOn(attribute(t, "date1904")) && attribute(t, "date1904") != "":
			const leap = 1462 // Days from 1900 to 1904.
			r.from = leap
		case t.Name.Local == "sheet":
			target := all[relationID(t)]
			if target.kind != "worksheet" || target.external {
				charts++
				break
			}
			state := attribute(t, "state")
			sheets = append(sheets, sheet{attribute(t, "name"), target.target, state == "hidden" || state == "veryHidden"})
		}
		return nil
	})
	if len(sheets) == 0 && err == nil {
		err = damaged(r.called, "it has no sheets")
	}
	if charts > 0 {
		r.d.Warnings = append(r.d.Warnings, fmt.Sprintf("%d sheets that are charts or macros are not read", charts))
	}
	return sheets, err
}

// readShared reads the texts that cells share. Ruby, which says how a text is pronounced, is left out.
func (r *xlsx) readShared(files []string) error {
	size := 0
	for _, file := range files {
		err := r.walk(file, false, func(x *xmlReader, token xml.Token) error {
			t, is := token.(xml.StartElement)
			if !is || t.Name.Local != "si" {
				return nil
			}
			text, err := richText(x)
			r.shared = append(r.shared, text)
			const share = 3 // Of the memory. The rest is for cells, and what is written of them.
			if size += len(text) + bytesOfCell; int64(size) > r.cost.limits.Memory/share {
				return tooMuchText(r.cost.limits)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func richText(x *xmlReader) (string, error) {
	var text strings.Builder
	err := x.within(func(token xml.Token) error {
		t, is := token.(xml.StartElement)
		switch {
		case is && t.Name.Local == "rPh":
			return x.skip()
		case is && t.Name.Local == "t":
			run, err := x.text()
			text.WriteString(run)
			return err
		}
		return nil
	})
	return text.String(), err
}

// cell is a cell with text.
type cell struct {
	column int // From 0.
	text   string
}

// cells are the rows of a sheet that have text, without their empty cells.
type cells struct {
	rows   [][]cell
	column int // Of the next cell that does not name it.
	// uncalculated are the formulas without a value.
	uncalculated int
	formulas     map[string]string // Of several cells, by their number: the cell that has it.
}

// sheet appends a sheet to the document.
func (r *xlsx) sheet(s sheet, images bool) error {
	var all cells
	err := r.walk(s.target, true, func(x *xmlReader, token xml.Token) error {
		t, is := token.(xml.StartElement)
		if !is {
			return nil
		}
		switch t.Name.Local {
		case "row":
			all.rows, all.column = append(all.rows, nil), 0
			r.cost.spendText(bytesOfCell)
		case "c":
			return r.cell(x, t, &all)
		}
		return nil
	})
	if err != nil {
		return err
	}
	m := newMarkdown(r.cost)
	text := m.grid(r.dense(all.rows))
	if s.hidden {
		r.d.Warnings = append(r.d.Warnings, fmt.Sprintf("sheet %q is hidden in the workbook", s.name))
	}
	if all.uncalculated > 0 {
		r.d.Warnings = append(r.d.Warnings, fmt.Sprintf("sheet %q: %d formulas were never calculated, and are shown as formulas", s.name, all.uncalculated))
	}
	err = r.attached(s, images)
	r.d.Parts = append(r.d.Parts, Part{Kind: "sheet", Name: s.name, Text: text})
	return err
}

// attached reads what lies on a sheet: images, and that there are charts and comments.
func (r *xlsx) attached(s sheet, images bool) error {
	all, err := r.relations(s.target)
	if err != nil {
		return err
	}
	if len(related(all, "comments")) > 0 {
		r.d.Warnings = append(r.d.Warnings, fmt.Sprintf("sheet %q: its comments are not read", s.name))
	}
	for _, drawing := range related(all, "drawing") {
		on, err := r.relations(drawing)
		if err != nil {
			return err
		}
		if len(related(on, "chart")) > 0 {
			r.d.Warnings = append(r.d.Warnings, fmt.Sprintf("sheet %q: its charts are not read", s.name))
		}
		for _, image := range related(on, "image") {
			if !images {
				break
			}
			if err := r.picture(r.d, image); err != nil {
				return err
			}
		}
	}
	return nil
}

// cell reads a cell.
func (r *xlsx) cell(x *xmlReader, start xml.StartElement, all *cells) error {
	kind := attribute(start, "t")
	if column := columnOf(attribute(start, "r")); column >= 0 {
		all.column = column
	}
	style, _ := strconv.Atoi(attribute(start, "s"))
	var value, formula string
	hasFormula := false
	err := x.within(func(token xml.Token) error {
		t, is := token.(xml.StartElement)
		if !is {
			return nil
		}
		var err error
		switch t.Name.Local {
		case "v":
			value, err = x.text()
		case "is":
			value, err = richText(x)
		case "f":
			hasFormula = true
			formula, err = x.text()
			if number := attribute(t, "si"); number != "" && formula == "" {
				formula = all.formulas[number]
			} else if number != "" {
				if all.formulas == nil {
					all.formulas = map[string]string{}
				}
				all.formulas[number] = "… as in " + attribute(start, "r")
			}
		}
		return err
	})
	text := ""
	switch {
	case err != nil:
	case hasFormula && value == "" && kind != "str":
		all.uncalculated++
		text = "=" + formula
	case value == "":
	default:
		text = r.shown(kind, value, style)
	}
	if text != "" && all.column < maxColumns {
		if len(all.rows) == 0 {
			all.rows = append(all.rows, nil)
		}
		row := len(all.rows) - 1
		all.rows[row] = append(all.rows[row], cell{all.column, text})
		r.cost.spendText(len(text) + bytesOfCell)
	}
	all.column++
	return err
}

// shown returns a value as a person sees it.
func (r *xlsx) shown(kind, value string, style int) string {
	switch kind {
	case "s":
		if n, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && n >= 0 && n < len(r.shared) {
			return r.shared[n]
		}
		return ""
	case "b":
		if value == "1" || value == "true" {
			return "TRUE"
		}
		return "FALSE"
	case "str", "inlineStr", "e":
		return value
	case "d":
		return strings.TrimSuffix(strings.Replace(value, "T", " ", 1), " 00:00:00")
	}
	var f numberformat.Format
	if style >= 0 && style < len(r.formats) {
		f = r.formats[style]
	}
	return f.Show(value, r.from)
}

// columnOf returns the number of the column that a reference such as "BC12" names, from 0; -1 if it names none.
func columnOf(reference string) int {
	column := 0
	for _, letter := range []byte(reference) {
		if letter|0x20 < 'a' || letter|0x20 > 'z' {
			break
		}
		if column = column*26 + int(letter|0x20-'a') + 1; column > maxColumns {
			return maxColumns
		}
	}
	return column - 1
}

// dense returns rows with a place for each column that has text anywhere.
func (a *archive) dense(rows [][]cell) [][]string {
	used := map[int]int{}
	for _, row := range rows {
		for _, c := range row {
			used[c.column] = 0
		}
	}
	for at, column := range slices.Sorted(maps.Keys(used)) {
		used[column] = at
	}
	const bytesOfGap = 8
	var all [][]string
	for _, row := range rows {
		if len(row) == 0 {
			continue
		}
		width := 0
		for _, c := range row {
			width = max(width, used[c.column]+1)
		}
		if a.cost.spendText((width - len(row)) * bytesOfGap); a.cost.check() != nil {
			return nil
		}
		texts := make([]string, width)
		for _, c := range row {
			texts[used[c.column]] = c.text
		}
		all = append(all, texts)
	}
	return all
}

// numberFormats returns the formats of a workbook by the numbers of styles.
func (a *archive) numberFormats(files []string) (styles []numberformat.Format, err error) {
	codes := map[int]numberformat.Format{}
	for _, file := range files {
		err = a.walk(file, false, func(x *xmlReader, token xml.Token) error {
			t, is := token.(xml.StartElement)
			switch {
			case !is:
			case t.Name.Local == "dxfs": // Its formats depend on conditions.
				return x.skip()
			case t.Name.Local == "numFmt":
				if id, err := strconv.Atoi(attribute(t, "numFmtId")); err == nil {
					codes[id] = numberformat.Format(attribute(t, "formatCode"))
				}
			case t.Name.Local == "cellXfs":
				return x.within(func(token xml.Token) error {
					if t, is := token.(xml.StartElement); is && t.Name.Local == "xf" {
						id, _ := strconv.Atoi(attribute(t, "numFmtId"))
						code := codes[id]
						if numberformat.BuiltIn[id] != "" {
							code = numberformat.BuiltIn[id]
						}
						styles = append(styles, code)
					}
					return nil
				})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return styles, nil
}
