package documents

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/workbook"
	"github.com/gleitzeit/gleitzeit/internal/xmlarchive"
)

// xlsx reads an Excel workbook.
type xlsx struct {
	*archive
	*workbook.Workbook
	d *Document
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
	const share = 3 // Of the memory. The rest is for cells, and what is written of them.
	w, err := workbook.Open(a.Archive, c.limits.Memory/share)
	switch {
	case errors.Is(err, workbook.ErrTooMuchText):
		return Document{}, tooMuchText(c.limits)
	case errors.Is(err, workbook.ErrTooManySheets):
		return Document{}, &Problem{Text: fmt.Sprintf("has more than %d sheets", workbook.MaxSheets), Hint: "split it into smaller workbooks"}
	case err != nil:
		return Document{}, err
	case len(w.Sheets) == 0:
		return Document{}, damaged(a.called, "it has no sheets")
	case w.Others > 0:
		d.Warnings = append(d.Warnings, fmt.Sprintf("%d sheets that are charts or macros are not read", w.Others))
	}
	numbers, err := o.selected(len(w.Sheets))
	r := &xlsx{archive: a, Workbook: w, d: &d}
	for _, n := range numbers {
		if err == nil {
			err = r.sheet(w.Sheets[n-1], o.Images)
		}
	}
	if c.Err != nil {
		err = c.Err
	}
	return d, err
}

// cell is a cell with text.
type cell struct {
	column int // From 0.
	text   string
}

// cells are the rows of a sheet that have text, without their empty cells.
type cells struct {
	rows [][]cell
	// uncalculated are the formulas without a value.
	uncalculated int
	formulas     map[string]string // Of several cells, by their number: the cell that has it.
}

// sheet appends a sheet to the document.
func (r *xlsx) sheet(s workbook.Sheet, images bool) error {
	all, err := r.cells(s)
	if err != nil {
		return err
	}
	m := newMarkdown(r.cost)
	text := m.grid(r.dense(all.rows))
	if s.Hidden {
		r.d.Warnings = append(r.d.Warnings, fmt.Sprintf("sheet %q is hidden in the workbook", s.Name))
	}
	if all.uncalculated > 0 {
		r.d.Warnings = append(r.d.Warnings, fmt.Sprintf("sheet %q: %d formulas were never calculated, and are shown as formulas", s.Name, all.uncalculated))
	}
	err = r.attached(s, images)
	r.d.Parts = append(r.d.Parts, Part{Kind: "sheet", Name: s.Name, Text: text})
	return err
}

// attached reads what lies on a sheet: images, and that there are charts and comments.
func (r *xlsx) attached(s workbook.Sheet, images bool) error {
	all, err := r.Relations(s.File)
	if err != nil {
		return err
	}
	if len(xmlarchive.Related(all, "comments")) > 0 {
		r.d.Warnings = append(r.d.Warnings, fmt.Sprintf("sheet %q: its comments are not read", s.Name))
	}
	for _, drawing := range xmlarchive.Related(all, "drawing") {
		on, err := r.Relations(drawing)
		if err != nil {
			return err
		}
		if len(xmlarchive.Related(on, "chart")) > 0 {
			r.d.Warnings = append(r.d.Warnings, fmt.Sprintf("sheet %q: its charts are not read", s.Name))
		}
		for _, image := range xmlarchive.Related(on, "image") {
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

// cells reads the cells of a sheet that have text.
func (r *xlsx) cells(s workbook.Sheet) (all cells, err error) {
	rows, err := r.Rows(s)
	if err != nil {
		return all, err
	}
	all.formulas = map[string]string{}
	for {
		if err := rows.Next(); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return all, err
		}
		r.cost.spendText(bytesOfCell)
		var row []cell
		for {
			read, err := rows.Cell()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return all, err
			}
			if text := r.shown(read, &all); text != "" && read.Column < maxColumns {
				row = append(row, cell{read.Column, text})
				r.cost.spendText(len(text) + bytesOfCell)
			}
		}
		all.rows = append(all.rows, row)
	}
}

// shown returns a cell as a person sees it. Of a formula without a value that is the formula.
func (r *xlsx) shown(c workbook.Cell, all *cells) string {
	if c.Shared != "" && c.Formula == "" {
		c.Formula = all.formulas[c.Shared]
	} else if c.Shared != "" {
		all.formulas[c.Shared] = "… as in " + c.Name()
		r.cost.spendText(bytesOfCell)
	}
	switch c.Kind {
	case workbook.Formula:
		all.uncalculated++
		return "=" + c.Formula
	case workbook.Unknown:
		return ""
	case workbook.Bool:
		if c.Text == "1" {
			return "TRUE"
		}
		return "FALSE"
	case workbook.Date:
		return strings.TrimSuffix(strings.Replace(c.Text, "T", " ", 1), " 00:00:00")
	case workbook.Number:
		return c.Format.Show(c.Text, r.DayZero)
	}
	return c.Text
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
		if a.cost.spendText((width - len(row)) * bytesOfGap); a.cost.Check() != nil {
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
