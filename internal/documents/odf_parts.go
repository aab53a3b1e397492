package documents

import (
	"encoding/xml"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/workbook/numberformat"
	"github.com/gleitzeit/gleitzeit/internal/xmlarchive"
)

// sheet handles a token between the sheets of a spreadsheet.
func (r *odf) sheet(x *xmlarchive.Reader, token xml.Token) error {
	t, is := token.(xml.StartElement)
	if !is {
		return nil
	}
	if t.Name.Local != "table" {
		return x.Skip()
	}
	if wanted, err := r.isWanted(); err != nil || !wanted {
		return cmpError(err, x.Skip)
	}
	name := xmlarchive.Attribute(t, "name")
	if r.hidden[xmlarchive.Attribute(t, "style-name")] {
		r.d.Warnings = append(r.d.Warnings, fmt.Sprintf("sheet %q is hidden in the workbook", name))
	}
	var all cells
	err := x.Elements(func(t xml.StartElement) error {
		switch t.Name.Local {
		case "object":
			r.left["charts and embedded documents"] = true
			return x.Skip()
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
	n, err := strconv.Atoi(xmlarchive.Attribute(t, name))
	const most = 1 << 20 // Rows of a sheet.
	if err != nil {
		return 1
	}
	return min(max(n, 1), most)
}

func (r *odf) sheetRow(x *xmlarchive.Reader, start xml.StartElement, all *cells) error {
	var row []cell
	column := 0
	err := x.Elements(func(t xml.StartElement) error {
		if t.Name.Local != "table-cell" && t.Name.Local != "covered-table-cell" {
			return nil
		}
		text, err := r.apart(x)
		if kind := xmlarchive.Attribute(t, "value-type"); kind == "float" && strings.ContainsAny(text, "eE") {
			text = plainValue(xmlarchive.Attribute(t, "value"), text)
		} else if formula := xmlarchive.Attribute(t, "formula"); formula != "" && text == "" && kind == "" {
			_, text, _ = strings.Cut(formula, ":")
			all.uncalculated++
		}
		n := repeatedOf(t, "number-columns-repeated")
		for i := range n {
			if text == "" || column+i >= maxColumns || r.cost.Check() != nil {
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
		if r.cost.spendText(len(row)*bytesOfCell + bytesOfCell); r.cost.Check() != nil {
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
	return numberformat.Plain(value, number)
}

// slide handles a token between the slides of a presentation.
func (r *odf) slide(x *xmlarchive.Reader, token xml.Token) error {
	t, is := token.(xml.StartElement)
	if !is || t.Name.Local != "page" {
		return nil
	}
	if wanted, err := r.isWanted(); err != nil || !wanted {
		return cmpError(err, x.Skip)
	}
	if r.hidden[xmlarchive.Attribute(t, "style-name")] {
		r.d.Warnings = append(r.d.Warnings, fmt.Sprintf("slide %d is hidden in the presentation", r.count))
	}
	r.m = newMarkdown(r.cost)
	notes, class := "", ""
	err := x.Within(func(token xml.Token) error {
		t, is := token.(xml.StartElement)
		if !is {
			return r.content(x, token)
		}
		switch t.Name.Local {
		case "notes":
			var err error
			notes, err = r.notesOf(x)
			return err
		case "frame", "custom-shape":
			class = xmlarchive.Attribute(t, "class")
		case "text-box":
			text, err := r.apart(x)
			if class == "title" && text != "" && !strings.HasPrefix(text, "#") {
				text = "# " + strings.Join(strings.Fields(text), " ")
			}
			if text != "" && class != "page-number" && class != "date-time" {
				r.m.end()
				r.m.block(text, false)
			}
			return err
		}
		return r.content(x, token)
	})
	if notes != "" {
		r.m.begin("")
		r.m.write("Notes:")
		r.m.end()
		r.m.block(notes, false)
	}
	r.d.Parts = append(r.d.Parts, Part{Kind: "slide", Name: strconv.Itoa(r.count), Text: r.m.String()})
	return err
}

// notesOf returns the notes of a slide without the numbers and headers of their page.
func (r *odf) notesOf(x *xmlarchive.Reader) (string, error) {
	var all []string
	class := ""
	err := x.Elements(func(t xml.StartElement) error {
		switch t.Name.Local {
		case "frame":
			class = xmlarchive.Attribute(t, "class")
		case "text-box":
			text, err := r.apart(x)
			if text != "" && (class == "notes" || class == "") {
				all = append(all, text)
			}
			return err
		}
		return nil
	})
	return strings.Join(all, "\n\n"), err
}
