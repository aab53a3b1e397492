package documents

import (
	"encoding/xml"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// sheet handles a token between the sheets of a spreadsheet.
func (r *odf) sheet(x *xmlReader, token xml.Token) error {
	t, is := token.(xml.StartElement)
	if !is {
		return nil
	}
	if t.Name.Local != "table" {
		return x.skip()
	}
	if wanted, err := r.isWanted(); err != nil || !wanted {
		return cmpError(err, x.skip)
	}
	name := attribute(t, "name")
	if r.hidden[attribute(t, "style-name")] {
		r.d.Warnings = append(r.d.Warnings, fmt.Sprintf("sheet %q is hidden in the workbook", name))
	}
	var all cells
	err := x.within(func(token xml.Token) error {
		t, is := token.(xml.StartElement)
		if !is {
			return nil
		}
		switch t.Name.Local {
		case "object":
			r.left["charts and embedded documents"] = true
			return x.skip()
		case "table-row":
			return r.sheetRow(x, t, &all)
		}
		return nil
	})
	if all.uncalculated > 0 {
		r.d.Warnings = append(r.d.Warnings, fmt.Sprintf("sheet %q: %d formulas were never calculated, and are shown as formulas", name, all.uncalculated))
	}
	text := newMarkdown(r.cost).grid(r.dense(all.rows))
	r.d.Parts = append(r.d.Parts, Part{Kind: "sheet", Name: name, Text: text})
	return err
}

// repeatedOf returns how often a row or a cell stands there. Empty ones do so a million times, at the end of sheets.
func repeatedOf(t xml.StartElement, name string) int {
	n, err := strconv.Atoi(attribute(t, name))
	const most = 1 << 20 // Rows of a sheet.
	if err != nil {
		return 1
	}
	return min(max(n, 1), most)
}

func (r *odf) sheetRow(x *xmlReader, start xml.StartElement, all *cells) error {
	var row []cell
	column := 0
	err := x.within(func(token xml.Token) error {
		t, is := token.(xml.StartElement)
		if !is || t.Name.Local != "table-cell" && t.Name.Local != "covered-table-cell" {
			return nil
		}
		text, err := r.apart(x)
		if kind := attribute(t, "value-type"); kind == "float" && strings.ContainsAny(text, "eE") {
			text = plainValue(attribute(t, "value"), text)
		} else if formula := attribute(t, "formula"); formula != "" && text == "" && kind == "" {
			_, text, _ = strings.Cut(formula, ":")
			all.uncalculated++
		}
		n := repeatedOf(t, "number-columns-repeated")
		for i := range n {
			if text == "" || column+i >= maxColumns || r.cost.check() != nil {
				break
			}
			row = append(row, cell{column + i, text})
			r.cost.spendText(len(text) + bytesOfCell)
		}
		column += n
		return err
	})
	if len(row) == 0 {
		return err
	}
	for range repeatedOf(start, "number-rows-repeated") {
		if r.cost.spendText(len(row)*bytesOfCell + bytesOfCell); r.cost.check() != nil {
			break
		}
		all.rows = append(all.rows, row)
	}
	return err
}

// plainValue returns the digits of a number that is shown with an exponent, because its column is narrow or its format general.
func plainValue(value, shown string) string {
	number, err := strconv.ParseFloat(value, 64)
	if err != nil || math.Abs(number) < 1 {
		return shown
	}
	return plainNumber(value, number)
}
